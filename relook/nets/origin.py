"""The origin of a picture that wraps: a first pixel that its content chooses, wherever it lies in the frame.

Floating-point kernels give other last bits at other places of a picture (measured: the blur and SiLU where vectors end, sums over
the places of the detail's grid; 2e-7). Made from its own origin, a moved picture is the same work, whatever kernels, threads and device do.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from relook.nets.wrap import Wrap

Keys = NDArray[np.uint64]
MULTIPLIERS = (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9)
"""Odd numbers that spread bits over a word, as in splitmix64."""


@dataclass(frozen=True)
class Origin:
    """A pixel to begin at, and the smallest steps after which the picture repeats itself: the frame's size where it does not."""

    row: int
    column: int
    rows: int
    """A step down, which may also lead `aside`."""
    columns: int
    """A step to the right."""
    aside: int = 0
    """Pixels to the right that go with a step down."""


def begun_at(picture: Tensor, origin: Origin) -> Tensor:
    """Move a picture `[c h w]` round so that it begins at its origin: all its moved copies give the same one."""
    return picture.roll((-origin.row, -origin.column), (1, 2))


def made_from_origin(picture: Tensor, origin: Origin, make: Callable[[Tensor], Tensor]) -> Tensor:
    """Make a picture `[c h w]` of one `[3 h w]` so that one moved round along the axes that wrap gives the same bits, moved round.

    Every moved copy is handed to `make` as one and the same picture. One that repeats itself has many origins, and no choice among
    them matters: one period of the result is laid out again.
    """
    made = make(begun_at(picture, origin))
    return _repeated(made, origin).roll((origin.row, origin.column), (1, 2))


def origin_of(picture: Tensor, wrap: Wrap) -> Origin:
    """Find the origin of a picture `[3 h w]`: where what is seen from a pixel onwards has the smallest key.

    Two views may share the smallest key, about once in 2^64; that is noticed, and others are drawn, alike for all moved copies.
    """
    bits = np.ascontiguousarray(picture.numpy()).view(np.uint32)
    return next(origin for salt in count() if (origin := _found(bits, wrap, salt)) is not None)


def _found(bits: NDArray[np.uint32], wrap: Wrap, salt: int) -> Origin | None:
    """Return the origin by the keys of a salt, or None where views that are not the same share the smallest."""
    height, width = bits.shape[1:]
    keys = _keys(bits, salt)
    if "y" not in wrap:
        keys = _mixed(keys + _numbered(height)[:, None]).sum(axis=0, keepdims=True)
    if "x" not in wrap:
        keys = _mixed(keys + _numbered(width)).sum(axis=1, keepdims=True)
    seen = 1
    while np.count_nonzero(is_smallest := keys == keys.min()) > 1 and seen < max(keys.shape):
        for axis, size in enumerate(keys.shape):
            if seen < size:
                keys = _mixed(keys * np.uint64(MULTIPLIERS[1]) + np.roll(keys, -seen, axis))
        seen *= 2
    smallest = np.argwhere(is_smallest)
    row, column = (int(place) for place in smallest[0])
    down, right, aside = _steps(smallest, keys.shape)
    origin = Origin(row, column, down if "y" in wrap else height, right if "x" in wrap else width, aside)
    if len(smallest) == 1:
        return origin
    steps = ((origin.rows, aside), (0, origin.columns))
    is_same = all(np.array_equal(np.roll(bits, step, (1, 2)), bits) for step in steps)
    return origin if is_same and len(smallest) * down * right == keys.size else None


def _keys(bits: NDArray[np.uint32], salt: int) -> Keys:
    """Return a key for each pixel's colour `[h w]`."""
    keys = np.full(bits.shape[1:], salt, np.uint64)
    for channel in bits:
        keys = _mixed(keys + channel)
    return keys


def _mixed(keys: Keys) -> Keys:
    """Spread what differs in keys over all their bits; different keys stay different."""
    for multiplier in MULTIPLIERS:
        keys ^= keys >> np.uint64(29)
        keys *= np.uint64(multiplier)
    keys ^= keys >> np.uint64(32)
    return keys


def _numbered(size: int) -> Keys:
    return np.arange(1, size + 1, dtype=np.uint64) * np.uint64(MULTIPLIERS[0])


def _steps(places: NDArray[Any], size: tuple[int, ...]) -> tuple[int, int, int]:
    """Return the smallest step down, to the right, and aside of the step down, from the first of some places to others."""
    down, right = ((places - places[0]) % size).T
    columns = int(right[(down == 0) & (right > 0)].min(initial=size[1]))
    rows = int(down[down > 0].min(initial=size[0]))
    return rows, columns, int(right[down == rows].min(initial=size[1])) % size[1]


def _repeated(made: Tensor, origin: Origin) -> Tensor:
    """Lay the first period of a result `[c h w]` out over the whole."""
    height, width = made.shape[-2:]
    if (origin.rows, origin.columns) == (height, width):
        return made
    steps, rows = np.divmod(np.arange(height), origin.rows)
    columns = (np.arange(width) - origin.aside * steps[:, None]) % origin.columns
    return made[:, rows[:, None], columns]
