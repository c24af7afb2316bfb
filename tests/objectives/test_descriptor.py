"""The descriptor: finite for any picture, blind to batch order, and each number moves with what it is named after."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from relook.objectives.descriptor import (
    DESCRIPTOR_NAMES,
    NUMBERS,
    describe,
    gaussian,
    grain_curve,
    high_pass,
    luma,
    native_windows,
    robust_deviation,
)

SIZE = (96, 128)


def painted_pair(seed: int = 0, *, grain: float = 0.0, coarse: float = 0.6, size: tuple[int, int] = SIZE) -> Tensor:
    """Paint a still scene `[2 3 h w]` with fresh monochrome grain of a deviation and a size in pixels."""
    random = np.random.default_rng(seed)
    cells = random.uniform(0.1, 0.9, (5, 7, 3)).astype(np.float32)
    scene = cv2.resize(cells, size[::-1], interpolation=cv2.INTER_CUBIC)
    noise = [cv2.GaussianBlur(random.normal(0, 1, size).astype(np.float32), (0, 0), coarse) for _ in range(2)]
    frames = [np.clip(scene + grain * (n / n.std())[..., None], 0, 1) for n in noise]
    return torch.from_numpy(np.stack(frames)).permute(0, 3, 1, 2).float()


def number(pair: Tensor, name: str) -> float:
    return float(describe(pair[None])[0, DESCRIPTOR_NAMES.index(name)])


def test_there_is_one_column_per_number() -> None:
    described = describe(torch.stack([painted_pair(k) for k in range(3)]))
    assert described.shape == (3, len(NUMBERS)) and described.dtype == torch.float32
    assert len(set(DESCRIPTOR_NAMES)) == len(NUMBERS)


def test_the_batch_has_no_order() -> None:
    pairs = torch.stack([painted_pair(k, grain=0.02) for k in range(4)])
    order = torch.tensor([2, 0, 3, 1])
    assert torch.equal(describe(pairs)[order], describe(pairs[order]))


@settings(max_examples=30)
@given(
    kind=st.sampled_from(["black", "white", "grey", "noise", "frozen", "half_white", "one_dot"]),
    height=st.integers(32, 90),
    width=st.integers(32, 90),
    seed=st.integers(0, 1000),
)
def test_every_picture_gives_finite_numbers(kind: str, height: int, width: int, seed: int) -> None:
    noise = torch.rand(2, 3, height, width, generator=torch.Generator().manual_seed(seed))
    dot = torch.zeros_like(noise)
    dot[0, :, seed % height, seed % width] = 1
    half = torch.cat([torch.ones_like(noise[..., : width // 2]), noise[..., width // 2 :]], dim=-1)
    pairs = {
        "black": noise * 0,
        "white": noise * 0 + 1,
        "grey": noise * 0 + 0.5,
        "noise": noise,
        "frozen": noise[:1].expand(2, -1, -1, -1),
        "half_white": half,
        "one_dot": dot,
    }
    assert describe(pairs[kind][None]).isfinite().all()


def test_half_precision_is_welcome() -> None:
    pair = painted_pair(grain=0.02)
    assert torch.allclose(describe(pair[None].half()), describe(pair[None]), atol=0.15)


def test_wrong_shapes_are_refused() -> None:
    for shape in ((2, 3, 64, 64), (1, 3, 3, 64, 64), (1, 2, 1, 64, 64), (1, 2, 3, 31, 64)):
        with pytest.raises(ValueError, match=r"pairs \[b 2 3 h w\]"):
            describe(torch.zeros(shape))


@pytest.mark.parametrize("name", ["grain", "texture", "fine_detail", "mottle"])
def test_more_grain_is_more(name: str) -> None:
    amounts = (0.0, 0.01, 0.02, 0.04, 0.08)
    values = [number(painted_pair(grain=amount, coarse=1.0), name) for amount in amounts]
    assert values == sorted(values) and values[-1] - values[0] > 1


def test_grain_is_measured_in_its_unit() -> None:
    """The logarithm of the deviation of what the high-pass leaves of fine grain, within a tenth."""
    pair = painted_pair(grain=0.03, coarse=0.4)
    truth = float(high_pass(luma(pair)[1, 0] - luma(painted_pair(grain=0))[0, 0]).std())
    assert number(pair, "grain") == pytest.approx(np.log(truth + 1e-3), abs=0.1)


def test_larger_grain_is_coarser_both_ways() -> None:
    for name in ("grain_width", "grain_height"):
        fine, medium, coarse = (number(painted_pair(grain=0.03, coarse=size), name) for size in (0.3, 0.7, 1.2))
        assert fine < medium - 0.1 < coarse - 0.2


def test_coloured_grain_shows() -> None:
    pair = painted_pair(grain=0.02)
    coloured = pair + 0.02 * torch.randn(pair.shape, generator=torch.Generator().manual_seed(0))
    assert number(coloured, "colour_grain") > number(pair, "colour_grain") + 1


def test_frozen_frames_have_texture_but_no_grain() -> None:
    pair = painted_pair(grain=0.04)
    frozen = pair[:1].expand(2, -1, -1, -1)
    assert number(frozen, "texture") == pytest.approx(number(pair, "texture"), abs=0.1)
    assert number(frozen, "grain") == pytest.approx(np.log(1e-3)) and number(pair, "grain") > -5


def test_dust_is_specks() -> None:
    pair = painted_pair(grain=0.01)
    dusty = pair.clone()
    random = np.random.default_rng(1)
    for row, column in zip(random.integers(2, 90, 60), random.integers(2, 120, 60), strict=True):
        dusty[1, :, row : row + 2, column : column + 2] *= 0.3
    assert number(dusty, "specks") > number(pair, "specks") + 0.5
    assert number(dusty, "grain") == pytest.approx(number(pair, "grain"), abs=0.2)


@pytest.mark.parametrize("period", [2, 4, 8])
def test_a_laid_down_pattern_shows(period: int) -> None:
    pair = painted_pair(grain=0.02)
    phase = (torch.arange(SIZE[0])[:, None] % period < period // 2) ^ (torch.arange(SIZE[1]) % period < period // 2)
    assert number(pair + 6 / 255 * (phase.float() - 0.5), "pattern") > number(pair, "pattern") + 0.7


def test_brightness_that_jumps_is_flicker_and_a_thing_that_moves_is_not() -> None:
    pair = painted_pair()
    jumping, moving = pair * torch.tensor([1.0, 0.9])[:, None, None, None], pair.clone()
    moving[1, :, 20:50, 30:60] = 0.9
    assert number(jumping, "flicker") > number(pair, "flicker") + 2
    assert number(moving, "flicker") == pytest.approx(number(pair, "flicker"), abs=0.3)


def test_colours_by_hand() -> None:
    pair = torch.tensor([0.6, 0.5, 0.3])[:, None, None].expand(2, 3, 64, 64)
    light = 0.2126 * 0.6 + 0.7152 * 0.5 + 0.0722 * 0.3
    assert number(pair, "warmth") == pytest.approx(0.3, abs=1e-5)
    assert number(pair, "green") == pytest.approx(0.05, abs=1e-5)
    assert number(pair, "midtones") == number(pair, "black_level") == pytest.approx(light, abs=1e-5)
    spread = (((0.6 - light) ** 2 + (0.5 - light) ** 2 + (0.3 - light) ** 2) / 3) ** 0.5
    assert number(pair, "saturation") == pytest.approx(spread, abs=1e-5)


def test_dark_corners_are_a_vignette() -> None:
    rows, columns = (torch.linspace(-1, 1, length) ** 2 for length in SIZE)
    fall = 1 - 0.3 * (rows[:, None] + columns)
    flat = torch.full((2, 3, *SIZE), 0.6)
    assert number(flat, "vignette") == pytest.approx(0, abs=1e-5)
    assert number(flat * fall, "vignette") < -0.3


def test_large_frames_give_the_numbers_of_small_ones() -> None:
    """Nine windows of a large frame stand for all of it."""
    small, large = (painted_pair(3, grain=0.02, size=size) for size in ((480, 640), (900, 1200)))
    assert native_windows(small).shape == (1, 2, 3, 480, 640)
    assert native_windows(large).shape == (9, 2, 3, 256, 256)
    for name in ("grain", "specks", "grain_width", "grain_height", "texture"):
        assert number(large, name) == pytest.approx(number(small, name), abs=0.1)


def test_the_grain_curve_follows_luma() -> None:
    """Grain that grows with brightness is found as such, node by node, and nodes without pixels say so."""
    ramp = torch.linspace(0.1, 0.9, 160)[None, :].expand(3, 96, 160)
    noise = torch.randn(2, 1, 96, 160, generator=torch.Generator().manual_seed(0))
    curve, share = grain_curve((ramp[None] + 0.05 * ramp[None] * noise)[None], num_nodes=6)
    assert curve.shape == (1, 6, 3) and share.shape == (1, 6)
    assert share.sum() == pytest.approx(1) and share[0, 0] < 0.1
    bright = curve[0, 1:5].mean(dim=1)
    assert (bright.diff() > 0).all()
    assert bright[-1] / bright[0] == pytest.approx(4, rel=0.35)


def test_blur_by_hand() -> None:
    line = torch.zeros(1, 9, 9)
    line[0, 4, 4] = 1
    blurred = gaussian(line, 1.0)
    assert blurred.sum() == pytest.approx(1) and blurred.argmax() == 40
    assert blurred[0, 4, 5] / blurred[0, 4, 4] == pytest.approx(np.exp(-0.5))
    assert high_pass(torch.full((2, 20, 20), 0.7)).abs().max() < 1e-6


def test_the_robust_deviation_ignores_outliers() -> None:
    values = torch.randn(20_000, generator=torch.Generator().manual_seed(0)) * 0.5
    values[:500] = 100
    assert float(robust_deviation(values)) == pytest.approx(0.5, rel=0.06)
    assert float(robust_deviation(values[:0])) == 0
