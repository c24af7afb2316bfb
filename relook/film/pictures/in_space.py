"""Take rendered frames from the display back to the colour space that their source is in."""

from __future__ import annotations

from dataclasses import replace

import torch

from relook.film.frames import Frame
from relook.film.pictures.scene_light import apart
from relook.film.pictures.spaces import ColourSpace


def in_space(frame: Frame, space: ColourSpace, *, half_code: float) -> tuple[Frame, bool]:
    """Convert a frame's display values to a colour space; also return whether some fall outside 0..1 there.

    Args:
        half_code: how far beyond 0 and 1 a value still rounds to them; infinity for float, which has no such limits.
    """
    whole = (frame.pixels if frame.beyond is None else frame.pixels + frame.beyond).numpy()
    values = space.from_display(whole)
    pixels, beyond = apart(torch.from_numpy(values))
    is_outside = beyond is not None and bool((beyond.abs() > half_code).any())
    return replace(frame, pixels=pixels, beyond=beyond), is_outside or not space.holds(values, whole)
