"""Decide which frames are of no use for learning a look, and why.

A frame is measured once, on a small luma picture, and judged later against its shot and its film: soft old films,
shallow focus and dark scenes are normal, so that only what stands far out is dropped. Every limit was set on real
footage: silent reels, studio film, live action, animation and 340 photographs and paintings.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from relook.corpus import Reason
from relook.prepare.native import Luma

THUMB_WIDTH = 320

BLACK_PEAK = 32
"""A frame is black where nearly all of it (99.5 %) is at most this dark (of 255)."""
DARK = 40
"""What is darker may be a bar, and is not measured."""
FLAT_SPREAD = 2.0
"""A frame is of a single colour where its luma deviates by less than this."""
SHARP_SHARE = 0.4
"""A frame is blurred where its fine detail is under this share of its shot's ..."""
SHARP_RATIO_SHARE = 0.5
"""... and its ratio of detail under this share."""
FILM_SHARP_SHARE = 0.2
"""The same against the whole film, for a shot that is blurred all along."""
BLURRED_RATIO = 0.2
"""No picture in focus was seen with such a ratio of detail: the softest films have .34, blurred by 5 px at most .22."""
ROUNDING_DETAIL = 0.25
"""Fine detail that rounding to 8 bits makes by itself."""
SAME = 1.0
"""Frames are the same where no part of the picture changed by more than this on average (compression, no grain)."""
NEARLY_SAME = 12.0
CADENCE_SHARE = 0.25
"""A frame that changed less than this share of its two neighbours' changes is a repeat: film shown at video rate."""
MIN_TITLE_FRAMES = 12


@dataclass(frozen=True)
class FrameMeasures:
    """What is known of one frame; levels are of 255."""

    peak: float
    """Luma that 99.5 % of the frame do not exceed."""
    spread: float
    """Standard deviation of luma."""
    fine: float
    """Mean strength of the finest detail (about 2 px of a 320 px wide picture)."""
    ratio: float
    """Fine detail over the next coarser: falls with sharpness, hardly with contrast or content."""
    change: float
    """Largest mean change of a part of the picture since the last frame that was not the same."""
    is_title: bool
    """True where it has the looks of light lettering on a dark ground."""


class FrameMeter:
    """Measures the frames of a film one after another."""

    def __init__(self) -> None:
        self._last: Luma | None = None

    def measure(self, luma: Luma) -> FrameMeasures:
        """Measure the next frame `[h w]`."""
        step = max(1, round(luma.shape[1] / THUMB_WIDTH))
        size = (luma.shape[1] // step, luma.shape[0] // step)
        thumb = cv2.resize(luma, size, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
        counts = np.bincount(thumb.ravel(), minlength=256)
        fine, ratio = _detail(_lit_part(thumb))
        return FrameMeasures(
            peak=float(np.searchsorted(counts.cumsum(), 0.995 * thumb.size)),
            spread=float(_lit_part(thumb).std()),
            fine=fine,
            ratio=ratio,
            change=self._change(np.ascontiguousarray(luma[::step, ::step])),
            is_title=looks_like_title(thumb, counts),
        )

    def _change(self, points: Luma) -> float:
        """Compare single pixels, not averages, lest fresh grain be averaged away."""
        if self._last is None or self._last.shape != points.shape:
            change = float("inf")
        else:
            difference = cv2.absdiff(points, self._last).astype(np.float32)
            change = float(cv2.resize(difference, (16, 9), interpolation=cv2.INTER_AREA).max())
        if change >= SAME:
            self._last = points
        return change


def screen_shots(shots: Sequence[Sequence[FrameMeasures]]) -> list[list[Reason | None]]:
    """Judge every frame of a film, given the measures of each of its shots; None means that the frame is of use."""
    fine = _median(frame.fine for shot in shots for frame in shot if _is_picture(frame))
    return [_screen_shot(shot, FILM_SHARP_SHARE * fine) for shot in shots]


def looks_like_title(thumb: Luma, counts: npt.NDArray[np.integer]) -> bool:
    """Tell whether a small picture is light lettering on an even dark ground.

    Nearly everything is ground or ink with hardly a tone between; the ink is thin, away from the borders and sits in
    lines that cross from ground to ink many times.
    """
    below = counts.cumsum()
    ground = int(np.searchsorted(below, 0.5 * thumb.size))
    light = int(np.searchsorted(below, 0.998 * thumb.size))
    on_ground = counts[max(0, ground - 16) : ground + 17].sum() / thumb.size
    if ground > 90 or light - ground < 90 or on_ground < 0.8:
        return False
    ink = (thumb > ground + (light - ground) / 2).astype(np.uint8)
    share = ink.mean()
    rows, columns = max(2, ink.shape[0] * 3 // 100), max(2, ink.shape[1] * 3 // 100)
    inside = ink[rows:-rows, columns:-columns].sum()
    in_lines = ink[np.count_nonzero(np.diff(ink, axis=1), axis=1) >= 8].sum()
    in_blobs = cv2.erode(ink, np.ones((7, 7), np.uint8)).sum()
    return bool(
        0.003 < share < 0.2
        and 1 - on_ground - share < 0.1
        and inside >= 0.95 * ink.sum()
        and in_lines >= 0.6 * ink.sum()
        and in_blobs <= 0.3 * ink.sum()
    )


def _lit_part(thumb: Luma) -> Luma:
    """Return the part of the picture inside black bars and their edges; all of it where hardly anything is lit."""
    lit = thumb > DARK
    rows, columns = np.flatnonzero(lit.any(axis=1)), np.flatnonzero(lit.any(axis=0))
    if len(rows) < 16 or len(columns) < 16:
        return thumb
    return thumb[rows[0] + 1 : rows[-1], columns[0] + 1 : columns[-1]]


def _detail(thumb: Luma) -> tuple[float, float]:
    """Return the mean strength of the finest detail, and its ratio to that of the next octave."""
    picture = thumb.astype(np.float32)
    softer = cv2.GaussianBlur(picture, (0, 0), 1.0)
    softest = cv2.GaussianBlur(picture, (0, 0), 2.5)
    fine = float(cv2.absdiff(picture, softer).mean())
    return fine, max(0.0, fine - ROUNDING_DETAIL) / (float(cv2.absdiff(softer, softest).mean()) + 0.1)


def _is_picture(frame: FrameMeasures) -> bool:
    return frame.peak > BLACK_PEAK and frame.spread >= FLAT_SPREAD


def _screen_shot(shot: Sequence[FrameMeasures], film_fine: float) -> list[Reason | None]:
    titles = _titles(shot)
    fine = SHARP_SHARE * _median(frame.fine for frame in shot if _is_picture(frame))
    ratio = SHARP_RATIO_SHARE * _median(frame.ratio for frame in shot if _is_picture(frame))
    reasons: list[Reason | None] = []
    for k, frame in enumerate(shot):
        if frame.peak <= BLACK_PEAK:
            reasons.append("black")
        elif frame.spread < FLAT_SPREAD:
            reasons.append("single_colour")
        elif titles[k]:
            reasons.append("title")
        elif (frame.fine < fine and frame.ratio < ratio) or (frame.fine < film_fine and frame.ratio < BLURRED_RATIO):
            reasons.append("blurred")
        else:
            reasons.append("duplicate" if _is_repeat(shot, k) else None)
    return reasons


def _is_repeat(shot: Sequence[FrameMeasures], k: int) -> bool:
    """Tell whether frame k repeats the one before: nothing changed, or far less than just before and just after."""
    change = shot[k].change
    if change < SAME:
        return True
    if not 0 < k < len(shot) - 1:
        return False
    return change < min(NEARLY_SAME, CADENCE_SHARE * min(shot[k - 1].change, shot[k + 1].change))


def _titles(shot: Sequence[FrameMeasures]) -> list[bool]:
    """Mark the frames of title cards: only where they last, or fill the shot."""
    needed = min(MIN_TITLE_FRAMES, len(shot))
    marks = [False] * len(shot)
    start = 0
    for k in range(len(shot) + 1):
        if k == len(shot) or not shot[k].is_title:
            if k - start >= needed:
                marks[start:k] = [True] * (k - start)
            start = k + 1
    return marks


def _median(values: Iterable[float]) -> float:
    """Return the median; 0 of nothing."""
    listed = list(values)
    return float(np.median(listed)) if listed else 0.0
