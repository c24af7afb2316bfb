"""How much of a look is applied: its stages from 0 to 1, and the marks of film from 0 to 2."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, TypedDict, TypeVar, get_args

from relook.recipe.mechanics import Mechanics

Values = TypeVar("Values", bound=tuple[float, ...])

STAGES = ("grade", "detail", "texture")
MARKS: dict[str, str] = {
    "vignette": "grade",
    "softness": "detail",
    "halation": "detail",
    "grain": "texture",
    "flicker": "texture",
    "weave": "texture",
    "dust": "texture",
    "scratches": "texture",
    "unevenness": "texture",
    "cranking": "texture",
    "aperture": "texture",
}
"""The marks that have a dial, and the stage that each belongs to."""


class MarkDials(TypedDict, total=False):
    """Dials of single marks, 0 (none) to 2, 1 is as measured."""

    vignette: float
    softness: float
    halation: float
    grain: float
    flicker: float
    """Breathing of exposure, contrast and colour."""
    weave: float
    dust: float
    scratches: float
    unevenness: float
    cranking: float
    aperture: float


Condition = Literal["new", "surviving"]
CONDITIONS: tuple[Condition, ...] = get_args(Condition)
MOST_HELD = 0.9
"""Share of frames that may repeat the one before."""
WEAR = ("flicker", "weave", "dust", "scratches", "unevenness", "cranking")
"""What handling, old machines and time add to a print; a new one of the same stock has grain, lens and glow alone."""


@dataclass(frozen=True)
class Dials:
    """How much of each stage and of each mark of a look is applied; all stages at 0 give the source back."""

    strength: float = 1.0
    """Multiplies the stages."""
    grade: float = 1.0
    """Colour and tone, with the uneven light of the frame; 0 (off) to 1 (as trained)."""
    detail: float = 1.0
    """Softness, halation, edge character."""
    texture: float = 1.0
    """All marks that change from frame to frame, and the gate's mask."""
    vignette: float = 1.0
    """0 (none) to 2, 1 is as measured; so are all that follow."""
    softness: float = 1.0
    halation: float = 1.0
    grain: float = 1.0
    flicker: float = 1.0
    """Breathing of exposure, contrast and colour."""
    weave: float = 1.0
    dust: float = 1.0
    scratches: float = 1.0
    unevenness: float = 1.0
    cranking: float = 1.0
    aperture: float = 1.0

    def __post_init__(self) -> None:
        for name, most in (*(("strength", 1), *((stage, 1) for stage in STAGES)), *((mark, 2) for mark in MARKS)):
            value = getattr(self, name)
            if not 0.0 <= value <= most:
                raise ValueError(f"the dial {name} goes from 0 to {most}, got {value}; for example {name}=0.5")

    def of(self, name: str) -> float:
        """Return the effective dial of a stage or of a mark."""
        value = float(getattr(self, name))
        return value * self.of(MARKS[name]) if name in MARKS else value * self.strength

    @property
    def is_off(self) -> bool:
        """True where the source must come back untouched."""
        return all(self.of(stage) == 0 for stage in STAGES)


def in_condition(condition: Condition) -> Dials:
    """Return the dials of a print in some condition: "new" stock without wear, or "surviving" with all that was measured.

    Raises:
        ValueError: there is no such condition.
    """
    if condition not in CONDITIONS:
        raise ValueError(f"the condition {condition!r} is not known; use {' or '.join(CONDITIONS)}")
    return Dials(**dict.fromkeys(WEAR, 0.0)) if condition == "new" else Dials()


def dialled(mechanics: Mechanics, dials: Dials) -> Mechanics:
    """Return mechanics with every mark at its dial; a mark at 0 is gone, and no other changes."""
    grain, breath, weave, dust = mechanics.grain, mechanics.breath, mechanics.weave, mechanics.dust
    scratches, glow, gate = mechanics.scratches, mechanics.halation, mechanics.aperture
    flicker, sway, specks, mask = (dials.of(name) for name in ("flicker", "weave", "dust", "aperture"))
    return replace(
        mechanics,
        grain=replace(grain, strength=tuple(_times(node, dials.of("grain")) for node in grain.strength)),
        breath=replace(
            breath,
            exposure=breath.exposure * flicker,
            contrast=breath.contrast * flicker,
            colour=_times(breath.colour, flicker),
        ),
        weave=replace(
            weave,
            across_px=weave.across_px * sway,
            down_px=weave.down_px * sway,
            rotation_degrees=weave.rotation_degrees * sway,
        ),
        dust=replace(
            dust,
            dark_per_frame=dust.dark_per_frame * specks,
            bright_per_frame=dust.bright_per_frame * specks,
            hairs_per_frame=dust.hairs_per_frame * specks,
        ),
        scratches=replace(scratches, per_frame=scratches.per_frame * dials.of("scratches")),
        unevenness=replace(mechanics.unevenness, strength=mechanics.unevenness.strength * dials.of("unevenness")),
        cranking=replace(
            mechanics.cranking, held_share=min(mechanics.cranking.held_share * dials.of("cranking"), MOST_HELD)
        ),
        halation=replace(glow, strength=_times(glow.strength, dials.of("halation"))),
        aperture=replace(gate, inset_px=_times(gate.inset_px, mask), corner_radius_px=gate.corner_radius_px * mask),
        softness_px=mechanics.softness_px * dials.softness,
    )


def _times(values: Values, factor: float) -> Values:
    return type(values)(value * factor for value in values)
