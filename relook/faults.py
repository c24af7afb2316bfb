"""Faults planted on purpose, so that tests can see what relook does when things break.

Nothing happens unless the environment asks: `RELOOK_FAIL="place:action:nth"`, several divided by commas. `nth` counts how often
the place was reached, from 1; `nth+` means from then on. Actions: `kill` (SIGKILL), `full` (a disk without room), `broken` (a
disk that fails), `stale` (a network folder that is gone), `slow` (one that takes its time), `memory` (none left), `spoil` (a
value that is not finite).
"""

from __future__ import annotations

import errno
import os
import signal
import time
from collections import Counter

VARIABLE = "RELOOK_FAIL"
SLOW_SECONDS = 2.0
_DISK = {"full": errno.ENOSPC, "broken": errno.EIO, "stale": getattr(errno, "ESTALE", errno.EIO)}
_reached: Counter[str] = Counter()


def point(place: str) -> None:
    """Break here where the environment asks for it: die, wait, or fail as a bad disk or a full memory does."""
    if not os.environ.get(VARIABLE):
        return
    _reached[place] += 1
    if _is_due(place, "kill"):
        os.kill(os.getpid(), signal.SIGKILL)
    if _is_due(place, "slow"):
        time.sleep(SLOW_SECONDS)
    for action, number in _DISK.items():
        if _is_due(place, action):
            raise OSError(number, os.strerror(number), place)
    if _is_due(place, "memory"):
        raise MemoryError(place)


def spoils(place: str) -> bool:
    """Tell whether a value that is not finite is to be planted here."""
    if not os.environ.get(VARIABLE):
        return False
    _reached[place] += 1
    return _is_due(place, "spoil")


def _is_due(place: str, action: str) -> bool:
    for fault in os.environ.get(VARIABLE, "").split(","):
        name, kind, nth = fault.split(":")
        first = int(nth.rstrip("+"))
        if (name, kind) == (place, action) and (
            _reached[place] == first or (nth[-1] == "+" and _reached[place] > first)
        ):
            return True
    return False
