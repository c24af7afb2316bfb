"""Ctrl-C and termination while training: the step is finished and saved first; a second one acts at once."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

HELD = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def holding_signals() -> Iterator[Callable[[], int]]:
    """Give a function that returns the signal that came, or 0; outside the main thread signals stay as they are."""
    came: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield lambda: 0
        return
    found = {number: signal.getsignal(number) for number in HELD}
    before = {number: handler for number, handler in found.items() if handler is not signal.SIG_IGN}

    def hold(number: int, frame: FrameType | None) -> None:
        came.append(number)
        for held, handler in before.items():
            signal.signal(held, handler)

    for number in before:
        signal.signal(number, hold)
    try:
        yield lambda: came[0] if came else 0
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
