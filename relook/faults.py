"""Faults planted on purpose, so that tests can see what relook does when things break.

Nothing happens unless the environment asks: `RELOOK_FAIL="place:action:nth"`, several divided by commas. `nth` counts how often
the place was reached, from 1; `nth+` means from then on. Actions: `kill` (SIGKILL), `full` (a disk without room), `broken` (a
disk that fails), `stale` (a network folder that is gone), `slow` (one that takes its time), `memory` (none left), `device` (a
GPU that vanished, as CUDA says it), `spoil` (a value that is not finite); and what hostile films make of a decoder: `segv` (it
crashes), `spin` (it never ends), `hog` (it asks for 100 GB), `sleep` (for 0.8 s), `write` (into the home folder), `connect` (to
a port here).
"""

from __future__ import annotations

import errno
import mmap
import os
import signal
import socket
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

VARIABLE = "RELOOK_FAIL"
SLOW_SECONDS = 2.0
_DISK = {"full": errno.ENOSPC, "broken": errno.EIO, "stale": getattr(errno, "ESTALE", errno.EIO)}
_reached: Counter[str] = Counter()


def point(place: str) -> None:
    """Break here where the environment asks for it: die, wait, or fail as a bad disk, a full memory or a lost device does."""
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
    if _is_due(place, "device"):
        raise RuntimeError(f"CUDA error: unspecified launch failure ({place})")
    for action, deed in _HOSTILE.items():
        if _is_due(place, action):
            deed()


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


def _crash() -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def _spin() -> None:
    while True:
        pass


def _hog() -> None:
    held = [mmap.mmap(-1, 1 << 30) for _ in range(100)]
    del held


def _sleep() -> None:
    for _ in range(40):  # so that a pause from outside makes it longer
        time.sleep(0.02)


def _write() -> None:
    (Path.home() / "relook-was-here").write_text("broken out")


def _connect() -> None:
    """Connect to the port that `RELOOK_PORT` names."""
    socket.create_connection(("127.0.0.1", int(os.environ["RELOOK_PORT"]))).close()


_HOSTILE: dict[str, Callable[[], None]] = {
    "segv": _crash,
    "spin": _spin,
    "hog": _hog,
    "sleep": _sleep,
    "write": _write,
    "connect": _connect,
}
