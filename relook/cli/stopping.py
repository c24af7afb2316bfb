"""Signals that end a command: at once while nothing is begun, afterwards by an exception, which leaves nothing half-made.

An exception that comes while a library is being imported is lost there, or comes out as another error.
"""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress
from typing import NoReturn

GOES_ON = "no unfinished file has its final name, and the same command continues where it can"


def heeded() -> tuple[int, ...]:
    """Return the signals that end a command; what `nohup`, or a script with its work in the background, has switched off stays so."""
    numbers = (getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
    return tuple(number for number in numbers if signal.getsignal(number) is not signal.SIG_IGN)


def stop_at_once(number: int, frame: object) -> NoReturn:
    """End a process that has made nothing yet."""
    with suppress(OSError):
        os.write(2, f"relook: {_words(number)}; {GOES_ON}\n".encode())
    os._exit(128 + number)


def begin_work() -> None:
    """From now on something may be half-made: signals raise what `with` blocks see."""
    for number in heeded():
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else _stop)


def _stop(number: int, frame: object) -> NoReturn:
    from relook.cli.display import say_aside  # late: with all that it brings, a first Ctrl-C would come too early

    say_aside(f"relook: {_words(number)}; {GOES_ON}")
    sys.exit(128 + number)


def _words(number: int) -> str:
    return "interrupted" if number == signal.SIGINT else f"stopped by {signal.Signals(number).name}"
