"""Grain that is not sure: as much as the style's texture tells."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from relook.corpus import Corpus
from relook.nets.generator import Generator
from relook.recipe.mechanics import Grain, Mechanics
from relook.recipe.settings import Recipe
from relook.train.grain import TRIED, fitted_grain
from relook.train.start import start_generator


@pytest.fixture(scope="module")
def generator(corpus: Corpus) -> Generator:
    return start_generator(corpus, Recipe()).generator


@pytest.mark.slow
@pytest.mark.parametrize(("estimate", "times"), [(0.015, (1.4, 1.6)), (0.03, (1.0, 1.25)), (0.06, (0.5, 0.5))])
def test_what_is_not_sure_is_fitted(
    corpus: Corpus, generator: Generator, estimate: float, times: tuple[float, float]
) -> None:
    """The painted style has grain of a deviation of .03."""
    grain = Grain(((estimate,) * 3,) * 8, confidence={"strength": 0.1})
    worn = Mechanics(reference_height=128, reference_width=160, grain=grain)
    fitted = fitted_grain(corpus, generator, worn)
    assert times[0] <= np.mean(fitted.strength) / estimate <= times[1]
    assert fitted.confidence == grain.confidence, "a fit makes nothing sure"


def test_what_is_likely_and_what_is_not_there_stay(corpus: Corpus, generator: Generator) -> None:
    worn = Mechanics(reference_height=128, grain=Grain(((0.01,) * 3,) * 8, confidence={"strength": 0.6}))
    assert fitted_grain(corpus, generator, worn) == worn.grain
    assert fitted_grain(corpus, generator, replace(worn, grain=Grain())) == Grain()
    assert min(TRIED) == 0 and max(TRIED) == 1.5


@pytest.mark.slow
def test_what_brings_no_texture_nearer_is_no_grain(corpus: Corpus) -> None:
    """Of a style without grain, an estimate that its motion has feigned."""
    source = [shot for shot in corpus.shots if shot.side == "source"]
    clean = replace(corpus, shots=(*source, *(replace(shot, side="style") for shot in source)))
    generator = start_generator(clean, Recipe()).generator
    feigned = Mechanics(reference_height=128, grain=Grain(((0.01,) * 3,) * 8, confidence={"strength": 0.1}))
    assert not np.any(fitted_grain(clean, generator, feigned).strength)
