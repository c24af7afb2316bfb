"""Signals that end a command: at once before work begins, afterwards by an exception, so that nothing is left half-made.

An exception during the import of a library could be lost there, or come out as another error.
"""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress
from typing import NoReturn

GOES_ON = "no unfinished file has its final name, and the same command continues where it can"


def heeded() -> tuple[int, ...]:
    """Return the signals that end a command, except those that `nohup` or a background job has switched off."""
    numbers = (getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
    return tuple(number for number in numbers if signal.getsignal(number) is not signal.SIG_IGN)


def stop_at_once(number: int, frame: object) -> NoReturn:
    """End a process that has not made anything yet."""
    with suppress(OSError):
        os.write(2, f"relook: {_words(number)}; {GOES_ON}\n".encode())
    os._exit(128 + number)


def begin_work() -> None:
    """From now on, let signals raise exceptions, since something may be half-made and `with` blocks must clean up."""
    for number in heeded():
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else _stop)


def _stop(number: int, frame: object) -> NoReturn:
    from relook.cli.display import say_aside  # late: with all that it brings, a first Ctrl-C would come too early

    say_aside(f"relook: {_words(number)}; {GOES_ON}")
    sys.exit(128 + number)


def _words(number: int) -> str:
    return "interrupted" if number == signal.SIGINT else f"stopped by {signal.Signals(number).name}"
