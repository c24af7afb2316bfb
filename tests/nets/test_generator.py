"""The generator's promises: it starts as the identity, its tiles are exact, its texture is chance alone."""

from __future__ import annotations

import math

import cv2
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from relook.nets.blocks import Detail, Grade, hat_weights, lookup, luma_of
from relook.nets.generator import Generator, held
from relook.nets.texture import Plates, Texture, gaussian_filters, isotropic
from relook.recipe.settings import GeneratorSettings


def scrambled(generator: Generator, seed: int = 0) -> Generator:
    """Return a generator whose every stage does something."""
    random = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in generator.parameters():
            parameter.add_(0.05 * torch.randn(parameter.shape, generator=random))
    return generator.eval().requires_grad_(False)


def still_plates(height: int, width: int) -> Plates:
    def zeros(channels: int) -> Tensor:
        return torch.zeros(1, channels, height, width)

    return Plates(zeros(2), zeros(2), zeros(1), zeros(1), torch.zeros(1))


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


def test_no_noise_gives_the_deterministic_look_exactly() -> None:
    generator = scrambled(Generator(GeneratorSettings()))
    frame = torch.rand(1, 3, 40, 44)
    assert torch.equal(generator(frame, still_plates(40, 44)), generator.deterministic(frame))


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


@settings(max_examples=10, deadline=None)
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


def test_grain_filters_have_no_direction() -> None:
    filters = isotropic(torch.randn(4, 1, 7, 7))
    for turned in (filters.flip(-1), filters.flip(-2), filters.transpose(-1, -2)):
        assert torch.allclose(filters, turned, atol=1e-5)
    cross = torch.zeros(1, 1, 7, 7)
    cross[..., 3, :] = cross[..., :, 3] = 1
    spectrum = torch.fft.fft2(isotropic(cross), s=(64, 64)).abs()[0, 0]
    assert (spectrum[16, 0] - spectrum[11, 11]).abs() < 0.1 * spectrum.max()


def test_round_filters_stay_as_they_are() -> None:
    filters = gaussian_filters((0.8, 1.4))
    assert torch.allclose(isotropic(filters), filters, atol=1e-5)


def test_a_dial_at_half_gives_half_of_the_grain() -> None:
    texture = Texture(8).requires_grad_(False)
    texture.response[:, :, 0] = 0.1
    frame = torch.full((1, 3, 32, 32), 0.5)
    plates = Plates(torch.randn(1, 2, 32, 32), *[torch.zeros(1, c, 32, 32) for c in (2, 1, 1)], torch.zeros(1))
    full = texture(frame, plates, is_monochrome=False) - frame
    half = texture(frame, plates, is_monochrome=False, amount=0.5) - frame
    assert torch.allclose(full, 2 * half, atol=1e-6) and full.abs().max() > 0.01


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
