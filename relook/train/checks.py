"""Checks along a run: what may become the look is measured on held-out frames, and the best is kept."""

from __future__ import annotations

import copy
from dataclasses import astuple

from relook.compute import Crew
from relook.nets.generator import Generator
from relook.recipe.settings import Recipe
from relook.train.heldout import HeldOut
from relook.train.journal import Journal
from relook.train.measures import HeldOutMeasures
from relook.train.state import TrainState, tensors_of


def check(state: TrainState, held_out: HeldOut, recipe: Recipe, journal: Journal, crew: Crew) -> None:
    """Measure what may become the look, keep the best by the leader's measures, and remember the nets as good."""
    course, candidate = state.course, on_cpu(state.average)
    measures = HeldOutMeasures(*map(crew.agree, astuple(held_out.measure(candidate))))
    is_gain = measures.is_better(course.kept, course.first)
    journal.check(course, "as learned", measures, is_kept=is_gain)
    if is_gain:
        state.best, course.kept, course.kept_step = candidate, measures, course.step
    state.good = tensors_of(state)
    course.checks_without_gain = 0 if is_gain else course.checks_without_gain + 1
    if course.checks_without_gain >= recipe.patience:
        course.checks_without_gain, course.coolings = 0, course.coolings + 1


def on_cpu(generator: Generator) -> Generator:
    """Return a copy that is measured, kept and saved."""
    return copy.deepcopy(generator).cpu()
