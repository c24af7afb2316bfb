from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relook.mechanics.reel import Run, moved, whole_move

SIZE = (360, 480)


def texture(seed: int, sigma: float = 6.0) -> Any:
    rough = np.random.default_rng(seed).random((SIZE[0] + 80, SIZE[1] + 80)).astype(np.float32)
    soft = cv2.GaussianBlur(rough, (0, 0), sigma)
    return 0.1 + 0.8 * (soft - soft.min()) / np.ptp(soft)


def waves(seed: int, move: Any) -> Any:
    """Paint a sum of waves that has been moved: exact, whatever OpenCV's interpolation is worth."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0 : SIZE[0], 0 : SIZE[1]].astype(np.float32)
    x, y = x - (SIZE[1] - 1) / 2 - move[0], y - (SIZE[0] - 1) / 2 - move[1]
    x, y = np.cos(move[2]) * x + np.sin(move[2]) * y, np.cos(move[2]) * y - np.sin(move[2]) * x
    total = np.zeros(SIZE, np.float32)
    for across, down, phase in zip(*rng.uniform(-0.4, 0.4, (2, 24)), rng.uniform(0, 6, 24), strict=True):
        total += np.sin(np.float32(across) * x + np.float32(down) * y + np.float32(phase))
    return 0.5 + 0.05 * total


def two_frames(seed: int, move: Any, noise: float) -> tuple[Any, Any]:
    """Paint waves before and after a move, with flicker, a disc that moves by itself, dust and grain."""
    rng = np.random.default_rng(seed)
    before, after = waves(seed, np.zeros(3)), waves(seed, move) * 1.06 - 0.02
    cv2.circle(before, (150, 180), 45, 0.7, -1, cv2.LINE_AA)
    cv2.circle(after, (156, 176), 45, 0.7, -1, cv2.LINE_AA)
    for _ in range(20):
        cv2.circle(after, (int(rng.integers(SIZE[1])), int(rng.integers(SIZE[0]))), 3, 0.05, -1)
    noises = rng.normal(0, noise, (2, *SIZE)).astype(np.float32)
    return before + noises[0], after + noises[1]


@settings(max_examples=6)
@given(
    seed=st.integers(0, 1000),
    across=st.floats(-3, 3),
    down=st.floats(-3, 3),
    turn=st.floats(-0.006, 0.006),
    noise=st.sampled_from([0.0, 0.03]),
)
def test_the_move_painted_is_the_move_found(seed: int, across: float, down: float, turn: float, noise: float) -> None:
    found = whole_move(*two_frames(seed, np.array([across, down, turn]), noise))
    np.testing.assert_allclose(found[:2], (across, down), atol=0.02)
    assert found[2] == pytest.approx(turn, abs=1e-4)


@pytest.mark.parametrize("shift", [0.5, 14.0])
def test_heavy_grain_and_large_moves_hardly_matter(shift: float) -> None:
    found = whole_move(*two_frames(5, np.array([shift, -0.5, 0.0]), 0.05))
    np.testing.assert_allclose(found[:2], (shift, -0.5), atol=0.06)


@pytest.mark.parametrize("move", [(0.1, 0.2, 0.0), (0.25, -0.7, 0.0003), (3.4, 5.1, 0.001)])
def test_a_picture_is_moved_by_as_much_as_asked(move: tuple[float, float, float]) -> None:
    picture, truth = waves(7, np.zeros(3)), waves(7, np.array(move))
    laid = moved(picture, np.array(move))[20:-20, 20:-20]
    assert np.abs(laid - truth[20:-20, 20:-20]).std() < 2e-3
    across, down, turn = whole_move(picture, moved(picture, np.array(move)))
    np.testing.assert_allclose((across, down), move[:2], atol=5e-3)
    assert turn == pytest.approx(move[2], abs=3e-5)


@settings(max_examples=5)
@given(across=st.floats(-4, 4), down=st.floats(-4, 4), turn=st.floats(-0.01, 0.01))
def test_a_picture_moved_forth_and_back_is_the_same_inside(across: float, down: float, turn: float) -> None:
    picture, move = texture(1), np.array([across, down, turn])
    cosine, sine = np.cos(turn), np.sin(turn)
    back = -np.array([cosine * across + sine * down, cosine * down - sine * across, turn])
    again = moved(moved(picture, move), back)
    np.testing.assert_allclose(again[20:-20, 20:-20], picture[20:-20, 20:-20], atol=2e-3)


def test_a_larger_frame_is_measured_in_its_own_pixels() -> None:
    before = cv2.resize(texture(2)[40:-40, 40:-40], (960, 720), interpolation=cv2.INTER_CUBIC)
    after = moved(before, np.array([3.0, -2.0, 0.002]))
    np.testing.assert_allclose(whole_move(before, after), (3.0, -2.0, 0.002), atol=0.02)


def test_no_texture_is_no_move() -> None:
    flat = np.full(SIZE, 0.5, np.float32)
    assert np.abs(whole_move(flat, flat)).max() < 1e-6


def test_a_run_knows_its_moves_and_what_it_repeats(paint_scene: Callable[..., Any]) -> None:
    film = paint_scene(3, num_frames=8, pan_px=0.5)
    run = Run(np.concatenate((film[:4], film[3:4], film[4:])))
    np.testing.assert_allclose(run.moves[:, 0], [0.5, 0.5, 0.5, 0, 0.5, 0.5, 0.5, 0.5], atol=0.03)
    assert run.held.tolist() == [False, False, False, True, False, False, False, False]
    brought = run.brought(run.luma[0], 0, 3)
    still = slice(30, -30)
    assert np.median(np.abs(brought - run.luma[3])[still, still]) < 2e-3
