"""Choose which usable frames are stored, so that a corpus stays small however long the films are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from relook.prepare.usable import Runs, UsableShot, slice_runs

MAX_RUNS = 4
RUN_FRAMES = 24
FRAMES_PER_SHOT = (96, 72, 48, 32, 24, 16, 12, 8, 6, 4, 2)
"""How many frames of a shot are stored at most: the first number with which the side fits its limit."""
MIN_RUN_FRAMES = 8
"""Runs become fewer before they become shorter than this."""

Sized = tuple[UsableShot, int]
"""A shot and the bytes that one of its frames takes."""


def choose_frames(shots: Sequence[UsableShot], frame_bytes: Sequence[int], max_bytes: int) -> list[UsableShot]:
    """Thin out the frames of a side's shots until they fit; where two frames of each do not, leave shots out evenly.

    Args:
        frame_bytes: what one frame of each shot takes.

    Returns:
        The shots with the runs to store; at least one for training and one held out.
    """
    for limit in FRAMES_PER_SHOT:
        sized = [
            (replace(shot, runs=_thin(shot.runs, limit)), size) for shot, size in zip(shots, frame_bytes, strict=True)
        ]
        if _total_bytes(sized) <= max_bytes:
            break
    training = [entry for entry in sized if not entry[0].held_out]
    held_out = [entry for entry in sized if entry[0].held_out]
    while _total_bytes(sized) > max_bytes and len(training) + len(held_out) > 2:
        training, held_out = _fewer(training), _fewer(held_out)
        sized = [*training, *held_out]
    return [shot for shot, _ in sized]


def _thin(runs: Runs, limit: int) -> Runs:
    """Keep at most `limit` frames: up to four runs spread over the shot, each the middle of the longest one there."""
    total = sum(map(len, runs))
    if total <= limit:
        return runs
    num_runs = min(MAX_RUNS, max(1, limit // MIN_RUN_FRAMES))
    length = min(RUN_FRAMES, limit // num_runs)
    kept: list[tuple[int, ...]] = []
    for part in range(num_runs):
        pieces = slice_runs(runs, part * total // num_runs, (part + 1) * total // num_runs)
        longest = max(pieces, key=len)
        start = max(0, (len(longest) - length) // 2)
        kept.append(longest[start : start + length])
    return tuple(kept)


def _total_bytes(sized: Sequence[Sized]) -> int:
    return sum(shot.num_frames * size for shot, size in sized)


def _fewer(sized: Sequence[Sized]) -> list[Sized]:
    """Leave out one shot in ten, spread evenly; never the last."""
    count = max(1, len(sized) - max(1, len(sized) // 10))
    return [sized[(2 * k + 1) * len(sized) // (2 * count)] for k in range(count)]
