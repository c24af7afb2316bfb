"""Motion: how relook moves pictures on purpose, to teach the generator that its look moves with them, and measures it."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F


def warp(frame: Tensor, flow: Tensor) -> Tensor:
    """Warp a frame along a displacement field, bilinear, with the border repeated.

    Args:
        frame: `[b c h w]`.
        flow: `[b 2 h w]` in pixels, dx then dy: where each output pixel is read from, relative to itself.
    Returns:
        `[b c h w]`.
    Source: Jaderberg et al. 2015, section 3.3.
    """
    height, width = frame.shape[-2:]
    rows = torch.arange(height, device=frame.device, dtype=frame.dtype)[:, None]
    columns = torch.arange(width, device=frame.device, dtype=frame.dtype)[None, :]
    x = (flow[:, 0] + columns) * (2 / max(width - 1, 1)) - 1
    y = (flow[:, 1] + rows) * (2 / max(height - 1, 1)) - 1
    grid = torch.stack((x, y), dim=-1)
    return F.grid_sample(frame, grid, mode="bilinear", padding_mode="border", align_corners=True)


def smooth_motion(size: tuple[int, int, int], *, bend_px: float, shift_px: float, generator: torch.Generator) -> Tensor:
    """Draw random smooth motion: a 4x4 field enlarged bicubically, plus one shift for the whole frame.

    Args:
        size: batch, height, width.
        bend_px: standard deviation of the field at its nodes.
        shift_px: standard deviation of the shift.
    Returns:
        `[b 2 h w]` in pixels, on the CPU.
    """
    batch, height, width = size
    nodes = torch.randn(batch, 2, 4, 4, generator=generator) * bend_px
    shift = torch.randn(batch, 2, 1, 1, generator=generator) * shift_px
    return F.interpolate(nodes, size=(height, width), mode="bicubic", align_corners=True) + shift


def shift(frame: Tensor, offset: Tensor) -> Tensor:
    """Shift whole frames by sub-pixel offsets (gate weave).

    Args:
        frame: `[b c h w]`.
        offset: `[b 2]` in pixels, dx then dy; the picture moves right and down for positive values.
    """
    field = (-offset)[:, :, None, None].expand(-1, -1, *frame.shape[-2:])
    return warp(frame, field)


LEAST_FLOW_PX = 128


def dense_motion(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Find where each pixel of `first` lies in `second`: `[h w 2]` in pixels, across and down.

    Args:
        first, second: luma `[h w]` of one size; small ones are widened, for OpenCV 5 crashes on them.
    Source: Kroeger et al. 2016 (dense inverse search), OpenCV's fast preset.
    """
    height, width = first.shape
    spare = (max(LEAST_FLOW_PX - height, 0), max(LEAST_FLOW_PX - width, 0))
    padded = [
        cv2.copyMakeBorder(picture, 0, spare[0], 0, spare[1], cv2.BORDER_REPLICATE) for picture in (first, second)
    ]
    finder = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    flow = finder.calc(*(np.ascontiguousarray(picture) for picture in padded), None)
    return np.asarray(flow[:height, :width], np.float32)
