"""Faults planted on purpose, so that tests can see what relook does when things break.

Nothing happens unless the environment asks: `RELOOK_FAIL="place:action:nth"`, several divided by commas. `nth` counts how often
the place was reached, from 1; `nth+` means from then on. Actions: `kill` (SIGKILL), `full` (a disk without room),
`memory` (none left), `device` (a GPU that vanished, as CUDA says it), `spoil` (a value that is not finite).
"""

from __future__ import annotations

import errno
import os
import signal
from collections import Counter

VARIABLE = "RELOOK_FAIL"
_reached: Counter[str] = Counter()


def point(place: str) -> None:
    """Break here where the environment asks for it: die, or fail as a full disk, a full memory or a lost device does."""
    if not os.environ.get(VARIABLE):
        return
    _reached[place] += 1
    if _is_due(place, "kill"):
        os.kill(os.getpid(), signal.SIGKILL)
    if _is_due(place, "full"):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), place)
    if _is_due(place, "memory"):
        raise MemoryError(place)
    if _is_due(place, "device"):
        raise RuntimeError(f"CUDA error: unspecified launch failure ({place})")


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
