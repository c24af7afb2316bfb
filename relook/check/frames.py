"""Measures of every frame that cost next to nothing: brightness, black, clipped, not finite, the same as before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np
import numpy.typing as npt
from torch import Tensor

from relook.check.limits import BLACK_LUMA, LIMITS, LIT_LUMA, MOVING_CHANGE, SAME_CHANGE
from relook.check.picture import Plane, plane

_SAMPLES = 50_000
_ONE_LEVEL = 0.5 / 255
_DARK = 0.02
"""Added before the logarithm of brightness, so that near-black frames do not flicker without end."""

Series = npt.NDArray[np.float64]


@dataclass(frozen=True)
class FrameFigures:
    """What is known of one frame."""

    brightness: float
    """Mean luma, 0..1."""
    high: float
    """The luma below which 99 % of the pixels lie."""
    black_share: float
    """Share of pixels at pure black."""
    white_share: float
    change: float
    """Mean absolute difference of luma to the frame before, 0..1; 1 where there is none."""
    is_finite: bool


def frame_figures(luma: Plane, before: Plane | None) -> FrameFigures:
    """Measure a frame's luma `[h w]`, given the one before it in its shot."""
    total = float(luma.sum(dtype=np.float64))
    if not np.isfinite(total):
        return FrameFigures(0.0, 0.0, 0.0, 0.0, 1.0, False)
    sample = thinned(luma)
    high = float(np.partition(sample, -max(1, sample.size // 100))[-max(1, sample.size // 100)])
    change = 1.0 if before is None else float(np.abs(luma - before).mean())
    black, white = float((sample <= _ONE_LEVEL).mean()), float((sample >= 1 - _ONE_LEVEL).mean())
    return FrameFigures(total / luma.size, high, black, white, change, True)


def thinned(luma: Plane) -> Plane:
    """Return some 50 000 values of a plane, evenly spaced, as one row."""
    step = max(1, int((luma.size / _SAMPLES) ** 0.5))
    return luma[::step, ::step].ravel()


def brightness(frame: Tensor) -> float:
    """Return the mean luma of a frame `[c h w]`."""
    return float(plane(frame).mean())


def clipped_shares(frame: Tensor) -> tuple[float, float]:
    """Return the shares of a frame's pixels at pure black and at pure white."""
    figures = frame_figures(plane(frame), None)
    return figures.black_share, figures.white_share


def brightness_changes(values: Sequence[float]) -> Series:
    """Return the relative changes of brightness from frame to frame, per frame of a pair."""
    return np.diff(np.log(np.asarray(values, dtype=np.float64) + _DARK)) / 2**0.5


def flicker(film: Sequence[FrameFigures], source: Sequence[FrameFigures] | None) -> Series:
    """Return how the film's brightness changes from frame to frame beyond what its source does; one value a change."""
    own = brightness_changes([frame.brightness for frame in film])
    if source is None or not own.size:
        return own
    given = brightness_changes([frame.brightness for frame in source[: len(film)]])
    slope = float(np.clip((own @ given) / (given @ given + 1e-6), 0, 2))
    return own - slope * given


def deviation(changes: Series) -> float:
    """Return the root mean square of changes, 0 where there are none."""
    return float(np.sqrt(np.mean(changes**2))) if changes.size else 0.0


def frozen_share(film: Sequence[FrameFigures], source: Sequence[FrameFigures] | None, held_share: float = 0.0) -> float:
    """Return the share of frames that repeat the one before although the source moves; 0 without a source.

    So many as the look's cranking holds, a share `held_share` of all, are let pass, and up to twice as many, its dial at 2, do not fail.
    """
    if source is None:
        return 0.0
    held = [
        frame.change <= SAME_CHANGE
        for frame, given in zip(film, source, strict=False)
        if MOVING_CHANGE < given.change < 1
    ]
    beyond, dialled_up = (max(sum(held) - ceil(k * held_share * len(film)), 0) / max(1, len(held)) for k in (1, 2))
    return beyond if dialled_up else min(beyond, LIMITS["frozen_share"].fail) if held_share else beyond


def is_static(film: Sequence[FrameFigures]) -> bool:
    """True where no frame differs from the one before."""
    return all(frame.change <= SAME_CHANGE for frame in film[1:])


def black_share(film: Sequence[FrameFigures], source: Sequence[FrameFigures] | None) -> float:
    """Return the share of frames that are black although the source, or without one the picture before and after, is not."""
    black = np.array([frame.is_finite and frame.high < BLACK_LUMA for frame in film], bool)
    if source is not None:
        lit = np.array([given.high >= LIT_LUMA for given in source[: len(film)]])
        return float((black[: lit.size] & lit).sum()) / len(film)
    pictures = np.flatnonzero(~black)
    return float(black[pictures[0] : pictures[-1]].sum()) / len(film) if pictures.size else 0.0


def clipped_share(
    film: Sequence[FrameFigures], source: Sequence[FrameFigures] | None, style: tuple[float, float]
) -> float:
    """Return the share of pixels at pure black or white beyond what the source and the style clip; 0 without a frame."""
    if not film:
        return 0.0
    shares = _clipped(film)
    given = _clipped(source) if source is not None else np.zeros(2)
    return float(np.max(shares - np.maximum(given, np.array(style))).clip(0))


def _clipped(frames: Sequence[FrameFigures]) -> Series:
    return np.median([(frame.black_share, frame.white_share) for frame in frames], axis=0)
