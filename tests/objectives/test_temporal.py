"""Does the look move with the picture: one value per example, right in its gradient, blind to what motion brings in."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.autograd import gradcheck

from relook.objectives.temporal import equivariance_loss


def drawn() -> tuple[Tensor, Tensor]:
    first, second = torch.rand(2, 3, 3, 16, 16, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return first, second


def test_equivariance_ignores_the_border() -> None:
    first = torch.rand(2, 3, 32, 32)
    second = first.clone()
    second[..., :4, :] += 1
    assert torch.equal(equivariance_loss(first, second), torch.zeros(2))
    second[..., 16, 16] += 1
    assert (equivariance_loss(first, second) > 0).all()


def test_one_value_per_example_in_any_order() -> None:
    first, second = drawn()
    values = equivariance_loss(first, second)
    assert values.shape == (3,)
    assert torch.allclose(values[[2, 0, 1]], equivariance_loss(first[[2, 0, 1]], second[[2, 0, 1]]))


def test_gradients() -> None:
    assert gradcheck(equivariance_loss, [side[:1].requires_grad_() for side in drawn()])


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision(dtype: torch.dtype) -> None:
    first, second = drawn()
    values = equivariance_loss(first.to(dtype), second.to(dtype))
    assert torch.allclose(values.double(), equivariance_loss(first, second), rtol=0.01)
