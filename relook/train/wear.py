"""Measure the wear of the style footage: flicker, gate weave, dust and scratches, robust to motion."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from relook.nets.motion import dense_motion
from relook.nets.plates import BLOTCH_PX
from relook.recipe.wear import Wear

Array = NDArray[np.float64]
Luma = NDArray[np.float32]

MIN_RUN_FRAMES = 6
SPECK_CONTRAST = 0.06
"""A speck differs by this much from both its neighbours in time, and by `SPECK_TO_NOISE` deviations of the grain."""
SPECK_TO_NOISE = 4.0
STILL_CONTRAST = 0.03
"""Where the neighbours in time differ by more than this, something moves and no speck is looked for."""
SPECK_AREA_PX = (3, 300)
LEAST_DUST = 4.0
"""Fewer specks a frame are taken for things that move: clean films show up to 3."""
PEAK_LOSS = 1.33
"""A speck's soft edge takes so much off its peak; the strongest specks, drawn at full opacity, set the strength."""
LIT = 0.4
"""Blotches are measured where the picture is brighter."""
LEAST_CELLS = 20
QUARTILE = 0.319
"""Of the magnitude of normal values, in standard deviations."""
MAX_WEAVE = 0.004
"""Gate weave beyond this share of the frame's height is taken for a moving camera."""


@dataclass(frozen=True)
class Marks:
    """What was measured: the rates and sizes, and the strengths that become parameters of the texture."""

    wear: Wear
    dust_strength: tuple[float, float]
    """Opacity of the strongest dark and bright specks, 0..1."""
    scratch_strength: float
    flicker_strength: float
    """Standard deviation of the logarithm of exposure."""
    blotch_strength: float
    """The same of exposure over some 16 px."""


def measure_marks(runs: Iterable[list[Luma]]) -> Marks:
    """Measure runs of consecutive luma frames `[h w]`, 0..1, and take the median over runs of six frames and more."""
    found = [_measure_run(run) for run in runs if len(run) >= MIN_RUN_FRAMES]
    if not found:
        return Marks(Wear(), (0.0, 0.0), 0.0, 0.0, 0.0)

    def middle(values: Iterable[float]) -> float:
        return float(np.median(list(values)))

    wear = Wear(
        reference_height=int(middle(marks.wear.reference_height for marks in found)),
        dust_per_frame=(
            middle(marks.wear.dust_per_frame[0] for marks in found),
            middle(marks.wear.dust_per_frame[1] for marks in found),
        ),
        dust_radius_px=middle(marks.wear.dust_radius_px for marks in found),
        scratches_per_frame=middle(marks.wear.scratches_per_frame for marks in found),
        flicker_persistence=middle(marks.wear.flicker_persistence for marks in found),
        weave_px=(middle(marks.wear.weave_px[0] for marks in found), middle(marks.wear.weave_px[1] for marks in found)),
        weave_persistence=middle(marks.wear.weave_persistence for marks in found),
    )
    return Marks(
        wear=wear,
        dust_strength=(
            middle(marks.dust_strength[0] for marks in found),
            middle(marks.dust_strength[1] for marks in found),
        ),
        scratch_strength=middle(marks.scratch_strength for marks in found),
        flicker_strength=middle(marks.flicker_strength for marks in found),
        blotch_strength=_quiet([marks.blotch_strength for marks in found]),
    )


def _quiet(values: list[float]) -> float:
    """Return the lower quartile of what motion can only add to, 0 where nothing could be measured."""
    known = [value for value in values if np.isfinite(value)]
    return float(np.quantile(known, 0.25)) if known else 0.0


def _measure_run(run: list[Luma]) -> Marks:
    specks, scratches = _Specks(), _Scratches()
    steps = np.array([_offset(a, b) for a, b in pairwise(run)], np.float64)
    for t in range(1, len(run) - 1):
        luma = run[t]
        before, after = _moved(run[t - 1], steps[t - 1]), _moved(run[t + 1], -steps[t])
        still = _still(before, after)
        specks.look(before, luma, after, still)
        scratches.look(before, luma, after, still)
    flicker, flicker_persistence = jitter(np.array([_exposure_step(a, b) for a, b in pairwise(run)]))
    across, persistence_x = jitter(steps[:, 0])
    down, persistence_y = jitter(steps[:, 1])
    limit = MAX_WEAVE * run[0].shape[0]
    wear = Wear(
        reference_height=run[0].shape[0],
        dust_per_frame=specks.per_frame,
        dust_radius_px=specks.radius_px,
        scratches_per_frame=scratches.per_frame,
        flicker_persistence=flicker_persistence,
        weave_px=(min(across, limit), min(down, limit)),
        weave_persistence=(persistence_x + persistence_y) / 2,
    )
    blotches = [_blotch(_moved(a, step), b) for (a, b), step in zip(pairwise(run), steps, strict=True)]
    return Marks(wear, specks.opacity, scratches.contrast, flicker, np.sqrt(max(_quiet(blotches), 0.0)))


def jitter(steps: Array) -> tuple[float, float]:
    """Return deviation and persistence of a process that jitters about a smooth path, from its steps.

    The path drops out of the steps less their running median; the persistence follows from the correlation of successive
    steps, which is (persistence - 1) / 2 for AR(1) jitter.
    """
    rough = steps - _running_median(steps)
    correlation = float(np.mean(rough[1:] * rough[:-1]) / (np.mean(rough**2) + 1e-12))
    persistence = float(np.clip(1 + 2 * correlation, 0, 0.6))
    deviation = 1.4826 * float(np.median(np.abs(rough)))
    return float(deviation / np.sqrt(2 * (1 - persistence))), persistence


def _running_median(series: Array) -> Array:
    reach = min(4, len(series) // 2)
    padded = np.pad(series, reach, mode="edge")
    return np.asarray(np.median(np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1), axis=1))


def _exposure_step(before: Luma, after: Luma) -> float:
    """Measure how the logarithm of exposure changes, where the picture is neither black nor clipped."""
    first, second = (cv2.resize(luma, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA) for luma in (before, after))
    lit = (first > 0.1) & (first < 0.9)
    return float(np.median(np.log(second[lit] + 1e-3) - np.log(first[lit] + 1e-3))) if lit.any() else 0.0


def _offset(before: Luma, after: Luma) -> tuple[float, float]:
    """Measure the shift of the whole picture, across and down: the median of a dense flow."""
    flow = dense_motion(*((luma * 255).astype(np.uint8) for luma in (before, after)))
    across, down = np.median(flow.reshape(-1, 2), axis=0)
    return float(across), float(down)


def _moved(luma: Luma, offset: Array) -> Luma:
    """Shift a picture by `offset`, so that gate weave is not taken for specks along the edges of things."""
    shift = np.array([[1, 0, offset[0]], [0, 1, offset[1]]])
    size = (luma.shape[1], luma.shape[0])
    return np.asarray(
        cv2.warpAffine(luma, shift, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE), np.float32
    )


def _still(before: Luma, after: Luma) -> NDArray[np.bool_]:
    """Find where nothing moves between the neighbours in time of a frame."""
    quiet = np.abs(cv2.GaussianBlur(before - after, (0, 0), 2)) < STILL_CONTRAST
    return np.asarray(cv2.erode(quiet.astype(np.uint8), np.ones((9, 9), np.uint8)) > 0)


class _Specks:
    """Counts specks: what stands out from the frame before and the frame after, where these two agree."""

    def __init__(self) -> None:
        self.counts = np.zeros(2)
        self.frames = 0.0
        self.areas: list[float] = []
        self.contrasts: tuple[list[float], list[float]] = ([], [])

    def look(self, before: Luma, luma: Luma, after: Luma, still: NDArray[np.bool_]) -> None:
        share = float(still.mean())
        if share < 0.2:
            return
        self.frames += share
        darker = np.minimum(before, after) - luma
        brighter = luma - np.maximum(before, after)
        noise = 1.4826 * float(np.median(np.abs((luma - (before + after) / 2)[still])))
        contrast = max(SPECK_CONTRAST, SPECK_TO_NOISE * noise)
        for index, (excess, room) in enumerate(((darker, luma + darker), (brighter, 1 - luma + brighter))):
            mask = ((excess > contrast) & still).astype(np.uint8)
            _, labels, stats, _ = cv2.connectedComponentsWithStats(mask)
            areas = stats[1:, cv2.CC_STAT_AREA]
            chosen = np.flatnonzero((areas >= SPECK_AREA_PX[0]) & (areas <= SPECK_AREA_PX[1])) + 1
            self.counts[index] += len(chosen)
            for label in chosen[:50]:
                inside = labels == label
                self.areas.append(float(stats[label, cv2.CC_STAT_AREA]))
                self.contrasts[index].append(float((excess[inside] / np.maximum(room[inside], 0.05)).max()))

    @property
    def per_frame(self) -> tuple[float, float]:
        dark, bright = self.counts / max(self.frames, 1e-6)
        if dark + bright < LEAST_DUST:
            return 0.0, 0.0
        return float(min(dark, 200)), float(min(bright, 200))

    @property
    def radius_px(self) -> float:
        return float(np.sqrt(np.median(self.areas) / np.pi)) if self.areas else Wear.dust_radius_px

    @property
    def opacity(self) -> tuple[float, float]:
        dark, bright = (float(np.clip(np.quantile(c, 0.9) * PEAK_LOSS, 0, 1)) if c else 0.0 for c in self.contrasts)
        return dark, bright


class _Scratches:
    """Counts scratches that a frame has and its neighbours in time have not: columns that stand out over a third of the rows."""

    def __init__(self) -> None:
        self.count = 0.0
        self.frames = 0.0
        self.contrasts: list[float] = []

    def look(self, before: Luma, luma: Luma, after: Luma, still: NDArray[np.bool_]) -> None:
        share = float(still.mean())
        if share < 0.2:
            return
        self.frames += share
        excess = np.maximum(luma - np.maximum(before, after), 0) - np.maximum(np.minimum(before, after) - luma, 0)
        found = 0
        for part, seen in zip(np.array_split(excess, 3), np.array_split(still, 3), strict=True):
            rows = seen.sum(axis=0)
            profile = np.where(rows > 20, (part * seen).sum(axis=0) / np.maximum(rows, 1), 0)
            profile = profile - np.convolve(profile, np.ones(9) / 9, mode="same")
            limit = max(10 * 1.4826 * float(np.median(np.abs(profile))), 0.01)
            columns = np.flatnonzero(np.abs(profile) > limit)
            found += int((np.diff(columns, prepend=-9) > 3).sum())
            self.contrasts.extend(np.abs(profile[columns]))
        self.count += found / 2

    @property
    def per_frame(self) -> float:
        return float(min(self.count / max(self.frames, 1e-6), 20))

    @property
    def contrast(self) -> float:
        return float(np.median(self.contrasts) * 2) if self.contrasts else 0.0


def _blotch(before: Luma, after: Luma) -> float:
    """Measure how exposure changes over some 16 px beyond the frame's own, as a variance of its logarithm.

    In lit parts, for in dark ones the logarithm of noise is large. Grain averages out with the area of a cell and blotches do
    not, so that two sizes of cells tell them apart. NaN where too little is lit.
    """
    large, small = (_change_of_cells(before, after, cell) for cell in (BLOTCH_PX, BLOTCH_PX // 2))
    return (4 * large - small) / 3


def _change_of_cells(before: Luma, after: Luma, cell_px: int) -> float:
    """Return the variance of the logarithm of exposure of a frame's lit cells, from the quieter half of their changes."""
    size = (before.shape[1] // cell_px, before.shape[0] // cell_px)
    coarse = [cv2.resize(luma, size, interpolation=cv2.INTER_AREA) for luma in (before, after)]
    lit = coarse[0] > LIT
    if lit.sum() < LEAST_CELLS:
        return float("nan")
    change = np.log(np.maximum(coarse[1][lit], LIT / 4)) - np.log(coarse[0][lit])
    return float(np.quantile(np.abs(change - np.median(change)), 0.25) / QUARTILE) ** 2 / 2


def registered(before: Luma, after: Luma) -> Luma:
    """Return `before` moved over `after` by the shift of the whole picture."""
    return _moved(before, np.array(_offset(before, after)))
