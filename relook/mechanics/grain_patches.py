"""The patches that grain is measured on: the calm ones of each tone, found again in the next frames at whole pixels.

Interpolation would soften the grain; flicker and shading are taken out as planes and bowls.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from functools import cache

import numpy as np
from numpy.typing import NDArray

from relook.mechanics.reel import LUMA, Array, Image, Run
from relook.recipe.mechanics import NUM_BANDS, NUM_NODES

PATCH_PX = 32
STEP_PX = 16
MOST_CORNERS = 400
"""Larger frames are looked at in wider steps."""
MARGIN_PX = 4
"""Patches keep this far from the border: the edges of the gate are no grain."""
CALM_SHARE = 0.3
"""Share of a tone's patches, those that vary least in space and time, that are measured."""
CALMER, CALMER_BY = 0.25, 0.674
"""Share of the patches below what is believed, and by how many deviations of their chance these are below the mean."""
OUTLIER = 3.5
"""Differences beyond so many deviations are dust or scratches; the others then have `KEPT_VARIANCE` of the variance."""
KEPT_VARIANCE = 0.99389
STEP_VARIANCE = (1 / 255) ** 2 / 12
"""Variance of rounding to eight bits."""
HELD = 0.15
"""A frame that differs from the one before by less than this share of the usual variance is the same exposure again."""
FIXED = 0.97
"""Grain that lasts stays where it is on the screen; it is then not looked for where the picture went, if that changes so much less."""
CHANNEL_PAIRS = ((0, 1), (1, 2), (2, 0))


def _curved() -> Array:
    """Return an orthonormal basis of the planes and bowls over a patch, `[pixels 6]`: light, shading and slow motion."""
    y, x = (np.mgrid[0:PATCH_PX, 0:PATCH_PX].reshape(2, -1) + 0.5) / PATCH_PX - 0.5
    return np.linalg.qr(np.stack((np.ones_like(x), x, y, x * x, x * y, y * y), axis=1))[0]


CURVED = _curved().astype(np.float32)
WINDOW = np.outer(*(np.hanning(PATCH_PX + 2)[1:-1],) * 2).astype(np.float32)


def _rings() -> tuple[NDArray[np.int_], Array]:
    """Return the ring of each frequency of a patch, `NUM_BANDS` beyond half a cycle, and how much of white noise is left of it."""
    frequencies = np.fft.fftfreq(PATCH_PX)
    radius = np.hypot(frequencies[:, None], frequencies[None, :])
    taken = np.abs(np.fft.fft2(CURVED.T.reshape(-1, PATCH_PX, PATCH_PX) * WINDOW)) ** 2
    ring = np.minimum(np.floor(radius * 2 * NUM_BANDS).astype(int), NUM_BANDS)
    left = np.square(WINDOW).sum() - taken.sum(axis=0)
    return ring, np.array([left[ring == band].sum() for band in range(NUM_BANDS)])


RING, RING_WEIGHT = _rings()


@dataclass(frozen=True)
class Patches:
    """What was measured on patches, `[n ..]` each."""

    luma: Array
    variance: Array
    """Half the variance of the difference to the next frame in red, green and blue."""
    correlation: Array
    power: Array
    """Of the difference in each channel and ring."""
    later: Array
    """Variance of the difference to the frame after the next, as a multiple of that to the next; NaN where unknown."""
    spatial: Array
    """Variance over the patch, as a multiple of half that of the difference."""
    block: NDArray[np.int_]

    @property
    def change(self) -> Array:
        """Return how much the patches change to the next frame and the one after it."""
        return self.variance.mean(axis=1) * (1 + np.nan_to_num(self.later, nan=1))

    def of(self, chosen: NDArray[np.bool_]) -> Patches:
        return Patches(*(getattr(self, item.name)[chosen] for item in fields(self)))


def hats(luma: Array) -> Array:
    """Weigh each luma `[n]` by its distance to the nodes, `[n nodes]`."""
    return np.maximum(1 - np.abs(np.clip(luma, 0, 1)[:, None] * (NUM_NODES - 1) - np.arange(NUM_NODES)), 0)


def patches_of(run: Run, most_pairs: int) -> list[Patches]:
    """Measure pairs of frames, evenly over a run; repeated frames are left out."""
    numbers = _exposures(run)
    starts = np.unique(np.linspace(0, len(numbers) - 2, min(most_pairs, len(numbers) - 1)).round().astype(int))
    if len(numbers) < 2:
        return []

    def measured(starts: NDArray[np.int_], follows: bool) -> list[Patches]:
        return [_of_pair(run, numbers, int(start), follows=follows) for start in starts]

    few = starts[:: max(len(starts) // 4, 1)]
    follow, stay = (np.median(np.concatenate([part.change for part in measured(few, way)])) for way in (True, False))
    return measured(starts, follows=bool(stay >= FIXED * follow))


def _exposures(run: Run) -> list[int]:
    """Return the numbers of the frames that do not repeat the frame before."""
    if len(run.luma) < 2:
        return [0]
    changes = []
    for t in range(len(run.luma) - 1):
        corners = _calm_corners(run, (t, t + 1), at=t)
        before, after = (flattened(_cut(run.luma[to], corners + _shift(run, corners, t, to))) for to in (t, t + 1))
        changes.append(float(np.median(variance_of(after - before))) if len(corners) else 0.0)
    usual = float(np.quantile(changes, 0.75))
    return [0, *(t + 1 for t, change in enumerate(changes) if change >= HELD * usual)]


def _of_pair(run: Run, numbers: list[int], start: int, *, follows: bool) -> Patches:
    """Measure the calm patches of frame `start` and the next, where the picture went (`follows`) or at the same place.

    They are judged on the frames around: what is measured must not choose where it is measured, or chance would make the grain weak.
    """
    here, after = numbers[start], numbers[start + 1]
    last = numbers[min(start + 2, len(numbers) - 1)]
    corners = _calm_corners(run, (numbers[max(start - 1, 0)], last), at=here)
    places = [corners + follows * _shift(run, corners, here, to) for to in (here, after, last)]
    frames = [_cut(run.frames[to], place) for to, place in zip((here, after, last), places, strict=True)]
    flat = [flattened(frame) for frame in frames]
    change, change_later = (_levelled(flat[number] - flat[0]) for number in (1, 2))
    variance = variance_of(change)
    own = np.maximum(variance.mean(axis=1), 1e-12)
    later = variance_of(change_later).mean(axis=1) / own if last != after else np.full(len(corners), np.nan)
    clean = np.where(change**2 > OUTLIER**2 * variance[:, None] + STEP_VARIANCE, 0, change)
    deviations = np.sqrt(np.maximum((clean**2).mean(axis=1), 1e-12))
    correlation = [
        (clean[..., a] * clean[..., b]).mean(axis=1) / (deviations[:, a] * deviations[:, b]) for a, b in CHANNEL_PAIRS
    ]
    return Patches(
        luma=((frames[0] + frames[1]) @ LUMA).mean(axis=1) / 2,
        variance=np.maximum(variance / 2 - STEP_VARIANCE, 0),
        correlation=np.stack(correlation, axis=1),
        power=_ring_power(clean),
        later=later,
        spatial=sum(variance_of(_levelled(patches)).mean(axis=1) for patches in flat[:2]) / own,
        block=np.zeros(len(corners), int),
    )


def _calm_corners(run: Run, around: tuple[int, int], *, at: int) -> NDArray[np.int_]:
    """Find the patches of frame `at` that vary least for their tone, in space and time, in two frames around; top and left, `[n 2]`."""
    height, width = run.size
    step = max(STEP_PX, round((height * width / MOST_CORNERS) ** 0.5))
    rows, columns = (np.arange(MARGIN_PX, side - PATCH_PX - MARGIN_PX + 1, step) for side in (height, width))
    corners = np.stack(np.meshgrid(rows, columns, indexing="ij"), axis=-1).reshape(-1, 2)
    there = np.stack([corners + _shift(run, corners, at, to) for to in range(min(*around, at), max(*around, at) + 1)])
    corners = corners[np.all((there >= 0) & (there <= np.array(run.size) - PATCH_PX), axis=(0, 2))]
    patches = [_cut(run.luma[to], corners + _shift(run, corners, at, to)) for to in around]
    first, second = (flattened(patch) for patch in patches)
    unrest = (first**2 + second**2 + (second - first) ** 2).mean(axis=1)
    tone = hats((patches[0] + patches[1]).mean(axis=1) / 2).argmax(axis=1)
    limit = np.array([np.quantile(unrest[tone == k], CALM_SHARE) if (tone == k).any() else 0 for k in range(NUM_NODES)])
    return corners[unrest <= limit[tone]]


def _shift(run: Run, corners: NDArray[np.int_], start: int, stop: int) -> NDArray[np.int_]:
    """Return by how many whole pixels patches move from frame `start` to frame `stop`, down and across, `[n 2]`."""
    move = run.moves[min(start, stop) : max(start, stop)].sum(axis=0) * (1 if stop >= start else -1)
    y, x = (corners + PATCH_PX / 2 - np.array(run.size) / 2).T
    return np.rint(np.stack((move[1] + move[2] * x, move[0] - move[2] * y), axis=1)).astype(int)


def _cut(picture: Image, corners: NDArray[np.int_]) -> Image:
    """Cut patches out of a picture `[h w ..]`, `[n pixels ..]`."""
    y, x = np.divmod(np.arange(PATCH_PX**2), PATCH_PX)
    return picture[corners[:, :1] + y, corners[:, 1:] + x]


def flattened(patches: Image) -> Image:
    """Take light and shading, bowls and planes, from patches `[n pixels ..]`."""
    columns = patches.reshape(len(patches), PATCH_PX**2, math.prod(patches.shape[2:]))
    return np.asarray(columns - CURVED @ (CURVED.T @ columns)).reshape(patches.shape)


def _levelled(patches: Image) -> Image:
    """Flatten flattened patches `[n pixels ..]` again, without the specks that pulled at the first surface."""
    for _ in range(2):
        usual = 1.4826 * np.median(np.abs(patches), axis=1)
        calm = np.where(np.abs(patches) <= OUTLIER * usual[:, None], patches, 0)
        patches = np.asarray(patches - (calm - flattened(calm)), np.float32)
    return patches


def variance_of(patches: Image) -> Array:
    """Return the variance of flattened patches `[n pixels ..]` without what stands out, as it was before they were flattened."""
    usual = (1.4826 * np.median(np.abs(patches), axis=1)) ** 2
    chosen = np.abs(patches) <= OUTLIER * np.sqrt(np.maximum(usual, STEP_VARIANCE))[:, None]
    return np.where(chosen, patches**2, 0).sum(axis=1) / (np.maximum(chosen.sum(axis=1), 1) * KEPT_VARIANCE)


def _ring_power(patches: Image) -> Array:
    """Return the power of patches `[n pixels c]` in each ring, `[n c rings]`, white noise being even."""
    pictures = np.moveaxis(patches, 2, 1).reshape(len(patches), -1, PATCH_PX, PATCH_PX)
    power = np.abs(np.fft.fft2(pictures * WINDOW)) ** 2
    return np.stack([power[..., band == RING].sum(axis=-1) for band in range(NUM_BANDS)], axis=-1) / RING_WEIGHT


@cache
def calm_power() -> Array:
    """Return what `CALMER` of patches of white noise of unit variance have less than, in each ring."""
    noise = np.random.default_rng(0).standard_normal((1000, PATCH_PX**2, 1), np.float32)
    return np.quantile(_ring_power(flattened(noise))[:, 0], CALMER, axis=0)
