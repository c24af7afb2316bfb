"""One step: every objective that a recipe can name takes its own way from the same start."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import pytest
import torch

from relook.compute import Crew
from relook.corpus import Corpus
from relook.nets.generator import Generator
from relook.recipe.settings import Recipe, Weights
from relook.train.batches import Batch, draw_batch
from relook.train.course import Course
from relook.train.matching import Matcher
from relook.train.measures import HeldOutMeasures
from relook.train.start import start_generator
from relook.train.state import set_rates, start_state, tensors_of
from relook.train.step import equivariance, train_step

RECIPE = Recipe(budget_frames=8, batch_pairs=2, crop_px=64, augment=False)
OTHERS: list[dict[str, Any]] = [
    *({"objective": name} for name in ("minimax", "non_saturating", "least_squares", "wasserstein", "hinge")),
    *({"penalty": name} for name in ("r1", "r2", "wgan_gp", "gp0")),
    *(
        {"weights": Weights(**{name: 1.0})}
        for name in ("patch_nce", "cycle", "identity", "colour_anchor", "patch_anchor")
    ),
    {"weights": Weights(content=0.0)},
    {"augment": True},
]


@pytest.fixture(scope="module")
def started(corpus: Corpus) -> tuple[Generator, Batch]:
    start = start_generator(corpus, RECIPE)
    matcher = Matcher(corpus, start.generator, seed=0, crop_px=64, held_out=False)
    return start.generator, draw_batch(corpus, RECIPE, start.mechanics, matcher, range(2))


def after_two_steps(recipe: Recipe, started: tuple[Generator, Batch], crew: Crew) -> dict[str, torch.Tensor]:
    measures = HeldOutMeasures(1.0, 1.0, 1.0)
    course = Course(first=measures, kept=measures)
    state = start_state(copy.deepcopy(started[0]), recipe, course, torch.device("cpu"))
    state.is_augmented = bool(recipe.augment)
    for _ in range(2):
        set_rates(state, recipe, 1.0)
        terms = train_step(state, recipe, started[1], crew)
        assert 0 <= terms["accuracy"] <= 1 and 0.5 < terms["spread"] < 1.5
        course.step += 1
    return tensors_of(state)


@pytest.mark.parametrize(
    "settings",
    [pytest.param(one, marks=pytest.mark.slow if nth else ()) for nth, one in enumerate(OTHERS)],
    ids=lambda settings: next(iter(settings)),
)
def test_every_objective_of_a_recipe_trains(settings: dict[str, Any], started: Any, crew: Crew) -> None:
    plain, again = (after_two_steps(RECIPE, started, crew) for _ in range(2))
    changed = after_two_steps(replace(RECIPE, **settings), started, crew)
    assert all(torch.equal(plain[key], again[key]) for key in plain)
    assert any(not torch.equal(plain[key], changed[key]) for key in plain if "optimiser" not in key)
    assert all(tensor.isfinite().all() for tensor in changed.values())


def test_the_light_of_the_frame_does_not_count_as_structure_that_sticks(started: tuple[Generator, Batch]) -> None:
    batch = replace(started[1], window=torch.tensor([0.0, 0.0, 1.0, 1.0]).expand(2, 4))
    frames = batch.source.flatten(0, 1)
    generator = Generator(RECIPE.generator).requires_grad_(False)
    plain = equivariance(generator, frames, frames, batch, seed=0)
    generator.spatial.darken_corners(-0.8)
    vignetted = equivariance(generator, frames, generator.deterministic(frames), batch, seed=0)
    assert float(vignetted) < float(plain)
