"""CycleGAN, our own implementation from the paper, to be trained for a number of CPU-seconds on a relook corpus.

Source: Zhu et al. 2017, "Unpaired image-to-image translation using cycle-consistent adversarial networks", sections 3, 4, 5.2
(identity) and 7. Departures: crops of 128 px by default, for the published 256 are four times as dear and a CPU has no time for
them; crops come from native frames, not from frames brought to 286 px, and are not mirrored; the schedule follows CPU time, not epochs.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from itertools import chain

import torch
from resnet import PatchCritic, ResNetGenerator
from torch import Tensor
from torch.nn import functional as F
from torch.optim import Adam
from unpaired import BETAS, Budget, Trained, descend, draw_crop, renderer, spend, squares

from relook.corpus import Corpus

CYCLE_WEIGHT = 10.0
IDENTITY_WEIGHT = 0.5 * CYCLE_WEIGHT
POOL_SIZE = 50


@dataclass(frozen=True)
class ImagePool:
    """Earlier renders, shown to the critic again. Source: Shrivastava et al. 2017, section 2.3; Zhu et al., section 4."""

    size: int
    dice: random.Random
    kept: list[Tensor] = field(default_factory=list)

    def swap(self, render: Tensor) -> Tensor:
        """Give back the render itself until the pool is full; from then on, every other time, an old one in whose place it stays."""
        if len(self.kept) < self.size:
            self.kept.append(render)
            return render
        if self.dice.random() < 0.5:
            return render
        place = self.dice.randrange(self.size)
        old, self.kept[place] = self.kept[place], render
        return old


@dataclass(frozen=True)
class CycleState:
    """All that training holds."""

    to_style: ResNetGenerator
    to_source: ResNetGenerator
    style_critic: PatchCritic
    source_critic: PatchCritic
    style_pool: ImagePool
    source_pool: ImagePool
    generators: Adam
    critics: Adam


def train(corpus: Corpus, *, cpu_seconds: float, rate: float = 2e-4, seed: int = 0, crop_px: int = 128) -> Trained:
    """Train both directions and return the one from the source to the style."""
    budget = Budget(cpu_seconds)
    state = start_state(rate=rate, seed=seed)

    def step(i: int) -> bool:
        source = draw_crop(corpus, seed, i, "source", crop_px)
        return train_step(state, source, draw_crop(corpus, seed, i, "style", crop_px))

    steps, diverged = spend(budget, step, (state.generators, state.critics), rate=rate)
    return Trained(renderer(state.to_style), steps, diverged)


def start_state(*, rate: float, seed: int) -> CycleState:
    """Draw the weights of both generators and both critics."""
    init, dice = torch.Generator().manual_seed(seed), random.Random(seed)
    to_style, to_source = ResNetGenerator(init), ResNetGenerator(init)
    style_critic, source_critic = PatchCritic(init), PatchCritic(init)
    return CycleState(
        to_style=to_style,
        to_source=to_source,
        style_critic=style_critic,
        source_critic=source_critic,
        style_pool=ImagePool(POOL_SIZE, dice),
        source_pool=ImagePool(POOL_SIZE, dice),
        generators=Adam(chain(to_style.parameters(), to_source.parameters()), rate, BETAS),
        critics=Adam(chain(style_critic.parameters(), source_critic.parameters()), rate, BETAS),
    )


def train_step(state: CycleState, source: Tensor, style: Tensor) -> bool:
    """Step with both generators, then with both critics, on frames `[b 3 h w]`, -1..1; False where a loss is not finite."""
    as_style, as_source = state.to_style(source), state.to_source(style)
    if not descend(generators_loss(state, (source, style), (as_style, as_source)), state.generators):
        return False
    old_style, old_source = state.style_pool.swap(as_style.detach()), state.source_pool.swap(as_source.detach())
    loss = _critic_loss(state.style_critic, style, old_style) + _critic_loss(state.source_critic, source, old_source)
    return descend(loss, state.critics)


def generators_loss(state: CycleState, real: tuple[Tensor, Tensor], renders: tuple[Tensor, Tensor]) -> Tensor:
    """Add what both generators play for; each pair has the source's frames first. Source: Zhu et al., equations 1 to 3 and 5.2."""
    source, style = real
    as_style, as_source = renders
    adversarial = squares(state.style_critic(as_style), 1) + squares(state.source_critic(as_source), 1)
    cycle = F.l1_loss(state.to_source(as_style), source) + F.l1_loss(state.to_style(as_source), style)
    identity = F.l1_loss(state.to_style(style), style) + F.l1_loss(state.to_source(source), source)
    return adversarial + CYCLE_WEIGHT * cycle + IDENTITY_WEIGHT * identity


def _critic_loss(critic: PatchCritic, real: Tensor, rendered: Tensor) -> Tensor:
    """Ask for 1 on real and 0 on rendered patches, halved so that critics learn more slowly. Source: Zhu et al., 7.1."""
    return (squares(critic(real), 1) + squares(critic(rendered), 0)) / 2
