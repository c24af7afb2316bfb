"""Dials: each turns its own mark, up and up, and leaves all others where they are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import Tensor

from relook.apply.frame import FrameRenderer, Layers, woven
from relook.look import Look
from relook.mechanics.cranking import held_frame
from relook.mechanics.marks import damage_of, grain_of
from relook.recipe.dials import MARKS, STAGES, Dials, dialled, in_condition
from relook.recipe.mechanics import GLOWS_ABOVE

NUM_FRAMES = 12
AMOUNTS = (0.0, 0.5, 1.0, 1.5, 2.0)


def chart() -> Tensor:
    """Paint a grey frame with a light in the dark."""
    picture = torch.full((3, 144, 176), 0.45)
    picture[:, 24:120, 36:140] = 0.1
    picture[:, 40:104, 52:124] = 0.85
    return picture


def grating() -> Tensor:
    """Paint a grey frame with stripes in its middle, where no vignette reaches."""
    picture = torch.full((3, 144, 176), 0.45)
    picture[:, 60:84, 70:108:6] = 0.7
    return picture


def renderer(look: Look, dials: Dials) -> FrameRenderer:
    return FrameRenderer(look, dials, device=torch.device("cpu"))


def deviation(of: Callable[[Layers], float], layers: list[Layers]) -> float:
    return float(np.sqrt(np.mean(np.square([of(each) for each in layers]))))


def contrast(picture: Tensor) -> float:
    """Return the contrast of the grating's stripes."""
    return float(picture[:, 64:80, 74:104].std() / picture[:, 64:80, 74:104].mean())


def measures(look: Look, dials: Dials) -> dict[str, float]:
    """Measure every mark of some rendered frames, each where the others do not reach."""
    made, glowless = renderer(look, dials), renderer(look, replace(dials, halation=0.0))
    layers = [made.layers(chart(), seed=5, number=t) for t in range(NUM_FRAMES)]
    shown, dull, flat = layers[0].look, glowless.look(chart()), made.look(torch.full((3, 144, 176), 0.45))
    held = [held_frame(made.mechanics.cranking, t) < t for t in range(40)]
    still = woven(shown, (0.0, 0.0, 0.0))[None]
    return {
        "vignette": float(flat[:, 72, 88].mean() / flat[:, 2, 2].mean()) - 1,
        "softness": 1 - contrast(made.look(grating())) / contrast(grating()),
        "halation": float((shown - dull).mean() / (dull - GLOWS_ABOVE).clamp_min(0).mean()),
        "grain": deviation(
            lambda each: float(grain_of(still, each.marks).std()) if each.marks.strength.any() else 0, layers
        ),
        "flicker": deviation(lambda each: float(each.marks.gains.log().mean()), layers),
        "weave": deviation(lambda each: float(np.hypot(*each.weave[:2])), layers),
        "dust": float(np.mean([float(damage_of(each.marks)[1].mean()) for each in layers])),
        "scratches": float(np.mean([float(each.marks.scratches.abs().mean()) for each in layers])),
        "unevenness": deviation(lambda each: float(each.marks.clouds.square().mean().sqrt()), layers),
        "cranking": sum(held) / len(held),
        "aperture": 1 - float(layers[0].aperture.mean()),
    }


@pytest.fixture(scope="module")
def as_measured(worn: Look) -> dict[str, float]:
    return measures(worn, Dials())


@pytest.mark.slow
@pytest.mark.parametrize("mark", MARKS)
def test_a_dial_turns_its_own_mark_and_no_other(worn: Look, as_measured: dict[str, float], mark: str) -> None:
    turned = [measures(worn, Dials(**{mark: amount})) for amount in AMOUNTS]
    own = [each[mark] for each in turned]
    assert all(before < after for before, after in pairwise(own)), own
    assert turned[2] == as_measured
    for other in set(as_measured) - {mark}:
        values = [each[other] for each in turned]
        assert values == pytest.approx([as_measured[other]] * len(values), rel=0.05), other


@pytest.mark.parametrize("mark", [mark for mark in MARKS if mark not in ("vignette", "softness", "halation")])
def test_a_mark_at_nought_is_gone(worn: Look, mark: str) -> None:
    assert measures(worn, Dials(**{mark: 0.0}))[mark] == 0


def test_new_stock_has_grain_and_no_wear(worn: Look) -> None:
    mechanics = worn.card.mechanics
    made = dialled(mechanics, in_condition("new"))
    assert made.grain == mechanics.grain and made.halation == mechanics.halation
    assert made.dust.dark_per_frame == made.scratches.per_frame == made.breath.exposure == made.weave.down_px == 0
    assert dialled(mechanics, in_condition("surviving")) == mechanics
    with pytest.raises(ValueError, match="new or surviving"):
        in_condition("survivng")  # type: ignore[arg-type]


def test_flicker_is_held_at_what_is_safe_and_that_is_told(worn: Look) -> None:
    safe = FrameRenderer(worn, Dials(), device=torch.device("cpu"), safe_at=Fraction(24))
    given, wanted = safe.flicker
    assert given == safe.mechanics.breath.exposure < wanted == worn.card.mechanics.breath.exposure
    assert renderer(worn, Dials()).flicker == (wanted, wanted)


@pytest.mark.parametrize("wrong", [{"grade": 1.5}, {"texture": -0.1}, {"grain": 2.1}])
def test_dials_are_checked_when_they_are_set(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"0 to [12]"):
        Dials(**wrong)


def test_a_stage_turns_its_marks(worn: Look) -> None:
    for stage in STAGES:
        off = Dials(**{stage: 0.0})
        assert all(off.of(mark) == (0 if MARKS[mark] == stage else 1) for mark in MARKS)
    assert Dials(strength=0).is_off and not Dials(texture=0).is_off
