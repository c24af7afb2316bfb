"""Vignette in closed form: how light falls off towards the corners, from things that move across the frame.

The same thing seen at two places differs by the fall-off between them, whatever it is a picture of; the mean brightness of
corners says little, for skies are bright and stages dark.
Source: Goldman and Chen 2005, "Vignette and exposure calibration and compensation" (one point, seen at several places).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from relook.nets.blocks import squared_radius
from relook.nets.motion import dense_motion

Array = NDArray[np.float64]
Luma = NDArray[np.float32]
Pair = tuple[Luma, Luma]

STEP_PX = 6
BORDER = 0.03
"""Share of the height, along the border of the frame, where nothing is looked for."""
LIT = (0.08, 0.92)
"""Luma inside which a change of light shows as it is."""
SMOOTH_PX = 2.5
MOST_CHANGE = 0.25
"""A thing whose logarithm of luma changes by more has changed itself."""
LEAST_EVIDENCE = 2.0
"""Sum of squared moves towards the corners below which a shot says nothing: a still camera before a still scene."""
LEAST_SHOTS = 3
SHOT_DEVIATION = 0.24
"""How far the fall-off of single shots lies from that of their film: light on a subject falls off too."""


def extra_vignette(source: Iterable[Sequence[Pair]], style: Iterable[Sequence[Pair]]) -> float:
    """Return by how much more the style darkens at the corners than the source, as a logarithm of luma, 0 or less.

    A difference is believed as far as it stands out from what the shots differ among themselves. 0 where fewer than three
    shots of a side have things that move across the frame.

    Args:
        source, style: per shot, pairs of frames `[h w]` some frames apart, 0..1, about 240 rows high.
    """
    sides = [_pooled(falloff(pairs) for pairs in side) for side in (source, style)]
    if any(side is None for side in sides):
        return 0.0
    (before, doubt_before), (after, doubt_after) = (side for side in sides if side is not None)
    difference = after - before
    believed = difference**3 / (difference**2 + doubt_before + doubt_after)
    return float(np.clip(believed, -0.8, 0.0))


def falloff(pairs: Sequence[Pair]) -> float | None:
    """Return the logarithm of the light in the corners less that at the centre; None where too little moves.

    It is taken to fall with the squared distance from the centre.
    """
    seen = [_observe(before, after) for before, after in pairs]
    if not seen:
        return None
    change, outward = np.concatenate([pair[0] for pair in seen]), np.concatenate([pair[1] for pair in seen])
    weights, corner = np.ones_like(change), 0.0
    for _ in range(10):
        evidence = float((weights * outward**2).sum())
        if evidence < LEAST_EVIDENCE:
            return None
        corner = float((weights * change * outward).sum()) / evidence
        rest = change - corner * outward
        weights = (1 + (rest / (3 * np.median(np.abs(rest)) + 1e-4)) ** 2) ** -2
    return corner


def _observe(before: Luma, after: Luma) -> tuple[Array, Array]:
    """Follow points from one frame to another: the change of log luma of each, and of its squared radius, less the medians."""
    codes = [(luma * 255).astype(np.uint8) for luma in (before, after)]
    forth, back = dense_motion(codes[0], codes[1]), dense_motion(codes[1], codes[0])
    height, width = before.shape
    y, x = (grid.ravel().astype(np.float32) for grid in np.mgrid[0:height:STEP_PX, 0:width:STEP_PX])
    move = forth[::STEP_PX, ::STEP_PX].reshape(-1, 2)
    to_x, to_y = x + move[:, 0], y + move[:, 1]
    values = [_at(cv2.GaussianBlur(luma, (0, 0), SMOOTH_PX), *place)
              for luma, place in ((before, (x, y)), (after, (to_x, to_y)))]  # fmt: skip
    astray = np.hypot(*(move + _at(back, to_x, to_y)).T)
    kept = astray < 0.3 + 0.05 * np.hypot(*move.T)
    for across, down, value in ((x, y, values[0]), (to_x, to_y, values[1])):
        edge = BORDER * height
        kept &= (across > edge) & (across < width - edge) & (down > edge) & (down < height - edge)
        kept &= (value > LIT[0]) & (value < LIT[1])
    change = np.log(values[1][kept]) - np.log(values[0][kept])
    outward = (squared_radius(to_x / width, to_y / height) - squared_radius(x / width, y / height))[kept]
    if not len(change):
        return change, outward
    change, outward = change - np.median(change), outward - np.median(outward)
    unchanged = np.abs(change) < MOST_CHANGE
    return change[unchanged], outward[unchanged]


def _at(picture: Luma, x: Luma, y: Luma) -> Array:
    """Read a picture `[h w]` or `[h w 2]` at points; what comes out has the points first."""
    read = cv2.remap(picture, x[:, None], y[:, None], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(read[:, 0], np.float64)


def _pooled(corners: Iterable[float | None]) -> tuple[float, float] | None:
    """Return the median over shots and the variance of it; None where too few shots say anything."""
    known = np.array([corner for corner in corners if corner is not None])
    if len(known) < LEAST_SHOTS:
        return None
    deviation = max(1.4826 * float(np.median(np.abs(known - np.median(known)))), SHOT_DEVIATION)
    return float(np.median(known)), 1.57 * deviation**2 / len(known)
