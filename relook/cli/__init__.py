"""The command line: one file a verb, each of which parses, calls the pipeline and prints."""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence
from typing import NoReturn

from relook.cli.app import build_app
from relook.cli.arguments import spread_paths


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run a command line (the process's own by default) and leave with its exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(143))
    build_app()(spread_paths(words), prog_name="relook")
    sys.exit(0)
