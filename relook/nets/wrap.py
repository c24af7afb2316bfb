"""Pictures that wrap: what leaves on one side comes in again on the other, as on a texture that is laid side by side.

Along the axes that wrap a picture has no border, and no place of its own: a picture that is moved round by any number of pixels
gives the same result, moved round by as many, whatever its size. Here that holds but for the last bits, since sums are added in
another order; by way of `origin` it is exact.
"""

from __future__ import annotations

from itertools import product
from typing import Literal, get_args

import cv2
import numpy as np
import torch
from torch import Tensor

from relook.nets.blocks import Detail

Wrap = Literal["x", "y", "xy"]
"""The axes along which a picture wraps: x from left to right, y from top to bottom."""
WRAPS: tuple[Wrap, ...] = get_args(Wrap)
SPARE_PX = Detail.FACTOR - 1
"""Most that the detail's grid of 4 x 4 px can lie beside a picture's first pixel."""
BLUR_REACH = 4.0
"""Of a Gaussian, in its deviations."""


def grown(pictures: Tensor, wrap: Wrap, reach: int) -> Tensor:
    """Continue `[b c h w]` by `reach` pixels on both sides of each axis that wraps; small pictures go round more than once."""
    for axis, dimension in (("y", -2), ("x", -1)):
        if axis in wrap:
            size = pictures.shape[dimension]
            places = torch.arange(-reach, size + reach, device=pictures.device) % size
            pictures = pictures.index_select(dimension, places)
    return pictures


def wrapped_residual(detail: Detail, luma: Tensor, wrap: Wrap, strips_at_once: int) -> Tensor:
    """Return the detail's residual of a frame `[1 1 h w]` that wraps.

    The detail sees blocks of 4 x 4 px, and what it makes of a pixel depends on the pixel's place in its block. Along the axes
    that wrap it is therefore the mean over all places of the grid, 4 to an axis, which also fits sizes that 4 does not divide.
    """
    height, width = luma.shape[-2:]
    reach = detail.reach + 2 * SPARE_PX
    around = grown(luma, wrap, reach)
    tops, lefts = (range(Detail.FACTOR if axis in wrap else 1) for axis in "yx")
    total = torch.zeros_like(luma)
    for top, left in product(tops, lefts):
        residual = detail.in_strips(around[..., top:, left:], strips_at_once)
        first_row, first_column = (reach - start if axis in wrap else 0 for axis, start in (("y", top), ("x", left)))
        total += residual[..., first_row : first_row + height, first_column : first_column + width]
    return total.div_(len(tops) * len(lefts))


def wrapped_blur(pictures: Tensor, sigma_px: float, wrap: Wrap) -> Tensor:
    """Blur `[b c h w]` by a Gaussian; along the axes that wrap round them, elsewhere with the border repeated."""
    height, width = pictures.shape[-2:]
    reach = round(BLUR_REACH * sigma_px) + 1
    taps = cv2.getGaussianKernel(2 * reach + 1, sigma_px, cv2.CV_32F)
    around = grown(pictures, wrap, reach)
    rows, columns = (
        slice(reach, reach + size) if axis in wrap else slice(None)
        for axis, size in zip("yx", (height, width), strict=True)
    )
    planes = around.flatten(0, 1).cpu().numpy()
    blurred = [
        cv2.sepFilter2D(plane, -1, taps, taps, borderType=cv2.BORDER_REPLICATE)[rows, columns] for plane in planes
    ]
    return torch.from_numpy(np.stack(blurred)).reshape(pictures.shape).to(pictures.device)
