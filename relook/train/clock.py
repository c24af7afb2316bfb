"""How far a run is: by frames seen or by seconds where there is a budget, else by how long nothing got better."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from relook.compute import Crew
from relook.recipe.settings import Recipe
from relook.train.course import Course

DECAY_SHARE = 0.4
"""Over this last share of a budget, rates go down to nothing."""
COOLINGS = (1.0, 0.3, 0.1)
"""Without a budget, the shares of the rates that are tried in turn."""


@dataclass(frozen=True)
class Moment:
    """Where a run stands at the beginning of a step."""

    share: float | None
    """Of the budget that is spent; None without a budget."""
    rate_factor: float
    is_over: bool


class Clock:
    """Reads a run's budget; seconds go on from an earlier sitting's."""

    def __init__(self, recipe: Recipe, course: Course, now: Callable[[], float] = time.monotonic) -> None:
        self.recipe = recipe
        self._now = now
        self._started = now() - course.seconds

    def tick(self, course: Course, crew: Crew) -> Moment:
        """Bring the course's seconds up to date, by the leader's clock, and read it."""
        course.seconds = crew.agree(self._now() - self._started)
        return self.read(course)

    def read(self, course: Course) -> Moment:
        """Tell where the run stands, from what is in its course alone."""
        if self.total is None:
            is_over = course.coolings >= len(COOLINGS)
            return Moment(None, COOLINGS[min(course.coolings, len(COOLINGS) - 1)], is_over)
        share = self.done(course) / self.total
        return Moment(share, min(1.0, (1 - share) / DECAY_SHARE), share >= 1)

    @property
    def total(self) -> float | None:
        """Return the budget, in `unit`; None where there is none."""
        frames = self.recipe.budget_frames
        return float(frames) if frames is not None else self.recipe.budget_seconds

    @property
    def unit(self) -> str:
        has_seconds = self.recipe.budget_seconds is not None and self.recipe.budget_frames is None
        return "seconds" if has_seconds else "frames seen"

    def done(self, course: Course) -> float:
        """Return how much is done, in `unit`."""
        return course.seconds if self.unit == "seconds" else float(course.step * self.recipe.frames_a_step)

    def is_check(self, before: Moment, after: Moment, course: Course) -> bool:
        """Tell whether held-out measures are due after a step: evenly over the budget, else every so many steps."""
        if before.share is None or after.share is None:
            return course.step % self.recipe.check_steps == 0
        return int(min(after.share, 1.0) * self.recipe.num_checks) > int(before.share * self.recipe.num_checks)

    def seconds_left(self, course: Course) -> float | None:
        """Estimate the time left; None where nobody knows."""
        if self.total is None or not self.done(course):
            return None
        return max(self.total / self.done(course) - 1, 0.0) * course.seconds
