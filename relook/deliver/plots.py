"""Curves over time as SVG, drawn in a box 1000 wide and 100 high that the page stretches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 1000.0, 100.0

Values = Sequence[float | None]


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
