"""Renders in processes of their own, which are killed, signalled or left to end."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from relook.apply.delivery import RenderSettings
from relook.apply.render import render_film
from relook.look import load_look

STRETCH = 7
"""Frames of a stretch where renders are broken off, so that the film has some thirteen."""
PATIENCE_SECONDS = 120.0


def render_in_child(film: Path, look: Path, output: Path, fault: str, settings: RenderSettings | None) -> None:
    """Render as a process of its own that may be killed."""
    os.environ["RELOOK_FAIL"] = fault
    torch.set_num_threads(1)
    sys.modules["relook.film.writer"].STRETCH_FRAMES = STRETCH  # type: ignore[attr-defined]
    render_film(film, load_look(look), output, settings=settings)


@dataclass(frozen=True)
class Running:
    """A command at work in a process of its own."""

    pid: int
    log: Path
    """What it says on standard output and standard error."""
    wait: Callable[[], int]
    """Returns the exit code, below 0 the signal that ended it."""

    def until(self, happens: Callable[[], object]) -> None:
        """Wait until something happens; it must, while the command is at work."""
        last = time.monotonic() + PATIENCE_SECONDS
        while not happens():
            assert time.monotonic() < last, self.log.read_text()
            time.sleep(0.01)


def command_in_child(words: list[str], environment: dict[str, str], log: Path, prepare: Callable[[], None]) -> None:
    """Run a command line in a forked process, with short stretches."""
    from relook.cli import main

    for number in (1, 2):
        os.dup2(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND), number)
    os.environ.update(environment)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    torch.set_num_threads(1)
    sys.modules["relook.film.writer"].STRETCH_FRAMES = STRETCH  # type: ignore[attr-defined]
    prepare()
    main(words)


def prepare_program() -> None:
    """Heed Ctrl-C as in a terminal: a runner in the background may ignore it, and its children with it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
