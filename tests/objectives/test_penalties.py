"""A battery for every penalty: one value per example, right by hand, right in its second derivative, fair to each example."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.autograd import gradcheck
from torch.nn import functional as F

from relook.objectives.penalties import PENALTIES

BETWEEN = ("wgan_gp", "gp0")
BOTH_ENDS = ("r1", "r2", "r1_r2")
DEVICES = [
    "meta",  # has no values, and refuses most mixtures with the CPU
    pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no accelerator here")),
]


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def linear(weight: Tensor) -> Callable[[Tensor], Tensor]:
    return lambda evidence: (evidence * weight).sum(dim=1, keepdim=True)


def halved_square(evidence: Tensor) -> Tensor:
    """Score such that the gradient of the summed scores is the evidence itself."""
    return evidence.square().sum(dim=1, keepdim=True) / 2


def bent(weight: Tensor) -> Callable[[Tensor], Tensor]:
    """Return a smooth critic of 2 channels that is nowhere linear."""
    return lambda evidence: F.conv2d(evidence, weight, padding=1).tanh().square().sum(dim=1, keepdim=True)


def evidence(batch: int = 3, seed: int = 0, height: int = 4, width: int = 4) -> tuple[Tensor, Tensor]:
    real, rendered = torch.randn(2, batch, 2, height, width, generator=seeded(seed), dtype=torch.float64)
    return real, rendered


BENT = torch.randn(3, 2, 3, 3, generator=seeded(7), dtype=torch.float64)


def test_the_penalties_have_their_names() -> None:
    assert list(PENALTIES) == ["r1", "r2", "r1_r2", "wgan_gp", "gp0"]


@pytest.mark.parametrize(("name", "factor"), [("r1", 0.5), ("r2", 0.5), ("r1_r2", 1.0)])
def test_r1_and_r2_of_a_linear_critic(name: str, factor: float) -> None:
    weight = torch.randn(2, 4, 4, generator=seeded(1), dtype=torch.float64)
    values = PENALTIES[name](linear(weight), *evidence(), seeded())
    assert torch.allclose(values, (factor * (weight / 64).square().sum()).expand(3))


@pytest.mark.parametrize(("name", "factors"), [("r1", (1, 0)), ("r2", (0, 1)), ("r1_r2", (1, 1))])
def test_each_looks_where_it_should(name: str, factors: tuple[int, int]) -> None:
    real, rendered = torch.full((1, 1, 2, 2), 64.0), torch.full((1, 1, 2, 2), 128.0)
    assert PENALTIES[name](halved_square, real, rendered, seeded()).item() == factors[0] * 2 + factors[1] * 8


@pytest.mark.parametrize("norm", [0.5, 1.0, 3.0])
def test_the_slope_between_of_a_linear_critic(norm: float) -> None:
    """The critic's value of an example is the mean of its 16 patch scores."""
    weight = torch.randn(2, 4, 4, generator=seeded(1), dtype=torch.float64)
    critic = linear(16 * norm * weight / weight.square().sum().sqrt())
    wanted = torch.ones(3, dtype=torch.float64)
    assert torch.allclose(PENALTIES["wgan_gp"](critic, *evidence(), seeded()), wanted * (norm - 1) ** 2)
    assert torch.allclose(PENALTIES["gp0"](critic, *evidence(), seeded()), wanted * norm**2)


def test_between_is_one_drawn_point_per_example() -> None:
    """From 0 to 1 the point is the drawn share itself, and on one patch so is the slope of half the square."""
    shares = torch.rand(5, 1, 1, 1, generator=seeded(3)).flatten()
    ones, zeros = torch.ones(5, 4, 1, 1), torch.zeros(5, 4, 1, 1)
    assert torch.allclose(PENALTIES["gp0"](halved_square, ones, zeros, seeded(3)), 4 * shares.square())
    assert torch.allclose(PENALTIES["gp0"](halved_square, zeros, ones, seeded(3)), 4 * (1 - shares).square())
    assert torch.allclose(PENALTIES["wgan_gp"](halved_square, ones, zeros, seeded(3)), (2 * shares - 1).square())


@pytest.mark.parametrize("name", PENALTIES)
@settings(max_examples=20)
@given(
    batch=st.integers(1, 5), height=st.integers(1, 6), width=st.integers(1, 6), seed=st.integers(0, 999), data=st.data()
)
def test_one_value_per_example_in_any_order(
    name: str, batch: int, height: int, width: int, seed: int, data: st.DataObject
) -> None:
    real, rendered = evidence(batch, seed, height, width)
    if name in BETWEEN:
        rendered = real  # the draws go by place in the batch; where both ends are one, they do not matter
    values = PENALTIES[name](bent(BENT), real, rendered, seeded())
    order = data.draw(st.permutations(range(batch)))
    assert values.shape == (batch,) and (values >= 0).all()
    assert torch.allclose(values[order], PENALTIES[name](bent(BENT), real[order], rendered[order], seeded()))


@pytest.mark.parametrize("name", PENALTIES)
def test_an_example_does_not_see_the_others(name: str) -> None:
    real, rendered = evidence(seed=0)
    others = evidence(seed=1)
    mixed = [torch.cat((mine[:1], theirs[1:])) for mine, theirs in zip((real, rendered), others, strict=True)]
    values = PENALTIES[name](bent(BENT), real, rendered, seeded())
    changed = PENALTIES[name](bent(BENT), mixed[0], mixed[1], seeded())
    assert torch.allclose(values[0], changed[0])
    assert not torch.isclose(values[1:], changed[1:]).any()


@pytest.mark.parametrize("name", PENALTIES)
def test_second_derivative(name: str) -> None:
    weight = BENT.clone().requires_grad_()
    real, rendered = evidence(batch=2)
    assert gradcheck(lambda taps: PENALTIES[name](bent(taps), real, rendered, seeded()), weight)


@pytest.mark.parametrize("name", PENALTIES)
def test_nothing_reaches_the_generator(name: str) -> None:
    weight = BENT.clone().requires_grad_()
    real, rendered = (side.requires_grad_() for side in evidence())
    penalty = PENALTIES[name](bent(weight), real, rendered, seeded()).sum()
    to_critic, *to_generator = torch.autograd.grad(penalty, (weight, real, rendered), allow_unused=True)
    assert to_critic is not None and all(slope is None for slope in to_generator)


@pytest.mark.parametrize("name", PENALTIES)
def test_a_critic_that_sees_nothing_gets_finite_gradients(name: str) -> None:
    weight = torch.zeros(2, 4, 4, dtype=torch.float64, requires_grad=True)
    values = PENALTIES[name](linear(weight), *evidence(), seeded())
    values.sum().backward()
    assert values.tolist() == [1.0 if name == "wgan_gp" else 0.0] * 3
    assert weight.grad is not None and weight.grad.isfinite().all()


@pytest.mark.parametrize("name", PENALTIES)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision(name: str, dtype: torch.dtype) -> None:
    """Slopes whose square is past the largest number of half precision."""
    steepness = 16 * 300.0 if name in BETWEEN else 64 * 300.0
    weight = torch.full((2, 4, 4), steepness, dtype=dtype, requires_grad=True)
    real, rendered = (side.to(dtype) for side in evidence())
    values = PENALTIES[name](linear(weight), real, rendered, seeded())
    (slope,) = torch.autograd.grad(values.sum(), weight)
    assert values.dtype == torch.float32 and values.isfinite().all() and slope.isfinite().all()
    assert values.min() > 1e6


@pytest.mark.parametrize("name", PENALTIES)
@pytest.mark.parametrize("device", DEVICES)
def test_draws_are_made_on_the_cpu_wherever_the_evidence_is(name: str, device: str) -> None:
    real, rendered = (side.float() for side in evidence())
    values = PENALTIES[name](halved_square, real.to(device), rendered.to(device), seeded())
    assert values.shape == (3,) and values.device.type == device
    if device != "meta":
        assert torch.allclose(values.cpu(), PENALTIES[name](halved_square, real, rendered, seeded()))


@pytest.mark.parametrize("name", BOTH_ENDS)
def test_what_needs_no_draw_draws_nothing(name: str) -> None:
    generator = seeded()
    PENALTIES[name](halved_square, *evidence(), generator)
    assert torch.equal(generator.get_state(), seeded().get_state())
