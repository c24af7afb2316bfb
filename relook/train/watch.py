"""The watch over training: notices, at the step where it happens, that the game has gone wrong."""

from __future__ import annotations

import math

from relook.train.course import Course
from relook.train.journal import Journal
from relook.train.state import TrainState, restore

MOST_SKIPS = 3
"""So many batches in a row may be skipped before the run is rolled back."""
MOST_ROLL_BACKS = 3
LOWER = 0.2
"""What a roll-back leaves of the learning rates."""
EXPLODED_GRADIENT = 1000.0
"""Times the running mean."""
EXPLODED_LOSS = 1e4
WARM_UP_STEPS = 20
"""Steps whose means say nothing yet."""
MEMORY = 0.95
LONG_MEMORY = 0.98
DOMINATES = 0.998
"""Share of patches that the critic orders rightly, over some `1 / (1 - LONG_MEMORY)` steps, from which the game is over.

Styles that no grade or grain can reach, such as paintings, let a sound critic come near it.
"""
COLLAPSED = 0.5
"""Share of the first pass's contrast below which the picture has gone."""


CRITIC_WON = "the critic has won"


class Unsound(Exception):
    """One step failed; the text says why. Caught by the loop, never shown as it is."""


def check_sound(course: Course, player: str, *, loss: float, gradient: float) -> None:
    """Refuse a step of "critic" or "generator" whose loss or gradient is not finite or explodes; else remember it."""
    if not math.isfinite(loss):
        raise Unsound(f"the {player}'s loss is not finite")
    if not math.isfinite(gradient):
        raise Unsound(f"a gradient of the {player} is not finite")
    if abs(loss) > EXPLODED_LOSS:
        raise Unsound(f"the {player}'s loss exploded to {loss:.0f}")
    size, field = math.log(max(gradient, 1e-12)), f"{player}_gradient"
    usual = getattr(course, field)
    if course.sound_steps >= WARM_UP_STEPS and size > usual + math.log(EXPLODED_GRADIENT):
        raise Unsound(f"the {player}'s gradient is {math.exp(size - usual):.0f} times its usual size")
    setattr(course, field, _mean(usual, size, course.sound_steps))


def find_trouble(course: Course, terms: dict[str, float]) -> str:
    """Note a step that went well; return what is wrong with the game as a whole, or nothing."""
    course.accuracy = _mean(course.accuracy, terms["accuracy"], course.sound_steps, LONG_MEMORY)
    course.spread = _mean(course.spread, terms["spread"], course.sound_steps)
    course.sound_steps += 1
    course.skipped = 0
    if course.sound_steps < WARM_UP_STEPS:
        return ""
    if course.spread < COLLAPSED:
        return f"the picture collapses: {course.spread:.0%} of the first pass's contrast is left"
    if course.accuracy > DOMINATES and course.sound_steps >= 1 / (1 - LONG_MEMORY):
        return f"{CRITIC_WON}: it tells {course.accuracy:.1%} of all patches apart"
    return ""


def _mean(before: float, value: float, count: int, memory: float = MEMORY) -> float:
    """Return a running mean that is a plain one at first."""
    keep = min(memory, count / (count + 1))
    return keep * before + (1 - keep) * value


def skip(course: Course, why: str, journal: Journal) -> str:
    """Count a step that failed; return the trouble once too many have failed in a row, else nothing."""
    course.skipped += 1
    if course.skipped > MOST_SKIPS:
        return f"{why}, {course.skipped} times in a row"
    journal.trouble(course, why, "this batch was skipped")
    return ""


def roll_back(state: TrainState, trouble: str, journal: Journal) -> bool:
    """Go back to the nets of the last check with lower rates; return False where that was done too often already."""
    course = state.course
    if course.roll_backs == MOST_ROLL_BACKS:
        journal.trouble(course, trouble, "training was given up, and the best look so far is kept")
        return False
    restore(state, state.good)
    course.roll_backs += 1
    course.skipped, course.sound_steps = 0, 0
    course.accuracy, course.spread = Course.accuracy, Course.spread
    course.critic_factor *= LOWER
    if not trouble.startswith(CRITIC_WON):
        course.generator_factor *= LOWER
    journal.trouble(course, trouble, f"back to the nets of the last check, with lower rates (no. {course.roll_backs})")
    return True
