"""The frames of a shot that are of use, as runs of frames that follow each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from relook.corpus import Reason
from relook.timing import FrameRange

MAX_HOLD = 4
"""Frames this far apart still follow each other where all between them repeat the first (drawings held on fours)."""

Runs = tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class UsableShot:
    """What is of use in a shot, or in a part of one."""

    film: int
    """Position of its film among its side's."""
    index: int
    """Number of the shot in its film."""
    runs: Runs
    """Frame numbers in the film; the frames of a run follow each other, save for repeats that were left out."""
    seconds: float
    held_out: bool = False

    @property
    def num_frames(self) -> int:
        """Return how many frames are of use."""
        return sum(map(len, self.runs))


def find_runs(start: int, reasons: Sequence[Reason | None]) -> Runs:
    """Gather the usable frames of a shot that starts at frame `start`; None among the reasons marks a usable frame."""
    runs: list[list[int]] = []
    broken = True
    for frame, reason in enumerate(reasons, start):
        if reason is None:
            if broken or frame - runs[-1][-1] > MAX_HOLD:
                runs.append([])
            runs[-1].append(frame)
            broken = False
        elif reason != "duplicate":
            broken = True
    return tuple(map(tuple, runs))


def join_frames(frames: Sequence[int]) -> tuple[FrameRange, ...]:
    """Gather frame numbers, in ascending order, into ranges."""
    ranges: list[FrameRange] = []
    for frame in frames:
        if ranges and ranges[-1].stop == frame:
            ranges[-1] = FrameRange(ranges[-1].start, frame + 1)
        else:
            ranges.append(FrameRange(frame, frame + 1))
    return tuple(ranges)


def slice_runs(runs: Runs, start: int, stop: int) -> Runs:
    """Return the pieces of runs that hold frames number `start` to `stop`, counted over all runs."""
    pieces: list[tuple[int, ...]] = []
    passed = 0
    for run in runs:
        piece = run[max(0, start - passed) : max(0, stop - passed)]
        passed += len(run)
        if piece:
            pieces.append(piece)
    return tuple(pieces)
