"""Measures that need no learning, on painted pictures whose faults are known."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from relook.check.frames import (
    FrameFigures,
    black_share,
    clipped_share,
    deviation,
    flicker,
    frame_figures,
    frozen_share,
)
from relook.check.limits import LIMITS, Limit
from relook.check.picture import likeness, plane, steadiness
from relook.check.seams import seam_steps, seam_strength

Plane = npt.NDArray[np.float32]
Painter = Callable[[int, int], Tensor]


@pytest.fixture(scope="module")
def scene(paint: Painter) -> list[Plane]:
    return [plane(frame) for frame in paint(500, 6)]


def looked(picture: Plane, *, grain: float = 0.02, seed: int = 0) -> Plane:
    """Put a picture through another tone curve, softness and grain, as a look would."""
    noise = np.random.default_rng(seed).normal(0, grain, picture.shape)
    soft = cv2.GaussianBlur(0.9 * picture**1.4 + 0.05, (0, 0), 0.8)
    return np.clip(soft + noise, 0, 1).astype(np.float32)


def bent(picture: Plane, amount: float) -> Plane:
    rows, columns = np.indices(picture.shape, dtype=np.float32)
    across, down = columns + amount * np.sin(rows / 17), rows + amount * np.sin(columns / 23)
    return cv2.remap(picture, across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)


def test_a_look_keeps_structure_and_geometry(scene: list[Plane]) -> None:
    same = likeness(scene[0], looked(scene[0]))
    assert same.content > 0.9 and same.drift_px < 1.0
    assert LIMITS["content"].band(same.content) == LIMITS["drift_px"].band(same.drift_px) == "pass"


def test_gate_weave_is_neither_drift_nor_lost_content(scene: list[Plane]) -> None:
    woven = likeness(scene[0], np.roll(looked(scene[0]), (2, 1), (0, 1)))
    assert woven.content > 0.85 and woven.drift_px < 1.0


@pytest.mark.parametrize("amount", [2.5, 4.0])
def test_bent_edges_are_measured(scene: list[Plane], amount: float) -> None:
    assert 0.7 * amount < likeness(scene[0], bent(looked(scene[0]), amount)).drift_px < 2.2 * amount


def test_other_content_is_lost_content(scene: list[Plane], paint: Painter) -> None:
    other = plane(paint(501, 1)[0])
    for wrong in (other, 1 - scene[0], np.full_like(scene[0], 0.5)):
        assert LIMITS["content"].band(likeness(scene[0], wrong).content) == "fail"


def test_steadiness_is_one_for_the_source_itself_and_rises_when_the_picture_boils(scene: list[Plane]) -> None:
    pair = (scene[0], scene[1])
    assert steadiness(pair, pair).ratio == 1
    steady = steadiness(pair, (looked(pair[0], grain=0), looked(pair[1], grain=0)))
    boiling = steadiness(pair, (looked(pair[0], seed=1, grain=0.06), looked(pair[1], seed=2, grain=0.06)))
    assert steady.ratio < 1.3 < 2 < boiling.ratio


def strength(sources: list[Plane], films: list[Plane]) -> float:
    return seam_strength([seam_steps(source, film) for source, film in zip(sources, films, strict=True)])


def test_good_frames_with_scratches_and_static_edges_have_no_seam(scene: list[Plane]) -> None:
    static = [scene[0]] * 4
    films = [looked(picture, seed=k) for k, picture in enumerate(static)]
    for k, film in enumerate(films):
        film[:, 31 + 23 * k] += 0.2
    assert strength(static, films) < LIMITS["seam"].review


@pytest.mark.parametrize("direction", [0, 1])
def test_a_step_of_four_levels_in_half_the_frame_is_a_seam(scene: list[Plane], direction: int) -> None:
    films = [looked(picture, grain=0.01, seed=k) for k, picture in enumerate(scene[:4])]
    for film in films:
        half = film[64:] if direction else film[:, 80:]
        half += 0.05
    assert strength(scene[:4], films) > LIMITS["seam"].fail


def figures(brightness: list[float], *, change: float = 0.02) -> list[FrameFigures]:
    return [FrameFigures(value, value, 0.0, 0.0, change if k else 1.0, True) for k, value in enumerate(brightness)]


def test_flicker_is_what_the_source_does_not_explain() -> None:
    source = figures([0.3, 0.35, 0.3, 0.4, 0.3, 0.2])
    twice = figures([0.3, 0.35, 0.3, 0.4, 0.3, 0.2])
    assert deviation(flicker(twice, source)) < 1e-3
    jumping = figures([0.3, 0.45, 0.3, 0.5, 0.3, 0.4])
    assert deviation(flicker(jumping, figures([0.3] * 6))) > 0.2
    assert flicker(figures([0.3]), None).size == 0 and deviation(flicker(figures([0.3]), None)) == 0


def test_held_frames_count_only_where_the_source_moves() -> None:
    film = figures([0.3] * 5, change=0.0)
    assert frozen_share(film, figures([0.3] * 5, change=0.02)) == 1
    assert frozen_share(film, figures([0.3] * 5, change=0.0)) == 0
    assert frozen_share(film, None) == 0
    assert frozen_share(film, figures([0.3] * 5, change=0.02), 0.5) == 0.05, "a dial at 2 is a matter of review"
    assert frozen_share(film, figures([0.3] * 5, change=0.02), 0.2) == 0.75
    assert frozen_share(film, figures([0.3] * 5, change=0.02), 0.8) == 0


def test_black_frames_count_where_a_picture_was_meant() -> None:
    film = figures([0.3, 0.0, 0.0, 0.3, 0.0])
    assert black_share(film, figures([0.3] * 5)) == pytest.approx(3 / 5)
    assert black_share(film, None) == pytest.approx(2 / 5), "the fade at the end is no fault"
    assert black_share(film, figures([0.0] * 5)) == 0 == black_share(figures([0.0] * 5), None)


def test_clipping_is_excused_by_the_source_and_by_the_style() -> None:
    white = frame_figures(np.concatenate([np.ones((50, 80)), np.full((50, 80), 0.4)]).astype(np.float32), None)
    assert clipped_share([white], None, (0.0, 0.0)) == pytest.approx(0.5)
    assert clipped_share([white], [white], (0.0, 0.0)) == 0
    assert clipped_share([white], None, (0.0, 0.45)) == pytest.approx(0.05)


def test_values_that_are_not_finite_are_seen_and_harm_nothing() -> None:
    picture = np.full((40, 40), 0.5, np.float32)
    picture[3, 4] = np.nan
    broken = frame_figures(picture, None)
    assert not broken.is_finite and broken.brightness == 0
    assert not frame_figures(np.full((40, 40), np.inf, np.float32), None).is_finite


@settings(max_examples=25)
@given(
    st.integers(0, 2**32 - 1), st.integers(16, 90), st.integers(16, 90), st.sampled_from(["noise", "black", "white"])
)
def test_every_measure_is_finite_for_any_picture(seed: int, height: int, width: int, kind: str) -> None:
    random = np.random.default_rng(seed)
    first, second = (random.random((height, width), dtype=np.float32) for _ in range(2))
    source = {"noise": first, "black": first * 0, "white": first * 0 + 1}[kind]
    like = likeness(source, second)
    steady = steadiness((source, second), (second, source))
    values = [like.content, like.drift_px, steady.ratio, strength([source], [second])]
    assert np.isfinite(values).all() and -1.001 <= like.content <= 1.001 and like.drift_px >= 0


def test_bands() -> None:
    high, low = Limit(1.0, 2.0), Limit(0.8, 0.6, higher_is_worse=False)
    assert [high.band(v) for v in (0.5, 1.0, 1.5, 2.5)] == ["pass", "pass", "review", "fail"]
    assert [low.band(v) for v in (0.9, 0.8, 0.7, 0.5)] == ["pass", "pass", "review", "fail"]
    for name, limit in LIMITS.items():
        assert (limit.fail >= limit.review) == limit.higher_is_worse or limit.fail == limit.review, name


def test_planes_are_luma() -> None:
    green = torch.zeros(3, 4, 4)
    green[1] = 1
    assert plane(green) == pytest.approx(np.full((4, 4), 0.7152))
