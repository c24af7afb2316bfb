"""Like with like: for every crop of the style a source crop of similar content.

Two piles of footage never show the same things. A critic that is given both as they come learns what was filmed, and teaches it;
a distance between them is mostly a distance of subjects. So both compare crops whose coarse content agrees.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from relook.corpus import Corpus
from relook.nets.blocks import luma_of
from relook.nets.generator import Generator

CELL_PX = 8
"""Content is read in cells too large for grain and softness to show."""
POOL = 768
"""Source crops that partners are chosen from."""
TRIES = 48
"""How many of them are looked at for one partner: few enough that crops keep changing."""
FLOOR = 0.01
SCALES = (0.1, 0.4, 0.4, 0.15, 0.15)
"""What counts as one step of difference in each number of `content_of`."""


class Matcher:
    """Finds a partner for crops of the style among a fixed pool of source crops, in the tones of the first pass."""

    def __init__(self, corpus: Corpus, generator: Generator, *, seed: int, crop_px: int, held_out: bool | None) -> None:
        """`held_out`: which shots the pool is drawn from, as in `Corpus.crop`."""
        self.seed = seed
        read = []
        with torch.no_grad():
            for number in range(POOL):
                pair, window = corpus.crop(seed, number, "source", crop_px, held_out=held_out)
                read.append(content_of(generator.lit(pair[:1], window[None]).clamp(0, 1)))
        self.contents = torch.cat(read)

    def partner(self, style: Tensor, i: int, *, tries: int = TRIES) -> int:
        """Return the number of the source sample to show beside a style crop `[3 h w]`, the `i`-th sample.

        The nearest of `tries` that are drawn for it: a pure function of the seed and its arguments.
        """
        drawn = np.random.default_rng((self.seed, i)).choice(POOL, size=tries, replace=False)
        distance = (self.contents[drawn] - content_of(style[None])).square().sum(dim=1)
        return int(drawn[int(distance.argmin())])


def content_of(crops: Tensor) -> Tensor:
    """Describe the coarse content of crops `[b 3 h w]` by five numbers of unit weight, `[b 5]`.

    Brightness, contrast, slope, and the dark and the bright end of the luma of cells of 8 px.
    """
    luma = F.avg_pool2d(luma_of(crops), CELL_PX)[:, 0]
    slope = luma.diff(dim=1).abs().mean(dim=(1, 2)) + luma.diff(dim=2).abs().mean(dim=(1, 2))
    dark, bright = torch.quantile(luma.flatten(1), torch.tensor([0.1, 0.9]), dim=1)
    contrast = luma.flatten(1).std(dim=1)
    numbers = [luma.mean(dim=(1, 2)), (contrast + FLOOR).log(), (slope + FLOOR / 2).log(), dark, bright]
    return torch.stack([number / scale for number, scale in zip(numbers, SCALES, strict=True)], dim=1)
