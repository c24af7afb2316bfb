"""Little style footage: show the critic both sides under random tones, shifts and holes, so that it cannot learn it by heart."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

BRIGHTNESS = 0.15
CONTRAST = 0.25
SHIFT_SHARE = 0.125
HOLE_SHARE = 0.4


def augment(pairs: Tensor, numbers: Sequence[int], *, salt: int) -> Tensor:
    """Change pairs of frames `[b 2 3 h w]`, both frames of a pair alike; gradients pass.

    Brightness, contrast, a shift that brings in black, and a hole: a pure function of its arguments.

    Args:
        numbers: of the samples.
        salt: tells the two sides apart, so that they are changed in the same manner and not in the same measure.
    Source: Zhao et al. 2020 (differentiable augmentation), section 3; without its change of saturation.
    """
    return torch.stack([_changed(pair, (number, salt)) for pair, number in zip(pairs, numbers, strict=True)])


def _changed(pair: Tensor, seed: tuple[int, int]) -> Tensor:
    random = np.random.default_rng(seed)
    height, width = pair.shape[-2:]
    mean = pair.mean(dim=(1, 2, 3), keepdim=True)
    contrast = 1 + random.uniform(-CONTRAST, CONTRAST)
    pair = (pair - mean) * contrast + mean + random.uniform(-BRIGHTNESS, BRIGHTNESS)
    mask = torch.ones(1, 1, height, width, dtype=pair.dtype, device=pair.device)
    size = (round(height * HOLE_SHARE), round(width * HOLE_SHARE))
    top, left = (int(random.integers(0, whole - part + 1)) for whole, part in zip((height, width), size, strict=True))
    mask[..., top : top + size[0], left : left + size[1]] = 0
    down, right = (int(random.integers(-round(n * SHIFT_SHARE), round(n * SHIFT_SHARE) + 1)) for n in (height, width))
    return _shifted(pair * mask, down, right)


def _shifted(pair: Tensor, down: int, right: int) -> Tensor:
    """Shift by whole pixels and bring in black."""
    height, width = pair.shape[-2:]
    shifted = torch.zeros_like(pair)
    to_rows, to_columns = slice(max(down, 0), height + min(down, 0)), slice(max(right, 0), width + min(right, 0))
    rows, columns = slice(max(-down, 0), height + min(-down, 0)), slice(max(-right, 0), width + min(-right, 0))
    shifted[..., to_rows, to_columns] = pair[..., rows, columns]
    return shifted
