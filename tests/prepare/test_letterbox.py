"""Borders painted around a picture are found again; dark scenes are left alone."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relook.prepare.letterbox import BorderSurvey, Box

Luma = npt.NDArray[np.uint8]


def texture(height: int, width: int, seed: int) -> Luma:
    """Return a picture without borders: broad patches with noise over them, between 100 and 230."""
    random = np.random.default_rng(seed)
    patches = random.uniform(125, 210, (height // 16 + 1, width // 16 + 1)).repeat(16, 0).repeat(16, 1)[:height, :width]
    return np.clip(patches + random.normal(0, 6, (height, width)), 100, 230).astype(np.uint8)


def find(frames: list[Luma]) -> Box:
    survey = BorderSurvey()
    for frame in frames:
        survey.add(frame)
    return survey.find()


@given(
    bars=st.tuples(st.integers(0, 40), st.integers(0, 40), st.integers(0, 40), st.integers(0, 40)),
    level=st.integers(0, 20),
    seed=st.integers(0, 1000),
)
@settings(max_examples=40)
def test_bars_are_found_exactly(bars: tuple[int, int, int, int], level: int, seed: int) -> None:
    top, left, bottom, right = bars
    noise = np.random.default_rng(seed)
    frames = []
    for k in range(6):
        frame = noise.integers(level, level + 4, (180, 240)).astype(np.uint8)
        frame[top : 180 - bottom, left : 240 - right] = texture(180, 240, seed + k)[
            : 180 - top - bottom, : 240 - left - right
        ]
        frames.append(frame)
    assert find(frames) == Box(top, left, 180 - bottom, 240 - right)


def test_text_inside_a_bar_does_not_hide_it() -> None:
    frames = []
    for k in range(10):
        frame = np.zeros((180, 240), np.uint8)
        frame[20:140] = texture(120, 240, k)
        frame[150:160, 110 : 118 + k % 3] = 255
        frames.append(frame)
    assert find(frames) == Box(20, 0, 140, 240)


def test_bars_of_some_shots_only_stay() -> None:
    """A film whose formats change is cropped by what is dark in all of it."""
    wide = [np.pad(texture(120, 240, k), ((30, 30), (0, 0))) for k in range(8)]
    full = [texture(180, 240, k) for k in range(2)]
    assert find(wide + full) == Box(0, 0, 180, 240)


@pytest.mark.parametrize("light", ["none", "centre", "lower half"])
def test_dark_scene_is_not_cropped(light: str) -> None:
    random = np.random.default_rng(1)
    rows, columns = np.mgrid[-1:1:180j, -1:1:240j]
    glow = {"none": 0 * rows, "centre": 150 * np.exp(-4 * (rows**2 + columns**2)), "lower half": 90 * (rows + 1)}[light]
    frames = [np.clip(12 + glow + random.normal(0, 3, (180, 240)), 0, 255).astype(np.uint8) for _ in range(8)]
    box = find(frames)
    assert box.height >= 180 - 16 and box.width >= 240 - 16


def test_bright_figure_before_a_dark_ground_is_not_cropped_to() -> None:
    frame = np.random.default_rng(0).integers(8, 14, (180, 240)).astype(np.uint8)
    frame[100:, 60:150] = texture(80, 90, 0)
    assert find([frame]) == Box(0, 0, 180, 240)


def test_dark_wall_above_a_dark_floor_is_not_cropped() -> None:
    frames = [np.random.default_rng(k).integers(4, 9, (180, 240)).astype(np.uint8) for k in range(4)]
    for frame in frames:
        frame[90:] += 14
        frame[140:150, 100:110] = 200
    assert find(frames) == Box(0, 0, 180, 240)


def test_soft_edge_of_a_scan_is_taken_off() -> None:
    frames = []
    for k in range(8):
        frame = texture(180, 240, k).astype(np.float32)
        frame[:, :5] *= np.array([0.02, 0.02, 0.05, 0.3, 0.7])
        frame[-2:] *= 0.4
        frames.append(frame.astype(np.uint8))
    assert find(frames) == Box(0, 5, 178, 240)


def test_rounded_corner_is_taken_off() -> None:
    rows, columns = np.mgrid[:180, :240]
    outside = (rows < 12) & (columns < 12) & ((rows - 12) ** 2 + (columns - 12) ** 2 > 144)
    frames = [np.where(outside, 2, texture(180, 240, k)).astype(np.uint8) for k in range(30)]
    box = find(frames)
    assert 2 <= box.top == box.left <= 6
    assert (box.bottom, box.right) == (180, 240)


def test_single_black_frame_has_no_borders() -> None:
    assert find([np.zeros((96, 128), np.uint8)]) == Box(0, 0, 96, 128)
