"""Checks along a run: what may become the look is measured on held-out frames, and the best is kept."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import astuple

from relook.compute import Crew
from relook.corpus import Corpus
from relook.nets.generator import Generator
from relook.recipe.settings import Recipe
from relook.train.heldout import HeldOut
from relook.train.journal import Journal
from relook.train.measures import HeldOutMeasures
from relook.train.start import fit_grain
from relook.train.state import TrainState, tensors_of


def check(state: TrainState, held_out: HeldOut, corpus: Corpus, recipe: Recipe, journal: Journal, crew: Crew) -> None:
    """Measure what may become the look, keep the best by the leader's measures, and remember the nets as good."""
    course, is_gain = state.course, False
    for name, candidate in candidates(state, corpus):
        measures = HeldOutMeasures(*map(crew.agree, astuple(held_out.measure(candidate))))
        is_kept = measures.is_better(course.kept, course.first)
        journal.check(course, name, measures, is_kept=is_kept)
        if is_kept:
            state.best, course.kept, course.kept_step, is_gain = candidate, measures, course.step, True
    state.good = tensors_of(state)
    course.checks_without_gain = 0 if is_gain else course.checks_without_gain + 1
    if course.checks_without_gain >= recipe.patience:
        course.checks_without_gain, course.coolings = 0, course.coolings + 1


def candidates(state: TrainState, corpus: Corpus) -> Iterator[tuple[str, Generator]]:
    """Yield what may become the look: with its grain as learned, and with its grain measured and set anew.

    Which is nearer to the style differs between films, so the held-out measure decides. Flicker is always set as measured:
    crops do not show it.
    """
    learned = on_cpu(state.average)
    learned.texture.flicker_strength.fill_(state.flicker_strength)
    yield "as learned", learned
    refitted = on_cpu(learned)
    fit_grain(refitted, corpus)
    yield "grain refitted", refitted


def on_cpu(generator: Generator) -> Generator:
    """Return a copy that is measured, kept and saved."""
    return copy.deepcopy(generator).cpu()
