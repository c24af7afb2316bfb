"""A look with every mark of film, and a film to render in it."""

from __future__ import annotations

import pytest
import torch

from relook.look import Card, Look
from relook.nets.generator import Generator
from relook.recipe.mechanics import (
    Aperture,
    Breath,
    Cranking,
    Dust,
    Grain,
    Halation,
    Mechanics,
    Scratches,
    Unevenness,
    Weave,
)
from relook.recipe.settings import Recipe

WORN = Mechanics(
    reference_height=144,
    grain=Grain(strength=((0.05, 0.04, 0.06),) * 8, correlation=(0.5, 0.5, 0.4)),
    breath=Breath(exposure=0.03, contrast=0.02, colour=(0.01, 0.01)),
    weave=Weave(across_px=0.5, down_px=0.8, rotation_degrees=0.05),
    dust=Dust(dark_per_frame=4.0, bright_per_frame=4.0, opacity=(0.5, 0.5), hairs_per_frame=1.0),
    scratches=Scratches(per_frame=2.0, contrast=0.1),
    unevenness=Unevenness(strength=0.02),
    cranking=Cranking(held_share=0.25),
    halation=Halation(radius_px=4.0, strength=(0.2, 0.1, 0.1)),
    aperture=Aperture(inset_px=(2.0, 2.0, 2.0, 2.0), corner_radius_px=12.0),
    softness_px=0.8,
)


@pytest.fixture(scope="session")
def worn() -> Look:
    """Return a look whose grade, vignette and detail are as if learned, with all marks."""
    torch.manual_seed(1)
    generator = Generator(Recipe().generator)
    with torch.no_grad():
        for parameter in generator.parameters():
            parameter.add_(0.02 * torch.randn(parameter.shape))
        generator.spatial.map.zero_()
        generator.spatial.darken_corners(-0.3)
    return Look(Card(name="worn", recipe=Recipe(), mechanics=WORN, reach_px=32), generator.requires_grad_(False))
