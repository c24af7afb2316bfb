"""Cranking: painted footage is held at a pace, and the pace is told back."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from relook.mechanics.cranking import held_frame, measure_cranking
from relook.mechanics.reel import Run
from relook.recipe.mechanics import Cranking

Film = NDArray[np.float32]
PaintScene = Callable[..., Film]


def coded(film: Film, quality: int = 85) -> Film:
    codes = np.rint(np.clip(film, 0, 1) * 255).astype(np.uint8)
    return np.stack([coded_frame(frame, quality) for frame in codes]).astype(np.float32) / 255


def coded_frame(frame: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    packet = cv2.imencode(".jpg", frame, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return cv2.imdecode(packet, cv2.IMREAD_COLOR)


def held(film: Film, share: float) -> Film:
    cranking = Cranking(held_share=share)
    return np.stack([film[held_frame(cranking, frame)] for frame in range(len(film))])


def test_every_third_frame_is_held() -> None:
    cranking = Cranking(held_share=1 / 3)
    assert [held_frame(cranking, frame) for frame in range(9)] == [0, 1, 1, 3, 4, 4, 6, 7, 7]


@settings(max_examples=30)
@given(share=st.floats(0, 0.9))
def test_so_many_frames_are_held(share: float) -> None:
    cranking = Cranking(held_share=share)
    shown = [held_frame(cranking, frame) for frame in range(1001)]
    assert all(0 <= number <= frame for frame, number in enumerate(shown))
    assert abs(np.mean(np.diff(shown) == 0) - share) <= 0.002


def test_without_cranking_every_frame_shows_itself() -> None:
    assert [held_frame(Cranking(), frame) for frame in range(100)] == list(range(100))


@pytest.mark.parametrize("share", [1 / 5, 1 / 4, 1 / 3, 1 / 2, 2 / 3])
@pytest.mark.parametrize("grain", [0.0, 0.03])
def test_the_pace_is_told_through_the_coding(paint_scene: PaintScene, share: float, grain: float) -> None:
    film = paint_scene(3, num_frames=30, size=(160, 224))
    film = film + grain * np.random.default_rng(1).standard_normal(film.shape).astype(np.float32)
    found = measure_cranking([Run(coded(held(film, share)))], Fraction(24))
    assert found.held_share == pytest.approx(share, rel=0.05)
    assert found.exposures_per_second == pytest.approx(24 * (1 - share), rel=0.05)
    assert found.confidence["held_share"] > 0.8


def test_a_telecine_of_fields_is_told(paint_scene: PaintScene) -> None:
    film = paint_scene(5, num_frames=32, size=(160, 224))
    fields = [number for number in range(32) for _ in range(2 + number % 2)]
    frames = np.stack([film[fields[2 * n]] for n in range(len(fields) // 2)])
    frames[:, 1::2] = np.stack([film[fields[2 * n + 1]][1::2] for n in range(len(frames))])
    found = measure_cranking([Run(frames)], Fraction(30000, 1001))
    assert found.held_share == pytest.approx(0.2, rel=0.05)
    assert found.confidence["held_share"] > 0.5


def test_clean_footage_holds_nothing(paint_scene: PaintScene) -> None:
    found = measure_cranking([Run(coded(paint_scene(4, num_frames=30)))], Fraction(25))
    assert (found.held_share, found.exposures_per_second) == (0, 25)
    assert min(found.confidence.values()) > 0.9


def test_breathing_light_hides_no_held_frame(paint_scene: PaintScene) -> None:
    film = held(paint_scene(6, num_frames=30, size=(160, 224)), 1 / 4)
    light = np.exp(0.05 * np.random.default_rng(2).standard_normal((30, 1, 1, 1))).astype(np.float32)
    assert measure_cranking([Run(film * light * 0.8)], Fraction(24)).held_share == pytest.approx(1 / 4, rel=0.05)


def test_a_still_scene_tells_nothing(paint_scene: PaintScene) -> None:
    still = paint_scene(0, num_frames=1)
    found = measure_cranking([Run(np.repeat(still, 40, axis=0))], Fraction(24))
    assert found == Cranking(confidence={"exposures_per_second": 0.0, "held_share": 0.0})


def test_what_stands_still_for_a_while_is_not_held(paint_scene: PaintScene) -> None:
    film = paint_scene(1, num_frames=40, size=(160, 224))
    film[12:26] = film[12]
    found = measure_cranking([Run(film)], Fraction(24))
    assert found.held_share == 0
    assert found.confidence["held_share"] > 0.8
