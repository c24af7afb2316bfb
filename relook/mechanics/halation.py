"""Halation: the glow around bright lights, measured on the dark side of hard edges, and laid over a picture."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from einops import rearrange
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from relook.mechanics.reel import LUMA, Array, Image, Run
from relook.recipe.mechanics import GLOWS_ABOVE, Halation

MAX_ROWS = 480
"""Larger frames are measured at this size."""
RADII = np.geomspace(3, 32, 11) / MAX_ROWS
"""Radii that are tried, in heights of the frame."""
BOUNDS_PX = (7.5, 8.5, 9.5, 10.5, 12, 14, 17, 20, 24, 29, 35, 42, 52)
"""Distances from the bright flank of an edge that bound the bins; what is nearer is the lens's own softness."""
STEP = 0.15
"""A hard edge rises by this much within three pixels: soft light falls off by itself."""
DARK = 0.5
CLEAR_PX = 5.5
"""No light is nearer than this to a pixel that is measured."""
FAR_PX = 60
"""A light further away than this may be soft or weak."""
STRONG = 0.8
"""Luma of a light that is strong: faces and walls that are a little above the threshold have shades of their own."""
CLIPPED = 0.99
LOST = 0.15
"""Share of the glow that is taken to be lost in clipped values: 0 if the light itself was clipped, half if it was not."""
SOFT_BINS = 5
"""The lens's softness reaches through the bins nearest to the edge."""
SCATTER = 0.004
"""Slopes of what is pictured, in value a pixel: those that miss the fit by more than this weigh little."""
MAX_FRAMES, FRAME_PIXELS = 24, 12_000
MIN_PIXELS = 400
ROUNDS = 3
MOST_STRENGTH = 1.0
"""No film gives back more: a stronger glow is the picture's own."""
SURE = 4.0
"""Standard errors that a glow's strength is beyond nought by."""
DEPENDENT = 1.5
"""Parts of a reel show the same lights, so that errors are larger than the parts' difference says."""
SYSTEMATIC = 0.03
"""Error of a strength that more footage does not lessen."""
FAINT = 0.04
"""A strength below this is none."""
LAID_SIGMA_PX = 2.0
RESIZED_VARIANCE = 0.25
"""What taking means of squares and enlarging again adds to a blur, in small pixels squared."""
NOT_MEASURED = {"radius_px": 0.0, "strength": 0.0}


@dataclass(frozen=True)
class _Slopes:
    """How pictures fall off away from the nearest edge, on its dark side, at `n` pixels."""

    fall: Array
    """Fall of the picture a pixel, `[n 3]`."""
    step: Array
    """Height of the edge, `[n 3]`: the lens's softness goes with it, whether the edge is of a light or not."""
    glow: Array
    """Fall of a glow of strength 1 for each radius, `[r n 3]`."""
    bin: NDArray[np.int64]
    part: NDArray[np.int64]


@dataclass(frozen=True)
class _Fit:
    radius: float
    """In heights of the frame."""
    strength: Array
    at_end: bool = False


def measure_halation(runs: Sequence[Run], *, reference_height: int) -> Halation:
    """Measure the glow of lights from how dark surroundings fall off behind their hard edges.

    Edges that are no lights tell how the lens and the scenes fall off by themselves; only what goes with the light is taken.
    """
    chosen = [
        (index, _small(run.frames[t])) for index, run in enumerate(runs) for t in sorted({0, len(run.frames) - 1})
    ]
    chosen = chosen[:: -(-len(chosen) // MAX_FRAMES)] if chosen else []
    by_run = len(runs) >= 8
    glows = [np.zeros_like(frame) for _, frame in chosen]
    fit, error = _Fit(0.0, np.zeros(3)), np.zeros(4)
    for _ in range(ROUNDS):
        found = [
            _slopes(frame, glow, run if by_run else None) for (run, frame), glow in zip(chosen, glows, strict=True)
        ]
        slopes = _together([item for item in found if item is not None])
        if slopes is None:
            return Halation(confidence=NOT_MEASURED)
        fit, error = _fit(slopes)
        strength = np.clip(fit.strength, 0, MOST_STRENGTH).astype(np.float32)
        glows = [
            _blurred(_light(frame, glow), fit.radius) * strength for (_, frame), glow in zip(chosen, glows, strict=True)
        ]
    rows = min(chosen[0][1].shape[0], MAX_ROWS)
    return _judged(fit, error, rows=rows, reference_height=reference_height)


def _judged(fit: _Fit, error: Array, *, rows: int, reference_height: int) -> Halation:
    """Return the halation, or none where there is none beyond doubt, or no measure where it is not sure or no film's.

    Of a glow narrower than what is left out beside the light only the foot is seen, and its strength is the less sure.
    """
    strength, deviation = fit.strength, np.hypot(error[1:], SYSTEMATIC)
    if (strength + 2 * error[1:] < FAINT).all():
        return Halation(confidence={"radius_px": 1.0, "strength": 1.0})
    is_sound = (strength > -2 * deviation).all() and (strength < MOST_STRENGTH).all() and not fit.at_end
    if not is_sound or strength.max() < SURE * deviation.mean():
        return Halation(confidence=NOT_MEASURED)
    unseen = 0.2 * (CLEAR_PX / (fit.radius * rows)) ** 4
    relative = float(np.linalg.norm(deviation) / np.linalg.norm(strength) + 0.5 * error[0]) + unseen
    red, green, blue = (float(value) for value in np.maximum(strength, 0))
    sure = {"radius_px": float(np.clip(1 - error[0], 0, 1)), "strength": float(np.clip(1 - relative, 0, 1))}
    return Halation(radius_px=fit.radius * reference_height, strength=(red, green, blue), confidence=sure)


def _small(frame: Image) -> Image:
    height, width = frame.shape[:2]
    if height <= MAX_ROWS:
        return frame
    return np.asarray(cv2.resize(frame, (round(width * MAX_ROWS / height), MAX_ROWS), interpolation=cv2.INTER_AREA))


def _light(frame: Image, glow: Image) -> Image:
    """Return the light above the threshold that made a glow; a clipped value has lost a part of it."""
    return np.asarray(np.maximum(frame - np.where(frame >= CLIPPED, LOST, 1.0) * glow - GLOWS_ABOVE, 0), np.float32)


def _blurred(picture: Image, radius: float) -> Image:
    """Blur `[h w 3]` by a Gaussian with a radius in heights, at reduced size."""
    height, width = picture.shape[:2]
    sigma = radius * height
    factor = max(1, int(sigma / 3))
    if factor == 1:
        return np.asarray(cv2.GaussianBlur(picture, (0, 0), sigma))
    small = cv2.resize(picture, (-(-width // factor), -(-height // factor)), interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), float(np.sqrt((sigma / factor) ** 2 - RESIZED_VARIANCE)))
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR))


def _nearest(mask: NDArray[np.bool_]) -> tuple[Image, NDArray[np.int64]]:
    """Return how far the nearest pixel of a mask is from each pixel, and its index in the flattened frame."""
    distance, labels = cv2.distanceTransformWithLabels(
        1 - mask.astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    place = np.zeros(int(labels.max()) + 1, np.int64)
    place[labels[mask]] = np.flatnonzero(mask)
    return distance, place[labels]


def _slopes(frame: Image, glow: Image, part: int | None) -> _Slopes | None:
    """Gather the slopes of one frame; `part` names the part of the reel, None stands for the ninths of the frame."""
    smooth = cv2.GaussianBlur(frame, (0, 0), 1.0)
    peak, around = smooth.max(axis=2), np.ones((7, 7), np.uint8)
    low = cv2.erode(peak, around)
    flank = (peak - low > STEP) & (peak >= cv2.dilate(peak, np.ones((5, 5), np.uint8)) - 0.04)
    if not flank.any():
        return None
    distance, edge = _nearest(flank)
    away = np.stack(np.gradient(cv2.GaussianBlur(distance, (0, 0), 1.0)), axis=-1)
    straight = np.linalg.norm(away, axis=-1)
    inside = low.flat[edge] + 0.4 * (peak - low).flat[edge]
    ok = (distance > BOUNDS_PX[0]) & (distance < BOUNDS_PX[-1]) & (straight > 0.7) & (peak < np.minimum(inside, DARK))
    ok &= _beside_strong_light(smooth, flank)
    rows, columns = np.nonzero(ok)
    thin = slice(None, None, -(-len(rows) // FRAME_PIXELS) or 1)
    rows, columns = rows[thin], columns[thin]
    if not len(rows):
        return None
    direction = (away / np.maximum(straight, 0.1)[..., None])[rows, columns]

    def fall(picture: Image) -> Array:
        down, across = (np.gradient(picture, axis=axis)[rows, columns] for axis in (0, 1))
        return np.asarray(-(down * direction[:, :1] + across * direction[:, 1:]), np.float64)

    light = cv2.GaussianBlur(_light(frame, glow), (0, 0), 1.0)
    where = np.digitize(distance[rows, columns], BOUNDS_PX) - 1
    steps = (smooth - cv2.erode(smooth, around)).reshape(-1, 3)
    ninth = rows * 3 // frame.shape[0] * 3 + columns * 3 // frame.shape[1]
    return _Slopes(
        fall=fall(smooth),
        step=np.where((where < SOFT_BINS)[:, None], steps[edge[rows, columns]], 0).astype(np.float64),
        glow=np.stack([fall(_blurred(light, radius)) for radius in RADII]),
        bin=where,
        part=ninth if part is None else np.full(len(rows), part),
    )


def _beside_strong_light(smooth: Image, flank: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Find where no light is too near, and the nearest is strong and has a hard edge."""
    lit = smooth.max(axis=2) > GLOWS_ABOVE
    if not lit.any():
        return np.ones(lit.shape, bool)
    distance, place = _nearest(lit)
    hard = cv2.dilate(flank.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    strong = cv2.dilate(smooth @ LUMA, np.ones((9, 9), np.uint8)) > STRONG
    return np.asarray((distance > CLEAR_PX) & ((hard & strong).flat[place] | (distance > FAR_PX)))


def _together(found: list[_Slopes]) -> _Slopes | None:
    if sum(len(item.bin) for item in found) < MIN_PIXELS:
        return None
    fall, step, bins, part = (
        np.concatenate([getattr(item, name) for item in found]) for name in ("fall", "step", "bin", "part")
    )
    return _Slopes(fall, step, np.concatenate([item.glow for item in found], axis=1), bins, part)


def _fit(slopes: _Slopes) -> tuple[_Fit, Array]:
    """Fit radius and strength; return them and their standard errors, of the radius relative, by leaving parts out."""
    parts = np.unique(slopes.part)
    sums = [_settled(slopes, glow, parts) for glow in slopes.glow]
    fit = _best([total.sum(axis=0) for total in sums])
    left_out = [_best([np.delete(total, index, axis=0).sum(axis=0) for total in sums]) for index in range(len(parts))]
    values = np.array([[np.log(each.radius), *each.strength] for each in left_out])
    if len(parts) < 3:
        return fit, np.full(4, np.inf)
    return fit, DEPENDENT * values.std(axis=0) * float(np.sqrt(len(parts) - 1))


def _settled(slopes: _Slopes, glow: Array, parts: NDArray[np.int64]) -> Array:
    """Return weighted sums of products by part and bin, `[p k 3 6]`; weights settle on what the fit explains."""
    num_bins = len(BOUNDS_PX) - 1
    index = np.searchsorted(parts, slopes.part) * num_bins + slopes.bin
    step, fall = slopes.step, slopes.fall
    products = (step**2, step * fall, fall**2, step * glow, glow * fall, glow**2)
    rest, sums = fall, np.zeros(0)
    for _ in range(4):
        weight = (1 / (1 + np.square(rest / SCATTER).mean(axis=1))) ** 2
        flat = [[np.bincount(index, weight * p[:, c], len(parts) * num_bins) for p in products] for c in range(3)]
        sums = np.asarray(rearrange(np.array(flat), "c q (p k) -> p k c q", k=num_bins))
        softness, strength, _ = _solved(sums.sum(axis=0))
        rest = fall - step * softness[slopes.bin, None] - glow * strength
    return sums


def _solved(sums: Array) -> tuple[Array, Array, float]:
    """Solve sums `[k 3 6]` for the softness of each bin, the strength of each colour and the share left unexplained."""
    step_step, step_fall, fall_fall, step_glow, glow_fall, glow_glow = np.moveaxis(sums, -1, 0)
    steps = step_step.sum(axis=1) + 1e-12
    alone = step_fall.sum(axis=1) / steps
    matrix = np.diag(glow_glow.sum(axis=0) + 1e-12) - step_glow.T @ (step_glow / steps[:, None])
    wanted = glow_fall.sum(axis=0) - step_glow.T @ alone
    strength = np.linalg.solve(matrix + 1e-9 * np.eye(3), wanted)
    softness = alone - step_glow @ strength / steps
    total = float(fall_fall.sum())
    explained = float((alone * step_fall.sum(axis=1)).sum() + strength @ wanted)
    return softness, strength, 1 - explained / max(total, 1e-12)


def _best(sums: list[Array]) -> _Fit:
    """Return the fit of the radius that leaves least unexplained, between the radii that were tried."""
    fits = [_solved(total) for total in sums]
    costs = np.array([fit[2] for fit in fits])
    best = int(costs.argmin())
    if best in (0, len(RADII) - 1):
        return _Fit(float(RADII[best]), fits[best][1], at_end=True)
    before, here, after = costs[best - 1 : best + 2]
    shift = 0.5 * (before - after) / max(before - 2 * here + after, 1e-12)
    radius = float(RADII[best] * (RADII[1] / RADII[0]) ** shift)
    other = fits[best + (1 if shift > 0 else -1)][1]
    return _Fit(radius, fits[best][1] + abs(shift) * (other - fits[best][1]))


def lay_halation(
    picture: Tensor, halation: Halation, *, scale: float, blur: Callable[[Tensor, float], Tensor] | None = None
) -> Tensor:
    """Add the glow to a picture `[b 3 h w]`; `scale` is its rows over those that the radius is for.

    The glow is blurred at a size at which its radius is about two pixels, and gradients pass through; or at full size by `blur`, which
    is given the light and the radius.
    """
    sigma = halation.radius_px * scale
    if sigma <= 0 or not any(halation.strength):
        return picture
    if blur is not None:
        glow = blur(picture.clamp(min=GLOWS_ABOVE), sigma) - GLOWS_ABOVE
        return picture + glow * picture.new_tensor(halation.strength)[:, None, None]
    height, width = picture.shape[-2:]
    factor = max(1, int(sigma / LAID_SIGMA_PX))
    light = picture.clamp(min=GLOWS_ABOVE)
    if factor > 1:
        spare = (0, -width % factor, 0, -height % factor)
        light = F.avg_pool2d(F.pad(light, spare, mode="replicate") if any(spare) else light, factor)
        sigma = (sigma**2 / factor**2 - RESIZED_VARIANCE) ** 0.5
    glow = (_gaussian(light, sigma) - GLOWS_ABOVE) * picture.new_tensor(halation.strength)[:, None, None]
    if factor > 1:
        glow = F.interpolate(glow, scale_factor=float(factor), mode="bilinear", align_corners=False)
    return glow[..., :height, :width].add_(picture)


def _gaussian(picture: Tensor, sigma: float) -> Tensor:
    """Blur `[b 3 h w]` by a Gaussian, the border repeated."""
    reach = max(1, round(3.5 * sigma))
    taps = torch.exp(-0.5 * (torch.arange(-reach, reach + 1, dtype=picture.dtype, device=picture.device) / sigma) ** 2)
    taps = (taps / taps.sum()).expand(3, 1, 1, -1)
    padded = F.pad(picture, (reach, reach, reach, reach), mode="replicate")
    return F.conv2d(F.conv2d(padded, taps, groups=3), taps.mT, groups=3)
