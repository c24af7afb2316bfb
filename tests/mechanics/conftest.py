"""Painted footage without any mark of film: a scene that the camera pans over, with things that move by themselves."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

Film = NDArray[np.float32]
PaintScene = Callable[..., Film]


def paint(seed: int = 0, *, num_frames: int = 24, size: tuple[int, int] = (240, 320), pan_px: float = 0.4) -> Film:
    """Paint `[t h w 3]`, 0..1: smooth clouds of colour, hard-edged shapes, and two discs that cross the frame."""
    rng = np.random.default_rng(seed)
    height, width = size
    wide = (height + 80, width + 80)
    clouds = cv2.GaussianBlur(rng.random((*wide, 3)).astype(np.float32), (0, 0), 18)
    clouds = 0.15 + 0.7 * (clouds - clouds.min()) / np.ptp(clouds)
    for _ in range(40):
        centre = (int(rng.integers(wide[1])), int(rng.integers(wide[0])))
        axes = (int(rng.integers(4, 40)), int(rng.integers(4, 40)))
        colour = (0.1 + 0.8 * rng.random(3)).tolist()
        cv2.ellipse(clouds, centre, axes, float(rng.uniform(0, 180)), 0, 360, colour, -1, cv2.LINE_AA)
    clouds = cv2.GaussianBlur(clouds, (0, 0), 0.7)
    starts, speeds = rng.uniform(0.2, 0.8, (2, 2)) * (width, height), rng.uniform(-2, 2, (2, 2))
    frames = []
    for t in range(num_frames):
        shift = np.array([[1, 0, -40 + pan_px * (t - num_frames / 2)], [0, 1, -40]])
        frame = cv2.warpAffine(
            clouds, shift, (width, height), flags=cv2.INTER_LANCZOS4, borderMode=cv2.BORDER_REPLICATE
        )
        for start, speed in zip(starts, speeds, strict=True):
            place = np.rint((start + speed * t) * 16).astype(int).tolist()
            cv2.circle(frame, place, 18 * 16, (0.75, 0.6, 0.4), -1, cv2.LINE_AA, shift=4)
        frames.append(frame)
    return np.clip(np.stack(frames), 0, 1)


@pytest.fixture
def paint_scene() -> PaintScene:
    return paint
