"""Cranking: the camera's and the transfer's pace, told from frames that repeat the one before, and frames held at it."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from math import floor

import cv2
import numpy as np

from relook.mechanics.reel import Array, Image, Run
from relook.recipe.mechanics import Cranking

CELL_PX = 16
LIVELY = 0.9
"""The change of a frame is that of the cell at this rank: a small thing that moves suffices, a speck does not."""
HELD = 0.3
"""A repeated frame changes by less than this share of its livelier neighbours in time on either side ..."""
CLEAR_GAP = 1.7
"""... or by less than a gap from one share to the next larger says, when it is by this factor: coding adds its own change ..."""
GAP_RANGE = (0.15, 0.7)
"""... and its middle lies in this range; smaller shares are all alike."""
UNSURE = 1.35
"""A share within this factor of the limit may be either: such frames make the measure uncertain."""
NEAR_FRAMES = 3
"""Neighbours are within so many frames: what stays still for longer is a still scene."""
SPARE_FRAMES = 2
LEAST_CHANGE = 1 / 255
"""Neighbours that change by less tell nothing: nothing moves, there is no grain, and coding noise has a rhythm of its own."""
LEAST_FRAMES = 16
PACED = 0.8
"""Where runs with this share of the frames show a pace, it is that of the intervals: a regular one is exact."""
MISCOUNT = 1.5
"""A pace that foretells the number of repeated frames of a run within this holds."""
LEAST_SHARE = 0.03
"""Fewer repeated frames are slips of the transfer, not its pace."""


def measure_cranking(runs: Sequence[Run], frame_rate: Fraction) -> Cranking:
    """Measure the share of frames that repeat the frame before, and with it the true rate of exposures.

    Odd and even rows are looked at by themselves, for a telecine repeats single fields.
    """
    fields = [_liveliness(change_of_frames(run.luma[:, parity::2])) for run in runs for parity in (0, 1)]
    shares = np.concatenate([field[np.isfinite(field)] for field in fields] or [np.zeros(0)])
    if len(shares) < 2 * LEAST_FRAMES:
        return Cranking(confidence={"exposures_per_second": 0.0, "held_share": 0.0})
    limit = _limit(shares)
    share = float((shares < limit).mean())
    unsure = float(((shares > limit / UNSURE) & (shares < limit * UNSURE)).mean())
    if share < LEAST_SHARE:
        return _cranking(frame_rate, 0.0, error=unsure)
    steps = _steps(fields, limit)
    if steps is None:
        return _cranking(frame_rate, share, error=unsure + float(np.sqrt(2 * share / len(shares))))
    share = float(1 / steps.mean())
    spread = float(steps.std() / steps.mean() / np.sqrt(len(steps) / 2))
    return _cranking(frame_rate, share, error=unsure + share * spread)


def _steps(fields: Sequence[Array], limit: float) -> Array | None:
    """Return the intervals between repeated frames; None where too few fields of runs keep one pace."""
    steps, paced = [], 0
    for field in fields:
        held = np.flatnonzero(field < limit)
        intervals = np.diff(held).astype(np.float64)
        if len(intervals) and abs(np.isfinite(field).sum() / intervals.mean() - len(held)) <= MISCOUNT:
            steps.append(intervals)
            paced += len(field)
    return np.concatenate(steps) if paced >= PACED * sum(len(field) for field in fields) else None


def _limit(shares: Array) -> float:
    """Return the share of change below which a frame repeats the one before: in the widest gap, if one is clear."""
    ordered = np.sort(np.maximum(shares, GAP_RANGE[0] ** 2))
    gaps, middles = ordered[1:] / ordered[:-1], np.sqrt(ordered[1:] * ordered[:-1])
    gaps = np.where((middles > GAP_RANGE[0]) & (middles < GAP_RANGE[1]), gaps, 1)
    widest = int(gaps.argmax())
    is_clear = gaps[widest] > CLEAR_GAP and widest + 1 > 2 * LEAST_SHARE * len(shares)
    return float(middles[widest]) if is_clear else HELD


def _cranking(frame_rate: Fraction, share: float, *, error: float) -> Cranking:
    """Return what was found; where nothing is repeated the error is taken relative to the least share that counts."""
    confidence = {
        "exposures_per_second": float(np.clip(1 - error / (1 - share), 0, 1)),
        "held_share": float(np.clip(1 - error / (share or 2 * LEAST_SHARE), 0, 1)),
    }
    return Cranking(exposures_per_second=float(frame_rate) * (1 - share), held_share=share, confidence=confidence)


def change_of_frames(luma: Image) -> Array:
    """Measure how each frame `[t h w]` differs from the frame before beyond its exposure, `[t-1]`."""
    changes = []
    for before, after in pairwise(luma):
        gain = float((before * after).sum() / max(float(np.square(before).sum()), 1e-6))
        cells = (max(before.shape[1] // CELL_PX, 1), max(2 * before.shape[0] // CELL_PX, 1))
        coarse = cv2.resize(np.abs(after - gain * before), cells, interpolation=cv2.INTER_AREA)
        changes.append(float(np.quantile(coarse, LIVELY)))
    return np.array(changes)


def _liveliness(changes: Array) -> Array:
    """Return the change of each frame as a share of its livelier neighbours', not a number where that tells nothing.

    The first and the last `SPARE_FRAMES` have too few neighbours on one side and are left out.
    """
    padded = np.pad(changes, NEAR_FRAMES)
    livelier = np.lib.stride_tricks.sliding_window_view(padded, NEAR_FRAMES).max(axis=1)
    around = np.minimum(livelier[: len(changes)], livelier[NEAR_FRAMES + 1 :])[SPARE_FRAMES:-SPARE_FRAMES]
    inner = changes[SPARE_FRAMES:-SPARE_FRAMES]
    shares = inner / np.maximum(around, 1e-9)
    return np.where(np.maximum(around, inner) >= LEAST_CHANGE, shares, np.nan)


def exposure_of(cranking: Cranking, frame: int) -> int:
    """Return the number of the exposure that is shown at output frame `frame` of a shot: held frames do not count."""
    shown = held_frame(cranking, frame)
    return shown - floor((shown + 1) * (min(cranking.held_share, 1.0) + 1e-9))


def held_frame(cranking: Cranking, frame: int) -> int:
    """Return the frame of a shot that is shown at output frame `frame`: itself, or the one that is held."""
    share = min(cranking.held_share, 1.0) + 1e-9
    while frame > 0 and floor((frame + 1) * share) > floor(frame * share):
        frame -= 1
    return frame
