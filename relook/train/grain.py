"""Grain that cannot be told from what moves: as much of it as brings the texture of renders nearest to the style's."""

from __future__ import annotations

from dataclasses import replace

from relook.corpus import Corpus
from relook.mechanics.trust import is_likely
from relook.nets.generator import Generator
from relook.recipe.dials import Dials, dialled
from relook.recipe.mechanics import Grain, Mechanics
from relook.train.heldout import HeldOut

TRIED = (0.0, 0.5, 1.0, 1.25, 1.5)
"""Times the estimate, which comes from where least changes: coding leaves less grain there than elsewhere."""
LEAST_GAIN = 0.03
"""Share of the distance without grain that grain must take off, for what moves in a film without any may pass for it."""


def fitted_grain(corpus: Corpus, generator: Generator, mechanics: Mechanics) -> Grain:
    """Return the grain of a look: as measured, or if that is not likely, as much as the texture of the style to train on tells.

    Args:
        generator: carries the first pass.
        mechanics: the marks of the style's film.
    """
    grain = mechanics.grain
    if is_likely(grain, "strength") or not any(map(any, grain.strength)):
        return grain
    squares = HeldOut(corpus, mechanics, generator, is_held_out=False)
    grains = [dialled(mechanics, Dials(grain=times)).grain for times in TRIED]
    distances = [squares.patch_distance(generator, replace(mechanics, grain=tried)) for tried in grains]
    nearest = min(range(len(TRIED)), key=distances.__getitem__)
    return grains[nearest if distances[nearest] < (1 - LEAST_GAIN) * distances[0] else 0]
