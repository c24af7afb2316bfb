"""CUT, our own implementation from the paper, to be trained for a number of CPU-seconds on a relook corpus.

Source: Park et al. 2020, "Contrastive learning for unpaired image-to-image translation", section 3 and appendix C.1, whose
weights of 1 are taken as printed: both contrastive terms count whole, each a mean over its layers and patches. Departures: the
generator is CycleGAN's, without blur before resizing; crops and schedule as in `cyclegan.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain

import torch
from einops import rearrange
from resnet import PatchCritic, ResNetGenerator, initialise
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Adam
from unpaired import BETAS, Budget, Trained, descend, draw_crop, renderer, spend, squares

from relook.corpus import Corpus

NUM_PATCHES = 256
HEAD_FEATURES = 256
TEMPERATURE = 0.07
SOURCE_WEIGHT = 1.0
STYLE_WEIGHT = 1.0


class Heads(nn.Module):
    """Bring the features of every tap to 256 of unit length: a perceptron of two layers each."""

    def __init__(self, tap_channels: tuple[int, ...], init: torch.Generator) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            nn.Sequential(nn.Linear(channels, HEAD_FEATURES), nn.ReLU(), nn.Linear(HEAD_FEATURES, HEAD_FEATURES))
            for channels in tap_channels
        )
        initialise(self, init)

    def forward(self, taps: list[Tensor], spots: list[Tensor]) -> list[Tensor]:
        """Project taps `[b c h w]` at flat positions `[n]`, the same for the batch; returns `[b n f]` per tap."""
        rows = [rearrange(tap, "b c h w -> b (h w) c")[:, spot] for tap, spot in zip(taps, spots, strict=True)]
        return [F.normalize(head(row), dim=-1) for head, row in zip(self.layers, rows, strict=True)]


@dataclass(frozen=True)
class CutState:
    """All that training holds."""

    generator: ResNetGenerator
    critic: PatchCritic
    heads: Heads
    dice: torch.Generator
    """Draws the positions of patches."""
    generator_and_heads: Adam
    critics: Adam


def train(corpus: Corpus, *, cpu_seconds: float, rate: float = 2e-4, seed: int = 0, crop_px: int = 128) -> Trained:
    """Train the generator from the source to the style."""
    budget = Budget(cpu_seconds)
    state = start_state(rate=rate, seed=seed)

    def step(i: int) -> bool:
        source = draw_crop(corpus, seed, i, "source", crop_px)
        return train_step(state, source, draw_crop(corpus, seed, i, "style", crop_px))

    steps, diverged = spend(budget, step, (state.generator_and_heads, state.critics), rate=rate)
    return Trained(renderer(state.generator), steps, diverged)


def start_state(*, rate: float, seed: int) -> CutState:
    """Draw the weights of the generator, the critic and the heads."""
    dice = torch.Generator().manual_seed(seed)
    generator, critic = ResNetGenerator(dice), PatchCritic(dice)
    heads = Heads(generator.tap_channels, dice)
    return CutState(
        generator=generator,
        critic=critic,
        heads=heads,
        dice=dice,
        generator_and_heads=Adam(chain(generator.parameters(), heads.parameters()), rate, BETAS),
        critics=Adam(critic.parameters(), rate, BETAS),
    )


def train_step(state: CutState, source: Tensor, style: Tensor) -> bool:
    """Step with the generator and its heads, then with the critic, on frames `[1 3 h w]`, -1..1; False where a loss is not finite."""
    values, key_taps = state.generator.encode(torch.cat((source, style)))
    renders = state.generator.decode(values)
    similar = contrast(state, renders, key_taps)
    loss = squares(state.critic(renders[:1]), 1) + SOURCE_WEIGHT * similar[0] + STYLE_WEIGHT * similar[1]
    if not descend(loss, state.generator_and_heads):
        return False
    rendered = renders[:1].detach()
    return descend((squares(state.critic(style), 1) + squares(state.critic(rendered), 0)) / 2, state.critics)


def contrast(state: CutState, renders: Tensor, key_taps: list[Tensor]) -> Tensor:
    """Ask that every patch of a render be found again in its own original, `[b]`: the mean over taps. Source: equations 3 and 4.

    Args:
        renders: `[b 3 h w]`, -1..1.
        key_taps: what the generator's encoder says of the originals, `[b c h w]` per tap.
    """
    sizes = [tap.shape[-2] * tap.shape[-1] for tap in key_taps]
    spots = [torch.randperm(size, generator=state.dice)[:NUM_PATCHES] for size in sizes]
    queries = state.heads(state.generator.encode(renders)[1], spots)
    with torch.no_grad():
        keys = state.heads(key_taps, spots)
    return torch.stack([patch_nce(query, key) for query, key in zip(queries, keys, strict=True)]).mean(dim=0)


def patch_nce(queries: Tensor, keys: Tensor) -> Tensor:
    """Return the cross-entropy of finding each query's own key among the keys of its picture; `[b n f]` of unit length to `[b]`.

    Source: Park et al. 2020, equation 2, temperature 0.07.
    """
    likeness = queries @ keys.mT / TEMPERATURE
    own = torch.arange(queries.shape[1]).expand(queries.shape[0], -1)
    return F.cross_entropy(rearrange(likeness, "b q k -> b k q"), own, reduction="none").mean(dim=1)
