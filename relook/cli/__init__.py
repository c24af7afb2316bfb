"""The command line: one file per verb, which parses, calls the pipeline and prints."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from typing import NoReturn

from relook.cli.stopping import heeded, stop_at_once


def _open_streams() -> None:
    """Open the null device for closed standard streams: otherwise the next file opened would get their number, and our output."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
            setattr(sys, name, os.fdopen(number, "r" if number == 0 else "w", closefd=False))


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run a command line (the process's own by default) and leave with its exit code."""
    for number in heeded():
        signal.signal(number, stop_at_once)
    from relook.cli.app import VERBS, build_app  # late, like those below, so that signals are handled meanwhile
    from relook.cli.arguments import spread_paths
    from relook.cli.hiding import hiding_names

    _open_streams()
    words = list(sys.argv[1:] if arguments is None else arguments)
    with hiding_names(words, [verb.__name__ for verb in VERBS]):
        build_app()(spread_paths(words), prog_name="relook")
    sys.exit(0)
