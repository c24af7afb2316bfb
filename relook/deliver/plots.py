"""Curves over time as SVG, drawn in a box 1000 wide and 100 high that the page stretches."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 1000.0, 100.0
FAR_OUT = 3.0
"""What lies so many times the middle half's spread outside it does not stretch a scale (Tukey's outer fence)."""
SAME = 1e-6
"""Values that differ by less of their size are drawn as one."""

Values = Sequence[float | None]
Points = Sequence[tuple[float, float]]
"""How far along and how much."""


@dataclass(frozen=True)
class Dot:
    """A measured point; `band` names its colour."""

    x: float
    y: float
    band: str


@dataclass(frozen=True)
class Plot:
    """One strip of the page's timeline."""

    name: str
    note: str
    top: str
    """What the upper edge stands for."""
    lines: tuple[tuple[str, str], ...] = ()
    """Kind and SVG path of each curve."""
    rules: tuple[tuple[str, float], ...] = ()
    """Kind and height of each limit."""
    dots: tuple[Dot, ...] = ()


def curve(frames: Sequence[int], values: Values, *, top: float, num_frames: int, breaks: frozenset[int]) -> str:
    """Return the SVG path of a curve; it is interrupted where nothing was measured and at cuts."""
    parts: list[str] = []
    pen = "M"
    for frame, value in zip(frames, values, strict=True):
        if value is None:
            pen = "M"
            continue
        if frame in breaks:
            pen = "M"
        parts.append(f"{pen}{across(frame, num_frames):.1f} {up(value, top):.1f}")
        pen = "L"
    return "".join(parts)


def across(frame: float, num_frames: int) -> float:
    """Return where a frame stands."""
    return WIDTH * (frame + 0.5) / max(1, num_frames)


def up(value: float, top: float) -> float:
    """Return the height of a value, held inside the box."""
    return HEIGHT * (1 - min(max(value / top, 0.0), 1.0))


def largest(values: Values) -> float:
    """Return the largest measured value, 0 where there is none."""
    return max((value for value in values if value is not None), default=0.0)


@dataclass(frozen=True)
class Scale:
    """What the lower and the upper edge of a box stand for."""

    bottom: float
    top: float

    def up(self, value: float) -> float:
        """Return the height of a value, held inside the box."""
        return up(value - self.bottom, self.top - self.bottom)


def round_scale(
    values: Sequence[float], *, held: Sequence[float] = (), least: float = -math.inf, most: float = math.inf
) -> Scale:
    """Choose round edges between which the values lie, but for a few far out.

    Args:
        values: at least one, here or in `held`.
        held: values that lie inside even if they are far out.
        least, most: what the edges do not go beyond; values that do lie on them.
    """
    inside = [min(max(value, least), most) for value in (*_without_far_out(values), *held)]
    low, high = min(inside), max(inside)
    spread = high - low if high - low > SAME * abs(high) else abs(high) / 10
    spread = spread if spread > SAME**2 else 0.1
    step = _round_step(spread / 4)
    bottom = step * math.floor((low - spread / 10) / step)
    top = step * math.ceil((high + spread / 10) / step)
    return Scale(max(bottom, least), min(top, most))


def _without_far_out(values: Sequence[float]) -> list[float]:
    if len(values) < 4:
        return list(values)
    lower, _, upper = statistics.quantiles(values, n=4, method="inclusive")
    reach = FAR_OUT * (upper - lower) or math.inf
    return [value for value in values if lower - reach <= value <= upper + reach]


def _round_step(step: float) -> float:
    """Return the next 1, 2 or 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(step))
    return next((times * power for times in (1, 2, 5) if times * power >= step), 10 * power)


def trace(points: Points, *, right: float, scale: Scale) -> str:
    """Return the SVG path through points; it is interrupted where it would go back.

    right: how far along the right edge is.
    """
    parts: list[str] = []
    before = math.inf
    for along, value in points:
        parts.append(f"{'L' if along >= before else 'M'}{_place(along, value, right, scale)}")
        before = along
    return "".join(parts)


def spots(points: Points, *, right: float, scale: Scale) -> str:
    """Return an SVG path that a round pen turns into a dot at each point."""
    places = [_place(along, value, right, scale) for along, value in points]
    return "".join(f"M{place}L{place}" for place in places)


def _place(along: float, value: float, right: float, scale: Scale) -> str:
    return f"{WIDTH * min(max(along / right, 0.0), 1.0):.1f} {scale.up(value):.1f}"


def thinned(points: Points, most: int) -> list[tuple[float, float]]:
    """Return at most so many points, each the mean of neighbours."""
    size = max(1, math.ceil(len(points) / most))
    groups = [points[k : k + size] for k in range(0, len(points), size)]
    return [(statistics.fmean(along for along, _ in group), _mean(group)) for group in groups]


def running_mean(points: Points, reach: int) -> list[tuple[float, float]]:
    """Average each point with `reach` points on either side."""
    return [(along, _mean(points[max(0, k - reach) : k + reach + 1])) for k, (along, _) in enumerate(points)]


def _mean(points: Points) -> float:
    return statistics.fmean(value for _, value in points)
