"""How sure a measure must be, and what of a film's measured marks a look takes over."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, TypeVar

from relook.recipe.mechanics import Aperture, Halation, Mechanics, Unevenness, Weave

Mark = TypeVar("Mark")

SURE = 0.87
"""Confidence from which a figure is as a rule within 15 % of the truth (`benchmarks/mechanics.py`)."""
LIKELY = 0.5
"""Confidence from which a mark is there, and is drawn."""
LIKELIER: dict[type, float] = {Weave: 0.67, Unevenness: 0.75, Halation: 0.9}
"""The same for what may be something else: a hand that held the camera, smoke and shadows, bright walls beside dark windows."""


def is_sure(mark: Any, *names: str) -> bool:
    """Tell whether the figures of a mark that have these names are as good as measured."""
    return all(mark.confidence.get(name, 0.0) >= max(SURE, LIKELIER.get(type(mark), 0.0)) for name in names)


def is_likely(mark: Any, *names: str) -> bool:
    """Tell whether these figures of a mark are at least about right."""
    return all(mark.confidence.get(name, 0.0) >= LIKELIER.get(type(mark), LIKELY) for name in names)


def believed(mechanics: Mechanics) -> Mechanics:
    """Return what a look draws: every mark that is likely there, and grain and specks even where they are not.

    What is taken for weave and is none spoils a picture, but a little grain or dust too much or too little is closer to film than none:
    where a reel was coded so hard that they cannot be told from what moves, the estimate stands; `train/grain.py` takes grain back
    where it brings no texture nearer.
    """
    dust, halation = mechanics.dust, mechanics.halation
    return replace(
        mechanics,
        breath=_likely(mechanics.breath, "exposure", "contrast", "colour"),
        weave=_likely(mechanics.weave, "across_px", "down_px", "rotation_degrees"),
        dust=_likely(dust, "hairs_per_frame"),
        scratches=_likely(mechanics.scratches, "per_frame"),
        unevenness=_likely(mechanics.unevenness, "strength"),
        cranking=_likely(mechanics.cranking, "held_share"),
        halation=halation if is_likely(halation, "strength", "radius_px") else Halation(confidence=halation.confidence),
        aperture=_gate(mechanics.aperture),
    )


def _likely(mark: Mark, *names: str) -> Mark:
    """Return a mark with the amounts of these names at 0 where they are not likely."""
    nothing = {name: _nothing(getattr(mark, name)) for name in names if not is_likely(mark, name)}
    return replace(mark, **nothing)  # type: ignore[type-var]


def _nothing(value: float | tuple[float, ...]) -> float | tuple[float, ...]:
    return tuple(0.0 for _ in value) if isinstance(value, tuple) else 0.0


def _gate(aperture: Aperture) -> Aperture:
    """Return the mask of the gate: it has round corners, and what is wider on one axis than on the other was added by a transfer."""
    if not is_likely(aperture, "corner_radius_px") or not aperture.corner_radius_px:
        return Aperture(confidence=aperture.confidence)
    border = min(aperture.inset_px)
    return replace(aperture, inset_px=(border,) * 4)
