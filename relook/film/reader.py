"""Read films and pictures as a stream of frames: exact stamps, 8 to 16 bit and float, decoded ahead, in constant memory.

Nothing is dropped in silence: a damaged frame, a film that ends before its header says, or a picture of another size
stops the reading with an error that names the frame.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import av
from av import VideoFrame
from av.container import InputContainer
from av.video.stream import VideoStream

from relook.errors import InputError
from relook.film.container import film_info, open_film, picture_stream, promised_end
from relook.film.frames import FilmInfo, Frame
from relook.film.overlap import ahead
from relook.film.pictures import Picture, picture_values, read_picture
from relook.film.pixels import ToPixels
from relook.film.sequence import find_pictures, is_pictures
from relook.timing import FrameRange, duration_text

_QUEUED_FRAMES: Final = 2
_PICTURE_RATE: Final = Fraction(24)


@dataclass(frozen=True)
class NativeFrame:
    """One decoded frame, not yet turned into RGB."""

    index: int
    pts: int
    duration: int
    picture: VideoFrame | Picture


def probe(path: Path) -> FilmInfo:
    """Find out what a path holds without decoding it: a film, a sequence of pictures, or stills.

    Raises:
        InputError: there is nothing readable, or it has no pictures.
    """
    if is_pictures(path):
        return _pictures_info(path)
    with open_film(path) as container:
        return film_info(container, picture_stream(container, path), path)


class FilmReader:
    """Decode a film, a sequence or stills; every pass starts at the first frame.

    Use it as a context manager: leaving it stops the passes that are still going on.
    """

    def __init__(self, path: Path) -> None:
        self.info = probe(path)
        self._passes: list[Generator[Frame, None, None]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop every pass that is going on."""
        for going in self._passes:
            going.close()
        self._passes.clear()

    def frames(self, wanted: FrameRange | None = None) -> Iterator[Frame]:
        """Give the frames in order, or those of a range, as float RGB with the decoder's own frame beside it."""
        return self._start(_with_pixels(self.native_frames(wanted), self.info))

    def frames_of(self, ranges: Sequence[FrameRange]) -> Iterator[Frame]:
        """Give the frames of several ranges, at least one, as `frames` does, in one pass over the film."""
        whole = FrameRange(min(part.start for part in ranges), max(part.stop for part in ranges))
        natives = self.native_frames(whole)
        return self._start(_with_pixels((n for n in natives if any(n.index in part for part in ranges)), self.info))

    def native_frames(self, wanted: FrameRange | None = None) -> Generator[NativeFrame, None, None]:
        """Give the frames as the decoder made them, in the caller's own thread: for cheap passes."""
        natives = _film_frames(self.info) if self.info.kind == "film" else _pictures(self.info)
        return _within(natives, wanted, self.info)

    def _start(self, frames: Generator[Frame, None, None]) -> Iterator[Frame]:
        going = ahead(frames, depth=_QUEUED_FRAMES)
        self._passes.append(going)
        return going


def _pictures_info(path: Path) -> FilmInfo:
    kind, pictures = find_pictures(path)
    first = read_picture(pictures[0])
    facts, is_take = first.facts, kind == "sequence"
    rate = (facts.frame_rate if is_take else None) or _PICTURE_RATE
    return FilmInfo(
        path=path,
        kind=kind,
        width=first.codes.shape[1],
        height=first.codes.shape[0],
        frame_rate=rate,
        time_base=1 / rate,
        bit_depth=min(first.bit_depth, 16),
        pixel_format=first.pixel_format,
        sample_aspect=facts.pixel_aspect,
        timecode=facts.timecode if is_take else None,
        num_frames=len(pictures),
        pictures=pictures,
    )


def _with_pixels(natives: Generator[NativeFrame, None, None], info: FilmInfo) -> Generator[Frame, None, None]:
    to_pixels = ToPixels(info)
    with closing(natives):
        for native in natives:
            picture = native.picture
            pixels, beyond = picture_values(picture) if isinstance(picture, Picture) else (to_pixels(picture), None)
            yield Frame(native.index, native.pts, native.duration, pixels, picture, beyond)


def _within(
    natives: Generator[NativeFrame, None, None], wanted: FrameRange | None, info: FilmInfo
) -> Generator[NativeFrame, None, None]:
    count = 0
    with closing(natives):
        for native in natives:
            if wanted is not None and native.index >= wanted.stop:
                return
            count = native.index + 1
            if wanted is None or native.index in wanted:
                yield native
    if count == 0:
        raise InputError(f"{info.path} holds no frame that can be decoded; it is damaged or empty")
    if wanted is not None and count < wanted.stop:
        raise InputError(
            f"{info.path} has {count} frames, but frames {wanted.start} to {wanted.stop - 1} were asked for; "
            f"frames count from 0"
        )


def _pictures(info: FilmInfo) -> Generator[NativeFrame, None, None]:
    for index, path in enumerate(info.pictures):
        picture = read_picture(path)
        height, width = picture.codes.shape[:2]
        if info.kind == "sequence" and (width, height) != (info.width, info.height):
            raise InputError(
                f"{path} is {width} x {height}, but the sequence began with {info.width} x {info.height}; the pictures "
                f"of one take must have one size"
            )
        yield NativeFrame(index, index, 1, picture)


def _film_frames(info: FilmInfo) -> Generator[NativeFrame, None, None]:
    """Decode a film; a stamp that is missing, or does not grow, becomes the previous one plus its duration."""
    index, pts, duration = 0, 0, 0
    usual = max(1, round(1 / (info.frame_rate * info.time_base)))
    with open_film(info.path) as container:
        stream = picture_stream(container, info.path)
        for frame in _decoded(container, stream, info):
            follows = pts + (duration or usual) if index else 0
            pts = frame.pts if frame.pts is not None and (index == 0 or frame.pts > pts) else follows
            duration = max(0, frame.duration or 0)
            yield NativeFrame(index, pts, duration, frame)
            index += 1
        end = (pts + (duration or usual)) * info.time_base
        _require_whole(index, end, promised_end(container, stream), info)


def _decoded(container: InputContainer, stream: VideoStream, info: FilmInfo) -> Generator[VideoFrame, None, None]:
    """Decode packet by packet; a frame that the decoder calls damaged is an error."""
    count = 0
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets, None)
            frames = packet.decode() if packet is not None else []
        except (av.error.FFmpegError, OSError, MemoryError) as error:
            reason = getattr(error, "strerror", None) or "it cannot be decoded further"
            raise _damaged(info, count, reason) from error
        if packet is None:
            return
        for frame in frames:
            if frame.is_corrupt:
                raise _damaged(info, count, "the decoder reports damaged picture data")
            if (frame.width, frame.height) != (info.width, info.height):
                raise InputError(
                    f"{info.path} changes its size at frame {count}, from {info.width} x {info.height} to "
                    f"{frame.width} x {frame.height}; split it there into two films"
                )
            yield frame
            count += 1


def _damaged(info: FilmInfo, count: int, reason: str) -> InputError:
    of_total = f" of about {info.num_frames}" if info.num_frames else ""
    return InputError(
        f"{info.path} is damaged after {count}{of_total} frames ({duration_text(count / info.frame_rate)}): {reason}; "
        f"export it again from its source"
    )


def _require_whole(count: int, end: Fraction, promised: Fraction | None, info: FilmInfo) -> None:
    """Refuse a film that ends more than three frames and a fifth of a second before its header says."""
    if promised is None or promised - end <= max(3 / info.frame_rate, Fraction(1, 5)):
        return
    total = count + round((promised - end) * info.frame_rate)
    raise InputError(
        f"{info.path} is cut off: {count} of about {total} frames could be read, up to {duration_text(end)} of "
        f"{duration_text(promised)}; copy it again, or cut it to the part that plays"
    )
