"""What training may do to texture, and what it may not."""

from __future__ import annotations

import copy

import pytest
import torch

from relook.nets.texture import Texture
from relook.train.state import GRAIN_SPARE, LEAST, MOST, hold_texture


def measured() -> Texture:
    texture = Texture(8).requires_grad_(False)
    texture.response.fill_(0.01)
    texture.scratch_strength.fill_(0.04)
    return texture


@pytest.mark.parametrize("far", [-1.0, 1.0])
def test_texture_stays_near_its_measure(far: float) -> None:
    texture, before = measured(), measured()
    for parameter in texture.parameters():
        parameter.add_(far)
    hold_texture(texture, before)
    factor, spare = (MOST, GRAIN_SPARE) if far > 0 else (LEAST, 0.0)
    assert torch.allclose(texture.response, torch.full_like(texture.response, factor * 0.01 + spare))
    assert float(texture.scratch_strength) == pytest.approx(factor * 0.04)
    assert not texture.dust_strength.any(), "a style without dust teaches none"
    assert torch.allclose(texture.filters.flatten(1).norm(dim=1), torch.ones(4))


def test_small_lessons_are_kept() -> None:
    texture = measured()
    texture.response.mul_(1.3)
    taught = copy.deepcopy(texture)
    hold_texture(texture, measured())
    assert torch.equal(texture.response, taught.response)
    assert torch.allclose(texture.filters, taught.filters, atol=1e-6)
