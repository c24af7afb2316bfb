"""Grain that is not sure: as much as the style's texture tells."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from relook.corpus import Corpus
from relook.recipe.mechanics import Grain, Mechanics
from relook.recipe.settings import Recipe
from relook.train.grain import TRIED, fitted_grain
from relook.train.start import start_generator


@pytest.mark.parametrize(("estimate", "times"), [(0.015, (1.4, 1.6)), (0.03, (1.0, 1.25))])
def test_what_is_not_sure_is_fitted(corpus: Corpus, estimate: float, times: tuple[float, float]) -> None:
    """The painted style has grain of a deviation of .03."""
    generator = start_generator(corpus, Recipe()).generator
    grain = Grain(((estimate,) * 3,) * 8, confidence={"strength": 0.1})
    worn = Mechanics(reference_height=128, reference_width=160, grain=grain)
    fitted = fitted_grain(corpus, generator, worn)
    assert times[0] <= np.mean(fitted.strength) / estimate <= times[1]
    assert fitted.confidence == grain.confidence, "a fit makes nothing sure"


def test_what_is_likely_and_what_is_not_there_stay(corpus: Corpus) -> None:
    generator = start_generator(corpus, Recipe()).generator
    worn = Mechanics(reference_height=128, grain=Grain(((0.01,) * 3,) * 8, confidence={"strength": 0.6}))
    assert fitted_grain(corpus, generator, worn) == worn.grain
    assert fitted_grain(corpus, generator, replace(worn, grain=Grain())) == Grain()
    assert min(TRIED) == 1 and max(TRIED) == 1.5
