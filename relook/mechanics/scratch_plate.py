"""Draw vertical scratches: thin lines that live on over the frames, wander a little and end softly."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from relook.mechanics.chance import births, random_of
from relook.nets.wrap import Wrap
from relook.recipe.mechanics import Scratches

Image = NDArray[np.float32]

CONTRAST_SPREAD = 0.35
"""Standard deviation of the logarithm of a scratch's contrast."""
WIDTH_SPREAD = 0.2
LEAST_EXTENT = 0.5
"""A scratch runs over half to all of the frame's height; longer ones are cut off by the frame."""
MOST_EXTENT = 2.0
SOFT_ENDS = 0.04
"""Share of the frame's height over which a scratch ends."""
SIGMA_OF_WIDTH = 1 / (2 * math.sqrt(2 * math.log(2)))
"""A Gaussian's standard deviation in its width at half height."""
LEAST_LEFT = 1e-3
MOST_REACH_FRAMES = 512


@dataclass(frozen=True)
class Line:
    """One scratch in one frame, in pixels of the plate."""

    column: float
    """Of its middle: 0 is the frame's left side."""
    width: float
    """At half of the contrast."""
    amount: float
    """Signed contrast in units of the median: bright above 0."""
    top: float
    bottom: float
    """Shares of the frame's height, beyond 0..1 where it runs through."""


def draw_scratches(
    scratches: Scratches, size: tuple[int, int], *, scale: float, seed: int, frame: int, wrap: Wrap | None = None
) -> Image:
    """Draw the scratches of one frame as a signed difference of luma in units of the median contrast, `[h w]`.

    Args:
        scratches: rates, and sizes in pixels of a frame `reference_height` rows high.
        size: rows and columns of the plate.
        scale: rows of the plate in rows of the reference.
        seed: of the shot.
        frame: number in the shot.
        wrap: axes along which a scratch that leaves the plate comes in again on the other side.
    """
    lines = scratch_lines(scratches, size, scale=scale, seed=seed, frame=frame)
    return draw_lines([shown for line in lines for shown in _around(line, size[1], wrap)] if wrap else lines, size)


def _around(line: Line, width: int, wrap: Wrap) -> Iterator[Line]:
    """Give a line as often as it is seen on a plate that wraps; one longer than the plate meets itself and has no ends."""
    if "y" in wrap and line.bottom - line.top + SOFT_ENDS >= 1:
        line = replace(line, top=-1.0, bottom=2.0)
    elif "y" in wrap:
        start = line.top % 1
        line = replace(line, top=start, bottom=start + line.bottom - line.top)
    ups = (-1, 0, 1) if "y" in wrap and line.top > -1 else (0,)
    sides = (-width, 0, width) if "x" in wrap else (0,)
    for up in ups:
        for aside in sides:
            column = (line.column % width if "x" in wrap else line.column) + aside
            yield replace(line, column=column, top=line.top + up, bottom=line.bottom + up)


def draw_lines(lines: Sequence[Line], size: tuple[int, int]) -> Image:
    """Draw some scratches, `[h w]`."""
    height, width = size
    plate = np.zeros(size, np.float32)
    rows = (np.arange(height) + 0.5) / height
    for line in lines:
        sigma = math.hypot(line.width * SIGMA_OF_WIDTH, 0.2)
        reach = 4 * sigma + 1
        left, right = (int(np.clip(edge, 0, width)) for edge in (line.column - reach, line.column + reach + 1))
        across = np.exp(-0.5 * ((np.arange(left, right) + 0.5 - line.column) / sigma) ** 2)
        # What a pixel cannot resolve it sees as fainter.
        across *= line.amount * min(line.width * SIGMA_OF_WIDTH / sigma, 1)
        down = np.clip(np.minimum(rows - line.top, line.bottom - rows) / SOFT_ENDS + 0.5, 0, 1)
        plate[:, left:right] += np.outer(down, across).astype(np.float32)
    return plate


def scratch_lines(scratches: Scratches, size: tuple[int, int], *, scale: float, seed: int, frame: int) -> list[Line]:
    """Return the scratches of one frame."""
    if scratches.per_frame <= 0:
        return []
    ends = 1 / max(scratches.life_frames, 1.0)
    reach = 0 if ends == 1 else min(math.ceil(math.log(LEAST_LEFT) / math.log1p(-ends)), MOST_REACH_FRAMES)
    # So many of those born within reach are there on average; the rest of the average is made up for.
    born_a_frame = scratches.per_frame / sum((1 - ends) ** age for age in range(reach + 1))
    lines = []
    for born in range(frame - reach, frame + 1):
        rng = random_of(seed, born, "scratches")
        for _ in births(born_a_frame, rng):
            life, key = int(rng.geometric(ends)), int(rng.integers(2**63))
            if born + life > frame:
                own = np.random.Generator(np.random.Philox(key=key))
                lines.append(_line(scratches, size[1], scale=scale, age=frame - born, rng=own))
    return lines


def _line(scratches: Scratches, width: int, *, scale: float, age: int, rng: np.random.Generator) -> Line:
    column, side = rng.uniform(0, width), rng.random()
    spread, widening = rng.standard_normal(2)
    extent = rng.uniform(LEAST_EXTENT, MOST_EXTENT)
    # Placed so that at least `LEAST_EXTENT` of it lies in the frame.
    top = rng.uniform(LEAST_EXTENT - extent, 1 - LEAST_EXTENT)
    amount = math.exp(CONTRAST_SPREAD * spread)
    drift = scratches.drift_px * float(rng.standard_normal(age).sum())
    return Line(
        column=column + drift * scale,
        width=scratches.width_px * math.exp(WIDTH_SPREAD * widening) * scale,
        amount=amount if side < scratches.bright_share else -amount,
        top=top,
        bottom=top + extent,
    )
