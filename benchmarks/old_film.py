"""An old-film process with known parameters: the hidden truth that training never sees in pairs.

Deterministic part: orthochromatic luma, S-curve, split sepia tone, 18 % of the colour left, halation, softness, vignette.
Chance part: grain, flicker, gate weave, dust and scratches.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Clip = NDArray[np.float32]

ORTHOCHROMATIC = np.array([0.10, 0.52, 0.38], np.float32)
COLOUR_LEFT = 0.18
SHADOW_TONE = np.array([1.06, 0.98, 0.90], np.float32)
LIGHT_TONE = np.array([1.02, 1.00, 0.93], np.float32)
BLACK, WHITE = 0.05, 0.93
HALATION = 0.18
SOFTNESS_PX = 0.9
VIGNETTE = 0.22
GRAIN = 0.035
GRAIN_PX = 0.6
FLICKER = 0.03
WEAVE_PX = 0.6
DUST_PER_FRAME = 12


def develop(clip: Clip) -> Clip:
    """Apply the deterministic part to a clip `[t h w 3]`, 0..1."""
    return np.stack([_develop_frame(frame) for frame in clip])


def wear(clip: Clip, seed: int) -> Clip:
    """Apply the chance part to a developed clip `[t h w 3]`."""
    rng = np.random.default_rng(seed)
    exposure, frames = 0.0, []
    for frame in clip:
        exposure = 0.5 * exposure + FLICKER * rng.standard_normal()
        frames.append(_wear_frame(frame, exposure, rng))
    return np.stack(frames)


def _develop_frame(frame: NDArray[np.float32]) -> NDArray[np.float32]:
    height, width = frame.shape[:2]
    luma = frame @ ORTHOCHROMATIC
    curve = luma * luma * (3 - 2 * luma)
    tone = BLACK + (WHITE - BLACK) * (0.4 * luma + 0.6 * curve)
    tint = SHADOW_TONE + (LIGHT_TONE - SHADOW_TONE) * tone[..., None]
    picture = tone[..., None] * tint + COLOUR_LEFT * (frame - luma[..., None])
    glow = cv2.GaussianBlur(np.maximum(picture - 0.6, 0), (0, 0), 6)
    picture = picture + HALATION * glow * np.array([1.0, 0.7, 0.4], np.float32)
    picture = cv2.GaussianBlur(picture, (0, 0), SOFTNESS_PX)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    radius = ((x / width - 0.5) ** 2 + (y / height - 0.5) ** 2) / 0.5
    return np.asarray((picture * (1 - VIGNETTE * radius)[..., None]).clip(0, 1), np.float32)


def _wear_frame(frame: NDArray[np.float32], exposure: float, rng: np.random.Generator) -> NDArray[np.float32]:
    height, width = frame.shape[:2]
    shift = np.float64([[1, 0, rng.normal(0, WEAVE_PX)], [0, 1, rng.normal(0, WEAVE_PX)]])
    frame = cv2.warpAffine(frame, shift, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    frame = frame * np.float32(np.exp(exposure))
    grain = cv2.GaussianBlur(rng.standard_normal((height, width)).astype(np.float32), (0, 0), GRAIN_PX)
    luma = frame.mean(axis=2)
    frame = frame + (GRAIN * grain / grain.std() * (0.4 + 2.4 * luma * (1 - luma)))[..., None]
    for _ in range(rng.poisson(DUST_PER_FRAME)):
        centre = (int(rng.integers(width)), int(rng.integers(height)))
        tone = 0.85 if rng.uniform() < 0.5 else 0.08
        cv2.ellipse(frame, centre, (int(rng.integers(1, 4)), int(rng.integers(1, 3))), float(rng.uniform(0, 180)), 0, 360,
                    (tone,) * 3, -1, cv2.LINE_AA)  # fmt: skip
    if rng.uniform() < 0.5:
        column = int(rng.integers(width))
        frame[:, column : column + 1] += np.float32(0.08)
    return np.asarray(frame.clip(0, 1), np.float32)
