"""Find the frames that a film shows during a span of its timecode.

Timecode counts at the film's frame rate. If frames are evenly spaced it names each of them; if not (a phone's
recording, a screen capture) it names moments, and a moment's frame is the one shown then.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, suppress
from fractions import Fraction
from pathlib import Path
from typing import Final

import av

from relook.errors import InputError
from relook.film.container.ledger import usual_step
from relook.film.container.opening import open_film, picture_stream
from relook.film.frames import FilmInfo, Mending
from relook.film.reader import NO_MENDING, FilmReader
from relook.timing import FrameRange, duration_text

_HALF: Final = Fraction(1, 2)


def frames_shown(path: Path, counts: FrameRange, mending: Mending = NO_MENDING) -> FrameRange:
    """Return the numbers of the frames that a film shows from one count of its timecode up to another.

    Args:
        counts: frames at the film's rate after its first one, half-open. For pictures, and for a film whose frames are
            evenly spaced, these are the frames themselves.

    Raises:
        InputError: the film cannot be read that far, or ends earlier.
    """
    with FilmReader(path, mending) as reader:
        info = reader.info
        if info.kind != "film" or _packets_lie_evenly(info):
            return counts
        stamps = _stamps_up_to(counts, reader)
    return counts if lie_evenly(stamps, info) else shown_between(stamps, counts, info)


def _stamps_up_to(counts: FrameRange, reader: FilmReader) -> Sequence[int]:
    """Read the stamps of a film's frames until they are past a range of counts.

    Raises:
        InputError: the film cannot be read that far, or ends earlier.
    """
    stamps, last = array("q"), 0
    with closing(reader.native_frames()) as natives:
        for native in natives:
            stamps.append(native.pts)
            last = native.duration or usual_step(reader.info)
            if native.index + native.drift > counts.stop + 1:
                return stamps
    _require_length(stamps[-1] + last - stamps[0], counts, reader.info)
    return stamps


def shown_between(stamps: Sequence[int], counts: FrameRange, info: FilmInfo) -> FrameRange:
    """Choose frames by increasing stamps, in units of the film's time base: the last frame not after a count is shown at it.

    A stamp at most one unit from a count lies on it, since stamps are rounded to whole units.
    """
    unit = min(info.time_base * info.frame_rate, _HALF)
    places = [round(place) if abs(place - round(place)) <= unit else place for place in _places(stamps, info)]
    start = max(0, sum(place <= counts.start for place in places) - 1)
    stop = sum(place < counts.stop for place in places) if len(counts) else start
    return FrameRange(start, stop)


def lie_evenly(stamps: Sequence[int], info: FilmInfo) -> bool:
    """Say whether every frame lies less than half a frame from where its number and the film's rate put it."""
    return all(abs(place - number) < _HALF for number, place in enumerate(_places(stamps, info)))


def _places(stamps: Iterable[int], info: FilmInfo) -> Iterator[Fraction]:
    """Yield the exact time of each stamp after the first one, in frames at the film's rate."""
    first = None
    for stamp in stamps:
        first = stamp if first is None else first
        yield (stamp - first) * info.time_base * info.frame_rate


def _packets_lie_evenly(info: FilmInfo) -> bool:
    """Say whether every packet has a stamp and they are evenly spaced, so that there is no need to decode them."""
    stamps = array("q")
    with open_film(info.path) as container, suppress(av.error.FFmpegError, OSError):
        packets = container.demux(picture_stream(container, info.path))
        for stamp in (packet.pts for packet in packets if packet.size and not packet.is_discard):
            if stamp is None:
                return False
            stamps.append(stamp)
        return lie_evenly(sorted(stamps), info)
    return False


def _require_length(length: int, counts: FrameRange, info: FilmInfo) -> None:
    ends = length * info.time_base
    if counts.stop / info.frame_rate > ends + _HALF / info.frame_rate:
        start, stop = (duration_text(count / info.frame_rate) for count in (counts.start, counts.stop))
        raise InputError(
            f"{info.path} lasts {duration_text(ends)}, but {start} to {stop} after its beginning were asked for; "
            f"end the range earlier"
        )
