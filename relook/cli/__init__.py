"""The command line: one file a verb, each of which parses, calls the pipeline and prints."""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence
from typing import NoReturn

from relook.cli.app import VERBS, build_app
from relook.cli.arguments import spread_paths
from relook.cli.guard import GOES_ON
from relook.cli.hiding import hiding_names

STOPPING = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))


def _stop(number: int, frame: object) -> NoReturn:
    sys.stderr.write(f"relook: stopped by {signal.Signals(number).name}; {GOES_ON}\n")
    sys.exit(128 + number)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run a command line (the process's own by default) and leave with its exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    for number in STOPPING:
        signal.signal(number, _stop)
    with hiding_names(words, [verb.__name__ for verb in VERBS]):
        build_app()(spread_paths(words), prog_name="relook")
    sys.exit(0)
