"""Softness in closed form: how much blurrier the style's edges are than the source's."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

FINE_SIGMA = 0.7
COARSE_SIGMA = 3.0
EDGE_SHARE = 0.03
"""Share of the pixels, those of the steepest coarse slope, that count as edges."""
FLAT_SHARE = 0.3
"""Share of the pixels, those of the least coarse slope, that show the noise."""
TRIED_PX = (0.0, 0.4, 0.6, 0.8, 1.0, 1.25, 1.5, 2.0)


def sharpness(luma: Tensor) -> float:
    """Return how steep the edges of `[b 1 h w]` are at a fine scale beside a coarse one; noise is subtracted."""
    fine, coarse = slope_energy(blur(luma, FINE_SIGMA)), slope_energy(blur(luma, COARSE_SIGMA))
    steep, gentle = (torch.quantile(coarse.flatten()[::5], share) for share in (1 - EDGE_SHARE, FLAT_SHARE))
    edges, flat = coarse >= steep, coarse <= gentle
    noise = fine[flat].mean() - coarse[flat].mean()
    return float((fine[edges].mean() - noise).clamp_min(1e-9) / coarse[edges].mean().clamp_min(1e-9))


def slope_energy(luma: Tensor) -> Tensor:
    """Return the squared slope `[b 1 h-2 w-2]` by central differences."""
    across = luma[..., 1:-1, 2:] - luma[..., 1:-1, :-2]
    down = luma[..., 2:, 1:-1] - luma[..., :-2, 1:-1]
    return across.square() + down.square()


def extra_softness(source: Sequence[Tensor], style: Iterable[Tensor]) -> float:
    """Return the blur, in pixels, that gives the edges of `source` the sharpness of those of `style`; medians over frames.

    Args:
        source, style: luma frames `[1 1 h w]` of any sizes, the source's graded.
    """
    wanted = float(np.median([sharpness(luma) for luma in style]))
    given = [float(np.median([sharpness(blur(luma, px) if px else luma) for luma in source])) for px in TRIED_PX]
    return float(np.interp(-wanted, [-sharp for sharp in np.minimum.accumulate(given)], TRIED_PX))


def blur(pictures: Tensor, sigma: float) -> Tensor:
    """Blur `[b 1 h w]` by a Gaussian of `sigma` pixels, the border repeated."""
    reach = int(3 * sigma + 0.5)
    taps = torch.exp(-(torch.arange(-reach, reach + 1, dtype=torch.float32) ** 2) / (2 * sigma**2))
    taps = taps / taps.sum()
    padded = F.pad(pictures, (reach,) * 4, mode="replicate")
    return F.conv2d(F.conv2d(padded, taps[None, None, None, :]), taps[None, None, :, None])
