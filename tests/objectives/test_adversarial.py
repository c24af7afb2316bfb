"""A battery for every game: one value per example, right at its optimum, right in its gradient, blind to batch order."""

from __future__ import annotations

import math
from itertools import product

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.autograd import gradcheck

from relook.objectives.adversarial import OBJECTIVES, Term

SIDES = [(name, side) for name in OBJECTIVES for side in ("critic", "generator")]
LOG_2 = math.log(2)


def term(name: str, side: str) -> Term:
    found: Term = getattr(OBJECTIVES[name], side)
    return found


def patch(score: float) -> Tensor:
    return torch.full((1, 1, 1, 1), float(score))


def test_the_games_have_their_names() -> None:
    assert list(OBJECTIVES) == ["minimax", "non_saturating", "least_squares", "wasserstein", "hinge", "relativistic"]


@pytest.mark.parametrize(("name", "side"), SIDES)
@settings(max_examples=25)
@given(
    batch=st.integers(1, 6), height=st.integers(1, 5), width=st.integers(1, 5), seed=st.integers(0, 999), data=st.data()
)
def test_one_value_per_example_in_any_order(
    name: str, side: str, batch: int, height: int, width: int, seed: int, data: st.DataObject
) -> None:
    random = torch.Generator().manual_seed(seed)
    real, rendered = 3 * torch.randn(2, batch, 1, height, width, generator=random, dtype=torch.float64)
    values = term(name, side)(real, rendered)
    order = data.draw(st.permutations(range(batch)))
    assert values.shape == (batch,)
    assert torch.allclose(values[order], term(name, side)(real[order], rendered[order]))
    assert torch.allclose(values[:1], term(name, side)(real[:1], rendered[:1]))


@pytest.mark.parametrize(("name", "side"), SIDES)
def test_gradients(name: str, side: str) -> None:
    spread = torch.linspace(-3.05, 2.9, 16, dtype=torch.float64)
    assert (spread.abs() - 1).abs().min() > 0.04, "the scores stay clear of the kinks of the hinge"
    scores = [
        spread[torch.randperm(16, generator=torch.Generator().manual_seed(seed))].reshape(4, 1, 2, 2).requires_grad_()
        for seed in (0, 1)
    ]
    assert gradcheck(term(name, side), scores)


@pytest.mark.parametrize(("name", "side"), SIDES)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision(name: str, side: str, dtype: torch.dtype) -> None:
    """Sure of right, sure of wrong and everything between, on more patches than half precision could sum."""
    corners = torch.tensor([*product((-100.0, -20.0, 0.0, 20.0, 100.0), repeat=2)])
    real, rendered = (
        scores.reshape(-1, 1, 1, 1).expand(-1, 1, 20, 20).to(dtype).requires_grad_() for scores in corners.T.clone()
    )
    values = term(name, side)(real, rendered)
    wanted = term(name, side)(real.detach().double(), rendered.detach().double())
    assert torch.allclose(values.double(), wanted, rtol=0.01, atol=1e-3)
    slopes = torch.autograd.grad(values.float().sum(), (real, rendered), allow_unused=True)
    assert all(slope is None or slope.isfinite().all() for slope in slopes)


@pytest.mark.parametrize(
    ("name", "side", "real", "rendered", "value"),
    [
        ("minimax", "critic", 0, 0, 2 * LOG_2),
        ("minimax", "critic", math.log(3), -math.log(3), -2 * math.log(3 / 4)),
        ("minimax", "generator", 5, 0, -LOG_2),
        ("minimax", "generator", 5, math.log(3), math.log(1 / 4)),
        ("non_saturating", "critic", 0, 0, 2 * LOG_2),
        ("non_saturating", "generator", 5, 0, LOG_2),
        ("non_saturating", "generator", 5, math.log(3), -math.log(3 / 4)),
        ("least_squares", "critic", 1, 0, 0),
        ("least_squares", "critic", 0, 1, 1),
        ("least_squares", "generator", 0, 1, 0),
        ("least_squares", "generator", 0, 0, 0.5),
        ("wasserstein", "critic", 2, -1, -3),
        ("wasserstein", "generator", 2, -1, 1),
        ("hinge", "critic", 1, -1, 0),
        ("hinge", "critic", 3, -5, 0),
        ("hinge", "critic", 0, 0, 2),
        ("hinge", "critic", -1, 2, 5),
        ("hinge", "generator", 2, -1, 1),
        ("relativistic", "critic", 0.7, 0.7, LOG_2),
        ("relativistic", "generator", 0.7, 0.7, LOG_2),
        ("relativistic", "critic", 2, -1, math.log1p(math.exp(-3))),
        ("relativistic", "generator", 2, -1, math.log1p(math.exp(3))),
    ],
)
def test_by_hand(name: str, side: str, real: float, rendered: float, value: float) -> None:
    assert term(name, side)(patch(real), patch(rendered)).item() == pytest.approx(value, abs=1e-6)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_the_critic_gains_by_telling_apart_and_the_generator_by_passing(name: str) -> None:
    game = OBJECTIVES[name]
    assert game.critic(patch(0.5), patch(-0.5)) < game.critic(patch(0), patch(0)) < game.critic(patch(-0.5), patch(0.5))
    assert game.generator(patch(0), patch(0.5)) < game.generator(patch(0), patch(-0.5))


def test_an_example_counts_the_mean_of_its_patches() -> None:
    real, rendered = torch.tensor([[[[4.0, 2.0]]], [[[1.0, 1.0]]]]), torch.tensor([[[[1.0, 0.0]]], [[[0.0, 4.0]]]])
    assert OBJECTIVES["wasserstein"].critic(real, rendered).tolist() == [-2.5, 1.0]


@pytest.mark.parametrize(
    ("name", "slope"), [("minimax", 0.0), ("non_saturating", -1.0), ("relativistic", -1.0), ("wasserstein", -1.0)]
)
def test_only_minimax_leaves_the_generator_without_gradient_where_the_critic_is_sure(name: str, slope: float) -> None:
    rendered = patch(-20).requires_grad_()
    OBJECTIVES[name].generator(patch(20), rendered).sum().backward()
    assert rendered.grad is not None and rendered.grad.item() == pytest.approx(slope, abs=1e-8)
