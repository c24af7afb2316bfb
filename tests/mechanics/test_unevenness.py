from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from relook.mechanics.reel import Run
from relook.mechanics.unevenness import draw_unevenness, lay_clouds, measure_unevenness
from relook.recipe.mechanics import Unevenness

PaintScene = Callable[..., Any]
SIZE = (240, 320)


def clouded(film: Any, clouds: Unevenness, seed: int) -> Any:
    rng = np.random.default_rng(seed)
    fields = [draw_unevenness(clouds, SIZE, scale=1, seed=seed, frame=frame) for frame in range(len(film))]
    drawn = torch.from_numpy(clouds.strength * np.stack(fields)[..., None])
    laid = lay_clouds(torch.from_numpy(film), drawn).numpy()
    return np.clip(laid + rng.normal(0, 0.03, film.shape), 0, 1).astype(np.float32)


def half_distance(fields: Any) -> float:
    """Return the distance across at which the correlation of fields `[n h w]` has fallen to one half."""
    lags = range(0, fields.shape[2] // 2)
    correlation = [float((fields[:, :, : fields.shape[2] - lag] * fields[:, :, lag:]).mean()) for lag in lags]
    return float(np.interp(-0.5 * correlation[0], -np.array(correlation), np.array(lags)))


@pytest.mark.parametrize(
    "truth",
    [
        Unevenness(strength=0.05, size_px=10, persistence=0.0),
        Unevenness(strength=0.03, size_px=16, persistence=0.5),
        Unevenness(strength=0.09, size_px=24, persistence=0.2),
    ],
)
def test_clouds_are_measured_as_they_were_drawn(paint_scene: PaintScene, truth: Unevenness) -> None:
    runs = [Run(clouded(paint_scene(seed, num_frames=20), truth, seed)) for seed in range(2)]
    found = measure_unevenness(runs, reference_height=240)
    assert found.strength == pytest.approx(truth.strength, rel=0.15)
    assert found.size_px == pytest.approx(truth.size_px, rel=0.15)
    assert found.persistence == pytest.approx(truth.persistence, abs=0.12)
    assert found.confidence["strength"] > 0.8 * (1 - truth.persistence)


def test_clean_grainy_and_flickering_film_has_no_clouds(paint_scene: PaintScene) -> None:
    rng = np.random.default_rng(0)
    film = paint_scene(4, num_frames=16)
    flicker = np.exp(rng.normal(0, 0.05, (16, 1, 1, 1))).astype(np.float32)
    grain = rng.normal(0, 0.05, film.shape).astype(np.float32)
    for frames in (film, np.clip(film * flicker + grain, 0, 1)):
        found = measure_unevenness([Run(frames)], reference_height=240)
        assert found.strength == 0
        assert found.confidence["strength"] > 0.9


def test_things_that_move_are_no_clouds(paint_scene: PaintScene) -> None:
    film = paint_scene(5, num_frames=16, pan_px=0)
    rough = cv2.GaussianBlur(np.random.default_rng(1).random((70, 600)).astype(np.float32), (0, 0), 3)
    rough = 0.3 + 0.4 * (rough - rough.min()) / np.ptp(rough)
    for t in range(16):
        film[t, 150:190] = rough[:40, 4 * t : 4 * t + SIZE[1], None]
    assert measure_unevenness([Run(film)], reference_height=240).strength == 0
    truth = Unevenness(strength=0.03, size_px=14)
    found = measure_unevenness([Run(clouded(film, truth, 1))], reference_height=240)
    assert (found.strength, found.size_px) == (pytest.approx(0.03, rel=0.15), pytest.approx(14, rel=0.15))
    assert found.persistence < 0.25


def test_little_is_not_measurable(paint_scene: PaintScene) -> None:
    found = measure_unevenness([Run(paint_scene(0, num_frames=4))], reference_height=240)
    assert set(found.confidence.values()) == {0.0}
    assert set(measure_unevenness([], reference_height=240).confidence.values()) == {0.0}


@pytest.mark.slow
@settings(max_examples=5)
@given(size_px=st.floats(6, 20), scale=st.sampled_from([1.0, 2.25]), persistence=st.sampled_from([0.0, 0.6]))
def test_drawn_clouds_have_unit_variance_and_the_size(size_px: float, scale: float, persistence: float) -> None:
    clouds = Unevenness(strength=0.1, size_px=size_px, persistence=persistence)
    size = (round(240 * scale), round(320 * scale))
    fields = np.stack([draw_unevenness(clouds, size, scale=scale, seed=3, frame=7 * k) for k in range(12)])
    assert fields.std() == pytest.approx(1, abs=0.1)
    assert half_distance(fields) == pytest.approx(size_px * scale, rel=0.15)


def test_clouds_are_the_same_on_the_screen_at_any_scale() -> None:
    clouds = Unevenness(strength=0.1, size_px=14, persistence=0.3)
    small, large = (draw_unevenness(clouds, (SIZE[0] * k, SIZE[1] * k), scale=k, seed=1, frame=5) for k in (1, 3))
    reduced = cv2.resize(large, (SIZE[1], SIZE[0]), interpolation=cv2.INTER_AREA)
    np.testing.assert_allclose(reduced, small, atol=0.05)


def test_clouds_persist_and_a_frame_stands_alone() -> None:
    clouds = Unevenness(strength=0.1, size_px=8, persistence=0.7)
    first, second = (draw_unevenness(clouds, SIZE, scale=1, seed=2, frame=frame) for frame in (4, 5))
    assert np.corrcoef(first.ravel(), second.ravel())[0, 1] == pytest.approx(0.7, abs=0.1)
    np.testing.assert_array_equal(draw_unevenness(clouds, SIZE, scale=1, seed=2, frame=4), first)
