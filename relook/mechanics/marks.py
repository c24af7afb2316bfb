"""The marks of single frames, drawn, and laid over pictures in the order in which a film gets them.

Lens and base (halation), camera and printer gate (weave), stock (grain), laboratory (unevenness), printer (breath), handling
(scratches, dust), projector (aperture).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor

from relook.mechanics.breath import breath_of, lay_breath
from relook.mechanics.dust_plate import draw_dust
from relook.mechanics.grain_field import GrainField, lay_grain, prepare_grain
from relook.mechanics.scratch_plate import draw_scratches
from relook.mechanics.unevenness import draw_unevenness, draw_wrapped_unevenness, lay_clouds
from relook.nets.wrap import Wrap
from relook.recipe.mechanics import Mechanics


@dataclass(frozen=True)
class Marks:
    """What falls on some frames or crops; with all amounts at 0 nothing does."""

    grain: Tensor
    """`[b c h w]`, of unit variance, c 1 or 3."""
    strength: Tensor
    """Of the grain, `[k 3]`."""
    clouds: Tensor
    """Of uneven development, times their strength, `[b 1 h w]`."""
    gains: Tensor
    """Of red, green and blue, `[b 3]`."""
    slope: Tensor
    """Of the contrast about mid-grey, `[b]`."""
    scratches: Tensor
    """To be added, `[b 1 h w]`."""
    dust: Tensor
    """Opacity of dark and of bright specks, `[b 2 h w]`."""

    def to(self, device: torch.device) -> Marks:
        """Return the marks on a device."""
        return Marks(*(getattr(self, item.name).to(device) for item in fields(self)))

    def moved(self, rows: int, columns: int) -> Marks:
        """Return the marks moved round, down and to the right."""
        planes = {name: getattr(self, name) for name in ("grain", "clouds", "scratches", "dust")}
        return replace(self, **{name: plane.roll((rows, columns), (2, 3)) for name, plane in planes.items()})


class MarkMaker:
    """Draws the marks of frames of one size and one shot; the same ones for a frame whatever was drawn before."""

    def __init__(
        self,
        mechanics: Mechanics,
        size: tuple[int, int],
        *,
        seed: int,
        frame_height: int | None = None,
        wrap: Wrap | None = None,
    ) -> None:
        """Prepare what all frames share.

        Args:
            size: rows and columns of the frames, or of crops.
            seed: of the shot.
            frame_height: rows of the whole frame where `size` is a crop; rates suit the part of the measured frame that it shows.
            wrap: axes along which dust and scratches go on at the opposite side; clouds then do along both, and grain always does.
        """
        self.wrap = wrap
        rows = frame_height or size[0]
        self.size, self.seed, self.scale = size, seed, rows / mechanics.reference_height
        columns = mechanics.reference_width * self.scale or size[1] * rows / size[0]
        self.mechanics = _for_share(mechanics, size[0] / rows, size[1] / columns)
        self.strength = torch.tensor(mechanics.grain.strength)
        self.grain: GrainField | None = None
        if self.strength.any():
            self.grain = prepare_grain(mechanics.grain, size, scale=self.scale, seed=seed)

    def draw(self, frame: int) -> Marks:
        """Draw the marks of a frame by its number in the shot."""
        made, scale, seed = self.mechanics, self.scale, self.seed
        blank = torch.zeros(1, 1, 1, 1)
        grain = blank if self.grain is None else self.grain.draw(frame)[None]
        *gains, slope = breath_of(made.breath, seed=seed, frame=frame)
        clouds = blank
        if made.unevenness.strength:
            clouded = draw_wrapped_unevenness if self.wrap else draw_unevenness
            drawn = clouded(made.unevenness, self.size, scale=scale, seed=seed, frame=frame)
            clouds = torch.from_numpy(drawn)[None, None] * made.unevenness.strength
        scratches, dust = blank, blank.expand(1, 2, 1, 1)
        if made.scratches.per_frame:
            lines = draw_scratches(made.scratches, self.size, scale=scale, seed=seed, frame=frame, wrap=self.wrap)
            scratches = torch.from_numpy(lines)[None, None] * made.scratches.contrast
        if made.dust.dark_per_frame or made.dust.bright_per_frame or made.dust.hairs_per_frame:
            specks = draw_dust(made.dust, self.size, scale=scale, seed=seed, frame=frame, wrap=self.wrap)
            dust = torch.from_numpy(specks)[None]
        return Marks(grain, self.strength, clouds, torch.tensor([gains]), torch.tensor([slope]), scratches, dust)


def _for_share(mechanics: Mechanics, height: float, width: float) -> Mechanics:
    """Return mechanics for shares of the measured frame's height and width: fewer specks and scratches fall on less."""
    dust, scratches, area = mechanics.dust, mechanics.scratches, height * width
    return replace(
        mechanics,
        dust=replace(
            dust,
            dark_per_frame=dust.dark_per_frame * area,
            bright_per_frame=dust.bright_per_frame * area,
            hairs_per_frame=dust.hairs_per_frame * area,
        ),
        scratches=replace(scratches, per_frame=scratches.per_frame * width),
    )


def stacked(marks: Sequence[Marks]) -> Marks:
    """Join the marks of single frames to those of a batch; they are of one size."""
    names = [item.name for item in fields(Marks) if item.name != "strength"]
    joined = {name: torch.cat([getattr(one, name) for one in marks]) for name in names}
    return Marks(strength=marks[0].strength, **joined)


def lay_marks(pictures: Tensor, marks: Marks) -> Tensor:
    """Lay marks over pictures `[b 3 h w]`, whose gradient passes; the result is not clamped."""
    light = pictures + grain_of(pictures, marks)
    light = lay_breath(lay_clouds(light, marks.clouds), marks.gains, marks.slope)
    damage, matte = damage_of(marks)
    return light * (1 - matte) + damage


def grain_of(pictures: Tensor, marks: Marks) -> Tensor:
    """Return the grain of pictures, to be added to them: `[b 3 h w]`, or `[b 1 1 1]` of zeros where there is none."""
    if not marks.strength.any():
        return torch.zeros(1, 1, 1, 1, device=pictures.device)
    return lay_grain(pictures, marks.grain, marks.strength)


def damage_of(marks: Marks) -> tuple[Tensor, Tensor]:
    """Return what scratches and dust leave, `[b 1 h w]`: the damage, to be added, and the matte, how much of the picture it hides.

    A marked picture is `picture * (1 - matte) + damage`.
    """
    dark, bright = marks.dust[:, :1], marks.dust[:, 1:]
    shown = (1 - dark) * (1 - bright)
    return marks.scratches * shown + bright, 1 - shown


def seed_of(content_hash: str, seed: int) -> int:
    """Turn a shot's content hash and the user's seed into the seed of its marks, 63 bits."""
    return (int(content_hash[:16], 16) ^ (seed * 0x9E3779B97F4A7C15)) & (2**63 - 1)
