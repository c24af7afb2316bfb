"""The command line: one file a verb, each of which parses, calls the pipeline and prints."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from typing import NoReturn

from relook.cli.app import VERBS, build_app
from relook.cli.arguments import spread_paths
from relook.cli.display import say_aside
from relook.cli.guard import GOES_ON
from relook.cli.hiding import hiding_names

STOPPING = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))


def _stop(number: int, frame: object) -> NoReturn:
    say_aside(f"relook: stopped by {signal.Signals(number).name}; {GOES_ON}")
    sys.exit(128 + number)


def _open_streams() -> None:
    """Put nothing in the place of a closed standard stream: the next file that is opened would get its number, and our words."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
            setattr(sys, name, os.fdopen(number, "r" if number == 0 else "w", closefd=False))


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run a command line (the process's own by default) and leave with its exit code."""
    _open_streams()
    words = list(sys.argv[1:] if arguments is None else arguments)
    for number in STOPPING:
        signal.signal(number, _stop)
    with hiding_names(words, [verb.__name__ for verb in VERBS]):
        build_app()(spread_paths(words), prog_name="relook")
    sys.exit(0)
