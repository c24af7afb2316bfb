"""How far two piles of pictures are apart, without pairing them: anchors to train with, distances to measure and choose by."""

from __future__ import annotations

import torch
from einops import rearrange
from torch import Tensor
from torch.nn import functional as F

PATCH_PX = 8
PATCH_SCALES = (1, 2)
NUM_DIRECTIONS = 128


def sliced_wasserstein(first: Tensor, second: Tensor, *, generator: torch.Generator) -> Tensor:
    """Return the sliced Wasserstein-1 distance between two sets of points `[n f]` and `[m f]`.

    Directions are drawn on the CPU, wherever the points are.
    Source: Rabin et al. 2011, section 3; quantiles stand in for sorting so that n and m may differ.
    """
    dtype = torch.promote_types(first.dtype, torch.float32)
    first, second = first.to(dtype), second.to(dtype)
    directions = F.normalize(torch.randn(first.shape[1], NUM_DIRECTIONS, generator=generator), dim=0).to(first)
    levels = torch.linspace(0.0, 1.0, 129, dtype=dtype, device=first.device)
    quantiles = [torch.quantile(points @ directions, levels, dim=0) for points in (first, second)]
    return (quantiles[0] - quantiles[1]).abs().mean()


def colour_anchor(rendered: Tensor, style: Tensor, *, generator: torch.Generator) -> Tensor:
    """Return the distance between the colours of rendered frames and of the style's `[b 3 h w]`, a scalar, in full scale."""
    points = [_draw(rearrange(frames, "b c h w -> (b h w) c"), 1 << 14, generator) for frames in (rendered, style)]
    return sliced_wasserstein(points[0], points[1], generator=generator)


def patch_anchor(rendered: Tensor, style: Tensor, *, generator: torch.Generator) -> Tensor:
    """Return the distance between the textures of rendered frames and of the style's `[b 3 h w]`, a scalar, in full scale.

    Patches of 8 px at full and at half size, the mean of each patch and colour taken out, so that only structure counts.
    """
    terms = [_patch_anchor_at(scale, rendered, style, generator) for scale in PATCH_SCALES]
    return torch.stack(terms).mean()


def colour_distance(first: Tensor, second: Tensor, *, seed: int = 0) -> float:
    """Return the distance between the colours of two sets of frames `[b 3 h w]`, in per cent of full scale."""
    return 100 * float(colour_anchor(first, second, generator=torch.Generator().manual_seed(seed)))


def patch_distance(first: Tensor, second: Tensor, *, seed: int = 0) -> float:
    """Return the distance between the textures of two sets of frames, as `patch_anchor`, in per cent of full scale."""
    total = 0.0
    for scale in PATCH_SCALES:
        generator = torch.Generator().manual_seed(seed)
        total += 100 * float(_patch_anchor_at(scale, first, second, generator)) / 2
    return total


def _patch_anchor_at(scale: int, rendered: Tensor, style: Tensor, generator: torch.Generator) -> Tensor:
    points = [_draw(_patches(F.avg_pool2d(f, scale)), 1 << 13, generator) for f in (rendered, style)]
    return sliced_wasserstein(points[0], points[1], generator=generator)


def _patches(frames: Tensor) -> Tensor:
    patches = F.unfold(frames, PATCH_PX, stride=PATCH_PX // 2)
    patches = rearrange(patches, "b (c p) n -> (b n) c p", p=PATCH_PX**2)
    return rearrange(patches - patches.mean(dim=2, keepdim=True), "n c p -> n (c p)")


def _draw(points: Tensor, count: int, generator: torch.Generator) -> Tensor:
    if points.shape[0] <= count:
        return points
    return points[torch.randint(points.shape[0], (count,), generator=generator).to(points.device)]
