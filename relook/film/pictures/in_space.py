"""Take rendered frames from the display back to the colour space that their source is in."""

from __future__ import annotations

from dataclasses import replace

import torch

from relook.film.frames import Frame
from relook.film.pictures.scene_light import apart
from relook.film.pictures.spaces import ColourSpace


def in_space(frame: Frame, space: ColourSpace, *, half_code: float) -> tuple[Frame, bool]:
    """Take a frame's values from the display to a colour space, and say whether some have no place there within 0..1.

    Args:
        half_code: how far beyond 0 and 1 still rounds to them; infinity for float, which goes on beyond.
    """
    whole = (frame.pixels if frame.beyond is None else frame.pixels + frame.beyond).numpy()
    values = space.from_display(whole)
    pixels, beyond = apart(torch.from_numpy(values))
    is_outside = beyond is not None and bool((beyond.abs() > half_code).any())
    return replace(frame, pixels=pixels, beyond=beyond), is_outside or not space.holds(values, whole)
