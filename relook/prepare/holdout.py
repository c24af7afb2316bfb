"""Set footage aside that training never sees, so that a look is judged on frames it could not have memorised."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from relook.prepare.usable import UsableShot, slice_runs

HELD_OUT_SHARE = 0.15
TAIL_SHARE = 0.2
FEW_SHOTS = 5
MIN_SPLIT_FRAMES = 12
"""A shorter shot is not split into a part for training and a tail."""


def set_aside(shots: Sequence[UsableShot]) -> list[UsableShot]:
    """Choose what is held out of one side's shots: always the same from the same shots, and always something.

    With many shots, whole ones, spread over the films, of middling length, about 15 % of the frames. With few shots, or
    many films of one shot each, the tail of every shot, so that training keeps something of each. Needs two frames.
    """
    per_film = Counter(shot.film for shot in shots)
    spare = [k for k, shot in enumerate(shots) if per_film[shot.film] >= 3]
    if len(shots) >= FEW_SHOTS and 2 * len(spare) >= len(shots):
        chosen = _spread_choice(shots, spare)
        return [replace(shot, held_out=k in chosen) for k, shot in enumerate(shots)]
    parts = [part for shot in shots for part in _split(shot, MIN_SPLIT_FRAMES)]
    if any(part.held_out for part in parts):
        return parts
    if len(shots) > 1:
        chosen = _spread_choice(shots, _beside_the_longest(shots) or range(len(shots)))
        return [replace(shot, held_out=k in chosen) for k, shot in enumerate(shots)]
    return _split(shots[0], 2)


def _beside_the_longest(shots: Sequence[UsableShot]) -> list[int]:
    """Return the shots of films that keep a longer one, or the first of equals, for training."""
    longest = {shot.film: max(other.num_frames for other in shots if other.film == shot.film) for shot in shots}
    kept: set[int] = set()
    spare = []
    for k, shot in enumerate(shots):
        if shot.num_frames == longest[shot.film] and shot.film not in kept:
            kept.add(shot.film)
        else:
            spare.append(k)
    return spare


def _spread_choice(shots: Sequence[UsableShot], candidates: Sequence[int]) -> set[int]:
    """Choose one candidate from each of evenly spread groups, as many groups as give the share wanted."""
    wanted = HELD_OUT_SHARE * sum(shot.num_frames for shot in shots)
    middling = sorted(shots[k].num_frames for k in candidates)[len(candidates) // 2]
    chosen: set[int] = set()
    for num_groups in range(max(1, round(HELD_OUT_SHARE * len(candidates))), max(len(candidates) // 2, 1) + 1):
        bounds = [group * len(candidates) // num_groups for group in range(num_groups + 1)]
        groups = [candidates[start:stop] for start, stop in pairwise(bounds)]
        chosen = {min(group, key=lambda k: abs(shots[k].num_frames - middling)) for group in groups}
        if sum(shots[k].num_frames for k in chosen) >= wanted:
            break
    return chosen


def _split(shot: UsableShot, min_frames: int) -> list[UsableShot]:
    """Split a shot into what training keeps and the held-out tail, with a gap between where there is room for one."""
    total = shot.num_frames
    if total < min_frames:
        return [shot]
    tail = max(1, round(TAIL_SHARE * total))
    gap = min(12, max(1, total // 20)) if total >= MIN_SPLIT_FRAMES else 0
    return [
        _part(shot, 0, total - tail - gap, held_out=False),
        _part(shot, total - tail, total, held_out=True),
    ]


def _part(shot: UsableShot, start: int, stop: int, *, held_out: bool) -> UsableShot:
    """Return the usable frames number `start` to `stop` of a shot."""
    share = (stop - start) / shot.num_frames
    return replace(shot, runs=slice_runs(shot.runs, start, stop), seconds=shot.seconds * share, held_out=held_out)
