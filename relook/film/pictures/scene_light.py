"""Convert scene-linear light to the display-referred values that a look works on, and back, without loss.

The curve is that of IEC 61966-2-1 (sRGB), mirrored below 0 and continued above 1, so that every finite value survives.
What lies beyond 0..1 bypasses the look: y = look(clip(x)) + (x - clip(x)), the latter no more colourful than the look leaves it.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Values = NDArray[np.float32]

_SLOPE: Final = np.float32(12.92)
_TOE: Final = np.float32(0.0031308)
_OFFSET: Final = np.float32(0.055)
_SCALE: Final = np.float32(1.055)


def to_display(light: NDArray[Any]) -> Values:
    """Convert linear values, where 1 is display white, to display-referred ones."""
    size = np.abs(light, dtype=np.float32)
    curved = _SCALE * size ** np.float32(1 / 2.4) - _OFFSET
    return np.copysign(np.where(size <= _TOE, _SLOPE * size, curved), light).astype(np.float32)


def to_light(display: NDArray[Any]) -> Values:
    """Undo `to_display`, to a millionth of the value."""
    size = np.abs(display, dtype=np.float32)
    curved = ((size + _OFFSET) / _SCALE) ** np.float32(2.4)
    return np.copysign(np.where(size <= _SLOPE * _TOE, size / _SLOPE, curved), display).astype(np.float32)


def to_straight_light(display: NDArray[Any]) -> Values:
    """Undo the sRGB curve as OpenColorIO defines it: below 0 it continues straight instead of being mirrored."""
    return np.where(display < 0, display / _SLOPE, to_light(display)).astype(np.float32)


def apart(values: Tensor) -> tuple[Tensor, Tensor | None]:
    """Split values into those within 0..1 and the rest beyond (None if there is none); their sum is the whole."""
    inside = values.clamp(0, 1)
    beyond = values - inside
    return inside, beyond if torch.any(beyond) else None
