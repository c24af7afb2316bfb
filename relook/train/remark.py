"""What training says to a film-maker while it goes on, and of a source that needs no look."""

from __future__ import annotations

import torch
from torch import Tensor

from relook.nets.generator import Generator
from relook.train.course import Course

MUCH_WITHHELD = 0.03
"""Luma that a look falls short of its style by, on average, from which it is said."""
LEAST_CHANGE = 2 / 255
"""A look that changes less, on average and without texture, is not seen."""


def remark(course: Course, seconds_left: float | None) -> str:
    """Say how long it will take, how close held-out frames have come to the style, and what is left of the picture."""
    if seconds_left is None:
        left = "until nothing gets better"
    elif seconds_left < 90:
        left = f"{seconds_left:.0f} s left"
    else:
        left = f"{seconds_left / 60:.0f} min left"
    if course.kept_step == 0:
        closer = "unseen frames are as close to the style as the first pass brought them"
    else:
        gain = 1 - course.kept.score(course.first) / course.first.score(course.first)
        closer = f"unseen frames are {gain:.0%} closer to the style than after the first pass"
    return f"{left}; {closer}; {course.kept.structure_kept:.0%} of the picture's structure is kept"


def doubt_of_tone(course: Course) -> str:
    """Say so where the first pass doubted that the sides differ by their look and not by what was filmed; else nothing."""
    if course.withheld < MUCH_WITHHELD:
        return ""
    return (
        f"The look is gentler in tone than its style, by {course.withheld:.0%} of the way from black to white: so much of the "
        "difference may be what was filmed. More shots, of scenes more like those of the other side, would tell."
    )


@torch.no_grad()
def already_in_style(generator: Generator, frames: list[Tensor]) -> str:
    """Say so where a look changes next to nothing in frames `[3 h w]`; else nothing."""
    changes = [float((generator.deterministic(frame[None])[0] - frame).abs().mean()) for frame in frames]
    if not changes or max(changes) > LEAST_CHANGE:
        return ""
    return "The source is in this style already: apart from grain and wear, the look changes next to nothing."
