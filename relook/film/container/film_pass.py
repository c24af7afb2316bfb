"""One pass over a film, decoded in a process of its own, whose crash or hang costs only the packet that caused it.

The process reports each packet before decoding it. If it dies, the pass starts again, and what was reported already is
not reported again; if it dies there again, the packet counts as damaged, and a pass that continues skips it. On systems
that cannot fork (Windows) films are decoded in relook's own process.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import replace
from types import TracebackType
from typing import Final, Self

from av import VideoFrame

from relook.errors import InputError, KilledDecoderError
from relook.film.container.decoder import CRASHED, KILLED, Decoder, DiedError, order_of, unopenable
from relook.film.container.decoders import CAN_FORK
from relook.film.container.decoding import Judge, decoded, ended, facts_of, opened, packets_of
from relook.film.container.ledger import place_text
from relook.film.container.messages import (
    ENDED,
    FAULT,
    FRAME,
    OPENED,
    PACKET,
    Ended,
    GarbledError,
    Opened,
    parse_ended,
    parse_fault,
    parse_opened,
    parse_packet,
)
from relook.film.container.opening import open_film, picture_stream
from relook.film.frames import FilmInfo

_NEAR_PACKETS: Final = 64
"""Most packets that threads decode at the same time: the one that killed the process may be some packets back."""
_MOST_DEATHS: Final = 16


class FilmPass:
    """Reports every packet, sound frame and fault of a film to a judge, in order; a context manager."""

    def __init__(self, info: FilmInfo, judge: Judge, *, decodes: bool = True, in_threads: bool = True) -> None:
        """`decodes`: False if the judge wants only the packets."""
        self._info, self._judge = info, judge
        self._order = order_of(
            info.path, "frames" if decodes else "packets", num_pixels=info.width * info.height, in_threads=in_threads
        )
        self._child: Decoder | None = None
        self._num_told = dict.fromkeys((PACKET, FRAME, FAULT), 0)
        self._deaths = list[int]()
        """Number of the packet at which each process died."""
        self._last_pts: int | None = None
        self.opened: Opened
        self.ended: Ended
        """Set once all frames have been yielded."""

    def __enter__(self) -> Self:
        if not CAN_FORK:
            with open_film(self._info.path) as container:
                self.opened = opened(container, self._info.path)
            return self
        try:
            while self._child is None:
                try:
                    self._start()
                except DiedError as death:
                    self._take(death, -1)
        except BaseException:
            self._end_child()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end_child()

    def frames(self) -> Generator[VideoFrame, None, None]:
        """Yield the frames that the decoder calls whole; to be called once.

        Raises:
            InputError: the decoder died twice at the same packet, and the judge accepts no fault.
        """
        if not CAN_FORK:
            yield from self._decoded_here()
            return
        while True:
            heard = dict.fromkeys(self._num_told, 0)
            try:
                yield from self._told(heard)
                return
            except DiedError as death:
                if not self._take(death, heard[PACKET] - 1):
                    return

    def _end_child(self) -> None:
        if self._child is not None:
            self._child.end()
            self._child = None

    def _start(self) -> None:
        self._child = Decoder(self._order)
        try:
            kind, body = next(self._child.messages(), (0, b""))
            if kind != OPENED:
                raise DiedError(CRASHED)
            self.opened = parse_opened(body)
        except GarbledError as error:
            raise DiedError(CRASHED) from error

    def _told(self, heard: dict[int, int]) -> Iterator[VideoFrame]:
        """Yield what a process reports, and pass on to the judge what is new to it; `heard` counts messages by kind.

        Raises:
            DiedError: it ended before the film.
        """
        if self._child is None:
            self._start()
        assert self._child is not None
        kind, body = 0, b""
        for kind, body in self._child.messages():
            told = self._child.frame(body) if kind == FRAME else None
            if kind not in heard:
                break
            heard[kind] += 1
            is_new = heard[kind] > self._num_told[kind]
            self._num_told[kind] = max(heard[kind], self._num_told[kind])
            if told is None:
                self._tell(kind, body, is_new=is_new)
            elif is_new:
                self._judge.frame(*told)
                yield told[0]
        try:
            if kind != ENDED:
                raise DiedError(CRASHED)
            self.ended = parse_ended(body)
        except GarbledError as error:
            raise DiedError(CRASHED) from error

    def _decoded_here(self) -> Iterator[VideoFrame]:
        path, order = self._info.path, self._order
        with open_film(path) as container:
            stream = picture_stream(container, path)
            if not order.in_threads:
                stream.thread_type = "NONE"
            if order.task == "frames":
                yield from decoded(container, stream, self._judge)
            else:
                for packet in packets_of(container, stream, self._judge):
                    self._judge.packet(facts_of(packet))
            self.ended = ended(container, stream)

    def _tell(self, kind: int, body: bytes, *, is_new: bool) -> None:
        try:
            if kind == PACKET:
                packet = parse_packet(body)
                self._last_pts = packet.pts
                if is_new:
                    self._judge.packet(packet)
            elif is_new:
                self._judge.fault(*parse_fault(body))
        except GarbledError as error:
            raise DiedError(CRASHED) from error

    def _take(self, death: DiedError, packet: int) -> bool:
        """Start again after a death; return False if the rest of the film cannot be reached.

        Raises:
            InputError: it died there before, and there is no way on, or the judge does not allow it.
        """
        self._end_child()
        is_again = len(self._deaths) >= _MOST_DEATHS or any(
            abs(packet - earlier) <= _NEAR_PACKETS for earlier in self._deaths
        )
        self._deaths.append(packet)
        order = replace(self._order, attempt=self._order.attempt + 1)
        if is_again:
            if packet < 0 or order.task != "frames":
                raise unopenable(self._info.path, death)
            place = place_text(self._num_told[FRAME], self._info)
            try:
                self._judge.fault(self._last_pts, f"{death.reason} at frame {place}, twice")
            except InputError as error:
                if death.reason == KILLED:
                    raise KilledDecoderError(
                        f"{error}; if memory was short, free some and run the same command again, which continues where it can"
                    ) from error
                raise
            if packet in order.skipped or len(self._deaths) > _MOST_DEATHS:
                return False
            order = replace(order, skipped=(*order.skipped, packet))
        # alone, so that the next death is at the very packet
        self._order = replace(order, in_threads=False)
        return True
