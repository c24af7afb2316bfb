"""Vignette: laid over pictures that move, found again, whatever they show."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from relook.train.vignette import extra_vignette, falloff

HEIGHT, WIDTH = 240, 320
Pair = tuple[NDArray[np.float32], NDArray[np.float32]]


def panned(seed: int, corner: float, *, grain: float = 0.0, speed_px: float = 9.0) -> list[Pair]:
    """Pan over a wide painted world whose one half is darker, through a lens with a vignette."""
    rng = np.random.default_rng(seed)
    world = cv2.GaussianBlur(rng.normal(0, 1, (HEIGHT, 4 * WIDTH)).astype(np.float32), (0, 0), 3)
    world = 0.45 + 0.1 * world / world.std() + 0.1 * np.linspace(-1, 1, HEIGHT, dtype=np.float32)[:, None]
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    light = np.exp(corner * 2 * (((x + 0.5) / WIDTH - 0.5) ** 2 + ((y + 0.5) / HEIGHT - 0.5) ** 2))

    def frame(t: int) -> NDArray[np.float32]:
        left = round(100 + speed_px * t)
        flicker = np.exp(0.03 * rng.standard_normal())
        seen = world[:, left : left + WIDTH] * light * flicker + grain * rng.standard_normal((HEIGHT, WIDTH))
        return np.asarray(seen.clip(0, 1), np.float32)

    return [(frame(t), frame(t + gap)) for gap in (2, 4, 8) for t in range(0, 40, 10)]


@pytest.mark.parametrize("corner", [0.0, -0.2, -0.5])
@pytest.mark.parametrize("grain", [0.0, 0.03])
def test_a_vignette_is_measured(corner: float, grain: float) -> None:
    assert falloff(panned(1, corner, grain=grain)) == pytest.approx(corner, abs=0.06)


def test_a_still_camera_tells_nothing() -> None:
    assert falloff(panned(2, -0.4, speed_px=0.0)) is None
    assert falloff([]) is None


def test_what_the_style_has_beyond_the_source_is_believed_as_far_as_it_stands_out() -> None:
    source = [panned(seed, -0.1) for seed in range(4)]
    strong = extra_vignette(source, [panned(seed, -0.6) for seed in range(10, 14)])
    slight = extra_vignette(source, [panned(seed, -0.2) for seed in range(10, 14)])
    assert -0.5 < strong < -0.3
    assert -0.05 < slight <= 0
    assert extra_vignette(source, source) == pytest.approx(0, abs=1e-3)


def test_few_shots_or_brighter_corners_give_no_vignette() -> None:
    vignetted = [panned(seed, -0.6) for seed in range(4)]
    plain = [panned(seed, 0.0) for seed in range(4)]
    assert extra_vignette(plain, vignetted[:2]) == 0
    assert extra_vignette(vignetted, plain) == 0
