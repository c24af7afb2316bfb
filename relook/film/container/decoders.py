"""One small process beside relook's own, which forks a decoder's process for every pass over a film.

Starting Python anew for each pass takes a second; forking a process that has FFmpeg loaded, and little else, takes some
milliseconds. It is asked through a private pair of sockets; when the other end is gone, so is relook, and it
ends with all that it forked. Signals from a terminal or a render farm, meant for relook, do not stop it.
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import av
import numpy as np

from relook.errors import ResourceError
from relook.film.container.apart import Order, tell_film

CAN_FORK: Final = hasattr(os, "fork") and hasattr(socket, "send_fds")
"""False on Windows, where films are decoded in relook's own process."""

_CODE: Final = (
    "import sys; sys.path.insert(0, sys.argv[2]); sys.path += sys.argv[3:]; "
    "from relook.film.container.decoders import serve; serve(int(sys.argv[1]))"
)
_LONGEST: Final = 1 << 16
_GRACE_SECONDS: Final = 1.0
"""How long a process that has closed its pipe may take to end by itself."""


def start_decoder(order: Order, pipe: int) -> int:
    """Have a process forked that reports on a film through a pipe; return its number.

    Raises:
        ResourceError: the system has no room for another process.
    """
    number = _asked(asdict(order), pipe)
    if not number:
        raise ResourceError(
            "decoding needs a process of its own, and the system will not start one; close other programs"
        )
    return number


def end_decoder(number: int, *, at_once: bool) -> int:
    """End a decoder's process; return the signal that ended it, as a negative number, or its exit code.

    Args:
        at_once: False if it is ending by itself and the reason is wanted.
    """
    return _asked({"end": number, "at_once": at_once})


class _Starter:
    """The helping process, and the socket by which it is asked."""

    def __init__(self) -> None:
        self.control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        own, *others = dict.fromkeys(
            str(Path(file).parents[up]) for file, up in ((__file__, 3), (av.__file__, 1), (np.__file__, 1))
        )
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-I", "-c", _CODE, str(theirs.fileno()), own, *others],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
            )

    def ask(self, question: dict[str, Any], *pipes: int) -> int:
        socket.send_fds(self.control, [json.dumps(question).encode() + b"\n"], list(pipes))
        answer = b""
        while not answer.endswith(b"\n"):
            part = self.control.recv(64)
            if not part:
                raise BrokenPipeError
            answer += part
        return int(answer)

    def end(self) -> None:
        self.control.close()
        self.process.wait()


_lock = threading.Lock()
_starters: list[_Starter] = []
"""The one in use, if any."""
_abandoned: list[_Starter] = []
"""Those of the process that this one was forked from."""


def _asked(question: dict[str, Any], *pipes: int) -> int:
    with _lock:
        return _answered(question, *pipes)


def _answered(question: dict[str, Any], *pipes: int) -> int:
    """Ask the helping process, or another one if that has died."""
    for is_last in (False, True):
        if not _starters:
            _starters.append(_Starter())
        try:
            return _starters[0].ask(question, *pipes)
        except OSError:
            _end_starter()
            if is_last or "end" in question:  # what it forked ends with its next word into the pipe
                break
    return -signal.SIGKILL if "end" in question else 0


def _end_starter() -> None:
    while _starters:
        _starters.pop().end()


def _forget_starter() -> None:
    """In a fork of relook's process, leave the starter to the parent."""
    global _lock
    _lock = threading.Lock()
    for starter in _starters:
        starter.control.close()
    _abandoned.extend(_starters)
    _starters.clear()


atexit.register(_end_starter)
if CAN_FORK:
    os.register_at_fork(after_in_child=_forget_starter)


def serve(number: int) -> None:
    """Fork decoders on request until nobody is left to ask; this is the helping process's whole life.

    Args:
        number: of the open socket.
    """
    for sent in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(sent, signal.SIG_IGN)
    gc.freeze()
    children = set[int]()
    with socket.socket(fileno=number) as control:
        while (asked := _received(control)) is not None:
            answer = _answer(*asked, control, children)
            with suppress(OSError):
                control.sendall(b"%d\n" % answer)
    for child in children:
        os.kill(child, signal.SIGKILL)


def _answer(question: dict[str, Any], pipes: list[int], control: socket.socket, children: set[int]) -> int:
    """Do what is asked, and close the pipes that came with the question."""
    try:
        return _end(question, children) if "end" in question else _fork(question, pipes, control, children)
    finally:
        for pipe in pipes:
            os.close(pipe)


def _received(control: socket.socket) -> tuple[dict[str, Any], list[int]] | None:
    data, pipes = b"", list[int]()
    while not data.endswith(b"\n"):
        with suppress(ConnectionError):
            part, more, _, _ = socket.recv_fds(control, _LONGEST, 1)
            data, pipes = data + part, [*pipes, *more]
            if part:
                continue
        return None
    return json.loads(data), pipes


def _fork(question: dict[str, Any], pipes: list[int], control: socket.socket, children: set[int]) -> int:
    try:
        child = os.fork()
    except OSError:
        return 0
    if child:
        children.add(child)
        return child
    try:
        control.close()
        tell_film(Order(**{**question, "skipped": tuple(question["skipped"])}), *pipes)
    finally:
        os._exit(0)


def _end(question: dict[str, Any], children: set[int]) -> int:
    child = question["end"]
    if child not in children:
        return -signal.SIGKILL
    children.remove(child)
    until = time.monotonic() + (0 if question["at_once"] else _GRACE_SECONDS)
    while True:
        found, status = os.waitpid(child, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() >= until:
            os.kill(child, signal.SIGKILL)
            until = float("inf")
        time.sleep(0.001)
