"""How far two piles of pictures are apart, without pairing them: for measuring and for choosing, not for training."""

from __future__ import annotations

import torch
from einops import rearrange
from torch import Tensor
from torch.nn import functional as F

PATCH_PX = 8
NUM_DIRECTIONS = 128


def sliced_wasserstein(first: Tensor, second: Tensor, *, generator: torch.Generator) -> Tensor:
    """Return the sliced Wasserstein-1 distance between two sets of points `[n f]` and `[m f]`.

    Source: Rabin et al. 2011, section 3; quantiles stand in for sorting so that n and m may differ.
    """
    directions = F.normalize(torch.randn(first.shape[1], NUM_DIRECTIONS, generator=generator), dim=0)
    levels = torch.linspace(0.0, 1.0, 129)
    quantiles = [torch.quantile(points @ directions, levels, dim=0) for points in (first, second)]
    return (quantiles[0] - quantiles[1]).abs().mean()


def colour_distance(first: Tensor, second: Tensor, *, seed: int = 0) -> float:
    """Return the distance between the colours of two sets of frames `[b 3 h w]`, in per cent of full scale."""
    generator = torch.Generator().manual_seed(seed)
    points = [_draw(rearrange(frames, "b c h w -> (b h w) c"), 1 << 14, generator) for frames in (first, second)]
    return 100 * float(sliced_wasserstein(points[0], points[1], generator=generator))


def patch_distance(first: Tensor, second: Tensor, *, seed: int = 0) -> float:
    """Return the distance between the textures of two sets of frames `[b 3 h w]`, in per cent of full scale.

    Patches of 8 px at full and at half size, the mean of each patch and colour taken out, so that only structure counts.
    """
    total = 0.0
    for scale in (1, 2):
        generator = torch.Generator().manual_seed(seed)
        points = [_draw(_patches(F.avg_pool2d(f, scale)), 1 << 13, generator) for f in (first, second)]
        total += 100 * float(sliced_wasserstein(points[0], points[1], generator=generator)) / 2
    return total


def _patches(frames: Tensor) -> Tensor:
    patches = F.unfold(frames, PATCH_PX, stride=PATCH_PX // 2)
    patches = rearrange(patches, "b (c p) n -> (b n) c p", p=PATCH_PX**2)
    return rearrange(patches - patches.mean(dim=2, keepdim=True), "n c p -> n (c p)")


def _draw(points: Tensor, count: int, generator: torch.Generator) -> Tensor:
    if points.shape[0] <= count:
        return points
    return points[torch.randint(points.shape[0], (count,), generator=generator)]
