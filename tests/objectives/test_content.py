"""A battery for what keeps the picture: one value per example, lowest at the target, right in its gradient."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.autograd import gradcheck

from relook.objectives.content import (
    draw_positions,
    patch_descriptors,
    patch_nce,
    reconstruction_loss,
    structure_loss,
)


@dataclass(frozen=True)
class Content:
    """One objective and the shape of what it compares, without the batch."""

    term: Callable[[Tensor, Tensor], Tensor]
    shape: tuple[int, ...]


CONTENTS = {
    "structure": Content(structure_loss, (1, 22, 24)),
    "patch_nce": Content(patch_nce, (6, 5)),
    "reconstruction": Content(reconstruction_loss, (3, 5, 4)),
}


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def drawn(shape: tuple[int, ...], batch: int = 3, seed: int = 0) -> tuple[Tensor, Tensor]:
    first, second = torch.rand(2, batch, *shape, generator=seeded(seed), dtype=torch.float64)
    return first, second


@pytest.mark.parametrize("name", CONTENTS)
@settings(max_examples=20)
@given(batch=st.integers(1, 5), seed=st.integers(0, 999), data=st.data())
def test_one_value_per_example_in_any_order(name: str, batch: int, seed: int, data: st.DataObject) -> None:
    content = CONTENTS[name]
    first, second = drawn(content.shape, batch, seed)
    values = content.term(first, second)
    order = data.draw(st.permutations(range(batch)))
    assert values.shape == (batch,)
    assert torch.allclose(values[order], content.term(first[order], second[order]))
    assert torch.allclose(values[:1], content.term(first[:1], second[:1]))
    assert (content.term(first, first) < values).all()


@pytest.mark.parametrize("name", CONTENTS)
def test_gradients(name: str) -> None:
    first, second = (side.requires_grad_() for side in drawn(CONTENTS[name].shape, batch=2))
    assert gradcheck(CONTENTS[name].term, (first, second))


@pytest.mark.parametrize("name", CONTENTS)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("kind", ["noise", "flat", "white"])
def test_half_precision(name: str, dtype: torch.dtype, kind: str) -> None:
    size = {"noise": (0.0, 1.0), "flat": (0.5, 0.01), "white": (1.0, 0.0)}[kind]
    first, second = (
        (size[0] + size[1] * side).to(dtype).requires_grad_() for side in drawn(CONTENTS[name].shape, batch=2)
    )
    values = CONTENTS[name].term(first, second)
    wanted = CONTENTS[name].term(first.detach().double(), second.detach().double())
    assert torch.allclose(values.double(), wanted, rtol=0.01, atol=1e-3)
    slopes = torch.autograd.grad(values.float().sum(), (first, second))
    assert all(slope.isfinite().all() for slope in slopes)


def test_structure_is_kept_by_any_brightness_and_contrast() -> None:
    luma = torch.rand(2, 1, 64, 64, generator=seeded())
    assert structure_loss(luma, 0.4 * luma + 0.3).max() < 0.01
    assert structure_loss(luma, torch.rand(2, 1, 64, 64, generator=seeded(1))).min() > 0.3


def test_structure_is_measured_in_float32() -> None:
    luma = torch.rand(1, 1, 32, 32, generator=seeded())
    assert structure_loss(luma.half(), luma.half()).dtype == torch.float32
    assert structure_loss(luma.double(), luma.double()).dtype == torch.float64


@settings(max_examples=50)
@given(
    batch=st.integers(1, 3),
    height=st.integers(1, 20),
    width=st.integers(1, 20),
    size_px=st.integers(1, 9),
    seed=st.integers(0, 999),
    data=st.data(),
)
def test_positions_lie_in_the_picture_none_twice(
    batch: int, height: int, width: int, size_px: int, seed: int, data: st.DataObject
) -> None:
    places = max(0, height - size_px + 1) * max(0, width - size_px + 1)
    count = data.draw(st.integers(1, max(1, places)))
    if count > places:
        with pytest.raises(ValueError, match="enlarge the crop or draw fewer"):
            draw_positions(batch, count, (height, width), seeded(seed), size_px=size_px)
        return
    positions = draw_positions(batch, count, (height, width), seeded(seed), size_px=size_px)
    assert positions.shape == (batch, count, 2) and positions.dtype == torch.int64
    assert positions.min() >= 0
    assert positions[..., 0].max() <= height - size_px and positions[..., 1].max() <= width - size_px
    assert all(len({tuple(place) for place in picture}) == count for picture in positions.tolist())
    assert torch.equal(positions, draw_positions(batch, count, (height, width), seeded(seed), size_px=size_px))


def test_all_places_can_be_drawn() -> None:
    positions = draw_positions(1, 6, (10, 11), seeded())
    assert sorted(positions[0].tolist()) == [[row, column] for row in range(2) for column in range(3)]


def test_each_picture_has_its_own_positions() -> None:
    first, second = draw_positions(2, 8, (64, 64), seeded())
    assert not torch.equal(first, second)


def test_too_many_positions_are_refused() -> None:
    for size, count in (((10, 11), 7), ((4, 4), 1), ((64, 8), 1)):
        with pytest.raises(ValueError, match="does not hold"):
            draw_positions(1, count, size, seeded())


def test_descriptors_by_hand() -> None:
    """Patches of 2 px that differ by 1 from left to right, and by 10 from top to bottom."""
    luma = (10 * torch.arange(4.0)[:, None] + torch.arange(5.0))[None, None]
    described = patch_descriptors(luma, torch.tensor([[[0, 0], [2, 3]]]), size_px=2)
    wanted = torch.tensor([-5.5, -4.5, 4.5, 5.5]) / math.sqrt(2 * 5.5**2 + 2 * 4.5**2)
    assert described.shape == (1, 2, 5)
    assert torch.allclose(described[0, :, :4], wanted.expand(2, 4), atol=1e-4)


def test_descriptors_are_taken_at_their_positions() -> None:
    """Each a patch of its own picture, its rows and columns not mixed up."""
    luma = torch.rand(3, 1, 14, 21, generator=seeded())
    positions = draw_positions(3, 9, (14, 21), seeded(), size_px=5)
    described = patch_descriptors(luma, positions, size_px=5)
    for picture, described_picture, places in zip(luma, described, positions.tolist(), strict=True):
        for found, (row, column) in zip(described_picture, places, strict=True):
            patch = picture[0, row : row + 5, column : column + 5].flatten()
            assert torch.corrcoef(torch.stack((patch, found[:25])))[0, 1] > 0.999


@settings(max_examples=20)
@given(gain=st.floats(0.2, 1.0), offset=st.floats(0.0, 0.5), seed=st.integers(0, 99))
def test_descriptors_are_blind_to_brightness_and_contrast(gain: float, offset: float, seed: int) -> None:
    luma = torch.rand(2, 1, 24, 24, generator=seeded(seed))
    positions = draw_positions(2, 10, (24, 24), seeded(seed))
    before, after = (patch_descriptors(picture, positions) for picture in (luma, gain * luma + offset))
    assert (before * after).sum(dim=2).min() > 0.999
    assert torch.allclose(before.norm(dim=2), torch.ones(2, 10))


def test_flat_patches_are_all_alike() -> None:
    noise = 2e-4 * torch.randn(2, 1, 24, 24, generator=seeded())
    positions = draw_positions(1, 10, (24, 24), seeded())
    first, second = (patch_descriptors(0.5 + picture[None], positions) for picture in noise)
    assert (first * second).sum(dim=2).min() > 0.9
    textured = patch_descriptors(torch.rand(1, 1, 24, 24, generator=seeded()), positions)
    assert (first * textured).sum(dim=2).abs().max() < 0.1


@pytest.mark.parametrize("kind", ["noise", "flat"])
def test_descriptor_gradients(kind: str) -> None:
    luma = torch.rand(2, 1, 12, 12, generator=seeded(), dtype=torch.float64)
    luma = (luma if kind == "noise" else torch.full_like(luma, 0.5)).requires_grad_()
    positions = draw_positions(2, 3, (12, 12), seeded(), size_px=4)
    assert gradcheck(lambda picture: patch_descriptors(picture, positions, size_px=4), luma)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("gain", [0.0, 0.01, 1.0])
def test_descriptors_in_half_precision(dtype: torch.dtype, gain: float) -> None:
    luma = (0.5 + gain * (torch.rand(2, 1, 24, 24, generator=seeded()) - 0.5)).to(dtype).requires_grad_()
    described = patch_descriptors(luma, draw_positions(2, 6, (24, 24), seeded()))
    (slope,) = torch.autograd.grad(described.square().sum(), luma)
    assert described.dtype == torch.float32 and described.isfinite().all() and slope.isfinite().all()


def test_positions_may_lie_on_the_cpu_wherever_the_picture_is() -> None:
    positions = draw_positions(2, 6, (24, 24), seeded())
    assert patch_descriptors(torch.rand(2, 1, 24, 24, device="meta"), positions).shape == (2, 6, 82)


@pytest.mark.parametrize("num_patches", [1, 2, 7])
def test_patches_that_are_all_equal_are_told_apart_by_luck(num_patches: int) -> None:
    keys = torch.rand(1, 1, 5, generator=seeded()).expand(2, num_patches, 5)
    queries = torch.rand(2, num_patches, 5, generator=seeded(1))
    assert patch_nce(queries, keys).tolist() == pytest.approx([math.log(num_patches)] * 2, abs=1e-6)


def test_patch_nce_by_hand() -> None:
    """Three orthogonal patches, found again: one similarity of 1 against two of 0; then two of them mistaken."""
    keys = torch.eye(3)[None]
    right, wrong = math.log(1 + 2 * math.exp(-2)), math.log(2 + math.exp(2))
    assert patch_nce(keys, keys, temperature=0.5).item() == pytest.approx(right)
    assert patch_nce(keys[:, [1, 0, 2]], keys, temperature=0.5).item() == pytest.approx((right + 2 * wrong) / 3)


@settings(max_examples=30)
@given(seed=st.integers(0, 999), order=st.permutations(range(6)))
def test_patch_nce_is_lowest_where_each_patch_is_its_own(seed: int, order: list[int]) -> None:
    keys = torch.randn(2, 6, 8, generator=seeded(seed))
    kept, shuffled = patch_nce(keys, keys), patch_nce(keys[:, order], keys)
    assert torch.equal(kept, shuffled) if order == sorted(order) else (kept < shuffled).all()
    assert (kept < patch_nce(torch.randn(2, 6, 8, generator=seeded(seed + 1)), keys)).all()


@settings(max_examples=20)
@given(scale=st.floats(0.01, 100), seed=st.integers(0, 99))
def test_patch_nce_ignores_the_length_of_features(scale: float, seed: int) -> None:
    queries, keys = torch.randn(2, 3, 6, 8, generator=seeded(seed), dtype=torch.float64)
    lengths = scale * torch.rand(3, 6, 1, generator=seeded(seed), dtype=torch.float64).add(0.1)
    assert torch.allclose(patch_nce(queries, keys), patch_nce(queries * lengths, keys))
    assert torch.allclose(patch_nce(queries, keys), patch_nce(queries, keys * lengths))


def test_patch_nce_compares_within_a_picture() -> None:
    queries, keys = torch.randn(2, 2, 6, 8, generator=seeded())
    changed = torch.cat((keys[:1], keys[1:] + 1))
    assert patch_nce(queries, keys)[0] == patch_nce(queries, changed)[0]


def test_reconstruction_by_hand() -> None:
    wanted, got = torch.tensor([[1.0, 2.0, 3.0], [0.0, 0.0, 0.0]]), torch.tensor([[1.0, 0.0, 4.0], [0.0, 0.0, 0.0]])
    assert reconstruction_loss(wanted, got).tolist() == [1.0, 0.0]
