"""All that training holds."""

from __future__ import annotations

import copy
from dataclasses import dataclass

import torch
from torch import nn

from relook.nets.critic import PairCritic
from relook.nets.generator import Generator
from relook.nets.texture import Texture
from relook.recipe.settings import Recipe

LEAST, MOST = 0.5, 2.0
"""Shares of its measured strength that texture may be taught to have."""
GRAIN_SPARE = 0.002
"""So much grain may be added where none was measured; other marks that the style has not are never taught."""


@dataclass
class TrainState:
    """The nets, their optimisers and the running average of the generator."""

    generator: Generator
    average: Generator
    measured: Texture
    """The texture as it was measured, before training."""
    critic: PairCritic
    generator_optimiser: torch.optim.Adam
    critic_optimiser: torch.optim.Adam
    step: int = 0


def start_state(generator: Generator, recipe: Recipe) -> TrainState:
    """Set up training from a generator that already carries the first pass."""
    torch.manual_seed(recipe.seed)
    critic = PairCritic().to(generator.grade.delta.device)
    rates = recipe.rates
    groups = [
        (generator.grade, rates.grade_factor),
        (generator.spatial, rates.spatial_factor),
        (generator.detail, rates.detail_factor),
        (generator.texture, rates.texture_factor),
    ]
    return TrainState(
        generator=generator,
        average=copy.deepcopy(generator).eval().requires_grad_(False),
        measured=copy.deepcopy(generator.texture).requires_grad_(False),
        critic=critic,
        generator_optimiser=torch.optim.Adam(
            [{"params": list(stage.parameters()), "factor": factor} for stage, factor in groups], betas=(0.0, 0.9)
        ),
        critic_optimiser=torch.optim.Adam(critic.parameters(), betas=(0.0, 0.9)),
    )


def set_rates(state: TrainState, recipe: Recipe, share: float) -> None:
    """Set the learning rates at a share of the budget: ten steps of warm-up, linear decay over the last 40 %."""
    factor = min((state.step + 1) / 10, 1.0, (1 - share) / 0.4)
    for group in state.generator_optimiser.param_groups:
        group["lr"] = recipe.rates.generator * group["factor"] * factor
    for group in state.critic_optimiser.param_groups:
        group["lr"] = recipe.rates.critic * factor


@torch.no_grad()
def hold_texture(texture: Texture, measured: Texture) -> None:
    """Keep the texture's strengths between half and twice what was measured, and its filters at unit energy.

    A critic is fooled by grain in pure black and by ever stronger scratches sooner than the eye.
    """
    for name, strength in texture.named_parameters():
        if name != "filters":
            before = getattr(measured, name)
            spare = GRAIN_SPARE if name == "response" else 0.0
            strength.copy_(strength.clamp(LEAST * before, MOST * before + spare))
    texture.filters.div_(texture.filters.flatten(1).norm(dim=1)[:, None, None, None])


@torch.no_grad()
def average_weights(average: nn.Module, current: nn.Module, *, step: int, decay: float) -> None:
    """Move the running average towards the current weights; it follows more quickly at the start."""
    keep = min(decay, (1 + step) / (10 + step))
    for averaged, weight in zip(average.parameters(), current.parameters(), strict=True):
        averaged.lerp_(weight, 1 - keep)
