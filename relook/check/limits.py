"""The exact limits of the check, all in one place; what they were chosen on is said beside each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Band = Literal["pass", "review", "fail"]

LEAST_CHANGE = 0.01
"""A look that changes colours less than this on average leaves nothing to tell whether it was applied."""
MIN_FRAMES = 6
"""A shorter shot is not judged."""
PAIRS_PER_SHOT = 6
"""Pairs of consecutive frames that the dear measures look at, spread over the shot."""
FLAT_DEVIATION = 0.01
"""Pictures with less luma deviation than this show nothing to judge."""
BLACK_LUMA = 0.04
"""A frame is black when 99 % of it lies below."""
LIT_LUMA = 0.15
"""A source frame that reaches this was not meant to be black."""
SAME_CHANGE = 0.1 / 255
"""Two frames that differ less on average are the same."""
MOVING_CHANGE = 0.5 / 255
"""Two source frames that differ more on average move."""


@dataclass(frozen=True)
class Limit:
    """From where a measure calls for a review and from where it fails a shot."""

    review: float
    fail: float
    higher_is_worse: bool = True

    def band(self, value: float) -> Band:
        """Place a measure in its band; the limits themselves still pass."""
        sign = 1 if self.higher_is_worse else -1
        if sign * value > sign * self.fail:
            return "fail"
        return "review" if sign * value > sign * self.review else "pass"


LIMITS: dict[str, Limit] = {
    # Shares of the limit that 99 in 100 shots of real style keep.
    # Good renders of 90 shots stay below 1.4, their untouched sources lie above 1.1.
    "style_distance": Limit(1.0, 1.5),
    # The number furthest off alone, in sigmas: good renders up to 4.6.
    "style_sigma": Limit(5.5, 8.0),
    "critic_distance": Limit(1.5, 2.5),
    # A known film process on 23 shots, grain up to 0.05: 0.90 to 0.99; bent by 4 px .60 to .84; inverted, flat, another film below .1.
    "content": Limit(0.80, 0.60, higher_is_worse=False),
    # The same, in pixels of a frame of at most 540 rows: good 0 to 1.3; bent by 2 px from 2.4.
    "drift_px": Limit(1.5, 3.0),
    # The same: 0.5 to 1.3 with the contrast taken out; a look that amplifies the source's noise from 1.9.
    "warp_ratio": Limit(1.5, 2.0),
    # Shares of what the style itself does, with half as much again and one per cent allowed.
    "flicker_share": Limit(1.0, 2.0),
    # In 8-bit levels: good below .1, with twice the contrast .9; tiles two per cent apart 2 to 18.
    "seam": Limit(1.5, 3.0),
    # Shares of a shot's frames, or of its pixels beyond what source and style clip.
    "frozen_share": Limit(0.0, 0.05),
    "black_share": Limit(0.0, 0.02),
    "clipped_share": Limit(0.05, 0.15),
    "non_finite": Limit(0.0, 0.0),
    # Mean distance from what the look prescribes, 0..1: texture adds up to .02; dials turned down are the user's choice, so never a fail.
    "prescription": Limit(0.06, float("inf")),
    # How far the film has gone from its source, as a share of how far the look goes: a render 0.9 and more, the source itself 0.1.
    "applied": Limit(0.6, 0.3, higher_is_worse=False),
}
