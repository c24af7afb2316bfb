"""Where the marks of a film fall: noise plates drawn for whole frames, each a pure function of a seed and a frame number."""

from __future__ import annotations

import math

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from relook.nets.texture import NUM_NOISES, Plates
from relook.recipe.wear import Wear

Image = NDArray[np.float32]

BLOTCH_PX = 16
SCRATCH_LIFE_FRAMES = 12
"""Mean life of a scratch."""
OVERSAMPLING = 16
"""cv2 draws at 1/16 px."""
_GRAIN, _DUST, _BLOTCH, _FLICKER, _WEAVE, _SCRATCH = range(6)


def draw_plates(size: tuple[int, int], wear: Wear, *, seed: int, frame: int, frame_height: int | None = None) -> Plates:
    """Draw the plates of one frame, or of a crop that stands for a whole frame.

    Args:
        size: rows and columns of the plates.
        wear: rates and sizes; sizes are in pixels of a frame `wear.reference_height` rows high.
        seed: of the shot.
        frame: number in the shot.
        frame_height: rows of the whole frame where `size` is a crop, so that rates suit its area.
    """
    height, width = size
    share = size[0] / (frame_height or height)
    return Plates(
        grain=torch.randn(1, NUM_NOISES, height, width, generator=_torch_generator(seed, frame, _GRAIN)),
        dust=torch.from_numpy(draw_dust(size, wear, share=share, seed=seed, frame=frame))[None],
        scratch=torch.from_numpy(draw_scratches(size, wear, share=share, seed=seed, frame=frame))[None, None],
        blotch=draw_blotch(size, scale=(frame_height or height) / wear.reference_height, seed=seed, frame=frame),
        flicker=torch.tensor([drift(1, wear.flicker_persistence, seed=seed, frame=frame, kind=_FLICKER)[0]]),
    )


def weave(wear: Wear, *, seed: int, frame: int) -> tuple[float, float]:
    """Return the gate weave of a frame, across and down, in pixels of a frame `wear.reference_height` rows high."""
    across, down = drift(2, wear.weave_persistence, seed=seed, frame=frame, kind=_WEAVE)
    return wear.weave_px[0] * across, wear.weave_px[1] * down


def drift(num: int, persistence: float, *, seed: int, frame: int, kind: int) -> list[float]:
    """Return `num` values of unit variance that drift from frame to frame (AR(1)), held within 2.5 deviations.

    The value of a frame is a sum over its past, so that rendering may start anywhere.
    """
    memory = 1 if persistence < 0.01 else math.ceil(math.log(1e-3) / math.log(min(persistence, 0.98)))
    weights = persistence ** np.arange(memory)
    past = np.stack([_rng(seed, frame - back, kind).standard_normal(num) for back in range(memory)])
    values = (weights @ past) / np.sqrt((weights**2).sum())
    return [float(value) for value in np.clip(values, -2.5, 2.5)]


def draw_dust(size: tuple[int, int], wear: Wear, *, share: float, seed: int, frame: int) -> Image:
    """Draw dark and bright specks and a rare hair; `[2 h w]`, opacity 0..1. `share`: of the frame's height that `size` is."""
    rng = _rng(seed, frame, _DUST)
    plates = np.zeros((2, *size), np.float32)
    scale = max(size[0] / share / wear.reference_height, 0.25)
    for plate, rate in zip(plates, wear.dust_per_frame, strict=True):
        for _ in range(rng.poisson(rate * share**2)):
            centre = rng.uniform(0, 1, 2) * (size[1], size[0])
            radius = wear.dust_radius_px * scale * math.exp(0.5 * rng.standard_normal())
            opacity = float(rng.uniform(0.15, 1.0) ** 1.7)
            if rng.uniform() < 0.04:
                _draw_hair(plate, centre, length=radius * 12, scale=scale, opacity=opacity, rng=rng)
            else:
                _draw_speck(plate, centre, radius=radius, opacity=opacity, rng=rng)
    soft = 0.5 * scale
    return np.stack([cv2.GaussianBlur(plate, (0, 0), soft) for plate in plates]).clip(0, 1)


def _draw_speck(
    plate: Image, centre: NDArray[np.float64], *, radius: float, opacity: float, rng: np.random.Generator
) -> None:
    angles = np.sort(rng.uniform(0, 2 * np.pi, 8))
    radii = radius * rng.uniform(0.5, 1.1, 8)
    stretch, turn = rng.uniform(0.6, 1.6), rng.uniform(0, np.pi)
    outline = np.stack((np.cos(angles) * radii * stretch, np.sin(angles) * radii / stretch), axis=1)
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    points = np.rint((outline @ rotation + centre) * OVERSAMPLING).astype(np.int32)
    cv2.fillPoly(plate, [points], opacity, lineType=cv2.LINE_8, shift=4)


def _draw_hair(
    plate: Image, start: NDArray[np.float64], *, length: float, scale: float, opacity: float, rng: np.random.Generator
) -> None:
    turns = rng.uniform(0, 2 * np.pi) + np.cumsum(rng.normal(0, 0.35, 12))
    steps = np.stack((np.cos(turns), np.sin(turns)), axis=1) * length / 12
    points = np.rint((start + np.cumsum(steps, axis=0)) * OVERSAMPLING).astype(np.int32)
    cv2.polylines(plate, [points], False, opacity, max(round(scale), 1), cv2.LINE_8, shift=4)


def draw_scratches(size: tuple[int, int], wear: Wear, *, share: float, seed: int, frame: int) -> Image:
    """Draw vertical scratches, each living some frames and drifting a little; `[h w]`, -1 dark to 1 bright."""
    plate = np.zeros(size, np.float32)
    births = wear.scratches_per_frame * share / SCRATCH_LIFE_FRAMES
    if births == 0:
        return plate
    scale = max(size[0] / share / wear.reference_height, 0.25)
    for born in range(frame - 4 * SCRATCH_LIFE_FRAMES, frame + 1):
        rng = _rng(seed, born, _SCRATCH)
        for _ in range(rng.poisson(births)):
            life, left, polarity = rng.exponential(SCRATCH_LIFE_FRAMES), rng.uniform(0, size[1]), rng.uniform()
            drift_px, strength, width = rng.normal(0, 0.4), rng.uniform(0.3, 1.0), rng.uniform(0.4, 0.9)
            top, bottom = np.sort(rng.uniform(-0.4, 1.4, 2))
            if born + life < frame:
                continue
            wobble = _rng(seed, frame * 4096 + born % 4096, _SCRATCH).normal(0, 0.3)
            column = left + (drift_px * (frame - born) + wobble) * scale
            near = slice(max(int(column - 4 * width * scale), 0), max(int(column + 4 * width * scale) + 2, 0))
            profile = np.exp(-0.5 * ((np.arange(size[1])[near] - column) / (width * scale)) ** 2)
            rows = np.linspace(0, 1, size[0])
            extent = 1 / (1 + np.exp(-np.clip(np.minimum(rows - top, bottom - rows) * 40, -30, 30)))
            plate[:, near] += (strength if polarity < 0.6 else -strength) * np.outer(extent, profile).astype(np.float32)
    return plate.clip(-1, 1)


def draw_blotch(size: tuple[int, int], *, scale: float, seed: int, frame: int) -> Tensor:
    """Draw smooth noise of about unit variance, `[1 1 h w]`, new in each frame (uneven development, breathing base)."""
    cell = BLOTCH_PX * max(scale, 0.25)
    coarse = (math.ceil(size[0] / cell) + 3, math.ceil(size[1] / cell) + 3)
    noise = torch.randn(1, 1, *coarse, generator=_torch_generator(seed, frame, _BLOTCH))
    fine = F.interpolate(noise, scale_factor=float(cell), mode="bicubic", align_corners=False)
    return fine[:, :, : size[0], : size[1]] * 1.3


def seed_of(content_hash: str, seed: int) -> int:
    """Turn a shot's content hash and the user's seed into the seed of its plates, 63 bits."""
    return (int(content_hash[:16], 16) ^ (seed * 0x9E3779B97F4A7C15)) & (2**63 - 1)


def _rng(seed: int, frame: int, kind: int) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(key=np.array([seed, (frame * 8 + kind) % 2**64], np.uint64)))


def _torch_generator(seed: int, frame: int, kind: int) -> torch.Generator:
    return torch.Generator().manual_seed(int(_rng(seed, frame, kind).integers(2**62)))
