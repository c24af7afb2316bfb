"""What every test shares: one thread a worker, no socket, and real footage where a checkout has it."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")

FOOTAGE = Path(os.environ.get("RELOOK_FOOTAGE", Path(__file__).parents[2] / "shared" / "footage"))


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    """Keep torch and OpenCV to one thread a worker: two workers fill two cores."""
    import cv2
    import torch

    torch.set_num_threads(1)
    cv2.setNumThreads(1)


NAME_QUESTIONS = ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr", "socket.getnameinfo")


class SocketGuard:
    """Refuses and notes every socket that this process makes by way of Python, but those that have no address (AF_UNIX).

    The processes that train one look together make theirs in torch's own C++: `tests/train/test_processes.py` sees that they
    listen on 127.0.0.1 alone.
    """

    def __init__(self) -> None:
        self.seen: list[str] = []

    def __call__(self, event: str, details: tuple[Any, ...]) -> None:
        if event.startswith("socket.") and self._is_refused(event, details):
            self.seen.append(f"{event} {details[1:] if isinstance(details[0], socket.socket) else details}")
            raise PermissionError(f"relook opens no socket: {self.seen[-1]}")

    def _is_refused(self, event: str, details: tuple[Any, ...]) -> bool:
        if event == "socket.__new__":
            return details[1] not in (getattr(socket, "AF_UNIX", None), -1)  # -1: a handle that was there before
        if event in ("socket.connect", "socket.bind", "socket.sendto", "socket.sendmsg"):
            return isinstance(details[1], tuple)
        return event in NAME_QUESTIONS


GUARD = SocketGuard()
sys.addaudithook(GUARD)


@pytest.fixture(autouse=True)
def sockets() -> Iterator[SocketGuard]:
    """Fail a test in which a socket is made or a name is looked up."""
    yield GUARD
    seen, GUARD.seen = GUARD.seen, []
    assert seen == [], f"relook opens no socket: {seen}"


@pytest.fixture(scope="session")
def footage() -> Callable[[str], Path]:
    """Return a function from a name such as "live-action/flower.mp4" to its path; skips where it is absent."""

    def find(name: str) -> Path:
        path = FOOTAGE / name
        if not path.exists():
            pytest.skip(f"no real footage {name} here; set RELOOK_FOOTAGE to a folder that has it")
        return path

    return find
