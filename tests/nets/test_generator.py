"""The generator's promises: it starts as the identity, and its tiles are exact."""

from __future__ import annotations

import math

import cv2
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from relook.nets.blocks import Detail, Grade, hat_weights, lookup, luma_of
from relook.nets.generator import Generator, held
from relook.recipe.settings import GeneratorSettings


def scrambled(generator: Generator, seed: int = 0) -> Generator:
    """Return a generator whose every stage does something."""
    random = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in generator.parameters():
            parameter.add_(0.05 * torch.randn(parameter.shape, generator=random))
    return generator.eval().requires_grad_(False)


def test_starts_as_the_identity() -> None:
    frame = torch.rand(1, 3, 50, 70, generator=torch.Generator().manual_seed(1))
    assert (Generator(GeneratorSettings()).deterministic(frame) - frame).abs().max() < 1e-5


def test_a_vignette_darkens_the_corners_alone() -> None:
    generator = Generator(GeneratorSettings()).requires_grad_(False)
    generator.spatial.darken_corners(-0.4)
    lit = generator.lit(torch.full((1, 3, 240, 320), 0.5))
    assert float(lit[0, 0, 120, 160]) == pytest.approx(0.5, abs=0.005)
    assert float(lit[0, 0, 0, 0]) == pytest.approx(0.5 * math.exp(-0.4), abs=0.02)
    assert float(lit[0, 0, 120, 0]) == pytest.approx(0.5 * math.exp(-0.2), abs=0.02)


def test_the_measured_softness_is_no_part_of_what_is_learned() -> None:
    detail = Generator(GeneratorSettings()).detail
    detail.soften(1.2)
    luma = torch.rand(1, 1, 40, 44, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        whole, added = detail.with_learned(luma)
        assert torch.equal(whole, detail(luma))
    assert whole.abs().max() > 0.05
    assert not added.any()
    assert not any(parameter.requires_grad for parameter in detail.lens.parameters())
    changed = scrambled(Generator(GeneratorSettings())).detail
    assert changed.with_learned(luma)[1].any()


@settings(max_examples=10)
@given(height=st.integers(16, 520), width=st.integers(16, 300), at_once=st.integers(1, 4), seed=st.integers(0, 99))
def test_detail_in_tiles_equals_the_whole(height: int, width: int, at_once: int, seed: int) -> None:
    detail = scrambled(Generator(GeneratorSettings()), seed).detail
    frame = torch.rand(1, 1, height, width, generator=torch.Generator().manual_seed(seed))
    tiles = detail.in_strips(frame, at_once)
    assert torch.equal(tiles, detail.in_strips(frame, 100))
    assert torch.allclose(tiles, detail(frame), atol=1e-5)


def test_nothing_beyond_the_reach_matters() -> None:
    detail = scrambled(Generator(GeneratorSettings())).detail
    frame = torch.rand(1, 1, 160, 160)
    other = frame.clone()
    other[:, :, :, 80 + detail.reach + 4 :] = 0
    assert torch.allclose(detail(frame)[..., :80], detail(other)[..., :80], atol=1e-5)
    assert not torch.allclose(detail(frame), detail(other), atol=1e-3)


def test_detail_cannot_grade() -> None:
    detail = Detail(16, 4)
    with torch.no_grad():
        detail.layers[-1].bias.add_(0.3)  # type: ignore[operator]
    residual = detail(torch.rand(1, 1, 96, 96))
    assert residual.mean().abs() < 0.02


@given(luma=st.floats(0, 1), num_nodes=st.integers(2, 16))
def test_hat_weights_sum_to_one(luma: float, num_nodes: int) -> None:
    assert hat_weights(torch.full((1, 1, 1, 1), luma), num_nodes).sum().item() == pytest.approx(1, abs=1e-5)


def test_the_lattice_is_the_grade() -> None:
    grade = Grade(8)
    with torch.no_grad():
        grade.delta.add_(0.05 * torch.randn(grade.delta.shape, generator=torch.Generator().manual_seed(3)))
        frame = torch.rand(1, 3, 40, 40)
        assert (lookup(frame, grade.lattice()) - grade(frame)).abs().mean() < 0.003


def test_a_monochrome_grade_has_no_colour_of_its_own() -> None:
    generator = scrambled(Generator(GeneratorSettings()))
    with torch.no_grad():
        generator.grade.is_monochrome.fill_(1)
        generator.grade.base[:, :, 3] = torch.linspace(0, 1, 8)[:, None]
        generator.spatial.map.zero_()
    render = generator.deterministic(torch.rand(1, 3, 64, 64))
    assert (render - luma_of(render)).abs().max() < 1e-5


def test_the_map_lights_a_crop_as_it_lights_the_frame() -> None:
    spatial = scrambled(Generator(GeneratorSettings())).spatial
    frame = torch.full((1, 3, 80, 80), 0.5)
    whole = spatial(frame, torch.tensor([[0.0, 0.0, 1.0, 1.0]]))
    crop = spatial(frame[..., 20:40, 40:80], torch.tensor([[0.25, 0.5, 0.5, 1.0]]))
    assert (whole[..., 20:40, 40:80] - crop).abs().max() < 1e-5


def test_a_clipped_pixel_can_come_back() -> None:
    value = torch.tensor([1.4], requires_grad=True)
    clamped = held(value)
    clamped.backward()
    assert clamped.item() == 1 and value.grad is not None and value.grad.item() == 1


def test_softening_is_a_blur() -> None:
    detail = Detail(16, 4).requires_grad_(False)
    detail.soften(1.2)
    luma = torch.rand(1, 1, 120, 168)
    blurred = torch.from_numpy(cv2.GaussianBlur(luma[0, 0].numpy(), (9, 9), 1.2))
    softened = (luma + detail(luma))[0, 0]
    assert (softened - blurred)[20:-20, 20:-20].abs().max() < 0.02
    assert softened.std() < 0.4 * luma.std()
