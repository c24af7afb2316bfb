"""Tell interlaced and telecined films from progressive ones by their pictures, and turn fields into whole frames.

An interlaced frame holds two moments, one in its even and one in its odd rows, so that what moves has combed edges.
Flags are not believed: many progressive films carry them, and many interlaced ones do not. Instead each frame is
compared with what comes of its rows and those of its neighbour: in a progressive film that mixture is combed much more
than the frame, in an interlaced one as much or less. Fine stripes and noise comb all mixtures alike and do not count.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Literal

import av
import numpy as np
from av import VideoFrame
from av.container import InputContainer
from av.filter import Graph
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream
from numpy.typing import NDArray

from relook.errors import InputError
from relook.film.container.ledger import Taken
from relook.film.container.opening import open_film, picture_stream
from relook.film.sequence import is_pictures

Scan = Literal["progressive", "interlaced", "telecined"]

_PLACES: Final = 5
_PLACES_WHERE_FLAGGED: Final = 15
_FRAMES_A_PLACE: Final = 12
_STRIP_WIDTH: Final = 640
"""Columns in the middle of the frame that are looked at: combs of a 4K frame need no more."""

_LEAST_STEP: Final = 12
"""Least difference of neighbouring rows that counts, in 8-bit levels."""
_FEW_COMBS: Final = 20
_LEAST_SHARE: Final = 0.2
"""How many combed frames for each clean one make a film interlaced; a moving pattern may look combed now and then."""


@dataclass(frozen=True)
class Fields:
    """What the pictures of a film say of its fields."""

    scan: Scan
    is_top_first: bool | None
    """Which field is the earlier one; None for progressive films, and where it could not be seen."""


@dataclass(frozen=True)
class Combs:
    """Combed pixels of a frame and of its mixtures with the next one, where something moves."""

    own: int
    top_next: int
    """Even rows of the next frame, odd rows of this one."""
    top_own: int
    """Even rows of this frame, odd rows of the next one."""

    @property
    def is_combed(self) -> bool:
        """True where the frame holds two moments: the nearer mixture is combed no more than the frame itself.

        Measured in 9 films and their interlaced versions: own over the nearer mixture 0 to .26 and .76 to 1.2 (and
        over 2 in telecined frames); the farther over the nearer mixture 1.5 to 30 where interlaced, 1 in noise.
        """
        nearer, farther = sorted((self.top_next, self.top_own))
        return self.own >= _FEW_COMBS and self.own > 0.6 * nearer and farther > max(1.4 * nearer, 0.5 * self.own)

    @property
    def is_clean(self) -> bool:
        """True where the frame holds one moment, and something moves."""
        nearer = min(self.top_next, self.top_own)
        return nearer >= 2 * _FEW_COMBS and self.own < 0.4 * nearer


def require_progressive(path: Path) -> None:
    """Refuse a film that shows combs.

    Raises:
        InputError: it is interlaced or telecined.
    """
    scan = look_at_fields(path).scan
    if scan == "telecined":
        raise InputError(_telecined(path))
    if scan == "interlaced":
        raise InputError(
            f"{path} is interlaced: its frames hold two moments each, and what moves has combed edges; apply with "
            f"--deinterlace, or deinterlace it before (bwdif in FFmpeg, QTGMC in AviSynth)"
        )


def require_fields(path: Path) -> Fields:
    """Look at a film that is to be deinterlaced.

    Raises:
        InputError: it is telecined, and would lose its cadence.
    """
    fields = look_at_fields(path)
    if fields.scan == "telecined":
        raise InputError(_telecined(path))
    return fields


def _telecined(path: Path) -> str:
    return (
        f"{path} is telecined: two of every five frames are mixed of two film frames (3:2 pulldown), and deinterlacing would "
        f"leave one of five doubled; take the film frames out of it first by inverse telecine, for example ffmpeg -i "
        f"{path.name} -vf fieldmatch,decimate -c:v ffv1 -c:a copy NEW.mkv, which makes 23.976 frames a second of 29.97"
    )


def look_at_fields(path: Path) -> Fields:
    """Look at some frames spread over a film; pictures are always progressive."""
    if is_pictures(path):
        return Fields("progressive", None)
    return judge_fields(_combs_of_places(path))


def judge_fields(places: Iterable[list[Combs]]) -> Fields:
    """Judge by the combs of runs of consecutive frames, one run a place."""
    runs = list(places)
    combs = [found for run in runs for found in run]
    combed = [found for found in combs if found.is_combed]
    num_clean = sum(found.is_clean for found in combs)
    if len(combed) < 3 or len(combed) < _LEAST_SHARE * num_clean:
        return Fields("progressive", None)
    top_next, top_own = (sum(getattr(found, name) for found in combed) for name in ("top_next", "top_own"))
    is_telecined = any(_has_pulldown(run) for run in runs)
    return Fields("telecined" if is_telecined else "interlaced", top_next < top_own)


def _has_pulldown(run: list[Combs]) -> bool:
    """Say whether two neighbours of every five frames are combed and the other three clean, twice or more."""
    fits = [
        all(not found.is_clean if (index + phase) % 5 < 2 else not found.is_combed for index, found in enumerate(run))
        for phase in range(5)
    ]
    num_combed, num_clean = sum(found.is_combed for found in run), sum(found.is_clean for found in run)
    return any(fits) and num_combed >= 3 and num_clean >= 4


def _combs_of_places(path: Path) -> Iterator[list[Combs]]:
    """Measure runs of frames at places spread over the film; what cannot be decoded is left to the reader."""
    with open_film(path) as container:
        stream = picture_stream(container, path)
        start, length = stream.start_time or 0, stream.duration or _length(container, stream)
        frames = _some_frames(container, stream, 2 * _FRAMES_A_PLACE)
        yield list(_combs(frames[:_FRAMES_A_PLACE]))
        yield list(_combs(frames[_FRAMES_A_PLACE:]))
        is_flagged = bool(frames and frames[0].interlaced_frame)
        places = _PLACES_WHERE_FLAGGED if is_flagged else _PLACES
        seen = {frame.pts for frame in frames}
        for place in range(1, places) if length else ():
            try:
                container.seek(start + length * place // places, stream=stream)
            except (av.error.FFmpegError, OSError):
                return
            fresh = [frame for frame in _some_frames(container, stream, _FRAMES_A_PLACE) if frame.pts not in seen]
            seen |= {frame.pts for frame in fresh}
            yield list(_combs(fresh))


def _length(container: InputContainer, stream: VideoStream) -> int:
    """Give a film's length in the stream's time base; 0 where it is not known."""
    return round(container.duration / av.time_base / stream.time_base) if container.duration and stream.time_base else 0


def _some_frames(container: InputContainer, stream: VideoStream, count: int) -> list[VideoFrame]:
    found: list[VideoFrame] = []
    with suppress(av.error.FFmpegError, OSError, IndexError):
        for packet in container.demux(stream):
            found += packet.decode()
            if len(found) >= count:
                break
    return found[:count]


def _combs(frames: list[VideoFrame]) -> Iterator[Combs]:
    scaler, before = VideoReformatter(), None
    for frame in frames:
        grey = _strip(frame, scaler)
        if before is not None and before.shape == grey.shape and grey.shape[0] >= 8:
            yield measure_combs(before, grey)
        before = grey


def _strip(frame: VideoFrame, scaler: VideoReformatter) -> NDArray[np.int16]:
    grey = scaler.reformat(frame, format="gray").to_ndarray()
    left = max(0, (frame.width - _STRIP_WIDTH) // 2)
    return grey[:, left : left + _STRIP_WIDTH].astype(np.int16)


def measure_combs(frame: NDArray[np.int16], following: NDArray[np.int16]) -> Combs:
    """Count the combed pixels of a frame `[h w]`, 8-bit levels, and of its two mixtures with the next one."""
    changed = np.abs(frame - following) > _LEAST_STEP
    moving = changed[1:-1] | changed[:-2] | changed[2:]
    pairs = ((frame, frame), (following, frame), (frame, following))
    return Combs(*(int((_combed(even, odd) & moving).sum()) for even, odd in pairs))


def _combed(even: NDArray[np.int16], odd: NDArray[np.int16]) -> NDArray[Any]:
    """Mark `[h-2 w]` where three rows running stand out against both their neighbours, with these even and odd rows."""
    woven = even.copy()
    woven[1::2] = odd[1::2]
    above, below = woven[1:-1] - woven[:-2], woven[1:-1] - woven[2:]
    stands_out = np.sign(above) * np.minimum(np.abs(above), np.abs(below)) * np.sign(below) > _LEAST_STEP
    single = stands_out & (np.abs(woven[:-2] - woven[2:]) < np.minimum(np.abs(above), np.abs(below)))
    running = np.zeros_like(single)
    running[1:-1] = single[:-2] & single[1:-1] & single[2:]
    return running


def deinterlaced(frames: Iterable[Taken], fields: Fields) -> Generator[Taken, None, None]:
    """Make one whole frame of each frame's earlier field with its neighbours' help (bwdif), under the same stamp."""
    waiting: deque[Taken] = deque()
    graph: Graph | None = None
    for count, taken in enumerate(frames):
        if graph is None:
            graph = _bwdif(taken.picture, fields)
        waiting.append(taken)
        taken.picture.pts = count
        graph.push(taken.picture)
        yield from _ready(graph, waiting)
    if graph is not None:
        graph.push(None)
        yield from _ready(graph, waiting)


def _bwdif(frame: VideoFrame, fields: Fields) -> Graph:
    """Build the filter; where the order of the fields could not be seen, the frames' flags say it."""
    parity = {True: "tff", False: "bff", None: "auto"}[fields.is_top_first]
    graph = Graph()
    source = graph.add_buffer(width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base)
    filtered = graph.add("bwdif", mode="send_frame", parity=parity, deint="all")
    graph.link_nodes(source, filtered, graph.add("buffersink")).configure()
    return graph


def _ready(graph: Graph, waiting: deque[Taken]) -> Iterator[Taken]:
    with suppress(av.error.BlockingIOError, av.error.EOFError):
        while waiting:
            picture = graph.vpull()
            yield replace(waiting.popleft(), picture=picture)
