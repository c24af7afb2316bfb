"""The gate's aperture: black borders with rounded corners that stay where they are over a whole film, measured and drawn."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from relook.mechanics.reel import LUMA, Array, Image
from relook.recipe.mechanics import Aperture

LEAST_FRAMES = 4
BRIGHTEST = 0.9
"""A pixel shows what it has at this rank of the frames: a border is dark in all of them."""
DARKEST_BORDER = 0.12
BORDER_SHARE = 0.35
"""A border is darker than this share of the picture behind it."""
LEAST_LIGHT = 0.15
"""Where the picture is darker than this in all frames it shows no border."""
SIDE_REACH = 0.2
"""Borders are looked for in this share of each dimension ..."""
NUM_PIECES = 10
"""... in so many pieces of each side, which must agree."""
LEAST_PIECES = 4
BEHIND_PX = slice(4, 10)
"""Where the picture behind an edge is looked at, from the edge."""
BEGINS_LIT = 0.8
"""A side whose first line has this share of the light behind it has no border."""
STRAIGHT_PX = 1.5
SOFTEST_PX = 5.0
"""A softer edge is a shade of the scene."""
CORNER_REACH = 0.15
"""The largest radius, as a share of the shorter dimension."""
LEAST_RADIUS_PX = 3.0
NOT_MEASURED = {"inset_px": 0.0, "corner_radius_px": 0.0, "edge_px": 0.0}


@dataclass(frozen=True)
class _Side:
    """One side's border; a width of 0 where it has none."""

    inset: float = 0.0
    edge: float = 0.0
    error: float = 0.0
    is_shown: bool = True


def measure_aperture(frames: Image, *, reference_height: int) -> Aperture:
    """Measure the aperture from native frames `[t h w 3]`, with their borders, spread over a film.

    Corners of letterbox bars are square and have a radius of 0; what is dark in all frames tells nothing.
    """
    if len(frames) < LEAST_FRAMES:
        return Aperture(confidence=NOT_MEASURED)
    shown = np.quantile(np.stack([frame @ LUMA for frame in frames]), BRIGHTEST, axis=0).astype(np.float32)
    sides = [_side(np.rot90(shown, turn)) for turn in range(4)]
    num_shown = sum(side.is_shown for side in sides)
    if not num_shown:
        return Aperture(confidence=NOT_MEASURED)
    top, right, bottom, left = (side.inset for side in sides)
    edges = [side.edge for side in sides if side.inset > 0]
    square = Aperture(inset_px=(top, right, bottom, left), edge_px=float(np.median(edges)) if edges else 1.0)
    radius, sure = _common_radius([_corner(np.rot90(shown, turn), _turned(square, turn)) for turn in range(4)])
    error = max(side.error for side in sides) / max(top, right, bottom, left, 1.0)
    scale = reference_height / shown.shape[0]
    return replace(
        _scaled(replace(square, corner_radius_px=radius), scale),
        confidence={
            "inset_px": float(np.clip(1 - error, 0, 1) * num_shown / 4),
            "corner_radius_px": float(sure * num_shown / 4),
            "edge_px": _agreement(edges),
        },
    )


def draw_aperture(aperture: Aperture, size: tuple[int, int], *, scale: float) -> Image:
    """Draw the mask `[h w]`, 0..1, that a picture is multiplied by; `scale` is output rows over the reference's."""
    mask = _scaled(aperture, scale)
    top, right, bottom, left = mask.inset_px
    height, width = size
    down, across = np.arange(0.5, height)[:, None], np.arange(0.5, width)[None, :]
    edge = max(mask.edge_px, 0.3)
    rows = _through(down - top, edge, top > 0) * _through(height - bottom - down, edge, bottom > 0)
    columns = _through(across - left, edge, left > 0) * _through(width - right - across, edge, right > 0)
    drawn = np.asarray(rows * columns, np.float32)
    radius = mask.corner_radius_px
    reach = int(np.ceil(radius + max(mask.inset_px) + 1))
    if radius <= 0:
        return drawn
    for turn in range(4):
        view = np.rot90(drawn, turn)[:reach, :reach]
        view *= _arc(view.shape, _turned(mask, turn), edge)
    return drawn


def _through(inside: Array, edge: float, has_border: bool) -> Array:
    """Return what an edge lets through at pixels so far inside it."""
    return _normal(inside / edge) if has_border else np.ones_like(inside)


def _normal(value: Array) -> Array:
    """Return the normal distribution function. Source: Abramowitz and Stegun 1964, formula 7.1.27, error below 5e-4."""
    z = np.abs(value) / np.sqrt(2)
    tail = 0.5 / (1 + z * (0.278393 + z * (0.230389 + z * (0.000972 + z * 0.078108)))) ** 4
    return np.where(value > 0, 1 - tail, tail)


def _arc(size: tuple[int, ...], aperture: Aperture, edge: float) -> Image:
    """Draw what the arc of the top left corner takes away from the square corner, `[h w]`."""
    top, left, radius = aperture.inset_px[0], aperture.inset_px[3], aperture.corner_radius_px
    up = np.maximum(top + radius - np.arange(size[0])[:, None] - 0.5, 0)
    aside = np.maximum(left + radius - np.arange(size[1])[None, :] - 0.5, 0)
    inside = radius - np.hypot(up, aside)
    # Towards the straight sides the arc passes over into them, which have been drawn already.
    share = np.clip(np.minimum(up, aside) / max(radius / 3, 1e-6), 0, 1)
    square = _normal(np.minimum(radius - up, radius - aside) / edge)
    arc = _normal(inside / edge) / np.maximum(square, 1e-3)
    return np.asarray(1 - share * (1 - np.minimum(arc, 1)), np.float32)


def _scaled(aperture: Aperture, scale: float) -> Aperture:
    top, right, bottom, left = (inset * scale for inset in aperture.inset_px)
    return replace(
        aperture,
        inset_px=(top, right, bottom, left),
        corner_radius_px=aperture.corner_radius_px * scale,
        edge_px=aperture.edge_px * scale,
    )


def _turned(aperture: Aperture, turn: int) -> Aperture:
    """Turn an aperture as `np.rot90` does a picture: the first turn brings the right side to the top."""
    top, right, bottom, left = (aperture.inset_px[(side + turn) % 4] for side in range(4))
    return replace(aperture, inset_px=(top, right, bottom, left))


def _side(shown: Image) -> _Side:
    """Measure the border at the top of a picture `[h w]`, its corners left out."""
    height, width = shown.shape
    spare = round(CORNER_REACH * min(height, width))
    pieces = np.array_split(shown[: round(2 * SIDE_REACH * height), spare : width - spare], NUM_PIECES, axis=1)
    profiles = [np.median(piece, axis=1).astype(np.float64) for piece in pieces]
    lit = [profile for profile in profiles if profile.max() >= LEAST_LIGHT]
    found = [edge for edge in map(_edge, lit) if edge is not None]
    if len(found) < max(LEAST_PIECES, len(lit) / 2):
        begin_lit = sum(profile[0] > BEGINS_LIT * np.median(profile[BEHIND_PX]) for profile in lit)
        return _Side(is_shown=begin_lit >= LEAST_PIECES)
    places, softness = np.array(found).T
    middle = float(np.median(places))
    if float(np.median(np.abs(places - middle))) > STRAIGHT_PX:
        return _Side(is_shown=False)
    error = 1.2 * float(np.median(np.abs(places - middle))) / float(np.sqrt(len(places)))
    return _Side(middle, float(np.median(softness)), error)


def _edge(profile: Array) -> tuple[float, float] | None:
    """Find where a profile comes up from a border, and how softly; None where it does not."""
    dark = float(profile[0])
    risen = np.flatnonzero(profile > dark + 0.5 * LEAST_LIGHT)
    if dark > DARKEST_BORDER or not len(risen):
        return None
    start = int(risen[0])
    behind = float(np.median(profile[start:][BEHIND_PX])) if start + BEHIND_PX.stop <= len(profile) else 0.0
    if behind < LEAST_LIGHT or dark > BORDER_SHARE * behind:
        return None
    share = (profile - dark) / (behind - dark)
    after = int(np.flatnonzero(share >= 0.5)[0])
    place = after - 1 + (0.5 - share[after - 1]) / (share[after] - share[after - 1]) + 0.5
    near = np.arange(max(after - 8, 0), min(after + 8, len(profile)))
    softness = np.geomspace(0.2, 1.2 * SOFTEST_PX, 40)
    errors = [np.abs(_normal((near + 0.5 - place) / edge) - share[near].clip(0, 1.2)).mean() for edge in softness]
    edge = float(softness[int(np.argmin(errors))])
    return (place, edge) if edge <= SOFTEST_PX and min(errors) < 0.1 else None


def _corner(shown: Image, square: Aperture) -> float | None:
    """Measure the radius of the top left corner, 0 if it is square; None where the picture there is too dark to tell."""
    reach = round(CORNER_REACH * min(shown.shape))
    start = (int(square.inset_px[0]), int(square.inset_px[3]))
    part = shown[start[0] : start[0] + reach, start[1] : start[1] + reach].astype(np.float64)
    inset = (square.inset_px[0] - start[0], 0.0, 0.0, square.inset_px[3] - start[1])
    level = float(cv2.blur(part, (5, 5))[reach // 2, reach // 2])
    if level < LEAST_LIGHT:
        return None
    radii = np.arange(0, reach - 1, 0.5)
    bare = draw_aperture(replace(square, inset_px=inset), part.shape, scale=1)
    rounded = [replace(square, inset_px=inset, corner_radius_px=float(radius)) for radius in radii[1:]]
    masks = [bare, *(bare * _arc(part.shape, corner, max(square.edge_px, 0.3)) for corner in rounded)]
    best = int(np.argmin([_misfit(part, mask) for mask in masks]))
    lost = bare - masks[best] >= 0.6 * (bare - masks[best]).max()
    halfway = 0.5 * float(bare[lost].mean() + masks[best][lost].mean())
    if radii[best] < LEAST_RADIUS_PX or part[lost].mean() > halfway * level:
        return 0.0
    beside = (masks[best] > 0.9) & (cv2.erode(masks[best], np.ones((7, 7))) < 0.9)
    return float(radii[best]) if np.median(part[beside]) > max(LEAST_LIGHT, 1.5 * part[lost].mean()) else None


def _misfit(part: Array, mask: Image) -> float:
    level = float((part * mask).sum() / max(float(np.square(mask).sum()), 1e-9))
    return float(np.abs(part - level * mask).mean())


def _common_radius(corners: list[float | None]) -> tuple[float, float]:
    """Return the radius that the corners have in common, and how sure it is."""
    told = [corner for corner in corners if corner is not None]
    rounded = [corner for corner in told if corner > 0]
    if len(told) < 2:
        return 0.0, 0.0
    if len(rounded) < 2:
        return 0.0, (len(told) - len(rounded)) / 4
    return float(np.median(rounded)), _agreement(rounded) * len(rounded) / len(told)


def _agreement(values: list[float]) -> float:
    """Return how sure the middle of some values is."""
    if len(values) < 2:
        return 0.0
    return float(np.clip(1 - np.std(values, ddof=1) / np.mean(values) / np.sqrt(len(values)), 0, 1))
