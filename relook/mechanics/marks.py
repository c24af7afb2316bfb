"""The marks of single frames, drawn, and laid over pictures in the order in which a film gets them.

Lens and base (halation), camera and printer gate (weave), stock (grain), laboratory (unevenness), printer (breath), handling
(scratches, dust), projector (aperture).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from relook.mechanics.breath import breath_of, lay_breath
from relook.mechanics.dust_plate import draw_dust
from relook.mechanics.grain_field import GrainField, lay_grain, prepare_grain
from relook.mechanics.scratch_plate import draw_scratches
from relook.mechanics.unevenness import draw_unevenness
from relook.recipe.mechanics import Mechanics


@dataclass(frozen=True)
class Marks:
    """What falls on some frames or crops; with all amounts at 0 nothing does."""

    grain: Tensor
    """`[b c h w]`, of unit variance, c 1 or 3."""
    strength: Tensor
    """Of the grain, `[k 3]`."""
    development: Tensor
    """Gain, `[b 1 h w]`."""
    gains: tuple[float, float, float]
    """Of red, green and blue."""
    slope: float
    """Of the contrast about mid-grey."""
    scratches: Tensor
    """To be added, `[b 1 h w]`."""
    dust: Tensor
    """Opacity of dark and of bright specks, `[b 2 h w]`."""


class MarkMaker:
    """Draws the marks of frames of one size and one shot; the same ones for a frame whatever was drawn before."""

    def __init__(self, mechanics: Mechanics, size: tuple[int, int], *, seed: int) -> None:
        """Prepare what all frames of `size`, rows and columns, share; `seed` is the shot's."""
        self.mechanics, self.size, self.seed = mechanics, size, seed
        self.scale = size[0] / mechanics.reference_height
        self.strength = torch.tensor(mechanics.grain.strength)
        self.grain: GrainField | None = None
        if self.strength.any():
            self.grain = prepare_grain(mechanics.grain, size, scale=self.scale, seed=seed)

    def draw(self, frame: int) -> Marks:
        """Draw the marks of a frame by its number in the shot."""
        made, scale, seed = self.mechanics, self.scale, self.seed
        blank = torch.zeros(1, 1, 1, 1)
        grain = blank if self.grain is None else self.grain.draw(frame)[None]
        red, green, blue, slope = breath_of(made.breath, seed=seed, frame=frame)
        development = torch.ones(1, 1, 1, 1)
        if made.unevenness.strength:
            clouds = draw_unevenness(made.unevenness, self.size, scale=scale, seed=seed, frame=frame)
            development = torch.from_numpy(np.exp(np.float32(made.unevenness.strength) * clouds))[None, None]
        scratches, dust = blank, blank.expand(1, 2, 1, 1)
        if made.scratches.per_frame:
            lines = draw_scratches(made.scratches, self.size, scale=scale, seed=seed, frame=frame)
            scratches = torch.from_numpy(lines)[None, None] * made.scratches.contrast
        if made.dust.dark_per_frame or made.dust.bright_per_frame or made.dust.hairs_per_frame:
            dust = torch.from_numpy(draw_dust(made.dust, self.size, scale=scale, seed=seed, frame=frame))[None]
        return Marks(grain, self.strength, development, (red, green, blue), slope, scratches, dust)


def lay_marks(pictures: Tensor, marks: Marks) -> Tensor:
    """Lay marks over pictures `[b 3 h w]`, whose gradient passes; the result is not clamped."""
    light = pictures + lay_grain(pictures, marks.grain, marks.strength) if marks.strength.any() else pictures
    light = lay_breath(light * marks.development, marks.gains, marks.slope)
    dark, bright = marks.dust[:, :1], marks.dust[:, 1:]
    return (light + marks.scratches) * (1 - dark) * (1 - bright) + bright
