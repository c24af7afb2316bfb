"""The course of a run in plain numbers: what is saved beside the nets, so that a run goes on as if never stopped."""

from __future__ import annotations

from dataclasses import dataclass

from relook.train.measures import HeldOutMeasures


@dataclass
class Course:
    """Where a run stands."""

    first: HeldOutMeasures
    """Of the first pass."""
    kept: HeldOutMeasures
    """Of the best look so far."""
    withheld: float = 0.0
    """How much of the difference in luma between the sides the first pass did not take for the look."""
    step: int = 0
    seconds: float = 0.0
    """Spent in training, over all sittings."""
    kept_step: int = 0
    """When the best look was found; 0 is the first pass."""
    checks_without_gain: int = 0
    coolings: int = 0
    """How often rates were lowered because nothing got better."""
    generator_factor: float = 1.0
    """What roll-backs have left of the generator's learning rate."""
    critic_factor: float = 1.0
    """The same of the critic's."""
    skipped: int = 0
    """Steps that failed in a row."""
    roll_backs: int = 0
    accuracy: float = 0.5
    """How often the critic is right, a running mean."""
    spread: float = 1.0
    """Contrast of the renders beside that of the first pass, a running mean."""
    critic_gradient: float = 0.0
    """Running mean of the logarithm of the critic's gradient norm."""
    generator_gradient: float = 0.0
    """The same of the generator's."""
    sound_steps: int = 0
    """Steps since the start or the last roll-back that these means rest on."""
    pairs_at_once: int = 0
    """So many pairs of a step go through the nets at once, since memory ran out; 0 is all of them."""
