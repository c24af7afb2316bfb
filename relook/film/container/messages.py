"""What a decoder in its own process reports about a film: packets, frames and faults, as messages in a pipe.

A message is one byte for its kind, eight for the length of its body, and the body: numbers of fixed size and
text, never objects. A frame's planes follow its message, row by row. Nothing received is trusted: sizes, kinds and lengths
are checked as those of a file are, since the sender reads strangers' files.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

import av
import numpy as np
from av import VideoFrame
from av.video.plane import VideoPlane
from numpy.typing import NDArray

from relook.film.combs import Combs
from relook.film.container.ledger import NO_STAMP, PacketFacts
from relook.film.container.opening import MOST_PIXELS

HEAD: Final = struct.Struct("<BQ")
OPENED, PACKET, FRAME, FAULT, ENDED, COMBS, DONE, REFUSED, FAILED = range(1, 10)

_LONGEST: Final = 1 << 16
"""Most bytes in a message's body."""
_OPENED: Final = struct.Struct("<Qq")
_PACKET: Final = struct.Struct("<qqQ??")
_FRAME: Final = struct.Struct("<IIqqqqqqq?BBBB")
_STAMP: Final = struct.Struct("<q")
_COMBS: Final = struct.Struct("<III")
_ENDED: Final = struct.Struct("<?qqq?")

Read = Callable[[int], bytes]
ReadInto = Callable[[memoryview], None]


class GarbledError(Exception):
    """What came is not a message."""


@dataclass(frozen=True)
class Opened:
    """A film's beginning."""

    container: str
    """FFmpeg's name for its format."""
    num_early: int
    """How many frames at the beginning have no stamp, though later ones do."""
    first_stamp: int


@dataclass(frozen=True)
class Ended:
    """What is known of a film when all its packets have gone by."""

    promised: Fraction | None
    """When its pictures end according to its header, in seconds on the stream's clock."""
    num_told: int | None
    """The exact number of its frames, if the film says so."""
    is_reordered: bool
    """True where frames are decoded in another order than shown."""


def message(kind: int, body: bytes = b"") -> bytes:
    return HEAD.pack(kind, len(body)) + body


def length_of(kind: int, length: int) -> int:
    """Return the length of a body to be read, if it is a possible one."""
    if not OPENED <= kind <= FAILED or length > _LONGEST:
        raise GarbledError
    return length


def opened_message(opened: Opened) -> bytes:
    return message(OPENED, _OPENED.pack(opened.num_early, opened.first_stamp) + opened.container.encode()[:100])


def parse_opened(body: bytes) -> Opened:
    num_early, first_stamp = _unpack(_OPENED, body[: _OPENED.size])
    return Opened(body[_OPENED.size :].decode(errors="replace"), num_early, first_stamp)


def packet_message(packet: PacketFacts) -> bytes:
    stamp = NO_STAMP if packet.pts is None else packet.pts
    facts = (packet.duration or 0, packet.size, packet.is_keyframe, packet.is_discard)
    return message(PACKET, _PACKET.pack(stamp, *facts))


def parse_packet(body: bytes) -> PacketFacts:
    stamp, duration, size, is_keyframe, is_discard = _unpack(_PACKET, body)
    return PacketFacts(_stamp(stamp), duration, size, bool(is_keyframe), bool(is_discard))


def fault_message(pts: int | None, reason: str) -> bytes:
    return message(FAULT, _STAMP.pack(NO_STAMP if pts is None else pts) + reason.encode(errors="replace")[:1000])


def parse_fault(body: bytes) -> tuple[int | None, str]:
    (stamp,) = _unpack(_STAMP, body[: _STAMP.size])
    return _stamp(stamp), body[_STAMP.size :].decode(errors="replace")


def ended_message(ended: Ended) -> bytes:
    end = Fraction(0) if ended.promised is None else ended.promised.limit_denominator(2**62)
    facts = (end.numerator, end.denominator, ended.num_told or 0, ended.is_reordered)
    return message(ENDED, _ENDED.pack(ended.promised is not None, *facts))


def parse_ended(body: bytes) -> Ended:
    is_promised, above, below, num_told, is_reordered = _unpack(_ENDED, body)
    return Ended(_fraction(above, below) if is_promised else None, num_told or None, bool(is_reordered))


def combs_message(run: list[Combs]) -> bytes:
    return message(COMBS, b"".join(_COMBS.pack(found.own, found.top_next, found.top_own) for found in run))


def parse_combs(body: bytes) -> list[Combs]:
    if len(body) % _COMBS.size:
        raise GarbledError
    return [Combs(*found) for found in _COMBS.iter_unpack(body)]


class FrameMessages:
    """Turns frames into messages; keeps the memory for their rows between frames."""

    def __init__(self) -> None:
        self._kind: tuple[int, int, str] = (0, 0, "")
        self._rows: list[NDArray[np.uint8]] = []

    def __call__(self, frame: VideoFrame, aspect: Fraction | None) -> Iterator[bytes | memoryview]:
        """Return a frame's message and the rows of its planes, padded as in a new frame of its format."""
        shape, base = aspect or Fraction(0), frame.time_base or Fraction(0)
        name = frame.format.name
        stamps = (NO_STAMP if stamp is None else stamp for stamp in (frame.pts, frame.dts))
        numbers = (frame.width, frame.height, shape.numerator, shape.denominator, base.numerator, base.denominator)
        colour = (int(frame.color_primaries), int(frame.color_trc), int(frame.colorspace), int(frame.color_range))
        facts = _FRAME.pack(*numbers, *stamps, frame.duration or 0, frame.key_frame, *colour)
        yield message(FRAME, facts + name.encode())
        if self._kind != (frame.width, frame.height, name):
            self._kind = (frame.width, frame.height, name)
            model = VideoFrame(*self._kind)
            self._rows = [np.zeros((plane.height, plane.line_size), np.uint8) for plane in model.planes]
        for plane, rows in zip(frame.planes, self._rows, strict=True):
            yield _rows_of(plane, rows)


def _rows_of(plane: VideoPlane, rows: NDArray[np.uint8]) -> memoryview:
    """Return a plane as it is if its rows have the wanted length or it is a palette; otherwise copy it into such rows."""
    if rows.shape[1] in (0, plane.line_size):
        return memoryview(plane).cast("B")
    stored = np.asarray(memoryview(plane)).view(np.uint8).reshape(plane.height, abs(plane.line_size))
    if plane.line_size < 0:  # from the bottom up
        stored = stored[::-1]
    length = min(rows.shape[1], stored.shape[1])
    rows[:, :length] = stored[:, :length]
    return rows.data.cast("B")


def read_frame(body: bytes, read_into: ReadInto) -> tuple[VideoFrame, Fraction | None]:
    """Build a frame from its message, reading its planes."""
    width, height, shape, of_shape, base, of_base, pts, dts, duration, is_key, *colour = _unpack(
        _FRAME, body[: _FRAME.size]
    )
    if not 0 < width * height <= MOST_PIXELS:
        raise GarbledError
    try:
        frame = VideoFrame(width, height, body[_FRAME.size :].decode())
    except (ValueError, MemoryError, av.error.FFmpegError) as error:
        raise GarbledError from error
    for plane in frame.planes:
        read_into(memoryview(plane).cast("B"))
    frame.pts, frame.dts, frame.duration = _stamp(pts), _stamp(dts), duration
    frame.time_base = _fraction(base, of_base) or None
    frame.key_frame = bool(is_key)  # type: ignore[misc]  # PyAV sets it, its stubs do not say so
    frame.color_primaries, frame.color_trc, frame.colorspace, frame.color_range = colour
    return frame, _fraction(shape, of_shape) or None


def _unpack(form: struct.Struct, body: bytes) -> tuple[int, ...]:
    try:
        return form.unpack(body)
    except struct.error as error:
        raise GarbledError from error


def _stamp(stamp: int) -> int | None:
    return None if stamp == NO_STAMP else stamp


def _fraction(above: int, below: int) -> Fraction:
    if below <= 0:
        raise GarbledError
    return Fraction(above, below)
