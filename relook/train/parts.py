"""A batch in parts, where memory does not hold it whole: the same step, for gradients of the parts are summed.

Every term of the objectives is a mean over examples, each of which sees a pair of the style and a pair of renders alone, so a
part's share of the examples is its share of the mean. What compares piles of pictures is not: see `pull_of_piles` in `step`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace

import torch
from torch import Tensor

from relook.compute import is_out_of_memory, release_memory
from relook.train.batches import ANCHOR_PARTS, Anchors, Batch
from relook.train.course import Course

Own = tuple[Tensor, dict[str, Tensor]]
"""A process's own loss and its terms; the gradient is in the parameters."""
POINTS = ("step.critic", "step.generator")
"""Where a test may take the memory, or the device, from a step."""


def with_room(course: Course, num_pairs: int, work: Callable[[int], Own]) -> Own:
    """Do work on a batch, so many pairs at once as memory holds; where it runs out, again with fewer, and fewer from then on.

    Args:
        work: takes how many pairs go through the nets at once; what it did before it failed must not count.
    Raises what the work raised where there is not the memory for a single pair.
    """
    while True:
        at_once = min(course.pairs_at_once or num_pairs, num_pairs)
        try:
            return work(at_once)
        except (MemoryError, RuntimeError) as error:
            if at_once == 1 or not is_out_of_memory(error):
                raise
        course.pairs_at_once = smaller(at_once)
        release_memory()


def smaller(count: int) -> int:
    """Return the largest power of two below a count above 1: parts then begin at even pairs, but for parts of one."""
    return 1 << ((count - 1).bit_length() - 1)


def parts_of(batch: Batch, at_once: int) -> list[Batch]:
    """Cut a batch into parts of so many pairs, the last one of what is left."""
    total = len(batch.numbers)
    return [batch] if at_once >= total else [_part(batch, start, start + at_once) for start in range(0, total, at_once)]


def _part(batch: Batch, start: int, stop: int) -> Batch:
    pairs, frames = slice(start, stop), slice(2 * start, 2 * stop)
    drawn = [item.name for item in fields(batch.marks) if item.name != "strength"]
    return replace(
        batch,
        numbers=batch.numbers[pairs],
        source=batch.source[pairs],
        style=batch.style[pairs],
        window=batch.window[pairs],
        marks=replace(batch.marks, **{name: getattr(batch.marks, name)[frames] for name in drawn}),
        anchors=batch.anchors and Anchors(*(getattr(batch.anchors, name)[pairs] for name in ANCHOR_PARTS)),
    )


def share_of(name: str, part: Batch, batch: Batch) -> float:
    """Return the share that a part has in a term's mean over a batch; of the equivariance every other pair counts."""
    if name != "equivariance":
        return len(part.numbers) / len(batch.numbers)
    counted = range(batch.numbers.start, batch.numbers.stop, 2)
    return len([number for number in part.numbers if number in counted]) / len(counted)


def frames_of(frames: Tensor, part: Batch, batch: Batch) -> Tensor:
    """Return a part's own of the frames `[2b ...]` of a batch."""
    first = part.numbers.start - batch.numbers.start
    return frames[2 * first : 2 * (first + len(part.numbers))]


def summed(values: list[Tensor]) -> Tensor:
    return values[0] if len(values) == 1 else torch.stack(values).sum()


def in_parts(course: Course, share: int) -> str:
    """Say so where batches had to be taken in parts; else nothing. `share`: pairs a process is given in a step."""
    if not 0 < course.pairs_at_once < share:
        return ""
    return (
        f"Memory ran short in training: of the {share} pairs of a step, {course.pairs_at_once} went through the nets at once. "
        "The steps are the same, but for rounding."
    )
