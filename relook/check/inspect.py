"""Check a film: one pass over it, and over its source in step, and a verdict on every shot."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import islice, zip_longest
from math import isfinite
from pathlib import Path

import numpy as np

from relook import faults
from relook.check.judge import Judge
from relook.check.limits import LIMITS
from relook.check.shot import ShotWatch
from relook.check.verdict import JudgedShot, judge_shot
from relook.errors import UsageError
from relook.film.frames import FilmInfo, Frame, Shot
from relook.film.pictures.spaces import ColourSpace
from relook.film.reader import FilmReader
from relook.film.shots import find_shots
from relook.look import Look
from relook.progress import OnProgress, Progress, ignore
from relook.report import FilmCard, FilmVerdict, LookCard, Reason, Report, ShotVerdict, Timeline
from relook.timing import FrameRange, advance_timecode

TIMELINE_POINTS = 2000
POINTS = ("check.frame",)
"""Where a test may take the memory from the check."""

Step = tuple[Frame | None, Frame | None]
"""A frame of the film and the one of its source; None where that has ended."""


@dataclass(frozen=True)
class _Watched:
    """A judged shot with the brightness of its frames."""

    judged: JudgedShot
    luma: tuple[float, ...]
    source_luma: tuple[float, ...]


def check_film(
    film: Path,
    look: Look,
    *,
    source: Path | None = None,
    space: ColourSpace | None = None,
    source_space: ColourSpace | None = None,
    part: FrameRange | None = None,
    on_progress: OnProgress = ignore,
) -> Report:
    """Judge every shot of a film against a look, and against its source where that is given.

    Args:
        film: the rendered film.
        source: the film before the look. Shots are found in it, since a look's flicker and dust may hide or feign cuts.
        space, source_space: what the film and its source are in, where that was said.
        part: which frames of the source the film shows; all by default.
    Raises:
        InputError: a film cannot be read, or the look carries no judge.
        UsageError: film and source are not of one size, or the source does not have that part.
    """
    judge = Judge.from_tensors(look.judge)
    with ExitStack() as open_films:
        reader = open_films.enter_context(FilmReader(film, space=space))
        given = open_films.enter_context(FilmReader(source, space=source_space)) if source is not None else None
        if given is not None:
            _check_sizes(reader.info, given.info)
        seen = space if source is None else source_space
        shots = _within(find_shots(source or film, space=seen, on_progress=on_progress), part, source or film)
        steps = _Counted(
            zip_longest(reader.frames(), given.frames(part)) if given else ((own, None) for own in reader.frames())
        )
        watched = []
        for shot in shots:
            watched.append(_watch(shot, steps, judge, look, info=reader.info))
            on_progress(Progress("checking", shot.frames.stop, shots[-1].frames.stop))
        steps.drain()
    verdicts = _with_counts([each.judged.verdict for each in watched], steps.num_film, shots[-1].frames.stop)
    return Report(
        film=_film_card(reader.info, steps.num_film, source),
        look=LookCard(look.name, look.sha256),
        verdict=_film_verdict(verdicts),
        shots=verdicts,
        standing=judge.standing,
        measures=_film_measures(verdicts),
        limits={name: (limit.review, limit.fail if isfinite(limit.fail) else None) for name, limit in LIMITS.items()},
        timeline=_timeline(watched),
    )


def _within(shots: tuple[Shot, ...], part: FrameRange | None, film: Path) -> tuple[Shot, ...]:
    """Return the shots of a part of a film, as of a film of its own."""
    if part is None:
        return shots
    if not part or part.stop > shots[-1].frames.stop:
        raise UsageError(
            f"{film} has {shots[-1].frames.stop} frames and lacks frames {part.start} to {part.stop - 1}, which "
            f"the film shows according to its receipt; give the source that it was rendered from"
        )
    inside = [shot for shot in shots if shot.frames.start < part.stop and part.start < shot.frames.stop]
    return tuple(
        replace(shot, index=index, frames=FrameRange(max(shot.frames.start - part.start, 0), stop - part.start))
        for index, shot in enumerate(inside)
        for stop in (min(shot.frames.stop, part.stop),)
    )


class _Counted:
    """Steps that are counted as they go by."""

    def __init__(self, steps: Iterable[Step]) -> None:
        self._steps = iter(steps)
        self.num_film = 0

    def take(self, count: int) -> Iterator[Step]:
        """Yield up to `count` steps."""
        for step in islice(self._steps, count):
            faults.point("check.frame")
            self.num_film += step[0] is not None
            yield step

    def drain(self) -> None:
        """Count what is left."""
        for own, _ in self._steps:
            self.num_film += own is not None


def _watch(shot: Shot, steps: _Counted, judge: Judge, look: Look, *, info: FilmInfo) -> _Watched:
    """Take a shot's frames from the steps and judge it."""
    watch = ShotWatch(shot.frames, info.height, judge, look)
    for index, (own, given) in enumerate(steps.take(len(shot.frames)), start=shot.frames.start):
        if own is not None:
            watch.see(index, own.pixels, given.pixels if given is not None else None)
    timecode = advance_timecode(info.timecode or "00:00:00:00", shot.frames.start, info.frame_rate)
    seen = watch.gathered
    judged = judge_shot(seen, judge, index=shot.index, frames=shot.frames, start_timecode=timecode)
    return _Watched(judged, *(tuple(round(f.brightness, 4) for f in side) for side in (seen.film, seen.source)))


def _check_sizes(film: FilmInfo, source: FilmInfo) -> None:
    if (film.width, film.height) != (source.width, source.height):
        raise UsageError(
            f"{film.path.name} is {film.width}x{film.height} and {source.path.name} is {source.width}x{source.height}; "
            "give the source that the film was rendered from, or none"
        )


def _with_counts(verdicts: list[ShotVerdict], num_film: int, num_source: int) -> tuple[ShotVerdict, ...]:
    """Fail the shots that lost frames, or the last one where there are too many."""
    if num_film == num_source:
        return tuple(verdicts)
    text = f"the film has {num_film} frames and its source {num_source}"
    reason = Reason("frame_count", text)
    hit = [shot.frames.stop > num_film or (num_film > num_source and shot is verdicts[-1]) for shot in verdicts]
    return tuple(
        replace(shot, verdict="fail", reasons=(reason, *shot.reasons)) if is_hit else shot
        for shot, is_hit in zip(verdicts, hit, strict=True)
    )


def _film_verdict(shots: tuple[ShotVerdict, ...]) -> FilmVerdict:
    if any(shot.verdict == "fail" for shot in shots):
        return "fail"
    return "pass" if any(shot.verdict in ("pass", "review") for shot in shots) else "unjudged"


def _film_measures(shots: tuple[ShotVerdict, ...]) -> dict[str, float]:
    """Average the shots' measures, each shot as long as it is."""
    names = {name for shot in shots for name in shot.measures}
    averages = {}
    for name in sorted(names):
        rows = [(shot.measures[name], len(shot.frames)) for shot in shots if name in shot.measures]
        averages[name] = round(sum(value * weight for value, weight in rows) / sum(weight for _, weight in rows), 4)
    counts = {f"num_{verdict}": float(sum(shot.verdict == verdict for shot in shots)) for verdict in _VERDICTS}
    return averages | counts


_VERDICTS = ("pass", "review", "fail", "unjudged")


def _film_card(info: FilmInfo, num_frames: int, source: Path | None) -> FilmCard:
    name = source.name if source is not None else None
    return FilmCard(info.path.name, info.width, info.height, str(info.frame_rate), num_frames, name)


def _timeline(watched: list[_Watched]) -> Timeline:
    """Lay the curves out over the film, thinned to what a page can draw."""
    total = watched[-1].judged.verdict.frames.stop
    step = -(-total // TIMELINE_POINTS)
    near: dict[int, float] = {}
    luma, source, changes = (np.full(total, np.nan) for _ in range(3))
    for each in watched:
        start = each.judged.verdict.frames.start
        luma[start : start + len(each.luma)] = each.luma
        source[start : start + len(each.source_luma)] = each.source_luma
        changes[start + 1 : start + 1 + len(each.judged.changes)] = each.judged.changes
        near |= {frame // step * step: distance for frame, distance in each.judged.pair_distances.items()}
    frames = range(0, total, step)
    return Timeline(
        frames=tuple(frames),
        luma=_thinned(luma, step, np.nanmean),
        source_luma=_thinned(source, step, np.nanmean),
        flicker=_thinned(np.abs(changes), step, np.nanmax),
        style_distance=tuple(near.get(frame) for frame in frames),
    )


def _thinned(
    values: np.ndarray[tuple[int], np.dtype[np.float64]], step: int, how: Callable[..., np.float64]
) -> tuple[float | None, ...]:
    """Sum up every `step` values by one; None where nothing was measured."""
    groups = (values[start : start + step] for start in range(0, values.size, step))
    return tuple(None if np.isnan(group).all() else round(float(how(group)), 5) for group in groups)
