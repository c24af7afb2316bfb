"""Breathing light: how exposure, contrast and colour of whole frames flicker; measured, drawn again, and kept within what is safe."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from relook.mechanics.chance import REACH_FRAMES, course_of, random_of, rhythm_filter, wander
from relook.mechanics.reel import Image, Run, moved
from relook.nets.blocks import LUMA
from relook.recipe.mechanics import Bands, Breath

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]

CELL_SHARE = 1 / 60
"""Side of the cells that light is compared in, as a share of the rows: grain averages out in them."""
TILE_CELLS = 10
"""Side of the draughtboard's fields, whose black and white ones are measured each by itself."""
UNCLIPPED = (0.04, 0.94)
LEAST_CELLS = 60
FIT_ROUNDS = 8
FLOORS = (0.003, 0.006, 0.0025, 0.0025)
"""Less than this of exposure, contrast, red and blue is none: compression does as much to clean film."""
FURTHEST = 3.0
"""Standard deviations that drawn light strays at most."""
_FIELDS = ("exposure", "contrast", "colour", "rhythm")

FLASH = 0.1
"""Change of relative luminance that counts, both ways, as a flash."""
FLASH_DARKER = 0.8
"""It counts where the darker of the two is below this."""
MOST_FLASHES = 3
"""In any one second. All three: WCAG 2.2, success criterion 2.3.1, and its definition of general flash."""
SAFETY_FRAMES = 300
SAFETY_SEEDS = range(1, 13)
SAFETY_LEVELS = (0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95)
"""Display values of a whole frame that flashes are looked for at; the worst is near 0.9."""
SAFETY_MARGIN = 0.75
"""Other seeds may be worse than those that are tried."""


def measure_breath(runs: Sequence[Run]) -> Breath:
    """Measure the flicker of whole frames, beyond slow changes of the light and things that come and go."""
    steps = [_light_steps(run) for run in runs]
    exposure, contrast, red, blue = (
        course_of([(step[:, 0, kind], step[:, 1, kind]) for step in steps], floor=floor)
        for kind, floor in enumerate(FLOORS)
    )
    confidences = (exposure.confidence, contrast.confidence, min(red.confidence, blue.confidence))
    return Breath(
        exposure=exposure.deviation,
        contrast=contrast.deviation,
        colour=(red.deviation, blue.deviation),
        rhythm=exposure.rhythm,
        confidence=dict(zip(_FIELDS, (*confidences, exposure.rhythm_confidence), strict=True)),
    )


def _light_steps(run: Run) -> Array:
    """Return how the light changes from each frame to the next, from both fields of a draughtboard, `[n 2 4]`.

    Of the logarithms of green's gain, of the slope, and of red's and blue's gain beside green's. Steps that cannot be told are left out.
    """
    height, width = run.size
    size = (max(round(width / height / CELL_SHARE), 1), round(1 / CELL_SHARE))
    rows, columns = np.mgrid[0 : size[1], 0 : size[0]]
    is_black = (rows // TILE_CELLS + columns // TILE_CELLS) % 2 == 0
    found = []
    for t in np.flatnonzero(~run.held):
        pair = moved(run.frames[t], run.moves[t]), run.frames[t + 1]
        before, after = (_cells(picture, size) for picture in pair)
        usable = _unclipped(before) & _unclipped(after) & _inside(size, run.moves[t] / (width / size[0]))
        both = [_light_change(before[usable & half], after[usable & half]) for half in (is_black, ~is_black)]
        if both[0] is not None and both[1] is not None:
            found.append(np.stack([change for change in both if change is not None]))
    return np.array(found).reshape(-1, 2, 4)


def _cells(picture: Image, size: tuple[int, int]) -> Image:
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.float32)


def _unclipped(cells: Image) -> Flags:
    return np.asarray((cells.min(axis=-1) > UNCLIPPED[0]) & (cells.max(axis=-1) < UNCLIPPED[1]))


def _inside(size: tuple[int, int], move: Array) -> Flags:
    """Say which cells, of which the outermost are left out, were in sight before."""
    width, height = size
    x, y = np.arange(width), np.arange(height)
    across = (x >= 1 + max(move[0], 0)) & (x < width - 1 + min(move[0], 0))
    down = (y >= 1 + max(move[1], 0)) & (y < height - 1 + min(move[1], 0))
    return np.asarray(down[:, None] & across[None, :])


def _light_change(before: Image, after: Image) -> Array | None:
    """Fit one slope and the gains of three channels, robustly; cells `[n 3]`, None where there are too few.

    A line for each channel, with one black level for all: later = gain * (slope * (earlier - 0.5) + 0.5).
    """
    if len(before) < LEAST_CELLS:
        return None
    x, y = before.astype(np.float64), after.astype(np.float64)
    gains, black, weights = np.median(y / x, axis=0), 0.0, np.ones_like(x)
    for _ in range(FIT_ROUNDS):
        left = y - gains * x - black
        usual = 1.4826 * float(np.median(np.abs(left))) + 1e-4
        weights = (1 + np.square(left / (2.5 * usual))) ** -2
        squares, sums, totals = (weights * x * x).sum(axis=0), (weights * x).sum(axis=0), weights.sum(axis=0)
        products, values = (weights * x * y).sum(axis=0), (weights * y).sum(axis=0)
        normal = np.zeros((4, 4))
        normal[range(3), range(3)] = squares
        normal[:3, 3] = normal[3, :3] = sums
        normal[3, 3] = totals.sum() * (1 + 1e-6)
        solved = np.linalg.solve(normal, np.append(products, values.sum()))
        gains, black = solved[:3], float(solved[3])
    slope = float(np.clip(1 - 2 * black, 0.3, 3.0))
    red, green, blue = np.log(np.maximum(gains / slope, 0.05))
    return np.array([green, np.log(slope), red - green, blue - green])


def breath_of(breath: Breath, *, seed: int, frame: int) -> tuple[float, float, float, float]:
    """Draw the gains of red, green and blue, and the slope about mid-grey, of a frame."""
    drawn = wander(breath.rhythm, 4, seed=seed, frame=frame, mark="breath").clip(-FURTHEST, FURTHEST)
    exposure, slope, red, blue = drawn * (breath.exposure, breath.contrast, *breath.colour)
    gains = np.exp([exposure + red, exposure, exposure + blue])
    return float(gains[0]), float(gains[1]), float(gains[2]), float(np.exp(slope))


def lay_breath(pictures: Tensor, gains: Tensor, slopes: Tensor) -> Tensor:
    """Lay gains `[b 3]`, and slopes about mid-grey `[b]`, over pictures `[b 3 h w]`."""
    slopes = slopes[:, None, None, None]
    return (pictures * slopes + 0.5 * (1 - slopes)) * gains[:, :, None, None]


def limit_flashes(breath: Breath, *, frame_rate: float) -> Breath:
    """Take so much off the flicker that a frame of one brightness breaks no rule on flashes, whatever its brightness."""
    share = safe_share(breath, frame_rate)
    red, blue = breath.colour
    return replace(
        breath,
        exposure=breath.exposure * share,
        contrast=breath.contrast * share,
        colour=(red * share, blue * share),
    )


def safe_share(breath: Breath, frame_rate: float) -> float:
    """Return the largest share of the flicker, 1 at most, whose drawn course has no more flashes than are allowed.

    On a whole frame of the brightness at which most flashes are seen, over some hundred frames of several seeds.
    """
    courses = [_course(breath.rhythm, seed) for seed in SAFETY_SEEDS]

    def is_safe(share: float) -> bool:
        return all(
            most_flashes(_luminance_of(course * share, breath, level), frame_rate) <= MOST_FLASHES
            for course in courses
            for level in SAFETY_LEVELS
        )

    if is_safe(1 / SAFETY_MARGIN):
        return 1.0
    safe, unsafe = 0.0, 1 / SAFETY_MARGIN
    for _ in range(6):
        middle = (safe + unsafe) / 2
        safe, unsafe = (middle, unsafe) if is_safe(middle) else (safe, middle)
    return SAFETY_MARGIN * safe


def _course(rhythm: Bands, seed: int) -> Array:
    """Draw what `breath_of` draws, for many frames at once, `[t 4]`."""
    frames = range(-REACH_FRAMES, SAFETY_FRAMES + REACH_FRAMES)
    noise = np.array([random_of(seed, frame, "breath").standard_normal(4) for frame in frames])
    taps = rhythm_filter(rhythm)
    return np.stack([np.convolve(column, taps, mode="valid") for column in noise.T], axis=1).clip(-FURTHEST, FURTHEST)


def _luminance_of(course: Array, breath: Breath, level: float) -> Array:
    """Return the relative luminance of a grey frame of a display value under a drawn course `[t 4]`."""
    exposure, slope, red, blue = (course * (breath.exposure, breath.contrast, *breath.colour)).T
    value = (level - 0.5) * np.exp(slope) + 0.5
    gains = np.exp(exposure)[:, None] * np.exp(np.stack((red, np.zeros_like(red), blue), axis=1))
    return luminance(value[:, None] * gains) @ np.array(LUMA)


def luminance(values: Array) -> Array:
    """Return the relative luminance of grey display values, cut off at white (WCAG 2.2, relative luminance)."""
    values = np.clip(values, 0, 1)
    return np.asarray(np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4))


def most_flashes(course: Array, frame_rate: float) -> int:
    """Return the most general flashes within any one second of a course of relative luminance `[t]`.

    A flash is two opposing transitions, each between a peak and the next valley, of `FLASH` and more with the darker below
    `FLASH_DARKER`; reversals of less are no peaks, so that a slow swell with noise on it still counts. A transition counts from the
    frame where it has gone so far; half a flash counts as one.
    """
    transitions = []
    low = high = float(course[0])
    rising = falling = True
    for frame, value in enumerate(course.tolist()):
        low, high = min(low, value), max(high, value)
        if falling and value - low >= FLASH and low < FLASH_DARKER:
            rising, falling, high = True, False, value
            transitions.append(frame)
        elif rising and high - value >= FLASH and value < FLASH_DARKER:
            rising, falling, low = False, True, value
            transitions.append(frame)
    times = np.array(transitions, np.float64)
    within = [int(((times >= start) & (times < start + frame_rate)).sum()) for start in times]
    return (max(within, default=0) + 1) // 2
