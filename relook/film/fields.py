"""Distinguish interlaced and telecined films from progressive ones by their pictures; make whole frames of fields.

An interlaced frame holds two moments, one in its even and one in its odd rows, so that what moves has combed edges.
Flags are not trusted: many progressive films carry them, and many interlaced ones do not. Instead each frame is
compared with mixtures of its rows and its neighbour's: in a progressive film such a mixture is combed much more
than the frame, in an interlaced one as much or less. Fine stripes and noise comb all mixtures alike and do not count.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal

import av
from av import VideoFrame
from av.filter import Graph

from relook.errors import InputError
from relook.film.combs import Combs
from relook.film.container.ledger import Taken
from relook.film.container.rehearsal import combs_apart
from relook.film.sequence import is_pictures

Scan = Literal["progressive", "interlaced", "telecined"]

_LEAST_SHARE: Final = 0.2
"""Combed frames per clean one from which a film counts as interlaced; a moving pattern may look combed now and then."""


@dataclass(frozen=True)
class Fields:
    """What a film's pictures reveal about its fields."""

    scan: Scan
    is_top_first: bool | None
    """True if the top field is the earlier one; None for progressive films, and if it could not be seen."""


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
            f"{path} is interlaced: each frame holds two moments, and whatever moves has combed edges; apply with "
            f"--deinterlace, or deinterlace it first (bwdif in FFmpeg, QTGMC in AviSynth)"
        )


def require_fields(path: Path) -> Fields:
    """Examine a film that is to be deinterlaced.

    Raises:
        InputError: it is telecined, and would lose its cadence.
    """
    fields = look_at_fields(path)
    if fields.scan == "telecined":
        raise InputError(_telecined(path))
    return fields


def _telecined(path: Path) -> str:
    return (
        f"{path} is telecined: two of every five frames mix two film frames (3:2 pulldown), and deinterlacing would leave one "
        f"in five doubled; recover the film frames first by inverse telecine, for example ffmpeg -i {path.name} -vf "
        f"fieldmatch,decimate -c:v ffv1 -c:a copy NEW.mkv, which turns 29.97 frames a second into 23.976"
    )


def look_at_fields(path: Path) -> Fields:
    """Examine some frames spread over a film; pictures are always progressive."""
    if is_pictures(path):
        return Fields("progressive", None)
    return judge_fields(combs_apart(path))


def judge_fields(places: Iterable[list[Combs]]) -> Fields:
    """Judge by the combs in runs of consecutive frames, one run per place."""
    runs = list(places)
    combs = [found for run in runs for found in run]
    combed = [found for found in combs if found.is_combed]
    num_clean = sum(found.is_clean for found in combs)
    if len(combed) < 3 or len(combed) < _LEAST_SHARE * num_clean:
        return Fields("progressive", None)
    top_next, top_own = (sum(getattr(found, name) for found in combed) for name in ("top_next", "top_own"))
    is_telecined = any(_has_pulldown(run) for run in runs) or _have_pulldown([run for run in runs if _num_combed(run)])
    return Fields("telecined" if is_telecined else "interlaced", top_next < top_own)


def _has_pulldown(run: list[Combs]) -> bool:
    """Say whether, twice or more, two neighbours in five frames are combed and the other three clean."""
    return _fits_pulldown(run) and _num_combed(run) >= 3 and sum(found.is_clean for found in run) >= 4


def _have_pulldown(combed: list[list[Combs]]) -> bool:
    """Say so of all runs with combs together: in animation that holds each picture for two frames, each run shows too few."""
    num_clean = sum(found.is_clean for run in combed for found in run)
    return len(combed) >= 2 and num_clean >= 4 and all(_num_combed(run) >= 2 and _fits_pulldown(run) for run in combed)


def _fits_pulldown(run: list[Combs]) -> bool:
    return any(
        all(not found.is_clean if (index + phase) % 5 < 2 else not found.is_combed for index, found in enumerate(run))
        for phase in range(5)
    )


def _num_combed(run: list[Combs]) -> int:
    return sum(found.is_combed for found in run)


def deinterlaced(frames: Iterable[Taken], fields: Fields) -> Generator[Taken, None, None]:
    """Make one whole frame from each frame's earlier field and its neighbours (bwdif), with the same stamp."""
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
    """Build the filter; if the order of the fields could not be seen, the frames' flags decide."""
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
