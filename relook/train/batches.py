"""What one training step sees; sample i is a pure function of the seed and i."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from relook.corpus import Corpus
from relook.nets.motion import shift
from relook.nets.plates import draw_plates, weave
from relook.nets.texture import Plates
from relook.recipe.settings import Recipe
from relook.recipe.wear import Wear
from relook.train.matching import Matcher


@dataclass(frozen=True)
class Batch:
    """Pairs of consecutive crops of both sides, and the chance that the rendered ones are given."""

    source: Tensor
    """`[b 2 3 h w]`, its second frames shifted by gate weave."""
    style: Tensor
    """`[b 2 3 h w]`."""
    window: Tensor
    """`[b 4]`, of the source crops."""
    plates: Plates
    """For the 2b frames of `source`, pair by pair."""

    def to(self, device: torch.device) -> Batch:
        """Return the batch on a device."""
        source, style, window = (part.to(device) for part in (self.source, self.style, self.window))
        return Batch(source, style, window, self.plates.to(device))


def draw_batch(corpus: Corpus, recipe: Recipe, wear: Wear, matcher: Matcher, first: int) -> Batch:
    """Draw the samples `first` to `first + batch_pairs` of the style, each with a source crop of like content."""
    numbers = range(first, first + recipe.batch_pairs)
    style = [corpus.pair(recipe.seed, i, "style", recipe.crop_px) for i in numbers]
    partners = [matcher.partner(pair[0], i) for pair, i in zip(style, numbers, strict=True)]
    source, windows = zip(*(corpus.crop(recipe.seed, i, "source", recipe.crop_px) for i in partners), strict=True)
    size = (recipe.crop_px, recipe.crop_px)
    plates = [
        draw_plates(size, wear, seed=recipe.seed + i, frame=t, frame_height=wear.reference_height)
        for i in numbers
        for t in (0, 1)
    ]
    woven = [
        torch.stack((pair[0], _woven(pair[1], wear, recipe.seed + i))) for pair, i in zip(source, numbers, strict=True)
    ]
    return Batch(torch.stack(woven), torch.stack(style), torch.stack(windows), stacked(plates))


def _woven(frame: Tensor, wear: Wear, seed: int) -> Tensor:
    before, after = (torch.tensor(weave(wear, seed=seed, frame=t)) for t in (0, 1))
    return shift(frame[None], (after - before)[None].float())[0]


def stacked(plates: list[Plates]) -> Plates:
    """Join the plates of single frames to those of a batch."""
    names = ("grain", "dust", "scratch", "blotch", "flicker")
    return Plates(**{name: torch.cat([getattr(plate, name) for plate in plates]) for name in names})
