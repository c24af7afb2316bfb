"""Halation: lamps are painted into a dark scene, given a glow, and the glow is measured back."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest
import torch
from einops import rearrange
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor

from relook.mechanics.halation import lay_halation, measure_halation
from relook.mechanics.reel import Run
from relook.recipe.mechanics import GLOWS_ABOVE, Halation

Film = NDArray[np.float32]
PaintScene = Callable[..., Film]

SCATTER = 0.04
"""Standard deviation of a strength over ten other sets of ten such scenes; its mean error there was below 0.01."""


def lamp_scene(paint_scene: PaintScene, seed: int) -> Film:
    """Paint one frame: seven hard bright shapes in a dark scene."""
    rng = np.random.default_rng(seed)
    frame = 0.05 + 0.3 * paint_scene(seed, num_frames=1)[0]
    for number in range(7):
        corner = (rng.uniform(0, 1, 2) * (320, 240)).astype(int).tolist()
        light = (rng.uniform(0.75, 1) * np.array([1, 0.97, 0.9])).tolist()
        if number % 2:
            cv2.circle(frame, corner, int(rng.integers(4, 22)), light, -1, cv2.LINE_AA)
        else:
            cv2.rectangle(frame, corner, (np.array(corner) + rng.integers(6, 40, 2)).tolist(), light, -1, cv2.LINE_AA)
    return np.asarray(cv2.GaussianBlur(frame, (0, 0), 0.8))


def filmed(paint_scene: PaintScene, halation: Halation) -> list[Run]:
    runs = []
    for seed in range(10):
        frames = to_numpy(lay_halation(to_tensor(lamp_scene(paint_scene, seed)), halation, scale=1))
        grain = 0.02 * np.random.default_rng(seed).standard_normal(frames.shape)
        runs.append(Run(np.clip(frames + grain, 0, 1).astype(np.float32)))
    return runs


def to_tensor(frame: Film) -> Tensor:
    return rearrange(torch.from_numpy(frame), "h w c -> 1 c h w").contiguous()


def to_numpy(pictures: Tensor) -> Film:
    return rearrange(pictures, "b c h w -> b h w c").numpy()


@pytest.mark.slow
@pytest.mark.parametrize(("radius", "strength"), [(8.0, (0.35, 0.2, 0.15)), (11.0, (0.3, 0.3, 0.3))])
def test_a_glow_is_measured_back(paint_scene: PaintScene, radius: float, strength: tuple[float, float, float]) -> None:
    found = measure_halation(filmed(paint_scene, Halation(radius, strength)), reference_height=480)
    assert found.radius_px == pytest.approx(2 * radius, rel=0.15)
    assert np.array(found.strength) == pytest.approx(np.array(strength), abs=3 * SCATTER)
    assert min(found.confidence.values()) > 0.5


@pytest.mark.slow
def test_lamps_that_do_not_glow_measure_none(paint_scene: PaintScene) -> None:
    assert measure_halation(filmed(paint_scene, Halation()), reference_height=240).strength == (0, 0, 0)


@pytest.mark.parametrize("seed", range(3))
def test_a_clean_scene_measures_none(paint_scene: PaintScene, seed: int) -> None:
    runs = [Run(paint_scene(seed + 10 * number, num_frames=2)) for number in range(4)]
    assert measure_halation(runs, reference_height=240).strength == (0, 0, 0)


def test_darkness_tells_nothing() -> None:
    found = measure_halation([Run(np.full((4, 64, 96, 3), 0.2, np.float32))], reference_height=64)
    assert found.strength == (0, 0, 0)
    assert set(found.confidence.values()) == {0}


@settings(max_examples=12)
@given(radius=st.floats(2, 24), scale=st.floats(0.5, 2.25), rows=st.integers(150, 330))
def test_the_glow_is_a_gaussian_of_the_light(radius: float, scale: float, rows: int) -> None:
    frame = np.full((rows, rows + 61, 3), 0.2, np.float32)
    cv2.circle(frame, (rows // 2, rows // 2), rows // 9, (1.0, 0.9, 0.7), -1)
    strength = (0.4, 0.2, 0.1)
    light = np.pad(np.maximum(frame - GLOWS_ABOVE, 0), ((200, 200), (200, 200), (0, 0)))
    glow = cv2.GaussianBlur(light, (0, 0), radius * scale)[200:-200, 200:-200] * np.array(strength, np.float32)
    laid = to_numpy(lay_halation(to_tensor(frame), Halation(radius, strength), scale=scale))[0]
    assert np.abs(laid - frame - glow).max() < 0.008


def test_no_strength_changes_nothing() -> None:
    picture = torch.rand(2, 3, 31, 45)
    assert torch.equal(lay_halation(picture, Halation(radius_px=6), scale=1), picture)


def test_the_glow_keeps_its_size_on_the_screen() -> None:
    halation = Halation(12, (0.5, 0.3, 0.2))
    small = torch.nn.functional.interpolate(torch.rand(1, 3, 6, 8), (240, 320), mode="nearest")
    large = torch.nn.functional.interpolate(small, scale_factor=3.0, mode="nearest")
    there = torch.nn.functional.avg_pool2d(lay_halation(large, halation, scale=3), 3)
    assert torch.allclose(there, lay_halation(small, halation, scale=1), atol=0.01)


def test_gradients_pass_through() -> None:
    picture = torch.rand(1, 3, 40, 52, dtype=torch.float64, requires_grad=True)
    lay_halation(picture, Halation(7, (0.4, 0.2, 0.1)), scale=1)[..., 20, 20].sum().backward()
    assert picture.grad is not None
    assert torch.isfinite(picture.grad).all()
    assert (picture.grad[picture > GLOWS_ABOVE] > 0).any()
    assert (picture.grad != 0).sum() > 50
