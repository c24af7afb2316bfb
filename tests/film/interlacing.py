"""Frames woven of two moments, as interlaced and telecined films have them."""

from __future__ import annotations

from typing import Any


def woven(fields: list[Any], *, top_first: bool = True) -> list[Any]:
    """Put every two moments into one frame."""
    frames = []
    for early, late in zip(fields[::2], fields[1::2], strict=True):
        frame = (early if top_first else late).copy()
        frame[1::2] = (late if top_first else early)[1::2]
        frames.append(frame)
    return frames


def telecined(frames: list[Any]) -> list[Any]:
    """Spread every four frames over five: the third and the fourth are woven of two."""
    spread = []
    for a, b, c, d in zip(*(frames[n::4] for n in range(4)), strict=True):
        spread += [a, b, *woven([b, c, c, d]), d]
    return spread
