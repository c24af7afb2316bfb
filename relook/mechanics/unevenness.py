"""Uneven development: clouds of density that come and go; measured apart from grain and motion, and drawn again."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from relook.mechanics.chance import random_of
from relook.mechanics.reel import Image, Run, moved
from relook.recipe.mechanics import Unevenness

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]

CELL_SHARE = 1 / 60
"""Side of the cells that light is compared in, as a share of the rows."""
LEAST_CELLS = 200
LEAST_STEPS = 8
LIT = (0.15, 0.75)
"""Cells outside are left out: in the dark the logarithm of noise is large, in the light there are hardly any clouds."""
RESTLESS = 2.2
"""Cells whose fine change is so many times the usual one hold something that moves."""
OUTLYING = 4.0
CALM = 1.3
"""Runs whose clouds are so many times as strong as the calmest one's show something else too."""
FLOOR = 0.01
"""Less than this is none: compression moves the light of blocks by as much."""
MOST_LAG = 12
"""Cells; clouds larger than the frame's fifth cannot be told from its own light."""
SIZES_IN_CELLS = np.geomspace(0.7, 12, 48)
HALF_TO_SIGMA = 1 / (2 * math.sqrt(math.log(2)))
"""A Gaussian-smoothed field's correlation falls to one half at `2 * sqrt(ln 2)` deviations of the Gaussian."""
NODES_IN_SIGMA = 1.5
MOST_PERSISTENT = 0.9
"""What persists longer is the scene's own: smoke, shadows and soft motion change on and on in one direction."""
PERSISTENCE_ERROR = 0.08
"""Motion in the scene can add so much to the persistence that is found; a strong one makes the strength unsure."""
LASTING_DOUBT = 0.8
"""What lasts may well be the scene's own light."""
SIZE_ERROR = 0.2
"""Other marks make clouds look smaller, by as much."""
PARTS = 4
FORGOTTEN = 1e-2
_FIELDS = ("strength", "size_px", "persistence")


@dataclass(frozen=True)
class _Clouds:
    """What one run shows: covariances of the change of the clouds, over distance and to the next change."""

    change: Array
    """Of each step at each lag, `[n lags]`."""
    next_change: Array
    """Between successive steps, at the first lag, `[n]`."""
    first: Array
    """Of the steps that have a next one, at the first lag, `[n]`."""

    def parts(self) -> list[_Clouds]:
        """Return the same of four parts of the run, to see how they differ."""
        return [
            _Clouds(*part)
            for part in zip(
                *(np.array_split(v, PARTS) for v in (self.change, self.next_change, self.first)), strict=True
            )
        ]


def measure_unevenness(runs: Sequence[Run], *, reference_height: int) -> Unevenness:
    """Measure clouds of uneven development, in pixels of a frame `reference_height` rows high.

    From how the light of cells changes from frame to frame beyond the whole frame's, in covariances between different cells alone:
    grain has none. Cells whose fine structure changes hold motion and do not count.
    """
    found = [clouds for run in runs if len((clouds := _clouds_of(run)).change) >= LEAST_STEPS]
    if not found:
        return Unevenness(confidence=dict.fromkeys(_FIELDS, 0.0))
    found = _calm(found)
    whole = _told(found)
    variance, cells, persistence = whole
    blocks = [part for clouds in found for part in clouds.parts()]
    spread = np.array([_told([block]) for block in blocks])
    errors = spread.std(axis=0, ddof=1) / math.sqrt(len(blocks)) if len(blocks) > 1 else np.abs(whole)
    if variance < 2 * FLOOR**2:
        sure = min(1.0, 2 * FLOOR**2 / max(variance + float(errors[0]), 1e-12))
        return Unevenness(confidence={"strength": sure, "size_px": 0.0, "persistence": 0.0})
    if persistence > MOST_PERSISTENT:
        return Unevenness(confidence=dict.fromkeys(_FIELDS, 0.0))
    doubt = math.hypot((errors[0] + FLOOR**2) / variance, (errors[2] + PERSISTENCE_ERROR) / (1 - persistence)) / 2
    return Unevenness(
        strength=math.sqrt(variance / 2 / (1 - persistence)),
        size_px=cells * CELL_SHARE * reference_height,
        persistence=persistence,
        confidence={
            "strength": float(np.clip(1 - doubt, 0, 1)) * (1 - LASTING_DOUBT * persistence),
            "size_px": float(np.clip(1 - math.hypot(errors[1] / cells, SIZE_ERROR), 0, 1)),
            "persistence": float(np.clip(1 - errors[2], 0, 1)) * (1 - LASTING_DOUBT * persistence),
        },
    )


def _calm(found: Sequence[_Clouds]) -> list[_Clouds]:
    """Keep the runs with about as few clouds as the one with fewest: smoke, shadows and soft motion can only add to them."""
    strengths = [
        variance / max(1 - persistence, 1e-3) for variance, _, persistence in (_told([clouds]) for clouds in found)
    ]
    return [clouds for clouds, strength in zip(found, strengths, strict=True) if strength <= CALM**2 * min(strengths)]


def _told(found: Sequence[_Clouds]) -> tuple[float, float, float]:
    """Return the variance of the change, the size in cells and the persistence: -(1 - persistence) / 2 is how changes in a row agree."""
    variance, cells = _fitted(np.median(np.concatenate([clouds.change for clouds in found]), axis=0))
    first, following = (
        float(np.concatenate(parts).sum())
        for parts in ([clouds.first for clouds in found], [clouds.next_change for clouds in found])
    )
    return max(variance, 0.0), cells, float(np.clip(1 + 2 * following / max(first, 1e-12), 0, 1))


def _clouds_of(run: Run) -> _Clouds:
    changes, uses = [], []
    for t in np.flatnonzero(~run.held):
        change, usable = _change(run, int(t))
        changes.append(change)
        uses.append(usable if usable.sum() >= LEAST_CELLS else np.zeros_like(usable))
    told = [t for t, usable in enumerate(uses) if usable.any()]
    pairs = [t for t in told if t + 1 < len(uses) and (uses[t] & uses[t + 1]).sum() >= LEAST_CELLS]
    lags = np.array([_covariances(changes[t], changes[t], uses[t]) for t in told]).reshape(-1, MOST_LAG)
    both = [uses[t] & uses[t + 1] for t in pairs]
    first = [
        (_covariances(changes[t], changes[t], use)[0] + _covariances(changes[t + 1], changes[t + 1], use)[0]) / 2
        for t, use in zip(pairs, both, strict=True)
    ]
    following = [_covariances(changes[t], changes[t + 1], use)[0] for t, use in zip(pairs, both, strict=True)]
    return _Clouds(lags, np.array(following), np.array(first))


def _change(run: Run, t: int) -> tuple[Array, Flags]:
    """Return how the logarithm of the light of cells changes beyond the whole frame's, and which cells can be used."""
    height, width = run.size
    rows = round(1 / CELL_SHARE)
    size = (max(round(width * rows / height), 1), rows)
    before, after = moved(run.luma[t], run.moves[t]), run.luma[t + 1]
    cells = [cv2.resize(luma, size, interpolation=cv2.INTER_AREA) for luma in (before, after)]
    usable = (np.minimum(*cells) > LIT[0]) & (np.maximum(*cells) < LIT[1])
    edge = np.ceil(np.abs(run.moves[t, :2]) * rows / height).astype(int) + 1
    inside = np.zeros_like(usable)
    inside[edge[1] : -edge[1], edge[0] : -edge[0]] = True
    usable &= inside
    if usable.sum() < LEAST_CELLS:
        return np.zeros(usable.shape), np.zeros_like(usable)
    x, y = (np.log(np.maximum(cell, 1e-3)).astype(np.float64) for cell in cells)
    tone = (cells[0] + cells[1]) / 2  # of both: the clouds in one of them would pass for a change of contrast
    change = y - x
    line = np.zeros(2)
    for _ in range(4):
        left = change - line[0] - line[1] * tone
        weights = usable * (1 + np.square(left / (2 * float(np.median(np.abs(left[usable]))) + 1e-4))) ** -2
        line = np.polyfit(tone.ravel(), change.ravel(), 1, w=np.sqrt(weights.ravel()))[::-1]
    change = change - line[0] - line[1] * tone
    gain = np.exp(line[0] + line[1] * cv2.resize(tone, (width, height)))
    usable &= ~_restless(after - before * gain, size, usable)
    if usable.sum() < LEAST_CELLS:
        return np.zeros(usable.shape), np.zeros_like(usable)
    change = change / (2 * (1 - tone).clip(1 - LIT[1]))
    limit = OUTLYING * 1.4826 * float(np.median(np.abs(change[usable])))
    return np.clip(change, -limit, limit) - float(change[usable].mean()), usable


def _restless(change: Image, size: tuple[int, int], usable: Flags) -> Flags:
    """Find cells whose fine change stands out: there something moves. Clouds are smooth within a cell."""
    around = 2 * round(change.shape[0] / size[1]) + 1
    fine = cv2.blur(change, (3, 3)) - cv2.blur(change, (around, around))
    energy = np.sqrt(cv2.resize(fine * fine, size, interpolation=cv2.INTER_AREA))
    restless = energy > RESTLESS * np.median(energy[usable]) + 0.002
    return np.asarray(cv2.dilate(restless.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0)


def _covariances(first: Array, second: Array, usable: Flags) -> Array:
    """Return the covariance of changes at distances of 1, 2, ... cells across and down."""
    a, b, use = np.where(usable, first, 0), np.where(usable, second, 0), usable.astype(np.float64)
    found = np.zeros(MOST_LAG)
    for lag in range(1, MOST_LAG + 1):
        products = (a[lag:] * b[:-lag]).sum() + (b[lag:] * a[:-lag]).sum()
        products += (a[:, lag:] * b[:, :-lag]).sum() + (b[:, lag:] * a[:, :-lag]).sum()
        pairs = (use[lag:] * use[:-lag]).sum() + (use[:, lag:] * use[:, :-lag]).sum()
        found[lag - 1] = products / (2 * max(pairs, 1))
    return found


def _fitted(covariances: Array) -> tuple[float, float]:
    """Fit a Gaussian to covariances over distance: its height at 0, and the distance in cells where it has fallen to one half.

    Averaging over a cell widens the covariance, and lowers it; what the frame's mean has taken off all of it is fitted along.
    """
    lags = np.arange(1, MOST_LAG + 1)
    weights = 1 / np.sqrt(lags)
    best = (np.inf, 0.0, 1.0)
    for size in SIZES_IN_CELLS:
        spread = 2 * (size * HALF_TO_SIGMA) ** 2
        wide = spread + 1 / 6
        shape = spread / wide * np.exp(-(lags**2) / (2 * wide))
        design = np.column_stack((shape, np.ones_like(shape))) * weights[:, None]
        (height, floor), *_ = np.linalg.lstsq(design, covariances * weights, rcond=None)
        left = float(np.square((covariances - height * shape - floor) * weights).sum())
        if height > 0 and left < best[0]:
            best = (left, float(height), float(size))
    return best[1], best[2]


def draw_unevenness(
    unevenness: Unevenness, size: tuple[int, int], *, scale: float, seed: int, frame: int
) -> NDArray[np.float32]:
    """Draw the clouds of a frame, `[h w]`, of mean 0 and unit variance.

    Args:
        size: rows and columns.
        scale: rows of the frame over the reference height; the clouds keep their place and size on the screen.
    """
    sigma_px = max(unevenness.size_px * HALF_TO_SIGMA, 1.0)
    step_px = sigma_px / NODES_IN_SIGMA
    reach = math.ceil(3 * NODES_IN_SIGMA)
    rows, columns = (math.ceil(round(side / scale, 3) / step_px) + 2 * reach + 2 for side in size)
    kernel = cv2.getGaussianKernel(2 * reach + 1, NODES_IN_SIGMA)
    kernel = kernel / np.linalg.norm(kernel)
    nodes = cv2.sepFilter2D(_memory((rows, columns), unevenness.persistence, seed, frame), -1, kernel, kernel)
    nodes = nodes[reach : rows - reach, reach : columns - reach]
    zoom = step_px * scale
    fine = cv2.resize(nodes, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_CUBIC)
    return np.ascontiguousarray(fine[: size[0], : size[1]])


def draw_wrapped_unevenness(
    unevenness: Unevenness, size: tuple[int, int], *, scale: float, seed: int, frame: int
) -> NDArray[np.float32]:
    """Draw clouds as `draw_unevenness` does, which go on at the opposite side: made of waves that fit the frame."""
    sigma_px = max(unevenness.size_px * HALF_TO_SIGMA, 1.0) * scale
    nodes = tuple(min(math.ceil(side / sigma_px * NODES_IN_SIGMA) + 1, side) for side in size)
    rows, columns = (np.fft.fftfreq(num) * num / side * sigma_px for num, side in zip(nodes, size, strict=True))
    smooth = np.exp(-2 * np.square(math.pi) * (np.square(rows)[:, None] + np.square(columns)[None, :]))
    waves = np.fft.fft2(_memory((nodes[0], nodes[1]), unevenness.persistence, seed, frame)) * smooth
    full = np.zeros(size, np.complex128)
    places = (np.rint(np.fft.fftfreq(num) * num).astype(int) for num in nodes)
    full[np.ix_(*places)] = waves
    clouds = np.fft.ifft2(full).real * (size[0] * size[1] / (nodes[0] * nodes[1]))
    return np.asarray(clouds / math.sqrt(np.square(smooth).mean()), np.float32)


def lay_clouds(pictures: Tensor, clouds: Tensor) -> Tensor:
    """Lay clouds `[b 1 h w]`, times their strength, over pictures `[b 3 h w]`.

    They lie in the density of the film: clear film, white, has none, and on reels of 1906 they are far stronger in the shadows than in
    the lights.
    """
    return pictures + 2 * clouds * pictures * (1 - pictures)


def _memory(size: tuple[int, int], persistence: float, seed: int, frame: int) -> Image:
    """Draw noise of unit variance that remembers the noise of the frames before, as a sum over them."""
    persistence = min(max(persistence, 0.0), MOST_PERSISTENT)
    length = 1 if persistence < FORGOTTEN else math.ceil(math.log(FORGOTTEN) / math.log(persistence))
    weights = persistence ** np.arange(length)
    weights = (weights / np.linalg.norm(weights)).astype(np.float32)
    noise = np.zeros(size, np.float32)
    for back, weight in enumerate(weights):
        noise += weight * random_of(seed, frame - back, "unevenness").standard_normal(size, np.float32)
    return noise
