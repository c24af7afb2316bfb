"""What a look takes over of what was measured."""

from __future__ import annotations

from dataclasses import replace

import pytest

from relook.mechanics.trust import LIKELY, SURE, believed, is_likely, is_sure
from relook.recipe.mechanics import Aperture, Breath, Dust, Grain, Halation, Mechanics, Weave

WORN = Mechanics(
    grain=Grain(((0.02,) * 3,) * 8, confidence={"strength": 0.1}),
    breath=Breath(0.04, 0.02, (0.01, 0.01), confidence={"exposure": 0.9, "contrast": 0.6, "colour": 0.2}),
    weave=Weave(0.5, 0.6, 0.1, confidence={"across_px": 0.75, "down_px": 0.6, "rotation_degrees": 0.9}),
    dust=Dust(3.0, 4.0, hairs_per_frame=1.0, confidence={"dark_per_frame": 0.1, "hairs_per_frame": 0.2}),
    halation=Halation(5.0, (0.2, 0.1, 0.1), confidence={"strength": 0.95, "radius_px": 0.85}),
)


def test_what_is_not_likely_is_not_drawn_but_grain_and_specks_are() -> None:
    look = believed(WORN)
    assert (look.breath.exposure, look.breath.contrast, look.breath.colour) == (0.04, 0.02, (0.0, 0.0))
    assert (look.weave.across_px, look.weave.down_px, look.weave.rotation_degrees) == (0.5, 0.0, 0.1)
    assert look.grain == WORN.grain
    assert (look.dust.dark_per_frame, look.dust.bright_per_frame, look.dust.hairs_per_frame) == (3.0, 4.0, 0.0)
    assert look.halation.strength == (0.0, 0.0, 0.0)
    assert believed(look) == look


def test_sure_is_more_than_likely() -> None:
    assert LIKELY < SURE
    assert is_sure(WORN.breath, "exposure") and not is_sure(WORN.breath, "contrast")
    assert is_likely(WORN.breath, "exposure", "contrast") and not is_likely(WORN.breath, "exposure", "colour")
    assert not is_likely(WORN.weave, "down_px"), "a hand may have held the camera"


@pytest.mark.parametrize(
    ("inset_px", "radius_px", "drawn"),
    [
        ((0.0, 40.0, 0.0, 40.0), 12.0, (0.0, 12.0)),
        ((4.0, 40.0, 5.0, 40.0), 12.0, (4.0, 12.0)),
        ((30.0, 0.0, 30.0, 0.0), 0.0, (0.0, 0.0)),
    ],
)
def test_pillar_and_letterboxes_are_no_gate(
    inset_px: tuple[float, float, float, float], radius_px: float, drawn: tuple[float, float]
) -> None:
    boxed = Aperture(inset_px, radius_px, confidence={"corner_radius_px": 1.0})
    gate = believed(replace(WORN, aperture=boxed)).aperture
    assert (max(gate.inset_px), gate.corner_radius_px) == drawn
