"""Named recipes: plain functions that return a `Recipe`."""

from __future__ import annotations

from collections.abc import Callable

from relook.recipe.settings import Recipe


def film(*, budget_seconds: float | None = None, budget_frames: int | None = None, seed: int = 0) -> Recipe:
    """Return the recipe for a change of film stock: grade, softness, halation, grain and wear; forms stay as they are."""
    return Recipe(preset="film", budget_seconds=budget_seconds, budget_frames=budget_frames, seed=seed)


PRESETS: dict[str, Callable[..., Recipe]] = {"film": film}
"""The presets that `relook train --preset` knows."""
