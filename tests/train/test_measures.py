"""Wear and grain: painted with known strength, found again."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from relook.nets.plates import draw_blotch
from relook.nets.texture import Texture
from relook.train.grain import grain_energies, grain_response
from relook.train.wear import jitter, measure_marks


def scene(seed: int = 0) -> NDArray[np.float32]:
    rng = np.random.default_rng(seed)
    coarse = rng.uniform(0.2, 0.8, (5, 7)).astype(np.float32)
    return cv2.resize(coarse, (256, 192), interpolation=cv2.INTER_CUBIC).clip(0.05, 0.95)


def test_a_clean_still_film_has_no_wear() -> None:
    marks = measure_marks([[scene()] * 12])
    assert marks.wear.dust_per_frame == (0, 0) and marks.wear.scratches_per_frame == 0
    assert marks.flicker_strength < 1e-3 and max(marks.wear.weave_px) < 0.02 and marks.blotch_strength < 1e-3


def test_flicker_is_measured() -> None:
    rng = np.random.default_rng(1)
    marks = measure_marks([[scene() * np.float32(np.exp(e)) for e in 0.03 * rng.standard_normal(24)]])
    assert marks.flicker_strength == pytest.approx(0.03, rel=0.35)


def test_weave_is_measured_and_not_taken_for_dust() -> None:
    rng = np.random.default_rng(2)
    textured = scene() + cv2.GaussianBlur(rng.normal(0, 0.3, (192, 256)).astype(np.float32), (0, 0), 2)
    frames = [
        cv2.warpAffine(
            textured,
            np.float64([[1, 0, x], [0, 1, y]]),
            (256, 192),
            flags=cv2.INTER_CUBIC,
            borderMode=cv2.BORDER_REFLECT,
        )
        for x, y in rng.normal(0, (0.6, 0.3), (24, 2))
    ]
    wear = measure_marks([frames]).wear
    assert 0.4 < wear.weave_px[0] < 0.9 and 0.2 < wear.weave_px[1] < 0.6
    assert sum(wear.dust_per_frame) < 4


def test_dust_is_counted_by_its_colour() -> None:
    rng = np.random.default_rng(3)
    frames = []
    for _ in range(24):
        frame = scene().copy()
        for _ in range(5):
            cv2.circle(frame, (int(rng.integers(10, 246)), int(rng.integers(10, 182))), 2, 1.0, -1)
        frames.append(frame)
    marks = measure_marks([frames])
    assert marks.wear.dust_per_frame[1] == pytest.approx(5, rel=0.3) and marks.wear.dust_per_frame[0] < 0.5
    assert marks.dust_strength[1] > 0.5


def test_jitter_about_a_moving_camera() -> None:
    rng = np.random.default_rng(4)
    path = np.cumsum(np.linspace(0, 3, 400)) + rng.normal(0, 0.5, 400)
    deviation, persistence = jitter(np.diff(path))
    assert deviation == pytest.approx(0.5, rel=0.2) and persistence < 0.25


def test_grain_is_given_back_with_its_energy() -> None:
    torch.manual_seed(0)
    luma = torch.from_numpy(scene())[None, None]
    wanted = [luma + 0.04 * torch.randn(2, 1, 192, 256) for _ in range(4)]
    energies = grain_energies(wanted, 8)
    texture = Texture(8).requires_grad_(False)
    texture.response.copy_(grain_response(energies, texture.filters))
    given = []
    for _ in range(4):
        fields = texture.grain_fields(torch.randn(2, 2, 192, 256))
        grain = torch.einsum("f,bfhw->bhw", texture.response[4, 0], fields)[:, None]
        given.append(luma + grain)
    assert grain_energies(given, 8)[2:6].sum(axis=1) == pytest.approx(energies[2:6].sum(axis=1), rel=0.25)


def test_what_moves_is_not_taken_for_grain() -> None:
    rng = np.random.default_rng(5)
    cloth = 0.5 + cv2.GaussianBlur(rng.normal(0, 0.5, (192, 300)).astype(np.float32), (0, 0), 2.5)
    wall = 0.5 + cv2.GaussianBlur(rng.normal(0, 0.5, (192, 156)).astype(np.float32), (0, 0), 2.5)
    still, moving = [], []
    for t in range(4):
        grain = rng.normal(0, 0.01, (2, 1, 192, 256)).astype(np.float32)
        shown = np.stack([np.concatenate((cloth[:, k : k + 100], wall), axis=1) for k in (3 * t, 3 * t + 3)])
        moving.append(torch.from_numpy(shown[:, None] + grain))
        still.append(torch.from_numpy(shown[:1, None] + grain))
    with_motion, without = (grain_energies(pairs, 8)[2:6].sum(axis=1) for pairs in (moving, still))
    assert with_motion == pytest.approx(without, rel=0.15)


def test_blotches_are_measured_and_grain_is_not_taken_for_them() -> None:
    rng = np.random.default_rng(6)
    bright = 0.4 + 0.5 * scene()
    grainy = [[bright + rng.normal(0, 0.04, bright.shape).astype(np.float32) for _ in range(12)]]
    assert measure_marks(grainy).blotch_strength < 0.005
    blotched = [
        [bright * np.exp(0.03 * draw_blotch((192, 256), scale=1.0, seed=1, frame=t)[0, 0].numpy()) for t in range(12)]
    ]
    assert measure_marks(blotched).blotch_strength == pytest.approx(0.03, rel=0.4)
    assert measure_marks([[frame * 0.3 for frame in blotched[0]]]).blotch_strength == 0, "too dark to tell"
