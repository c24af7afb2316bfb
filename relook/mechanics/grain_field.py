"""Draw grain and lay it over pictures: noise with the spectrum, the colour and the persistence that were measured."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from relook.mechanics.chance import random_of
from relook.nets.blocks import hat_weights, luma_of
from relook.recipe.mechanics import NUM_BANDS, Bands, Grain

GREY = 0.98
"""Channels that are more alike share their grain."""
LIVE = 0.1
"""Grain that persists less is drawn anew in every frame."""
FORGOTTEN = 0.05
"""A past frame's grain of less weight is left out."""
TILES_FRAME = -(2**40)
"""The number of no frame: its random numbers make the tiles."""
NUM_LEVELS = 1024
"""Luma steps of the strength when rendering."""


@dataclass(frozen=True)
class GrainField:
    """Grain of one shot, ready to be drawn: two periodic tiles as large as a frame, mixed anew for each frame."""

    tiles: tuple[Tensor, Tensor]
    """`[c h w]`, c 3 or, where all channels share their grain, 1."""
    seed: int
    persistence: float

    def draw(self, frame: int) -> Tensor:
        """Return the grain of a frame, `[c h w]`, of unit variance at scale 1 and above."""
        field = torch.zeros_like(self.tiles[0])
        if self.persistence < LIVE:
            rng = random_of(self.seed, frame, "grain")
            angle = rng.uniform(0, 2 * math.pi)
            for tile, weight in zip(self.tiles, (math.cos(angle), math.sin(angle)), strict=True):
                _add_somewhere(field, tile, weight, rng)
            return field
        memory = math.ceil(math.log(FORGOTTEN) / math.log(self.persistence))
        weights = self.persistence ** np.arange(memory)
        for back, weight in enumerate(weights / np.linalg.norm(weights)):
            rng = random_of(self.seed, frame - back, "grain")
            _add_somewhere(field, self.tiles[int(rng.integers(2))], float(weight) * float(rng.choice((-1, 1))), rng)
        return field


def _add_somewhere(field: Tensor, tile: Tensor, weight: float, rng: np.random.Generator) -> None:
    """Add a tile times `weight` to `field`, mirrored by chance and moved round by chance."""
    height, width = tile.shape[-2:]
    mirrored = [axis for axis in (-2, -1) if rng.integers(2)]
    down, across = int(rng.integers(height)), int(rng.integers(width))
    if mirrored:
        tile = tile.flip(mirrored)
    for to_rows, from_rows in _halves(height, down):
        for to_columns, from_columns in _halves(width, across):
            field[:, to_rows, to_columns].add_(tile[:, from_rows, from_columns], alpha=weight)


def _halves(size: int, offset: int) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    return (
        (slice(0, size - offset), slice(offset, size)),
        (slice(size - offset, size), slice(0, offset)),
    )


def prepare_grain(grain: Grain, size: tuple[int, int], *, scale: float, seed: int) -> GrainField:
    """Make the tiles of a shot's grain.

    Args:
        grain: as measured; its strength is not used.
        size: rows and columns of the frames.
        scale: rows of the frames beside those of the reference. Below 1 the finest grain is lost, and its variance with it.
        seed: of the shot.
    """
    rng = random_of(seed, TILES_FRAME, "grain")
    response = torch.from_numpy(_response(grain.spectrum, size, scale))
    is_grey = min(grain.correlation) > GREY
    mixing = torch.ones(1, 1) if is_grey else torch.from_numpy(_mixing(grain.correlation))
    tiles = []
    for _ in range(2):
        noise = torch.from_numpy(rng.standard_normal((len(mixing), *size), np.float32))
        shaped = torch.fft.irfft2(torch.fft.rfft2(noise) * response, s=size)
        tiles.append(torch.einsum("dc,chw->dhw", mixing, shaped).contiguous())
    return GrainField((tiles[0], tiles[1]), seed, min(grain.persistence, 0.95))


def _response(spectrum: Bands, size: tuple[int, int], scale: float) -> NDArray[np.float32]:
    """Return the amplitude at the frequencies of a real transform of frames of `size`.

    The spectrum runs straight between the middles of the rings; above the reference's half cycle per pixel there is nothing.
    """
    rows, columns = np.abs(np.fft.fftfreq(size[0]))[:, None] * scale, np.fft.rfftfreq(size[1])[None, :] * scale
    power = np.interp(np.hypot(rows, columns), ring_centres(), spectrum)
    known = (rows <= 0.5) & (columns <= 0.5)
    return (scale * np.sqrt(np.where(known, power, 0) / _plane_mean(spectrum))).astype(np.float32)


def ring_centres() -> NDArray[np.float64]:
    """Return the middle frequencies of the rings, in cycles per pixel."""
    return (np.arange(NUM_BANDS) + 0.5) / (2 * NUM_BANDS)


def _plane_mean(spectrum: Bands) -> float:
    frequencies = (np.arange(128) + 0.5) / 256
    radius = np.hypot(frequencies[:, None], frequencies[None, :])
    return float(np.interp(radius, ring_centres(), spectrum).mean())


def _mixing(correlation: tuple[float, float, float]) -> NDArray[np.float32]:
    """Return the matrix that gives three independent channels the correlation, or the nearest that there can be."""
    red_green, green_blue, blue_red = correlation
    wanted = np.array([[1, red_green, blue_red], [red_green, 1, green_blue], [blue_red, green_blue, 1]])
    values, vectors = np.linalg.eigh(wanted)
    mixing = vectors * np.sqrt(np.maximum(values, 0))
    return (mixing / np.linalg.norm(mixing, axis=1, keepdims=True)).astype(np.float32)


def lay_grain(pixels: Tensor, field: Tensor, strength: Tensor) -> Tensor:
    """Return the grain of pictures, to be added to them, `[b 3 h w]`.

    Args:
        pixels: `[b 3 h w]`, 0..1; where they want a gradient the strength gives them one.
        field: drawn grain, `[b c h w]`, c 1 or 3.
        strength: at each luma node, `[k 3]`; straight between nodes.
    """
    luma = luma_of(pixels)
    if torch.is_grad_enabled() and (pixels.requires_grad or strength.requires_grad):
        return torch.einsum("bkhw,kc->bchw", hat_weights(luma, len(strength)), strength) * field
    table = F.interpolate(strength.T[None], size=NUM_LEVELS, mode="linear", align_corners=True)[0]
    levels = luma[:, 0].clamp_(0, 1).mul_(NUM_LEVELS - 1).round_().int()
    return torch.stack([F.embedding(levels, column[:, None])[..., 0] for column in table], dim=1).mul_(field)
