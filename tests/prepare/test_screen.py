"""Unusable frames planted in a shot are dropped for the right reason, and only those."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relook.corpus import Reason
from relook.prepare.screen import FrameMeter, screen_shots

Luma = npt.NDArray[np.uint8]


def moving_shot(num_frames: int, *, seed: int = 0, grain: float = 3, softness: float = 0.8) -> list[Luma]:
    """Return frames `[144 192]` of a patterned scene under a moving camera, with fresh grain."""
    random = np.random.default_rng(seed)
    scene = cv2.GaussianBlur(random.uniform(0, 255, (160, 400)).astype(np.float32), (0, 0), 3)
    scene = (scene - scene.mean()) / scene.std() * 45 + 120
    scene[40:80, ::40] += 60
    scene = cv2.GaussianBlur(scene, (0, 0), softness)
    frames = [scene[8:152, 2 * k : 2 * k + 192] + random.normal(0, grain, (144, 192)) for k in range(num_frames)]
    return [np.clip(frame, 0, 255).astype(np.uint8) for frame in frames]


def screen(*shots: list[Luma]) -> list[list[Reason | None]]:
    meter = FrameMeter()
    return screen_shots([[meter.measure(frame) for frame in shot] for shot in shots])


def black(frame: Luma) -> Luma:
    return (frame // 20).astype(np.uint8)


def grey(frame: Luma) -> Luma:
    return np.full_like(frame, 128)


def blurred(frame: Luma) -> Luma:
    return cv2.GaussianBlur(frame, (0, 0), 5).astype(np.uint8)


@given(
    planted=st.dictionaries(st.integers(1, 38), st.sampled_from(["black", "single_colour", "blurred"]), max_size=6),
    repeated=st.sets(st.integers(1, 38), max_size=6),
    seed=st.integers(0, 100),
)
@settings(max_examples=25)
def test_planted_frames_are_dropped_and_only_those(planted: dict[int, Reason], repeated: set[int], seed: int) -> None:
    spoil: dict[Reason, Callable[[Luma], Luma]] = {"black": black, "single_colour": grey, "blurred": blurred}
    frames = moving_shot(40, seed=seed)
    expected: list[Reason | None] = [None] * 40
    for k in sorted(repeated):
        frames[k] = frames[k - 1]
        expected[k] = "duplicate"
    for k, reason in planted.items():
        frames[k] = spoil[reason](frames[k])
        expected[k] = reason
    for k in repeated:
        if k - 1 in planted and k not in planted:
            expected[k] = None
    assert screen(frames) == [expected]


def test_repeat_survives_compression_noise_but_a_still_camera_does_not_count() -> None:
    """A repeat among moving frames differs a little; a scene at rest differs as little all along and is kept."""
    random = np.random.default_rng(0)
    frames = moving_shot(30)
    for k in range(4, 28, 4):
        frames[k] = np.clip(frames[k - 1] + random.normal(0, 1.5, (144, 192)), 0, 255).astype(np.uint8)
    assert screen(frames) == [["duplicate" if k in range(4, 28, 4) else None for k in range(30)]]
    at_rest = [np.clip(frames[0] + random.normal(0, 2, (144, 192)), 0, 255).astype(np.uint8) for _ in range(30)]
    assert screen(at_rest) == [[None] * 30]


def test_soft_film_is_not_blurred() -> None:
    """What is soft all along is the look of that film, also beside a sharper shot."""
    assert screen(moving_shot(20, softness=3), moving_shot(40, seed=1)) == [[None] * 20, [None] * 40]


def test_shot_out_of_focus_all_along_is_dropped_from_a_sharp_film() -> None:
    lost = [blurred(blurred(frame)) for frame in moving_shot(12)]
    sharp = moving_shot(40, seed=1, grain=6)
    assert screen(lost, sharp) == [["blurred"] * 12, [None] * 40]


def test_fade_keeps_what_can_be_seen() -> None:
    frames = [(frame * (k / 19)).astype(np.uint8) for k, frame in enumerate(moving_shot(20))]
    reasons = screen(frames)[0]
    assert reasons[:2] == ["black", "black"] and set(reasons[4:]) == {None}


def card(lines: list[str], scale: float, *, grain: float, seed: int) -> Luma:
    """Return one frame `[240 320]` of a title card: light serifs on a dark ground, as an old projector shows it."""
    random = np.random.default_rng(seed)
    frame = np.full((240, 320), 18, np.uint8)
    for row, line in enumerate(lines):
        (width, _), _ = cv2.getTextSize(line, cv2.FONT_HERSHEY_COMPLEX, scale, 1)
        place = ((320 - width) // 2 + seed % 2, 240 * (row + 2) // (len(lines) + 2))
        cv2.putText(frame, line, place, cv2.FONT_HERSHEY_COMPLEX, scale, 225, 1, cv2.LINE_AA)
    frame = cv2.GaussianBlur(frame, (0, 0), 0.8)
    return np.clip(frame * random.uniform(0.95, 1.05) + random.normal(0, grain, frame.shape), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("lines", [["Meanwhile, in town,", "nobody suspects", "anything at all."], ["THE END"]])
def test_title_cards_are_dropped(lines: list[str]) -> None:
    frames = [card(lines, 0.7 if len(lines) > 1 else 1.6, grain=5, seed=k) for k in range(20)]
    assert screen(frames) == [["title"] * 20]


def test_lettering_beside_a_figure_is_no_title() -> None:
    frames = [card(["The End of the Road", "and of the story"], 0.7, grain=5, seed=k) for k in range(15)]
    rows, columns = np.mgrid[:240, :320]
    figure = 60 * np.clip(1.5 - np.hypot((rows - 190) / 50, (columns - 160) / 70), 0, 1)
    assert screen([np.maximum(frame, figure).astype(np.uint8) for frame in frames]) == [[None] * 15]


def test_lights_at_night_are_no_title() -> None:
    """Windows at night are light marks on a dark ground too, but neither thin enough nor without tones between."""
    random = np.random.default_rng(0)
    facade = np.full((240, 320), 22, np.float32)
    for top in range(20, 220, 24):
        for left in range(16, 300, 20):
            facade[top : top + 14, left : left + 10] = random.uniform(30, 230)
    frames = [np.clip(facade + random.normal(0, 4, facade.shape), 0, 255).astype(np.uint8) for _ in range(15)]
    assert screen(frames) == [[None] * 15]
