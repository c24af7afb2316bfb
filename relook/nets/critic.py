"""The critic: judges pairs of consecutive frames, patch by patch."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class PairCritic(nn.Module):
    """Score every patch (about 40 px) of a pair of consecutive frames; higher means more like the style.

    The difference channels let it see fresh grain, frozen grain and boiling. No normalisation: a patch's score must not depend
    on its neighbours' statistics.
    """

    def __init__(self, channels: int = 24) -> None:
        super().__init__()
        wide = channels * 4
        self.layers = nn.Sequential(
            nn.Conv2d(6, channels, 3, padding=1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(channels, channels * 2, 4, stride=2, padding=1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(channels * 2, wide, 4, stride=2, padding=1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(wide, wide, 4, stride=2, padding=1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(wide, wide, 3, padding=1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(wide, 1, 1),
        )

    def forward(self, evidence: Tensor) -> Tensor:
        """Score `[b 6 h w]` from `pair_evidence`; returns `[b 1 h/8 w/8]`."""
        scores: Tensor = self.layers(evidence)
        return scores


def pair_evidence(pair: Tensor) -> Tensor:
    """Lay out a pair `[b 2 c h w]` as the critic reads it: `[b 6 h w]`, the first frame and the change to the second."""
    first, second = pair[:, 0], pair[:, 1]
    return torch.cat((first * 2 - 1, (second - first) * 4), dim=1)
