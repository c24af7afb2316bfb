"""Draw dust and hairs: soft specks of irregular outline, each born in a frame and staying at its place for some frames."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from relook.mechanics.chance import births, random_of
from relook.nets.wrap import Wrap
from relook.recipe.mechanics import Dust

Image = NDArray[np.float32]

EDGE_PX = 1.0
"""Width of a speck's soft edge."""
OPACITY_SPREAD = 0.6
"""Standard deviation of the log odds of a speck's opacity."""
HAIR_SPREAD = 0.3
"""Standard deviation of the logarithm of a hair's length."""
HAIR_RADIUS_PX = 0.6
"""Half of a hair's width."""
HAIR_TURN = 0.25
"""Standard deviation of the turn, in radians, from one twelfth of a hair to the next."""
HAIR_STEPS = 12
MOST_RADIUS_PX = 40.0
LEAST_LEFT = 1e-3
"""Births so far back that a smaller share of them is still there are not drawn."""
SUB_PX = 3
"""Bits of a pixel in which OpenCV draws."""


@dataclass(frozen=True)
class Patch:
    """What one speck covers: the plate's place and its opacity."""

    is_bright: bool
    top: int
    left: int
    opacity: Image
    """`[h w]`, 0..1."""
    is_hair: bool = False
    age: int = 0
    """Frames that it has been there before this one."""
    life: int = 1
    """Frames that it is there altogether."""


def draw_dust(
    dust: Dust, size: tuple[int, int], *, scale: float, seed: int, frame: int, wrap: Wrap | None = None
) -> Image:
    """Draw the dust of one frame: opacity of dark and of bright specks, `[2 h w]`, 0..1.

    Args:
        dust: rates, and sizes in pixels of a frame `reference_height` rows high.
        size: rows and columns of the plates.
        scale: rows of the plates in rows of the reference.
        seed: of the shot.
        frame: number in the shot.
        wrap: axes along which a speck that leaves the frame comes in again on the other side.
    """
    plates = np.zeros((2, *size), np.float32)
    for patch in dust_patches(dust, size, scale=scale, seed=seed, frame=frame):
        for shown in _around(patch, size, wrap) if wrap else (patch,):
            press(shown, plates)
    return plates


def _around(patch: Patch, size: tuple[int, int], wrap: Wrap) -> Iterator[Patch]:
    """Give a patch as often as it is seen, whole or in part, in a frame that wraps."""
    sides = zip("yx", (patch.top, patch.left), patch.opacity.shape, size, strict=True)
    tops, lefts = (
        range(start % side - extent // side * side - side, side, side) if axis in wrap else [start]
        for axis, start, extent, side in sides
    )
    for top in tops:
        for left in lefts:
            yield replace(patch, top=top, left=left)


def press(patch: Patch, plates: Image) -> None:
    """Add a patch to plates `[2 h w]`; what lies beyond their sides is cut off."""
    plate, opacity = plates[int(patch.is_bright)], patch.opacity
    rows, columns = (
        slice(max(start, 0), max(start + extent, 0))
        for start, extent in zip((patch.top, patch.left), opacity.shape, strict=True)
    )
    under = plate[rows, columns]
    inside = opacity[max(-patch.top, 0) :, max(-patch.left, 0) :][: under.shape[0], : under.shape[1]]
    np.maximum(under, inside, out=under)


def dust_patches(dust: Dust, size: tuple[int, int], *, scale: float, seed: int, frame: int) -> list[Patch]:
    """Return the specks and hairs of one frame one by one; those born before come first."""
    rates = (dust.dark_per_frame, dust.bright_per_frame, dust.hairs_per_frame)
    ends = 1 / max(dust.life_frames, 1.0)
    reach = 0 if ends == 1 else math.ceil(math.log(LEAST_LEFT) / math.log1p(-ends))
    patches = []
    for born in range(frame - reach, frame + 1):
        for kind, key in enumerate(random_of(seed, born, "dust").integers(2**63, size=len(rates))):
            rng = np.random.Generator(np.random.Philox(key=int(key)))
            for _ in births(rates[kind], rng):
                # One stream for each speck, so that those that are gone need not be drawn.
                life, key = int(rng.geometric(ends)), int(rng.integers(2**63))
                if born + life > frame:
                    own = np.random.Generator(np.random.Philox(key=key))
                    patch = _patch(dust, kind, size, scale=scale, rng=own)
                    patches.append(replace(patch, age=frame - born, life=life))
    return patches


def _patch(dust: Dust, kind: int, size: tuple[int, int], *, scale: float, rng: np.random.Generator) -> Patch:
    centre = rng.random(2) * size
    (amount, extent), side = rng.standard_normal(2).tolist(), float(rng.random())
    is_hair = kind == 2
    specks = dust.dark_per_frame + dust.bright_per_frame
    is_bright = side * specks >= dust.dark_per_frame if is_hair and specks > 0 else kind == 1
    median = dust.opacity[int(is_bright)] if not is_hair or specks > 0 else max(dust.opacity)
    odds = median / max(1 - median, 1e-6) * math.exp(OPACITY_SPREAD * amount)
    if is_hair:
        length = dust.hair_length_px * math.exp(HAIR_SPREAD * extent) * scale
        place, shape = _hair(centre, length, scale=scale, rng=rng)
    else:
        radius = min(dust.radius_px * math.exp(dust.radius_spread * extent), MOST_RADIUS_PX) * scale
        place, shape = _speck(centre, radius, scale=scale, rng=rng)
    return Patch(is_bright, *place, shape * np.float32(odds / (1 + odds)), is_hair)


def _speck(
    centre: NDArray[np.float64], radius: float, *, scale: float, rng: np.random.Generator
) -> tuple[tuple[int, int], Image]:
    """Draw a blob whose whole opacity is that of a disc, at its place (row, column)."""
    lobes = rng.normal(0, (0.12, 0.08, 0.06))
    phases, turn = rng.uniform(0, 2 * math.pi, 3), rng.uniform(0, math.pi)
    stretch = math.exp(rng.normal(0, 0.2))
    edge = max(EDGE_PX * scale, 1.0)
    reach = math.ceil(radius * max(stretch, 1 / stretch) * (1 + float(np.abs(lobes).sum())) + edge) + 1
    top, left = (int(place) - reach for place in centre)
    y = np.arange(top, top + 2 * reach + 1)[:, None] + 0.5 - centre[0]
    x = np.arange(left, left + 2 * reach + 1)[None, :] + 0.5 - centre[1]
    cosine, sine = math.cos(turn), math.sin(turn)
    along, across = (x * cosine + y * sine) / stretch, (y * cosine - x * sine) * stretch
    distance, angle = np.hypot(along, across), np.arctan2(across, along)
    outline = sum(
        lobe * np.cos((k + 2) * angle + phase) for k, (lobe, phase) in enumerate(zip(lobes, phases, strict=True))
    )
    rim = radius * (1 + outline) / math.sqrt(1 + 0.5 * float(np.square(lobes).sum()))
    shape = np.clip(0.5 + (rim - distance) / edge, 0, 1)
    # The edge of a small speck is wider than itself, and what a pixel cannot resolve it sees as fainter.
    shape *= min(math.pi * radius**2 / max(float(shape.sum()), 1e-9), 1.0)
    return (top, left), shape.astype(np.float32)


def _hair(
    centre: NDArray[np.float64], length: float, *, scale: float, rng: np.random.Generator
) -> tuple[tuple[int, int], Image]:
    """Draw a curved thread about its middle, at its place (row, column)."""
    turns = rng.uniform(0, 2 * math.pi) + np.cumsum(rng.normal(0, HAIR_TURN, HAIR_STEPS))
    path = np.cumsum(np.stack((np.cos(turns), np.sin(turns)), axis=1), axis=0) * length / HAIR_STEPS
    path = np.vstack((np.zeros(2), path))
    path -= (path.max(axis=0) + path.min(axis=0)) / 2
    half_width = HAIR_RADIUS_PX * scale
    reach = math.ceil(float(np.abs(path).max()) + half_width + 2)
    top, left = (int(place) - reach for place in centre)
    points = (path + (centre[::-1] - (left, top)) - 0.5) * 2**SUB_PX
    line = np.full((2 * reach + 1,) * 2, 255, np.uint8)
    cv2.polylines(line, [np.rint(points).astype(np.int32)], False, 0, 1, cv2.LINE_8, SUB_PX)
    distance = cv2.distanceTransform(line, cv2.DIST_L2, 3)
    edge = max(EDGE_PX * scale, 1.0)
    shape = np.clip(0.5 + (half_width - distance) / edge, 0, 1) * min(2 * half_width, 1.0)
    return (top, left), shape.astype(np.float32)
