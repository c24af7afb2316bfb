from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relook.mechanics.chance import REACH_FRAMES, course_of, rhythm_filter, wander
from relook.recipe.mechanics import NUM_BANDS, WHITE, Bands

FALLING: Bands = (0.35, 0.2, 0.13, 0.1, 0.08, 0.06, 0.05, 0.03)
PEAKED: Bands = (0.05, 0.05, 0.1, 0.5, 0.15, 0.05, 0.05, 0.05)


def bands_of(taps: Any) -> Any:
    power = np.square(np.abs(np.fft.rfft(taps, 4096)))[:-1]
    return power.reshape(NUM_BANDS, -1).mean(axis=1) / NUM_BANDS


def wandering(rhythm: Bands, length: int, seed: int, noise: float = 0.0) -> tuple[Any, Any]:
    """Return two noisy measurements of the steps of a course of unit variance, over a steady pan."""
    rng = np.random.default_rng(seed)
    places = np.convolve(rng.standard_normal(length + 2 * REACH_FRAMES), rhythm_filter(rhythm), "valid")
    places = places + 0.7 * np.arange(length)
    first, second = (np.diff(places + noise * rng.standard_normal(length)) for _ in range(2))
    return first, second


@settings(max_examples=15)
@given(st.lists(st.floats(0.25, 1), min_size=NUM_BANDS, max_size=NUM_BANDS))
def test_the_filter_has_the_bands_of_the_rhythm(shares: list[float]) -> None:
    rhythm = tuple(np.array(shares) / sum(shares))
    taps = rhythm_filter(rhythm)
    assert np.square(taps).sum() == pytest.approx(1)
    np.testing.assert_allclose(bands_of(taps), rhythm, atol=0.012)


def test_chance_repeats_itself_and_frames_stand_alone() -> None:
    again = wander(FALLING, 3, seed=5, frame=70, mark="weave")
    for frame in (0, 71, 69):
        wander(FALLING, 3, seed=5, frame=frame, mark="weave")
    np.testing.assert_array_equal(wander(FALLING, 3, seed=5, frame=70, mark="weave"), again)
    assert not np.allclose(wander(FALLING, 3, seed=6, frame=70, mark="weave"), again)
    assert not np.allclose(wander(FALLING, 3, seed=5, frame=70, mark="breath"), again)


def test_what_wanders_has_unit_variance() -> None:
    drawn = np.array([wander(PEAKED, 8, seed=1, frame=frame, mark="breath") for frame in range(80)])
    assert drawn.std() == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize("rhythm", [WHITE, FALLING, PEAKED])
def test_a_course_is_measured_as_it_was_drawn_below_noise_and_a_pan(rhythm: Bands) -> None:
    course = course_of([wandering(rhythm, 240, seed, noise=0.5) for seed in range(6)], floor=0.05)
    assert course.deviation == pytest.approx(1, rel=0.15)
    assert np.abs(np.array(course.rhythm) - rhythm).sum() < 0.3
    assert course.confidence > 0.85


def test_the_confidence_is_about_the_error() -> None:
    errors, doubts = [], []
    for seed in range(40):
        course = course_of([wandering(WHITE, 60, seed)], floor=0.05)
        errors.append(course.deviation - 1)
        doubts.append(1 - course.confidence)
    assert 0.5 < np.std(errors) / np.mean(doubts) < 2


def test_noise_alone_and_a_steady_pan_are_none() -> None:
    rng = np.random.default_rng(0)
    pan = [tuple(0.8 + 0.02 * rng.standard_normal((2, 60)))]
    course = course_of(pan, floor=0.05)
    assert (course.deviation, course.confidence) == (0.0, 1.0)


def test_a_slow_path_is_left_out_where_it_is_asked() -> None:
    rng = np.random.default_rng(0)
    path = np.cumsum(np.convolve(rng.standard_normal(140), np.hanning(12), "valid"))
    steps = [(np.diff(path), np.diff(path))]
    course = course_of(steps, floor=0.01, least_upper_share=0.15)
    assert (course.deviation, course.confidence) == (0.0, 0.0)


def test_too_little_is_not_known() -> None:
    assert course_of([(np.zeros(4), np.zeros(4))], floor=0.1).confidence == 0
