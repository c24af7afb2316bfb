"""What one training step sees; sample i is a pure function of the seed and i."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from relook import faults
from relook.corpus import Corpus
from relook.mechanics.marks import MarkMaker, Marks, stacked
from relook.mechanics.weave import weave_of
from relook.nets.motion import shift
from relook.recipe.mechanics import Mechanics
from relook.recipe.settings import Recipe
from relook.train.matching import Matcher


@dataclass(frozen=True)
class Anchors:
    """Crops of the artist's pairs."""

    source: Tensor
    """`[b 3 h w]`."""
    target: Tensor
    """`[b 3 h w]`, what the source shall become."""
    window: Tensor
    """`[b 4]`, of the crops in their frames."""


@dataclass(frozen=True)
class Batch:
    """Pairs of consecutive crops of both sides, and the chance that the rendered ones are given."""

    numbers: range
    """Of the samples."""
    source: Tensor
    """`[b 2 3 h w]`, its second frames shifted by gate weave."""
    style: Tensor
    """`[b 2 3 h w]`."""
    window: Tensor
    """`[b 4]`, of the source crops."""
    marks: Marks
    """For the 2b frames of `source`, pair by pair."""
    anchors: Anchors | None = None
    """One crop a sample, where an artist gave pairs."""

    def to(self, device: torch.device) -> Batch:
        """Return the batch on a device."""
        source, style, window = (part.to(device) for part in (self.source, self.style, self.window))
        anchors = self.anchors and Anchors(*(getattr(self.anchors, name).to(device) for name in ANCHOR_PARTS))
        return replace(self, source=source, style=style, window=window, marks=self.marks.to(device), anchors=anchors)


ANCHOR_PARTS = ("source", "target", "window")
SAMPLE_FRAMES = 1000
"""Samples are so many frames apart, so that their marks have nothing in common."""


def draw_batch(corpus: Corpus, recipe: Recipe, mechanics: Mechanics, matcher: Matcher, numbers: range) -> Batch:
    """Draw samples of the style by their numbers, each with a source crop of like content."""
    style = [corpus.pair(recipe.seed, i, "style", recipe.crop_px) for i in numbers]
    partners = [matcher.partner(pair[0], i) for pair, i in zip(style, numbers, strict=True)]
    source, windows = zip(*(corpus.crop(recipe.seed, i, "source", recipe.crop_px) for i in partners), strict=True)
    if faults.spoils("frame"):
        source[0][0, 0, 0] = float("nan")
    size = (recipe.crop_px, recipe.crop_px)
    maker = MarkMaker(mechanics, size, seed=recipe.seed, frame_height=mechanics.reference_height)
    woven = [
        torch.stack((pair[0], _woven(pair[1], mechanics, recipe.seed, i)))
        for pair, i in zip(source, numbers, strict=True)
    ]
    return Batch(
        numbers=numbers,
        source=torch.stack(woven),
        style=torch.stack(style),
        window=torch.stack(windows),
        marks=stacked([maker.draw(frame_of(i, t)) for i in numbers for t in (0, 1)]),
        anchors=draw_anchors(corpus, recipe, numbers),
    )


def draw_anchors(corpus: Corpus, recipe: Recipe, numbers: range) -> Anchors | None:
    """Draw a crop of one of the artist's pairs for each sample; None where there are none."""
    if not corpus.anchors:
        return None
    drawn = [corpus.anchor_crop(recipe.seed, i, recipe.crop_px) for i in numbers]
    return Anchors(*(torch.stack(parts) for parts in zip(*drawn, strict=True)))


def random_of(seed: int, number: int) -> torch.Generator:
    """Return the random numbers of one training sample."""
    state = np.random.SeedSequence((seed, number)).generate_state(1, np.uint64)[0]
    return torch.Generator().manual_seed(int(state >> np.uint64(1)))


def _woven(frame: Tensor, mechanics: Mechanics, seed: int, i: int) -> Tensor:
    """Move the second frame of sample `i` as the gate would; over a crop, the turn is next to nothing."""
    before, after = (weave_of(mechanics.weave, seed=seed, frame=frame_of(i, t)) for t in (0, 1))
    return shift(frame[None], torch.tensor([[after[0] - before[0], after[1] - before[1]]]).float())[0]


def frame_of(i: int, t: int) -> int:
    """Return the number under which the marks of frame `t` of sample `i` are drawn: samples are far apart in time."""
    return SAMPLE_FRAMES * i + t
