"""Decode a film packet by packet, and report every packet, frame and fault to a judge; `Strict` accepts no fault."""

from __future__ import annotations

from array import array
from collections.abc import Collection, Generator, Iterator
from contextlib import suppress
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any, Final, Protocol

import av
from av import VideoFrame
from av.container import InputContainer
from av.packet import Packet
from av.video.stream import VideoStream

from relook.errors import InputError
from relook.film.container.counted import require_counted
from relook.film.container.ledger import REMEDY, PacketFacts, Packets, find_slots, require_all, usual_step
from relook.film.container.likeness import Likeness
from relook.film.container.messages import Ended, Opened
from relook.film.container.opening import decoder, num_frames_told, open_film, picture_stream, promised_end
from relook.film.frames import FilmInfo
from relook.timing import duration_text

_ERRORS: Final = (av.error.FFmpegError, OSError, MemoryError, IndexError)
"""What PyAV raises on damaged films; IndexError if damaged bytes look like a stream that was not there before."""
_MOST_REORDERED: Final = 16
_MOST_EARLY: Final = 1000
_MOST_FAILURES: Final = 1000
"""How often reading is retried after an error before the rest of a film counts as lost."""


_LOOKED_AT: Final = 8
"""Frames at the beginning that are decoded for facts that only the picture data hold."""


class Judge(Protocol):
    """Hears of each packet, sound frame and fault in a pass over a film."""

    def packet(self, packet: PacketFacts) -> None: ...
    def frame(self, frame: VideoFrame, aspect: Fraction | None) -> None: ...
    def fault(self, pts: int | None, reason: str) -> None: ...


def decoded(
    container: InputContainer, stream: VideoStream, judge: Judge, skipped: Collection[int] = ()
) -> Generator[VideoFrame, None, None]:
    """Yield the frames that the decoder calls whole.

    Args:
        skipped: numbers of packets, from 0, to keep from the decoder.
    """
    context = decoder(container, stream)
    for number, packet in enumerate(packets_of(container, stream, judge)):
        judge.packet(facts_of(packet))
        if number in skipped:
            continue
        try:
            frames = context.decode(packet)
        except _ERRORS as error:
            judge.fault(packet.pts, _reason(error))
            continue
        for frame in frames:
            if frame.is_corrupt:
                judge.fault(frame.pts, "the decoder reports damaged picture data")
            else:
                judge.frame(frame, context.sample_aspect_ratio)
                yield frame


def facts_of(packet: Packet[Any]) -> PacketFacts:
    return PacketFacts(packet.pts, packet.duration or 0, packet.size, packet.is_keyframe, packet.is_discard)


def packets_of(
    container: InputContainer, stream: VideoStream, judge: Judge
) -> Generator[Packet[VideoStream], None, None]:
    """Yield the packets of the pictures and finally an empty one, which flushes the decoder."""
    failures = 0
    packets = container.demux(stream)
    while failures < _MOST_FAILURES:
        try:
            packet = next(packets, None)
        except _ERRORS as error:
            judge.fault(None, _reason(error))
            packets = container.demux(stream)
            failures += 1
            continue
        if packet is None:
            return
        if packet.size or packet.pts is None:  # an empty one with a stamp shows the frame before again
            yield packet
    yield _empty_packet(stream)


def _empty_packet(stream: VideoStream) -> Packet[VideoStream]:
    packet: Packet[Any] = Packet()
    packet.stream = stream
    return packet


def first_frames(container: InputContainer, pictures: VideoStream) -> Iterator[VideoFrame]:
    """Decode the beginning; damage there is reported when the film is read."""
    with suppress(av.error.FFmpegError, OSError, MemoryError):
        decode = decoder(container, pictures).decode
        frames = (frame for packet in container.demux(pictures) for frame in decode(packet))
        yield from islice(frames, _LOOKED_AT)


def opened(container: InputContainer, path: Path) -> Opened:
    """Describe how a film begins."""
    return Opened(container.format.name, *_find_early(path))


def ended(container: InputContainer, stream: VideoStream) -> Ended:
    """Return what is known of a film after its last packet."""
    return Ended(promised_end(container, stream), num_frames_told(stream), bool(stream.codec_context.has_b_frames))


def _find_early(path: Path) -> tuple[int, int]:
    """Count the frames at a film's beginning that have no stamp, and return the first stamp.

    The count is 0 if the first frame has one, or no frame has.
    """
    count, stamps = 0, list[int]()
    with open_film(path) as container, suppress(*_ERRORS):
        for packet in container.demux(picture_stream(container, path)):
            if packet.pts is not None:
                stamps.append(packet.pts)
            count += packet.pts is None and bool(packet.size)
            if (stamps and not count) or len(stamps) > _MOST_REORDERED or count > _MOST_EARLY:
                break
    return (count, min(stamps)) if stamps else (0, 0)


def stamps_before_first(num_early: int, first: int, info: FilmInfo) -> list[int]:
    """Return stamps, below 0, for the frames at a film's beginning that have none: Matroska stores none below 0.

    They are counted back, at the film's rate, from the first stamp.
    """
    step = 1 / (info.frame_rate * info.time_base)
    return [first - round(step * n) for n in range(num_early, 0, -1)]


class Strict:
    """Refuses a film at its first fault, and at the end if frames are missing though the decoder reported no fault."""

    def __init__(self, info: FilmInfo) -> None:
        self._info = info
        self._packets = Packets()
        self._stamps = array("q")
        self._count = 0
        self._likeness = Likeness(info)

    def packet(self, packet: PacketFacts) -> None:
        self._packets.note(packet)

    def frame(self, frame: VideoFrame, aspect: Fraction | None) -> None:
        change = self._likeness.change(frame, aspect)
        if change:
            self._likeness.refuse(change, self._count)
        self._count += 1
        if frame.pts is not None:
            self._stamps.append(frame.pts)

    def fault(self, pts: int | None, reason: str) -> None:
        of_total = f" of about {self._info.num_frames}" if self._info.num_frames else ""
        raise InputError(
            f"{self._info.path} is damaged after {self._count}{of_total} frames "
            f"({duration_text(self._count / self._info.frame_rate)}): {reason}; {REMEDY}"
        )

    def finish(self, container: str, ended: Ended, end: Fraction) -> None:
        """Check the ledger after the last frame.

        Args:
            container: FFmpeg's name for its format.
            end: of the last frame, in seconds on the stream's clock.
        """
        _require_end(self._count, end, ended.promised, self._info)
        require_counted(self._packets, container, ended.num_told, self._info)
        if self._packets.are_stamped(container):
            slots = find_slots(self._packets, container, usual_step(self._info), ended.num_told)
            require_all(slots, self._stamps, self._count - len(self._stamps), self._info)


def lost_at_end(end: Fraction, promised: Fraction | None, info: FilmInfo) -> int:
    """Count the frames missing after a film's last one; 0 unless they are more than three and more than a fifth of a second."""
    if promised is None or promised - end <= max(3 / info.frame_rate, Fraction(1, 5)):
        return 0
    return round((promised - end) * info.frame_rate)


def _require_end(count: int, end: Fraction, promised: Fraction | None, info: FilmInfo) -> None:
    """Refuse a film that ends before its header says."""
    lost = lost_at_end(end, promised, info)
    if promised is not None and lost and count:
        raise InputError(
            f"{info.path} is cut off: {count} of about {count + lost} frames could be read, up to {duration_text(end)} "
            f"of {duration_text(promised)}; copy it again, cut it to the part that plays, or apply with --on-damage keep, "
            f"which repeats the last good frame"
        )


def _reason(error: BaseException) -> str:
    return getattr(error, "strerror", None) or "it cannot be decoded further"
