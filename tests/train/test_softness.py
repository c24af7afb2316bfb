"""Softness: blurred by a known amount, found again, whatever the grain."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor

from relook.train.softness import blur, extra_softness


def edges(seed: int) -> Tensor:
    rng = np.random.default_rng(seed)
    picture = np.full((160, 200), 0.3, np.float32)
    for _ in range(25):
        corner, size = rng.integers(0, 160, 2), rng.integers(10, 60, 2)
        cv2.rectangle(picture, corner.tolist(), (corner + size).tolist(), float(rng.uniform(0.1, 0.9)), -1)
    return torch.from_numpy(cv2.GaussianBlur(picture, (0, 0), 0.6))[None, None]


@pytest.mark.parametrize("softness_px", [0.0, 0.8, 1.5])
@pytest.mark.parametrize("grain", [0.0, 0.03])
def test_added_blur_is_found(softness_px: float, grain: float) -> None:
    torch.manual_seed(0)
    source = [edges(seed) for seed in range(6)]
    style = [blur(edges(seed), softness_px) if softness_px else edges(seed) for seed in range(10, 16)]
    found = extra_softness(source, [luma + grain * torch.randn_like(luma) for luma in style])
    assert found == pytest.approx(softness_px, abs=0.35)
