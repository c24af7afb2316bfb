"""Dust: what is drawn has the numbers that it was asked for, and is measured back from footage."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relook.mechanics.dust import measure_dust
from relook.mechanics.dust_plate import draw_dust, dust_patches
from relook.mechanics.reel import Run
from relook.recipe.mechanics import Dust

from .conftest import Film, PaintScene

SIZE = (240, 320)
DUST = Dust(12.0, 6.0, 2.0, 0.4, (0.6, 0.8), 1.0, 20.0, 1.5)


def dusty(clean: Film, dust: Dust, *, grain: float = 0.0, flicker: float = 0.0, seed: int = 5) -> Run:
    """Lay dust over footage, then grain and flicker, in eight bits."""
    rng = np.random.default_rng(seed)
    frames = []
    for number, frame in enumerate(clean):
        plates = draw_dust(dust, frame.shape[:2], scale=1, seed=seed, frame=number)
        dark, bright = plates[..., None]
        laid = frame * (1 - dark) * (1 - bright) + bright
        laid = laid * np.exp(flicker * rng.standard_normal()) + grain * rng.standard_normal((*frame.shape[:2], 1))
        frames.append(np.round(np.clip(laid, 0, 1) * 255) / 255)
    return Run(np.stack(frames).astype(np.float32))


def test_counts_are_right_on_average() -> None:
    patches = [dust_patches(DUST, SIZE, scale=1, seed=3, frame=frame) for frame in range(300)]
    new = [patch for frame in patches for patch in frame if patch.age == 0]
    specks = [patch for patch in new if not patch.is_hair]
    assert sum(not patch.is_bright for patch in specks) / 300 == pytest.approx(12, rel=0.06)
    assert sum(patch.is_bright for patch in specks) / 300 == pytest.approx(6, rel=0.08)
    assert sum(patch.is_hair for patch in new) / 300 == pytest.approx(1, rel=0.2)
    assert sum(map(len, patches)) / len(new) == pytest.approx(1.5, rel=0.05)


def test_a_speck_stays_at_its_place_for_its_life() -> None:
    long = replace(DUST, life_frames=4.0)
    first, second = (dust_patches(long, SIZE, scale=1, seed=1, frame=frame) for frame in (7, 8))
    stays = [patch for patch in first if patch.age + 1 < patch.life]
    held = [patch for patch in second if patch.age > 0]
    assert len(stays) == len(held) > 10
    for before, after in zip(stays, held, strict=True):
        assert (before.top, before.left) == (after.top, after.left)
        assert np.array_equal(before.opacity, after.opacity)


def test_radius_and_opacity_are_what_was_asked_for() -> None:
    patches = [
        p for frame in range(60) for p in dust_patches(DUST, SIZE, scale=2, seed=2, frame=frame) if not p.is_hair
    ]
    dark = [patch for patch in patches if not patch.is_bright]
    peaks = np.array([patch.opacity.max() for patch in dark])
    radii = np.array([np.sqrt(patch.opacity.sum() / patch.opacity.max() / np.pi) for patch in dark])
    assert np.median(peaks) == pytest.approx(0.6, rel=0.08)
    assert np.median(radii) / 2 == pytest.approx(2.0, rel=0.08)
    assert np.log(radii).std() == pytest.approx(0.4, rel=0.15)


@settings(max_examples=12)
@given(seed=st.integers(0, 2**62), frame=st.integers(0, 10**6), scale=st.sampled_from([0.5, 1.0, 2.25]))
def test_the_same_seed_and_frame_give_the_same_dust(seed: int, frame: int, scale: float) -> None:
    size = (round(96 * scale), round(128 * scale))
    dust = replace(DUST, hairs_per_frame=0.0)
    plates = draw_dust(dust, size, scale=scale, seed=seed, frame=frame)
    assert np.array_equal(plates, draw_dust(dust, size, scale=scale, seed=seed, frame=frame))
    assert plates.min() >= 0 and plates.max() <= 1
    more = draw_dust(replace(dust, dark_per_frame=2 * dust.dark_per_frame), size, scale=scale, seed=seed, frame=frame)
    assert (more[0] >= plates[0]).all() and np.array_equal(more[1], plates[1]), "more dust is added to what is there"


def test_dust_keeps_its_size_and_place_on_the_screen() -> None:
    small, large = (draw_dust(DUST, (240 * k, 320 * k), scale=k, seed=4, frame=9) for k in (1, 3))
    shrunk = large.reshape(2, 240, 3, 320, 3).mean(axis=(2, 4))
    assert shrunk.sum() == pytest.approx(small.sum(), rel=0.05)
    assert np.corrcoef(shrunk.ravel(), small.ravel())[0, 1] > 0.95


@pytest.mark.slow
def test_known_dust_is_measured_back(paint_scene: PaintScene) -> None:
    truth = replace(DUST, hairs_per_frame=0.0)
    found = measure_dust([dusty(paint_scene(1, num_frames=24), truth, grain=0.02, flicker=0.04)])
    assert found.dark_per_frame == pytest.approx(12, rel=0.2)
    assert found.bright_per_frame == pytest.approx(6, rel=0.25)
    assert found.radius_px == pytest.approx(2.0, rel=0.15)
    assert found.opacity == pytest.approx((0.6, 0.8), rel=0.15)
    assert found.life_frames == pytest.approx(1.5, rel=0.15)
    assert min(found.confidence[name] for name in ("dark_per_frame", "radius_px", "life_frames")) > 0.6


@pytest.mark.parametrize(("grain", "sure"), [(0.0, 0.9), (0.06, 0.4)])
def test_clean_footage_has_none_for_sure(paint_scene: PaintScene, grain: float, sure: float) -> None:
    found = measure_dust([dusty(paint_scene(3, num_frames=16, pan_px=2.0), Dust(), grain=grain, flicker=0.05)])
    assert (found.dark_per_frame, found.bright_per_frame, found.hairs_per_frame) == (0, 0, 0)
    assert found.confidence["dark_per_frame"] > sure


def test_too_short_a_run_says_nothing(paint_scene: PaintScene) -> None:
    assert measure_dust([Run(paint_scene(0, num_frames=3))]) == Dust()
