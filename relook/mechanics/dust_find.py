"""Find specks: what stands out for one to a few frames from the frame before and the frame after, where nothing else moves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from relook.mechanics.reel import Image, Run

Mask = NDArray[np.bool_]

MOST_LIFE = 3
"""Specks that stay longer are not told from the scene."""
BLUR_PX = 0.8
"""Specks are sought in a picture blurred by so much, which takes more from the grain than from them."""
SPECK_CONTRAST = 0.04
SPECK_TO_NOISE = 5.0
"""A speck stands out by so much, and by so many deviations of what changes around it."""
NOISE_PX = 41
MOVE_CONTRAST = 0.04
MOVE_SHARE = 1 / 24
"""Where the neighbours in time differ by more, something moves, and nothing is sought within this share of the frame's height."""
LEAST_AREA_PX = 3
MOST_AREA_SHARE = 1 / 300
MOST_BESIDE = 0.5
"""Of a speck's opacity is left a little beside it; more is left of a shadow or of what is blurred by its own motion."""
PASSING_PX = 1.2
PASSING_REACH_PX = 28
PASSING_SHARE = 0.6
"""What moves steadily has so much of its contrast in the frames before and after, at opposite places."""
MARGIN_PX = 6
HAIR_LENGTH_PX = 9.0
HAIR_SLENDER = 4.5
"""Longer things, and so many times longer than wide, are hairs."""


@dataclass(frozen=True)
class Speck:
    """One thing found."""

    is_hair: bool
    radius_px: float
    opacity: float
    length_px: float
    frame: int = 0
    row: float = 0.0
    column: float = 0.0
    is_bright: bool = False
    life: int = 1
    """Frames that it is seen in, exactly."""


def find_specks(luma: Image, run: Run, frames: Sequence[int] | None = None) -> list[Speck]:
    """Find the specks in luma `[t h w]` that moves as `run` does: a run's own, or with more dust laid over it.

    frames: in which they are newly seen; all if not given.
    """
    smooth = [cv2.GaussianBlur(frame, (0, 0), BLUR_PX) for frame in luma]
    found: list[Speck] = []
    for frame in range(1, len(luma) - 1) if frames is None else frames:
        for life in range(1, min(MOST_LIFE, len(luma) - 1 - frame) + 1):
            found += _look(luma, smooth, run, frame, life)
    return found


def _look(luma: Image, smooth: list[Image], run: Run, frame: int, life: int) -> list[Speck]:
    """Find what is there in `life` frames from `frame` on, and neither before nor after."""
    start, stop = frame - 1, frame + life
    first = _between(smooth, run, start, stop, frame)
    excesses = np.stack(_excesses(first, smooth[frame]))
    for later in range(frame + 1, stop):
        excesses = np.minimum(excesses, _excesses(_between(smooth, run, start, stop, later), smooth[later]))
    still = _still(*first)
    around = np.float32(0.5) * (run.brought(luma[start], start, frame) + run.brought(luma[stop], stop, frame))
    base = _matched(around, luma[frame])
    found: list[Speck] = []
    for is_bright, excess in zip((False, True), excesses, strict=True):
        room = np.maximum(1 - base if is_bright else base, 0.05)
        above = luma[frame] - base if is_bright else base - luma[frame]
        opacity = np.clip(above / room, 0, 1).astype(np.float32)
        goes = first[0] - first[1] if is_bright else first[1] - first[0]
        for speck, place in _parts((excess > 0), still, opacity):
            if not _passes(goes, cv2.GaussianBlur(above, (0, 0), PASSING_PX), place):
                found.append(replace(speck, frame=frame, life=life, is_bright=is_bright))
    return found


def _between(smooth: list[Image], run: Run, start: int, stop: int, frame: int) -> tuple[Image, Image]:
    """Bring the frames `start` and `stop` to where `frame` stands, and to its light."""
    before, after = (_matched(run.brought(smooth[other], other, frame), smooth[frame]) for other in (start, stop))
    return before, after


def _excesses(around: tuple[Image, Image], frame: Image) -> tuple[Image, Image]:
    """Return how far a frame is darker and brighter than anything near in time and place, less the threshold."""
    threshold = _threshold(*around)
    near = np.ones((3, 3), np.uint8)
    return (
        cv2.erode(np.minimum(*around), near) - frame - threshold,
        frame - cv2.dilate(np.maximum(*around), near) - threshold,
    )


def _passes(goes: Image, above: Image, place: tuple[int, int]) -> bool:
    """Say whether something as strong lies to one side before and to the other side after: a thing that moves steadily.

    goes: the frame before less the frame after, positive where the one before has more of what is sought.
    """
    row, column = place
    reach = min(PASSING_REACH_PX, row, column, above.shape[0] - 1 - row, above.shape[1] - 1 - column)
    box = np.s_[row - reach : row + reach + 1, column - reach : column + reach + 1]
    window = cv2.GaussianBlur(goes[box], (0, 0), PASSING_PX)
    came = cv2.dilate(window, np.ones((3, 3), np.uint8))
    left = -window[::-1, ::-1]
    return float(np.minimum(came, left).max()) > PASSING_SHARE * float(above[row, column])


def _matched(other: Image, frame: Image) -> Image:
    """Give a picture the light of `frame`, part by part: flicker and clouds are no specks."""
    height, width = frame.shape
    size = (max(width // 8, 5), max(height // 8, 5))
    coarse = cv2.medianBlur(cv2.resize(frame - other, size, interpolation=cv2.INTER_AREA), 5)
    return np.asarray(other + cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)


def _threshold(before: Image, after: Image) -> Image:
    """Return how far a speck must stand out beside what changes around it."""
    change = np.minimum(np.square(before - after), 0.05)
    # A running sum may fall a little below 0.
    noise = np.sqrt(np.maximum(cv2.boxFilter(change, -1, (NOISE_PX, NOISE_PX)), 0) / 2)
    return np.asarray(np.maximum(SPECK_TO_NOISE * noise, SPECK_CONTRAST), np.float32)


def _still(before: Image, after: Image) -> Mask:
    """Find where nothing moves; a border is left out, for the picture's own moves bring nothing known there."""
    reach = max(round(MOVE_SHARE * len(before)), 3)
    moving = (np.abs(cv2.GaussianBlur(before - after, (0, 0), 2)) > MOVE_CONTRAST).astype(np.uint8)
    still = cv2.dilate(moving, np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)) == 0
    inner = np.zeros(still.shape, bool)
    inner[4:-4, 4:-4] = True
    return np.asarray(still & inner)


def _parts(seen: Mask, still: Mask, opacity: Image) -> list[tuple[Speck, tuple[int, int]]]:
    """Measure connected parts that look like specks; with each, the place of its peak."""
    num, labels, stats, _ = cv2.connectedComponentsWithStats(seen.astype(np.uint8))
    height, width = seen.shape
    found = []
    for part in range(1, num):
        left, top, across, down, area = stats[part].tolist()
        if not LEAST_AREA_PX <= area <= MOST_AREA_SHARE * height * width:
            continue
        top, left = max(top - MARGIN_PX, 0), max(left - MARGIN_PX, 0)
        box = np.s_[top : top + down + 2 * MARGIN_PX, left : left + across + 2 * MARGIN_PX]
        own = labels[box] == part
        speck = _shape(own, opacity[box]) if still[box][own].all() else None
        if speck is not None:
            strongest = np.unravel_index(np.argmax(np.where(own, opacity[box], -1)), own.shape)
            place = (top + int(strongest[0]), left + int(strongest[1]))
            found.append((replace(speck, row=float(place[0]), column=float(place[1])), place))
    return found


def _shape(own: Mask, opacity: Image) -> Speck | None:
    """Measure one part in a box around it; None where it has no edge all around."""
    near = cv2.dilate(own.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    inside = np.where(near, opacity, 0)
    peak = float(np.quantile(inside[own], 0.8))
    body = (inside > peak / 2).astype(np.uint8)
    beside = cv2.dilate(body, np.ones((11, 11), np.uint8)) - cv2.dilate(body, np.ones((7, 7), np.uint8)) > 0
    smooth = cv2.GaussianBlur(opacity, (0, 0), BLUR_PX)
    if float(np.quantile(smooth[beside], 0.98)) > MOST_BESIDE * peak:
        return None
    amount = float(body.sum())
    outlines, _ = cv2.findContours(body, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    length = max(cv2.arcLength(outline, True) for outline in outlines) / 2 + 1
    return Speck(
        is_hair=length > HAIR_LENGTH_PX and length**2 > HAIR_SLENDER * amount,
        radius_px=float(np.sqrt(amount / np.pi)),
        opacity=peak,
        length_px=length,
    )
