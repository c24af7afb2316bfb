"""Encode frames into pictures, one stretch at a time, each into a file of its own.

The stamps are the source's own; a film that begins before 0 is moved to 0, because players hide what comes before. If only a
part of a film is written, the part begins at 0. MXF holds exactly one frame per tick: uneven stamps are refused there.

A film with a named colour space is written in that space again, with its own tags.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from math import inf
from pathlib import Path
from typing import NamedTuple

import numpy as np
from av import CodecContext, VideoCodecContext, VideoFrame
from av.codec.context import Flags
from av.packet import Packet
from av.video.stream import VideoStream
from numpy.typing import NDArray

from relook import faults
from relook.errors import InputError
from relook.film.container.codecs import Plan
from relook.film.container.inventory import Inventory
from relook.film.container.output import set_up, tag, time_base
from relook.film.frames import Frame
from relook.film.hdr_light import in_codes, is_hdr
from relook.film.pictures.alpha import frame_alpha, has_alpha, put_alpha
from relook.film.pictures.in_space import in_space
from relook.film.pixels import FromPixels, rows
from relook.timing import rate_text


@dataclass(frozen=True)
class Origin:
    """What an output's first frame decides for all of its frames."""

    index: int
    """Its number in the source."""
    pts: int
    """Its stamp, in units of the source's time base."""
    drift: int
    """`Frame.drift`."""
    untouched: bool
    """True where the source's own frames are passed on."""


class Coded(NamedTuple):
    """One encoded picture, in the order of decoding."""

    pts: int
    """In units of the output's time base."""
    duration: int
    size: int
    """In bytes; pictures follow one another in the file."""
    is_key: bool


@dataclass(frozen=True)
class Pictures:
    """A stretch of encoded pictures."""

    origin: Origin
    """Of the whole output."""
    coded: tuple[Coded, ...]
    decoded: str = ""
    """For a lossless codec, the SHA-256 (hex) of the pictures' samples in order; see `samples`."""


def offset_of(origin: Origin, plan: Plan, *, whole: bool) -> int:
    """Return which of the source's stamps becomes 0 in the output, in units of the source's time base."""
    return 0 if whole and not plan.counts_frames and origin.pts >= 0 else origin.pts


def samples(frame: VideoFrame) -> Iterator[NDArray[np.uint8]]:
    """Yield a picture's bytes, plane by plane, without the fourth byte of `bgr0`, which is padding."""
    for part in rows(frame):
        is_padded = frame.format.name == "bgr0"
        yield np.ascontiguousarray(part.reshape(len(part), -1, 4)[..., :3] if is_padded else part)


class Encoder:
    """Encodes a stretch of frames into a file; every stretch begins with a key frame."""

    def __init__(self, path: Path, plan: Plan, found: Inventory, origin: Origin, *, whole: bool, done: int) -> None:
        """Open the encoder; `done` counts the frames of the output before this stretch."""
        self.num_clipped = 0
        """Frames with values that the pictures, or the film's colour space, cannot encode."""
        source = found.film
        self._source, self._plan, self._origin = source, plan, origin
        self._time_base = time_base(source, plan)
        self._offset = offset_of(origin, plan, whole=whole)
        self._from_pixels = FromPixels(source, plan.pixel_format, plan.colour)
        self._durations: dict[int, int] = {}
        self._done = done
        self._coded: list[Coded] = []
        context = CodecContext.create(plan.codec.encoder, "w")
        assert isinstance(context, VideoCodecContext)
        self._context = context
        self._context.framerate = source.frame_rate
        self._context.time_base = self._time_base
        set_up(self._context, source, plan, found)
        if plan.has_global_header:
            self._context.flags |= Flags.global_header
        self._file = path.open("wb")
        self._digest, self._given = hashlib.sha256(), hashlib.sha256()

    def encode(self, frame: Frame, *, untouched: bool) -> None:
        """Encode a frame's pixels, or the decoder's own frame untouched."""
        height, width = frame.pixels.shape[-2:]
        if (width, height) != (self._source.width, self._source.height):
            raise InputError(
                f"frame {frame.index} of {self._source.path} is {width} x {height}, but the film began with "
                f"{self._source.width} x {self._source.height}; write stills of different sizes into a folder"
            )
        if not untouched or not self._from_pixels.keeps_matrix:
            picture = self._made(frame)
        elif frame.native.format.name == self._plan.pixel_format:
            picture = frame.native
        else:
            picture = self._from_pixels.convert(frame.native)
        if picture is not frame.native:
            self._keep_alpha(frame, picture)
        if self._plan.codec.is_lossless:
            for part in samples(picture):
                self._given.update(part.data)
        self._stamp(picture, frame)
        self._write(self._context.encode(picture))

    def finish(self) -> tuple[Pictures, str]:
        """Flush the encoder and sync the file to disk; return what was written, and the file's SHA-256 (hex)."""
        self._write(self._context.encode(None))
        self._file.flush()
        faults.point("stretch.sync")
        os.fsync(self._file.fileno())
        self._file.close()
        given = self._given.hexdigest() if self._plan.codec.is_lossless else ""
        return Pictures(self._origin, tuple(self._coded), given), self._digest.hexdigest()

    def close(self) -> None:
        """Give up the stretch; what did not fit on a full disk is not written again."""
        with suppress(OSError):
            self._file.close()

    def _made(self, frame: Frame) -> VideoFrame:
        """Make a picture of a frame's values; a film's are converted back to what its codes mean, a picture's are display-referred."""
        space, is_clipped = self._source.space if self._source.kind == "film" else None, False
        if space is not None:
            frame, is_clipped = in_space(frame, space, half_code=inf)
        elif is_hdr(self._source):
            frame = in_codes(frame, self._source)
        picture = self._from_pixels(frame)
        self.num_clipped += self._from_pixels.put_beyond(picture, frame) or is_clipped
        return picture

    def _keep_alpha(self, frame: Frame, picture: VideoFrame) -> None:
        """Write the source's transparency along with the new colours; refuse to lose any."""
        alpha = frame_alpha(frame.native)
        if alpha is None:
            return
        if has_alpha(self._plan.pixel_format):
            put_alpha(picture, *alpha)
        elif int(alpha[0].min()) < 2 ** alpha[1] - 1:
            raise InputError(
                f"frame {frame.index} of {self._source.path} is transparent, which {self._plan.codec.title} here cannot "
                f"hold; write .mkv or .mov instead"
            )

    def _stamp(self, picture: VideoFrame, frame: Frame) -> None:
        pts = self._tick(frame) if self._plan.counts_frames else self._exact(frame.pts)
        usual = max(1, round(1 / (self._source.frame_rate * self._time_base)))
        lasts = self._exact(frame.pts + frame.duration) - self._exact(frame.pts)
        picture.pts, picture.time_base, picture.pict_type = pts, self._time_base, 0
        tag(picture, self._plan.colour)
        self._durations[pts] = (0 if self._plan.counts_frames else lasts) or usual
        self._done += 1

    def _exact(self, pts: int) -> int:
        """Return the stamp in this file's units; where the source only rounded an even rate, the exact one."""
        source, first = self._source, self._origin.pts
        if self._time_base == source.time_base:
            return pts - self._offset
        count = round((pts - first) * source.time_base * source.frame_rate)
        even = first * source.time_base + count / source.frame_rate
        time = even if abs(even - pts * source.time_base) <= source.time_base else pts * source.time_base
        return round((time - self._offset * source.time_base) / self._time_base)

    def _tick(self, frame: Frame) -> int:
        """Return the frame's count, for containers without stamps; refuse a film whose stamps are not even."""
        exact = (frame.pts - self._offset) * self._source.time_base * self._source.frame_rate
        if abs(exact - self._done) > Fraction(1, 2):
            raise InputError(
                f"frame {frame.index} of {self._source.path} is not on an even "
                f"{rate_text(self._source.frame_rate)} frames a second, which .mxf needs; write .mov or .mkv instead"
            )
        return self._done

    def _write(self, packets: Iterable[Packet[VideoStream]]) -> None:
        for packet in packets:
            data = bytes(packet)
            pts = packet.pts if packet.pts is not None else 0
            duration = self._durations.pop(pts, packet.duration or 0)
            self._coded.append(Coded(pts, duration, len(data), packet.is_keyframe))
            faults.point("stretch.write")
            self._file.write(data)
            self._digest.update(data)
