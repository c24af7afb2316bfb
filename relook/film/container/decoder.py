"""A decoder's process as relook sees it: what it is asked, what it reports, and how it died."""

from __future__ import annotations

import os
import select
import signal
from collections.abc import Iterator
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import Final

from av import VideoFrame

from relook import faults
from relook.errors import InputError
from relook.film.container.apart import MEMORY, Order, Task
from relook.film.container.decoders import CAN_FORK, end_decoder, start_decoder
from relook.film.container.messages import (
    DONE,
    FAILED,
    HEAD,
    REFUSED,
    GarbledError,
    length_of,
    read_frame,
)

if CAN_FORK:
    import fcntl

SILENT_SECONDS: Final = 60.0
"""A decoder that is silent for this long hangs."""
_TICK_SECONDS: Final = 1.0
"""Silence is counted in waits of this length, so that time during which relook itself was stopped does not count."""

_PIPE_BYTES: Final = 1 << 18
_LEAST_MEMORY: Final = 4 << 30
_FRAMES_HELD: Final = 64
_THREAD_MEMORY: Final = 160 << 20
"""Address space of a thread: its stack, and what the allocator sets aside for it."""


def order_of(path: Path, task: Task, *, num_pixels: int, in_threads: bool = True) -> Order:
    """Make an order, with memory for some frames of a size."""
    try:
        folder = os.getcwd()
    except OSError:
        folder = os.sep
    held = _FRAMES_HELD * num_pixels * 8 + _THREAD_MEMORY * (os.cpu_count() or 1)
    return Order(
        path=str(path),
        folder=folder,
        task=task,
        memory_bytes=_LEAST_MEMORY + held,
        in_threads=in_threads,
        faults=os.environ.get(faults.VARIABLE, ""),
    )


CRASHED: Final = "the decoder crashed"
_HUNG: Final = "the decoder hung"
_HUNGRY: Final = "the decoder asked for too much memory"
KILLED: Final = "the decoder was killed (perhaps for lack of memory)"
_BARRED: Final = "the decoder tried something it may not do"


class DiedError(Exception):
    """A decoder's process has ended or is useless."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def unopenable(path: Path, death: DiedError) -> InputError:
    """Return the error for a film that cannot even be opened."""
    return InputError(
        f"{path} cannot be read: {death.reason} twice while it was being opened; it is damaged, or made to do harm: try "
        f"it in a video player, or export it again"
    )


class Decoder:
    """A decoder's process, and the pipe that it reports through."""

    def __init__(self, order: Order) -> None:
        self._pipe, theirs = os.pipe()
        try:
            _widen(theirs)
            self._number = start_decoder(order, theirs)
        except BaseException:
            os.close(self._pipe)
            raise
        finally:
            os.close(theirs)
        self._waiting = select.poll()
        self._waiting.register(self._pipe, select.POLLIN)
        self._is_there = True

    def end(self) -> None:
        """End the process, whatever it does."""
        if self._is_there:
            self._is_there = False
            os.close(self._pipe)
            end_decoder(self._number, at_once=True)

    def messages(self) -> Iterator[tuple[int, bytes]]:
        """Yield the kind and body of each message to the end; a frame's planes must be read before the next message.

        Raises:
            InputError: the film is refused.
            DiedError: the process has ended or is useless.
        """
        while True:
            try:
                kind, length = HEAD.unpack(self._read(HEAD.size))
                body = self._read(length_of(kind, length))
            except GarbledError as error:
                raise DiedError(CRASHED) from error
            if kind == REFUSED:
                raise InputError(body.decode(errors="replace"))
            if kind == FAILED:
                raise DiedError(_HUNGRY if body == MEMORY.encode() else _BARRED)
            if kind == DONE:
                return
            yield kind, body

    def frame(self, body: bytes) -> tuple[VideoFrame, Fraction | None]:
        try:
            return read_frame(body, self._read_into)
        except GarbledError as error:
            raise DiedError(CRASHED) from error

    def _read(self, length: int) -> bytes:
        data = bytearray(length)
        self._read_into(memoryview(data))
        return bytes(data)

    def _read_into(self, view: memoryview) -> None:
        while view:
            self._wait()
            count = os.readv(self._pipe, [view])
            if not count:
                raise DiedError(self._why())
            view = view[count:]

    def _wait(self) -> None:
        silence = 0.0
        while not self._waiting.poll(_TICK_SECONDS * 1000):
            silence += _TICK_SECONDS
            if silence >= SILENT_SECONDS:
                raise DiedError(_HUNG)

    def _why(self) -> str:
        """Say what ended a process that has closed its pipe."""
        self._is_there = False
        os.close(self._pipe)
        return KILLED if end_decoder(self._number, at_once=False) == -signal.SIGKILL else CRASHED


def _widen(pipe: int) -> None:
    """Let a pipe hold more of a frame at a time, where the system can."""
    if hasattr(fcntl, "F_SETPIPE_SZ"):
        with suppress(OSError):
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
