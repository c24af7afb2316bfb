"""Find the picture inside its borders: black bars, the soft edge of a film scan, the rounded corners of a gate.

Bars may be large, so they must be beyond doubt: dark in every frame that was looked at and ended by a step along the
whole line; a dark scene has no such step. Soft edges and corners are a few pixels, where a false alarm costs nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from relook.prepare.native import Luma

Line = npt.NDArray[np.float32]

DARKEST_BAR = 32
"""A bar's own level is at most this (of 255): black, legal black shown as full range, and some noise."""
BAR_NOISE = 8
STEP = 20
"""The picture is brighter than the bar beside it by at least this within `STEP_PX` lines ..."""
STEP_PX = 3
HALF_STEP = 10
"""... and half of the line by at least this: a bright thing before a dark ground ends no bar."""
SOFT_SHARE = 0.03
"""Soft edges and corners are looked for in this share of each dimension."""
EDGE_DARK = 0.7
"""An edge is a border where its level is under this share of the picture's behind it ..."""
EDGE_CLEAR = 0.85
"""... and the picture begins where the level passes this share."""
CORNER_PX = 4


@dataclass(frozen=True)
class Box:
    """The picture's rows `[top, bottom)` and columns `[left, right)`."""

    top: int
    left: int
    bottom: int
    right: int

    @property
    def height(self) -> int:
        """Return the picture's height in pixels."""
        return self.bottom - self.top

    @property
    def width(self) -> int:
        """Return the picture's width in pixels."""
        return self.right - self.left


class BorderSurvey:
    """Gathers what the borders of a film look like; memory is that of one frame, whatever the number of frames."""

    def __init__(self) -> None:
        self._rows: list[Line] = []
        self._columns: list[Line] = []
        self._sum: Line | None = None

    def add(self, luma: Luma) -> None:
        """Look at one frame `[h w]`."""
        self._rows.append(_levels(luma[:, ::4]))
        self._columns.append(_levels(luma[::4].T))
        if self._sum is None:
            self._sum = luma.astype(np.float32)
        else:
            self._sum += luma

    def find(self) -> Box:
        """Return the picture's box; the whole frame where there is no border."""
        if self._sum is None:
            raise ValueError("no frame was added")
        rows = np.percentile(self._rows, 90, axis=0)
        columns = np.percentile(self._columns, 90, axis=0)
        bottom, right = len(rows) - _bar(rows[::-1]), len(columns) - _bar(columns[::-1])
        box = Box(_bar(rows), _bar(columns), bottom, right)
        return _without_corners(self._sum, _without_soft_edges(self._sum, box))


def _levels(lines: Luma) -> Line:
    """Return the median and the 90th percentile of each line, `[n 2]`: text inside a bar lifts neither."""
    ranks = [lines.shape[1] // 2, lines.shape[1] * 9 // 10]
    return np.partition(lines, ranks, axis=1)[:, ranks].astype(np.float32)


def _bar(levels: npt.NDArray[np.floating]) -> int:
    """Return how many lines at the start are a black bar; 0 where that is not beyond doubt."""
    halves, peaks = levels.T
    bright = np.flatnonzero(peaks > peaks[0] + BAR_NOISE)
    if peaks[0] > DARKEST_BAR or not len(bright):
        return 0
    start = int(bright[0])
    beside = slice(start, start + STEP_PX)
    is_step = peaks[beside].max() >= peaks[0] + STEP and halves[beside].max() >= halves[0] + HALF_STEP
    return start if is_step else 0


def _without_soft_edges(mean: Line, box: Box) -> Box:
    """Take off the few lines at each side over which a scanned picture's edge comes up from dark."""
    picture = mean[box.top : box.bottom, box.left : box.right]
    rows, columns = picture.mean(axis=1), picture.mean(axis=0)
    return Box(
        box.top + _soft_edge(rows),
        box.left + _soft_edge(columns),
        box.bottom - _soft_edge(rows[::-1]),
        box.right - _soft_edge(columns[::-1]),
    )


def _soft_edge(levels: Line) -> int:
    """Return how many lines at the start are darker than the picture behind them; 0 where it never comes up."""
    reach = _reach(len(levels))
    behind = float(np.median(levels[reach : 2 * reach]))
    if levels[:2].min() >= EDGE_DARK * behind:
        return 0
    clear = np.flatnonzero(levels[: reach + 1] >= EDGE_CLEAR * behind)
    return int(clear[0]) if len(clear) else 0


def _without_corners(mean: Line, box: Box) -> Box:
    """Draw the box in until no corner is dark, as far as a rounded gate needs; one that stays dark is picture."""
    picture = mean[box.top : box.bottom, box.left : box.right]
    top, left = _corner(picture), _corner(picture[:, ::-1])
    bottom, right = _corner(picture[::-1]), _corner(picture[::-1, ::-1])
    return Box(
        box.top + max(top, left),
        box.left + max(top, bottom),
        box.bottom - max(bottom, right),
        box.right - max(left, right),
    )


def _corner(picture: Line) -> int:
    """Return by how many lines the top left corner must move inwards along the diagonal to leave the dark."""
    reach = _reach(min(picture.shape))
    for inset in range(reach):
        corner = picture[inset : inset + CORNER_PX, inset : inset + CORNER_PX].mean()
        along_row = np.median(picture[inset : inset + CORNER_PX, inset + reach : inset + 3 * reach])
        along_column = np.median(picture[inset + reach : inset + 3 * reach, inset : inset + CORNER_PX])
        if corner >= EDGE_DARK * min(along_row, along_column):
            return inset
    return 0


def _reach(length: int) -> int:
    return max(8, round(SOFT_SHARE * length))
