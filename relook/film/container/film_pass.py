"""One pass over a film, decoded in a process of its own, whose crash or hang costs the packet that it died of.

The process tells of each packet before it decodes it. Where it dies, the pass is begun again and what was told already is
not told again; where it dies again there, the packet counts as damaged, and a pass that goes on does without it. On systems
that cannot fork (Windows) films are decoded in relook's own process.

Only passes over the pictures are kept apart so. Headers are read, sound and subtitles copied, and the first frames looked at
for combs and metadata, in relook's own process.
"""

from __future__ import annotations

import os
import select
import signal
from collections.abc import Generator, Iterator
from contextlib import suppress
from dataclasses import replace
from fractions import Fraction
from types import TracebackType
from typing import Final, Self

from av import VideoFrame

from relook import faults
from relook.errors import InputError
from relook.film.container.apart import MEMORY, Order
from relook.film.container.decoders import CAN_FORK, end_decoder, start_decoder
from relook.film.container.decoding import Judge, decoded, ended, facts_of, opened, packets_of
from relook.film.container.ledger import place_text
from relook.film.container.messages import (
    ENDED,
    FAILED,
    FAULT,
    FRAME,
    HEAD,
    OPENED,
    PACKET,
    REFUSED,
    Ended,
    GarbledError,
    Opened,
    length_of,
    parse_ended,
    parse_fault,
    parse_opened,
    parse_packet,
    read_frame,
)
from relook.film.container.opening import open_film, picture_stream
from relook.film.frames import FilmInfo

if CAN_FORK:
    import fcntl

SILENT_SECONDS: Final = 60.0
"""A decoder that gives nothing for so long hangs."""
_TICK_SECONDS: Final = 1.0
"""Silence is counted in waits of this length, so that time for which all of relook was stopped does not count."""
_NEAR_PACKETS: Final = 64
"""Threads decode so many packets at the same time, at most: what dies may have died of one some packets before."""
_MOST_DEATHS: Final = 16

_PIPE_BYTES: Final = 1 << 18
_LEAST_MEMORY: Final = 4 << 30
_FRAMES_HELD: Final = 64
_THREAD_MEMORY: Final = 160 << 20
"""Address space of a thread: its stack, and what the allocator sets aside for it."""


class FilmPass:
    """Tells a judge of every packet, sound frame and fault of a film, in order; a context manager that starts it."""

    def __init__(self, info: FilmInfo, judge: Judge, *, decodes: bool = True, in_threads: bool = True) -> None:
        """`decodes`: False where the judge wants the packets alone."""
        self._info, self._judge = info, judge
        self._order = _order(info, decodes=decodes, in_threads=in_threads)
        self._child: _Child | None = None
        self._num_told = dict.fromkeys((PACKET, FRAME, FAULT), 0)
        self._deaths = list[int]()
        """Number of the packet at which each process died."""
        self._last_pts: int | None = None
        self.opened: Opened
        self.ended: Ended
        """There when all frames have been given."""

    def __enter__(self) -> Self:
        if not CAN_FORK:
            with open_film(self._info.path) as container:
                self.opened = opened(container, self._info.path)
            return self
        while True:
            try:
                self._child = _Child(self._order)
                self.opened = self._child.opened()
                return self
            except _DiedError as death:
                self._take(death, -1)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._child is not None:
            self._child.end()

    def frames(self) -> Generator[VideoFrame, None, None]:
        """Give the frames that the decoder calls whole, once.

        Raises:
            InputError: the decoder died twice of the same packet, and the judge lets no fault pass.
        """
        if not CAN_FORK:
            yield from self._decoded_here()
            return
        while True:
            heard = dict.fromkeys(self._num_told, 0)
            try:
                if self._child is None:
                    self._child = _Child(self._order)
                    self.opened = self._child.opened()
                for kind, body in self._child.messages():
                    told = self._child.frame(body) if kind == FRAME else None
                    if kind == ENDED:
                        self.ended = parse_ended(body)
                        return
                    heard[kind] += 1
                    if heard[kind] <= self._num_told[kind]:
                        continue
                    self._num_told[kind] = heard[kind]
                    if told is not None:
                        self._judge.frame(*told)
                        yield told[0]
                    else:
                        self._tell(kind, body)
            except _DiedError as death:
                if not self._take(death, heard[PACKET] - 1):
                    return

    def _decoded_here(self) -> Iterator[VideoFrame]:
        path, order = self._info.path, self._order
        with open_film(path) as container:
            stream = picture_stream(container, path)
            if not order.in_threads:
                stream.thread_type = "NONE"
            if order.decodes:
                yield from decoded(container, stream, self._judge)
            else:
                for packet in packets_of(container, stream, self._judge):
                    self._judge.packet(facts_of(packet))
            self.ended = ended(container, stream)

    def _tell(self, kind: int, body: bytes) -> None:
        try:
            if kind == PACKET:
                packet = parse_packet(body)
                self._last_pts = packet.pts
                self._judge.packet(packet)
            else:
                self._judge.fault(*parse_fault(body))
        except GarbledError as error:
            raise _DiedError(_CRASHED) from error

    def _take(self, death: _DiedError, packet: int) -> bool:
        """Begin again after a death; False where the rest of the film cannot be reached.

        Raises:
            InputError: it died there before, and nothing can go on, or the judge does not let it.
        """
        if self._child is not None:
            self._child.end()
            self._child = None
        is_again = any(abs(packet - earlier) <= _NEAR_PACKETS for earlier in self._deaths)
        self._deaths.append(packet)
        order = replace(self._order, attempt=self._order.attempt + 1)
        if is_again:
            if packet < 0 or not order.decodes:
                raise InputError(
                    f"{self._info.path} cannot be read: {death.reason} twice when it was being opened; it is damaged, or "
                    f"made to do harm: play it in a video player to see, or export it again"
                )
            place = place_text(self._num_told[FRAME], self._info)
            self._judge.fault(self._last_pts, f"{death.reason} at frame {place}, twice")
            if packet in order.skipped or len(self._deaths) > _MOST_DEATHS:
                return False
            order = replace(order, skipped=(*order.skipped, packet))
        # alone, so that the next death is at the very packet
        self._order = replace(order, in_threads=False)
        return True


def _order(info: FilmInfo, *, decodes: bool, in_threads: bool) -> Order:
    try:
        folder = os.getcwd()
    except OSError:
        folder = os.sep
    held = _FRAMES_HELD * info.width * info.height * 8 + _THREAD_MEMORY * (os.cpu_count() or 1)
    return Order(
        path=str(info.path),
        folder=folder,
        decodes=decodes,
        in_threads=in_threads,
        skipped=(),
        memory_bytes=_LEAST_MEMORY + held,
        attempt=1,
        faults=os.environ.get(faults.VARIABLE, ""),
    )


_CRASHED: Final = "the decoder crashed"
_HUNG: Final = "the decoder hung"
_HUNGRY: Final = "the decoder asked for too much memory"
_KILLED: Final = "the decoder was killed (perhaps for want of memory)"
_BARRED: Final = "the decoder tried what it may not"


class _DiedError(Exception):
    """A decoder's process is gone, or of no more use."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class _Child:
    """A decoder's process, and the pipe that it tells into."""

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

    def opened(self) -> Opened:
        kind, body = next(self.messages())
        try:
            if kind != OPENED:
                raise GarbledError
            return parse_opened(body)
        except GarbledError as error:
            raise _DiedError(_CRASHED) from error

    def messages(self) -> Iterator[tuple[int, bytes]]:
        """Give kind and body of what is told; of a frame, its planes are to be read before the next message.

        Raises:
            InputError: the film is refused.
            _DiedError: the process is of no more use.
        """
        while True:
            try:
                kind, length = HEAD.unpack(self._read(HEAD.size))
                body = self._read(length_of(kind, length))
            except GarbledError as error:
                raise _DiedError(_CRASHED) from error
            if kind == REFUSED:
                raise InputError(body.decode(errors="replace"))
            if kind == FAILED:
                raise _DiedError(_HUNGRY if body == MEMORY.encode() else _BARRED)
            yield kind, body

    def frame(self, body: bytes) -> tuple[VideoFrame, Fraction | None]:
        try:
            return read_frame(body, self._read_into)
        except GarbledError as error:
            raise _DiedError(_CRASHED) from error

    def _read(self, length: int) -> bytes:
        data = bytearray(length)
        self._read_into(memoryview(data))
        return bytes(data)

    def _read_into(self, view: memoryview) -> None:
        while view:
            self._wait()
            count = os.readv(self._pipe, [view])
            if not count:
                raise _DiedError(self._why())
            view = view[count:]

    def _wait(self) -> None:
        silence = 0.0
        while not self._waiting.poll(_TICK_SECONDS * 1000):
            silence += _TICK_SECONDS
            if silence >= SILENT_SECONDS:
                raise _DiedError(_HUNG)

    def _why(self) -> str:
        """Say what ended the process, which has closed its pipe."""
        self._is_there = False
        os.close(self._pipe)
        return _KILLED if end_decoder(self._number, at_once=False) == -signal.SIGKILL else _CRASHED


def _widen(pipe: int) -> None:
    """Let a pipe hold more of a frame at a time, where the system can."""
    if hasattr(fcntl, "F_SETPIPE_SZ"):
        with suppress(OSError):
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
