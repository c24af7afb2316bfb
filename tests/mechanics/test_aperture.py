"""The aperture: a mask is drawn over a film of many scenes, and measured back."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from relook.mechanics.aperture import draw_aperture, measure_aperture
from relook.recipe.mechanics import Aperture

Film = NDArray[np.float32]
PaintScene = Callable[..., Film]

ROWS, COLUMNS = 200, 280


@pytest.fixture
def film(paint_scene: PaintScene) -> Film:
    return np.concatenate([paint_scene(seed, num_frames=1, size=(ROWS, COLUMNS)) for seed in range(12)])


def masked(film: Film, aperture: Aperture) -> Film:
    noise = 0.015 * np.random.default_rng(0).standard_normal(film.shape)
    mask = draw_aperture(aperture, (ROWS, COLUMNS), scale=1)[..., None]
    return np.clip(film * mask + noise, 0, 1).astype(np.float32)


@settings(max_examples=8)
@given(insets=st.tuples(*[st.floats(3, 14) for _ in range(4)]), radius=st.floats(7, 24), edge=st.floats(0.6, 1.8))
def test_an_aperture_is_measured_back(insets: tuple[float, float, float, float], radius: float, edge: float) -> None:
    film = painted()
    found = measure_aperture(masked(film, Aperture(insets, radius, edge)), reference_height=2 * ROWS)
    assert np.array(found.inset_px) == pytest.approx(2 * np.array(insets), rel=0.15)
    assert found.corner_radius_px == pytest.approx(2 * radius, rel=0.15)
    assert found.edge_px == pytest.approx(2 * edge, rel=0.2)
    assert min(found.confidence.values()) > 0.8


def painted() -> Film:
    """Return scenes that are everywhere bright in some frame."""
    rng = np.random.default_rng(7)
    rows, columns = np.mgrid[0:ROWS, 0:COLUMNS] / 40
    waves = [np.sin(rows * rng.uniform(-1, 1) + columns * rng.uniform(-1, 1) + number) for number in range(12)]
    return np.repeat((0.5 + 0.35 * np.stack(waves))[..., None], 3, axis=-1).astype(np.float32)


def test_rounded_corners_without_borders_are_measured(film: Film) -> None:
    found = measure_aperture(masked(film, Aperture(corner_radius_px=16)), reference_height=ROWS)
    assert found.inset_px == (0, 0, 0, 0)
    assert found.corner_radius_px == pytest.approx(16, rel=0.15)


def test_a_letterbox_has_square_corners(film: Film) -> None:
    found = measure_aperture(masked(film, Aperture((22.0, 0.0, 22.0, 0.0), 0.0, 0.4)), reference_height=ROWS)
    assert np.array(found.inset_px) == pytest.approx(np.array([22, 0, 22, 0]), abs=0.5)
    assert found.corner_radius_px == 0
    assert found.confidence["corner_radius_px"] > 0.8


def test_a_clean_film_has_no_aperture(film: Film) -> None:
    found = measure_aperture(film, reference_height=ROWS)
    assert (found.inset_px, found.corner_radius_px) == ((0, 0, 0, 0), 0)
    assert found.confidence["inset_px"] > 0.8


def test_a_film_in_the_dark_tells_nothing(film: Film) -> None:
    found = measure_aperture(0.1 * film, reference_height=ROWS)
    assert found == Aperture(confidence={"inset_px": 0.0, "corner_radius_px": 0.0, "edge_px": 0.0})


def test_dark_corners_of_the_scene_are_not_rounded(film: Film) -> None:
    rows, columns = np.mgrid[-1 : 1 : ROWS * 1j, -1 : 1 : COLUMNS * 1j]
    shade = np.clip(1.6 - 0.9 * np.hypot(rows, columns), 0, 1)[..., None].astype(np.float32)
    found = measure_aperture(film * shade, reference_height=ROWS)
    assert found.corner_radius_px == 0 or found.confidence["corner_radius_px"] < 0.5


def test_the_mask_keeps_its_size_on_the_screen() -> None:
    aperture = Aperture((8.0, 6.0, 10.0, 7.0), 20.0, 1.5)
    small = draw_aperture(aperture, (ROWS, COLUMNS), scale=1)
    large = draw_aperture(aperture, (3 * ROWS, 3 * COLUMNS), scale=3)
    means = large.reshape(ROWS, 3, COLUMNS, 3).mean(axis=(1, 3))
    assert np.abs(means - small).max() < 0.05


def test_no_aperture_lets_everything_through() -> None:
    assert (draw_aperture(Aperture(), (54, 96), scale=0.1) == 1).all()


def test_the_middle_is_open_and_the_corner_shut() -> None:
    mask = draw_aperture(Aperture((5.0, 5.0, 5.0, 5.0), 20.0), (ROWS, COLUMNS), scale=1)
    assert mask[ROWS // 2, COLUMNS // 2] == 1
    assert mask[7, 7] < 0.05
    assert mask[30, 7] > 0.9
    assert mask[7, 5 + 20] == pytest.approx(mask[7, 60], abs=0.05)
