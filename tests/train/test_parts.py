"""A batch in parts teaches the same as the whole (TR06): gradients and terms, of every objective that a recipe can name."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from relook.corpus import Corpus
from relook.nets.generator import Generator
from relook.recipe.mechanics import Breath, Grain, Mechanics
from relook.recipe.settings import Recipe, Weights
from relook.train.batches import Batch, draw_batch
from relook.train.course import Course
from relook.train.matching import Matcher
from relook.train.measures import HeldOutMeasures
from relook.train.parts import parts_of, smaller
from relook.train.start import start_generator
from relook.train.state import TrainState, start_state
from relook.train.step import critic_gradient, generator_gradient

NUM_PAIRS = 5
RECIPE = Recipe(budget_frames=8, batch_pairs=NUM_PAIRS, crop_px=64, augment=False)
EVERYTHING = Weights(patch_nce=1.0, cycle=1.0, identity=1.0, colour_anchor=1.0, patch_anchor=1.0)
MECHANICS = Mechanics(grain=Grain(strength=((0.05, 0.05, 0.05),) * 8), breath=Breath(exposure=0.1))
TOLERANCE = 2e-5
"""Of a gradient, as a share of its norm."""


@pytest.fixture(scope="module")
def batch(corpus: Corpus) -> Batch:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys.modules["relook.train.matching"], "POOL", 96)
        matcher = Matcher(corpus, start_generator(corpus, RECIPE).generator, seed=0, crop_px=64, held_out=False)
        return draw_batch(corpus, RECIPE, MECHANICS, matcher, range(5, 5 + NUM_PAIRS))


def started(recipe: Recipe) -> TrainState:
    """Set up nets that already do something everywhere."""
    torch.manual_seed(1)
    generator = Generator(recipe.generator)
    for parameter in generator.parameters():
        parameter.data += 0.02 * torch.randn_like(parameter)
    measures = HeldOutMeasures(1.0, 1.0, 1.0)
    state = start_state(generator, recipe, Course(first=measures, kept=measures), torch.device("cpu"))
    state.mechanics, state.is_augmented = MECHANICS, bool(recipe.augment)
    return state


def taught(recipe: Recipe, batch: Batch, at_once: int) -> dict[str, Tensor]:
    """Return the gradients of both players, and their losses and terms."""
    state, found = started(recipe), dict[str, Tensor]()
    for player, gradient in (("critic", critic_gradient), ("generator", generator_gradient)):
        loss, terms = gradient(state, recipe, batch, [], at_once)
        found |= {f"{player} loss": loss} | {f"{player} {name}": term for name, term in terms.items()}
        grads = [p.grad.flatten() for group in state.optimisers[player].param_groups for p in group["params"]]
        found[f"{player} gradient"] = torch.cat(grads)
    return found


@pytest.mark.parametrize(
    ("settings", "at_once"),
    [({"weights": EVERYTHING}, 2), ({"penalty": "wgan_gp", "augment": True}, 4), ({}, 1)],
    ids=["piles", "penalty", "single pairs"],
)
def test_TR06_parts_teach_what_the_whole_teaches(settings: dict[str, Any], at_once: int, batch: Batch) -> None:
    recipe = replace(RECIPE, **settings)
    whole, parts = (taught(recipe, batch, count) for count in (NUM_PAIRS, at_once))
    assert whole.keys() == parts.keys()
    for name, wanted in whole.items():
        off = float((parts[name] - wanted).norm() / wanted.norm().clamp_min(1e-6))
        assert off < TOLERANCE, f"{name} is {off:.2g} off"


def test_parts_hold_the_whole_batch_in_order(batch: Batch) -> None:
    for at_once in (4, 2, 1):
        parts = parts_of(batch, at_once)
        assert [number for part in parts for number in part.numbers] == list(batch.numbers)
        assert torch.equal(torch.cat([part.source for part in parts]), batch.source)
        assert torch.equal(torch.cat([part.marks.gains for part in parts]), batch.marks.gains)
    assert parts_of(batch, NUM_PAIRS)[0] is batch
    assert [smaller(count) for count in (2, 3, 4, 5, 6, 8, 9)] == [1, 2, 2, 4, 4, 4, 8]
