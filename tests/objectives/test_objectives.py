"""A battery for every objective: one value per example, right at its optimum, right in its gradient, blind to batch order."""

from __future__ import annotations

import math

import pytest
import torch
from torch.autograd import gradcheck

from relook.nets.critic import PairCritic, pair_evidence
from relook.objectives.adversarial import OBJECTIVES
from relook.objectives.colour import colour_distance, patch_distance
from relook.objectives.content import structure_loss
from relook.objectives.penalties import gradient_penalty
from relook.objectives.temporal import equivariance_loss

SIDES = [(name, side) for name in OBJECTIVES for side in ("critic", "generator")]


@pytest.mark.parametrize(("name", "side"), SIDES)
def test_games_give_one_value_per_example_in_any_order(name: str, side: str) -> None:
    term = getattr(OBJECTIVES[name], side)
    real, fake = torch.randn(5, 1, 3, 3), torch.randn(5, 1, 3, 3)
    values = term(real, fake)
    order = torch.tensor([3, 0, 4, 1, 2])
    assert values.shape == (5,)
    assert torch.allclose(values[order], term(real[order], fake[order]))


@pytest.mark.parametrize(("name", "side"), SIDES)
def test_games_have_right_gradients(name: str, side: str) -> None:
    scores = [torch.randn(2, 1, 2, 2, dtype=torch.float64, requires_grad=True) for _ in range(2)]
    assert gradcheck(getattr(OBJECTIVES[name], side), scores)


def test_relativistic_by_hand() -> None:
    real, fake = torch.full((1, 1, 1, 1), 2.0), torch.full((1, 1, 1, 1), -1.0)
    assert OBJECTIVES["relativistic"].critic(real, fake).item() == pytest.approx(math.log1p(math.exp(-3)))
    assert OBJECTIVES["relativistic"].generator(real, fake).item() == pytest.approx(math.log1p(math.exp(3)))


def test_least_squares_by_hand() -> None:
    one, zero = torch.ones(1, 1, 1, 1), torch.zeros(1, 1, 1, 1)
    game = OBJECTIVES["least_squares"]
    assert game.critic(one, zero).item() == 0 and game.critic(zero, one).item() == 1
    assert game.generator(zero, one).item() == 0 and game.generator(zero, zero).item() == 0.5


def test_the_penalty_is_the_squared_gradient() -> None:
    evidence = torch.randn(3, 2, 4, 4, requires_grad=True)
    weight = torch.randn(2, 4, 4)
    penalty = gradient_penalty((evidence * weight).sum(dim=1, keepdim=True), evidence)
    assert torch.allclose(penalty, (weight / 64).square().sum().expand(3), rtol=1e-5)


def test_structure_is_kept_by_any_brightness_and_contrast() -> None:
    luma = torch.rand(2, 1, 64, 64)
    assert structure_loss(luma, 0.4 * luma + 0.3).max() < 0.01
    assert structure_loss(luma, torch.rand(2, 1, 64, 64)).min() > 0.3


def test_structure_gradient() -> None:
    before = torch.rand(1, 1, 24, 24, dtype=torch.float64)
    after = torch.rand(1, 1, 24, 24, dtype=torch.float64, requires_grad=True)
    assert gradcheck(lambda y: structure_loss(before, y), after)


def test_equivariance_ignores_the_border() -> None:
    first = torch.rand(2, 3, 32, 32)
    second = first.clone()
    second[..., :4, :] += 1
    assert torch.equal(equivariance_loss(first, second), torch.zeros(2))
    second[..., 16, 16] += 1
    assert (equivariance_loss(first, second) > 0).all()


def test_distances_are_zero_to_oneself_and_grow_with_the_change() -> None:
    frames = torch.rand(6, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    assert colour_distance(frames, frames) < 0.8 and patch_distance(frames, frames) < 0.8
    assert colour_distance(frames, frames * 0.8) < colour_distance(frames, frames * 0.5)
    assert patch_distance(frames, frames * 0.8) < patch_distance(frames, frames * 0.5)


def test_the_critic_sees_change() -> None:
    torch.manual_seed(0)
    critic, pair = PairCritic(), torch.rand(2, 2, 3, 96, 96)
    frozen = pair[:, :1].expand(-1, 2, -1, -1, -1)
    assert critic(pair_evidence(pair)).shape == (2, 1, 12, 12)
    assert not torch.equal(critic(pair_evidence(pair)), critic(pair_evidence(frozen)))
