"""What one training step sees; sample i is a pure function of the seed and i."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from relook import faults
from relook.corpus import Corpus
from relook.nets.motion import shift
from relook.nets.plates import draw_plates, weave
from relook.nets.texture import Plates
from relook.recipe.settings import Recipe
from relook.recipe.wear import Wear
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
    plates: Plates
    """For the 2b frames of `source`, pair by pair."""
    anchors: Anchors | None = None
    """One crop a sample, where an artist gave pairs."""

    def to(self, device: torch.device) -> Batch:
        """Return the batch on a device."""
        source, style, window = (part.to(device) for part in (self.source, self.style, self.window))
        anchors = self.anchors and Anchors(*(getattr(self.anchors, name).to(device) for name in ANCHOR_PARTS))
        return replace(self, source=source, style=style, window=window, plates=self.plates.to(device), anchors=anchors)


ANCHOR_PARTS = ("source", "target", "window")


def draw_batch(corpus: Corpus, recipe: Recipe, wear: Wear, matcher: Matcher, numbers: range) -> Batch:
    """Draw samples of the style by their numbers, each with a source crop of like content."""
    style = [corpus.pair(recipe.seed, i, "style", recipe.crop_px) for i in numbers]
    partners = [matcher.partner(pair[0], i) for pair, i in zip(style, numbers, strict=True)]
    source, windows = zip(*(corpus.crop(recipe.seed, i, "source", recipe.crop_px) for i in partners), strict=True)
    if faults.spoils("frame"):
        source[0][0, 0, 0] = float("nan")
    size = (recipe.crop_px, recipe.crop_px)
    plates = [
        draw_plates(size, wear, seed=recipe.seed + i, frame=t, frame_height=wear.reference_height)
        for i in numbers
        for t in (0, 1)
    ]
    woven = [
        torch.stack((pair[0], _woven(pair[1], wear, recipe.seed + i))) for pair, i in zip(source, numbers, strict=True)
    ]
    return Batch(
        numbers=numbers,
        source=torch.stack(woven),
        style=torch.stack(style),
        window=torch.stack(windows),
        plates=stacked(plates),
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


def _woven(frame: Tensor, wear: Wear, seed: int) -> Tensor:
    before, after = (torch.tensor(weave(wear, seed=seed, frame=t)) for t in (0, 1))
    return shift(frame[None], (after - before)[None].float())[0]


def stacked(plates: list[Plates]) -> Plates:
    """Join the plates of single frames to those of a batch."""
    names = ("grain", "dust", "scratch", "blotch", "flicker")
    return Plates(**{name: torch.cat([getattr(plate, name) for plate in plates]) for name in names})
