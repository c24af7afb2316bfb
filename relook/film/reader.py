"""Read films and pictures as a stream of frames: exact stamps, 8 to 16 bit and float, decoded ahead, in constant memory.

Nothing is dropped silently: a damaged or missing frame, a film that ends before its header says, or a picture of
another size stops the reading with an error that names the frame, unless the reader is asked to keep damage.
"""

from __future__ import annotations

import sys
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Final, Self
from weakref import WeakSet

from av import VideoFrame

from relook.errors import InputError
from relook.film.container.decoding import Strict, stamps_before_first
from relook.film.container.film_pass import FilmPass
from relook.film.container.keeping import Keeper
from relook.film.container.ledger import as_decoded, usual_step
from relook.film.container.opening import film_info, open_film, picture_stream
from relook.film.container.rehearsal import require_opens
from relook.film.fields import Fields, deinterlaced, require_fields
from relook.film.frames import Fault, FilmInfo, Frame, Mending
from relook.film.overlap import ahead
from relook.film.pictures.alike import require_alike
from relook.film.pictures.picture import Picture
from relook.film.pictures.picture_file import read_picture
from relook.film.pictures.spaces import ColourSpace
from relook.film.sequence import find_pictures, is_pictures
from relook.film.values import ToValues
from relook.timing import FrameRange

_QUEUED_FRAMES: Final = 2
_PICTURE_RATE: Final = Fraction(24)

NO_MENDING: Final = Mending()
TO_END: Final = sys.maxsize
"""The stop of a range that goes up to the film's last frame, whatever its number."""


@dataclass(frozen=True)
class NativeFrame:
    """One decoded frame, not yet turned into RGB."""

    index: int
    pts: int
    duration: int
    picture: VideoFrame | Picture
    fault: Fault = ""
    drift: int = 0
    """As `Frame.drift`."""


def probe(path: Path) -> FilmInfo:
    """Find out what a path holds without decoding it: a film, a sequence of pictures, or stills.

    Raises:
        InputError: there is nothing readable, or it has no pictures.
    """
    if is_pictures(path):
        return _pictures_info(path)
    require_opens(path)
    with open_film(path) as container:
        return film_info(container, picture_stream(container, path), path)


class FilmReader:
    """Decodes a film, a sequence or stills; every pass starts at the first frame.

    Use it as a context manager: leaving it stops the passes still running.
    """

    def __init__(self, path: Path, mending: Mending = NO_MENDING, space: ColourSpace | None = None) -> None:
        """Probe the film; its values are in `space`, or by default in what it says itself.

        Raises:
            InputError: as `probe`, or a film to be deinterlaced is telecined.
        """
        self.info = replace(probe(path), space=space)
        self._mending = mending
        fields = require_fields(path) if mending.deinterlaces and self.info.kind == "film" else None
        self._fields = None if fields is None or fields.scan == "progressive" else fields
        self._passes: WeakSet[Generator[Frame, None, None]] = WeakSet()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def deinterlaces(self) -> bool:
        """True if the film is to be deinterlaced and shows combing; a progressive one is read as it is."""
        return self._fields is not None

    def close(self) -> None:
        """Stop every running pass."""
        for going in list(self._passes):
            going.close()
        self._passes.clear()

    def frames(self, wanted: FrameRange | None = None) -> Iterator[Frame]:
        """Yield the frames in order, or those of a range, as float RGB along with the decoder's own frames."""
        return self._start(_with_pixels(self.native_frames(wanted), self.info))

    def frames_of(self, ranges: Sequence[FrameRange]) -> Iterator[Frame]:
        """Yield the frames of one or more ranges, as `frames` does, in one pass over the film."""
        whole = FrameRange(min(part.start for part in ranges), max(part.stop for part in ranges))
        natives = self.native_frames(whole)
        return self._start(_with_pixels((n for n in natives if any(n.index in part for part in ranges)), self.info))

    def native_frames(self, wanted: FrameRange | None = None) -> Generator[NativeFrame, None, None]:
        """Yield the frames as the decoder made them, in the caller's own thread: for cheap passes."""
        if self.info.kind == "film":
            return _within(_lasting(_film_frames(self.info, self._mending, self._fields)), wanted, self.info)
        return _within(_pictures(self.info), wanted, self.info)

    def _start(self, frames: Generator[Frame, None, None]) -> Iterator[Frame]:
        going = ahead(frames, depth=_QUEUED_FRAMES)
        self._passes.add(going)
        return going


def _pictures_info(path: Path) -> FilmInfo:
    kind, pictures = find_pictures(path)
    if kind == "sequence":
        require_alike(path, pictures)
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
    to_values = ToValues(info)
    with closing(natives):
        for native in natives:
            pixels, beyond = to_values(native.picture, native.index)
            yield Frame(
                native.index, native.pts, native.duration, pixels, native.picture, native.fault, beyond, native.drift
            )


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
        raise InputError(f"{info.path} holds no frame that can be decoded whole; it is damaged or empty")
    if wanted is not None and count < wanted.stop < TO_END:
        raise InputError(
            f"{info.path} has {count} frames, but frames {wanted.start} to {wanted.stop - 1} were asked for; "
            f"frames count from 0"
        )


def _lasting(natives: Generator[NativeFrame, None, None]) -> Generator[NativeFrame, None, None]:
    """Let every frame last until the next one, because containers store durations in the order of decoding."""
    before = None
    with closing(natives):
        for native in natives:
            if before is not None:
                yield replace(before, duration=native.pts - before.pts)
            before = native
        if before is not None:
            yield before


def _pictures(info: FilmInfo) -> Generator[NativeFrame, None, None]:
    for index, path in enumerate(info.pictures):
        picture = replace(read_picture(path), space=info.space)
        height, width = picture.codes.shape[:2]
        if info.kind == "sequence" and (width, height) != (info.width, info.height):
            raise InputError(
                f"{path} is {width} x {height}, but the sequence began with {info.width} x {info.height}; the pictures "
                f"of one take must have one size"
            )
        yield NativeFrame(index, index, 1, picture)


def _film_frames(info: FilmInfo, mending: Mending, fields: Fields | None) -> Generator[NativeFrame, None, None]:
    """Decode a film; a stamp that is missing, or does not grow, becomes the previous one plus its duration.

    Missing stamps at a film's beginning are counted back from the first existing one, or forward from 0.
    """
    index, duration, pts = 0, 0, 0
    usual, beginning = usual_step(info), 0
    keeper = Keeper(info) if mending.keeps_damage else None
    strict = Strict(info)
    # in threads, FFmpeg reports errors late, or not at all
    with FilmPass(info, keeper or strict, in_threads=keeper is None) as film:
        container = film.opened.container
        early = stamps_before_first(film.opened.num_early, film.opened.first_stamp, info)
        frames = as_decoded(film.frames(), container) if keeper is None else keeper.filled(film.frames())
        for taken in frames if fields is None else deinterlaced(frames, fields):
            if index < len(early):
                pts, duration = early[index], usual
            else:
                follows = pts + (duration or usual) if index else 0
                pts = taken.pts if taken.pts is not None and (index == 0 or taken.pts > pts) else follows
                duration = taken.duration
            beginning = pts if index == 0 else beginning
            drift = round((pts - beginning) * info.time_base * info.frame_rate) - index
            yield NativeFrame(index, pts, duration, taken.picture, taken.fault, drift)
            index += 1
        if keeper is None:
            strict.finish(container, film.ended, end=(pts + (duration or usual)) * info.time_base)
