"""How a verb tells its caller how far it is: one event type and one callback type."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Progress:
    """One step of a running verb."""

    stage: str
    """What is being done, in words for people: "training", "rendering", "finding shots"."""
    done: float
    """How much is finished, in the unit of `total`."""
    total: float | None
    """How much there is; None where it is not known beforehand."""
    unit: str = "frames"
    """What `done` and `total` count: "frames", "seconds", "shots"."""
    detail: str = ""
    """A short remark: a measure, a file written."""


OnProgress = Callable[[Progress], None]


def ignore(progress: Progress) -> None:
    """Report nothing: the default callback of every verb."""
