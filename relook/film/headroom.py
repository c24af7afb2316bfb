"""What Y'CbCr holds beyond black and white: codes above legal white and below legal black, and colours outside R'G'B'.

The pixels that a look sees end at 0 and 1. What lies beyond is found from the source's codes, goes round the look, and is put back
into the codes of the output. Where these end first, all three colours of a pixel are drawn in alike, so that it keeps its hue.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Values = NDArray[np.float32]
Planes = list[NDArray[Any]]

_LEGAL_BLACK, _LEGAL_WHITE, _CHROMA_SPAN = 16, 219, 224
"""In codes of 8 bit: black, and how many codes above it white is, and the two ends of a colour difference are apart."""
_DEEP: Final = 16
_MOST_OFF: Final = 0.5
"""In codes: what rounds away."""


@dataclass(frozen=True)
class Coding:
    """How R'G'B' becomes Y'CbCr codes. Source: ITU-T H.273, 8.3; weights in its table 4."""

    red: float
    """Weight of red in luma."""
    blue: float
    full_range: bool

    def luma_ends(self, bits: int) -> tuple[float, float]:
        """Give the codes of black and white."""
        step = 2.0 ** (bits - 8)
        return (0, 2.0**bits - 1) if self.full_range else (_LEGAL_BLACK * step, (_LEGAL_BLACK + _LEGAL_WHITE) * step)

    def chroma_span(self, bits: int) -> float:
        """Give how many codes the two ends of a colour difference, -0.5 and 0.5, are apart."""
        return 2.0**bits - 1 if self.full_range else _CHROMA_SPAN * 2.0 ** (bits - 8)

    def rgb(self, luma: Values, blue: Values, red: Values) -> Values:
        """Give R'G'B' `[3 n]` of luma and colour differences `[n]`."""
        reds, blues = luma + 2 * (1 - self.red) * red, luma + 2 * (1 - self.blue) * blue
        greens = (luma - self.red * reds - self.blue * blues) / (1 - self.red - self.blue)
        return np.stack((reds, greens, blues)).astype(np.float32)

    def ycc(self, rgb: Values) -> Values:
        """Give luma and the differences of blue and red `[3 n]` of R'G'B' `[3 n]`."""
        luma = self.red * rgb[0] + (1 - self.red - self.blue) * rgb[1] + self.blue * rgb[2]
        blue, red = (rgb[2] - luma) / (2 * (1 - self.blue)), (rgb[0] - luma) / (2 * (1 - self.red))
        return np.stack((luma, blue, red)).astype(np.float32)


def take_beyond(
    pixels: Tensor, codes: Planes, coding: Coding, outside: NDArray[np.bool_], *, bits: int, is_even: bool
) -> Tensor | None:
    """Give what lies beyond 0 and 1 `[3 h w]`, and set the pixels there to what is left; None where nothing does by half a code.

    Args:
        pixels: `[3 h w]`, 0..1; changed where something lies beyond.
        codes: Y', Cb and Cr of 16 bit at full size, as swscale makes them of a source of `bits`.
        outside: `[h w]`, where to look.
        is_even: False where swscale fills the codes of full range up to 65535, and does not only move them.
    """
    black, white = coding.luma_ends(bits)
    lift = 2.0 ** (_DEEP - bits)
    span = 2.0**_DEEP - 1 if coding.full_range and not is_even else (white - black) * lift
    luma, blue, red = (plane[outside].astype(np.float32) for plane in codes)
    middle, chroma = np.float32(2.0 ** (_DEEP - 1)), np.float32(coding.chroma_span(bits) * lift)
    luma = (luma - np.float32(black * lift)) / np.float32(span)
    whole = coding.rgb(luma, (blue - middle) / chroma, (red - middle) / chroma)
    inside = whole.clip(0, 1)
    is_beyond = (np.abs(whole - inside) > _MOST_OFF / (white - black)).any(axis=0)
    if not is_beyond.any():
        return None
    place = np.zeros_like(outside)
    place[outside] = is_beyond
    pixels.numpy()[:, place] = inside[:, is_beyond]
    beyond = np.zeros((3, *outside.shape), np.float32)
    beyond[:, place] = (whole - inside)[:, is_beyond]
    return torch.from_numpy(beyond)


def put_beyond(codes: Planes, coding: Coding, pixels: Tensor, beyond: Tensor, *, bits: int) -> bool:
    """Add what lies beyond to the planes Y', Cb and Cr that were made of the pixels; say whether some has no code.

    Args:
        codes: changed where they lie; Cb and Cr may be smaller than Y'.
        pixels: `[3 h w]`, 0..1.
    """
    outside = beyond.numpy().any(axis=0)
    base, more = coding.ycc(pixels.numpy()[:, outside]), coding.ycc(beyond.numpy()[:, outside])
    black, white = coding.luma_ends(bits)
    scales = np.array([white - black, *[coding.chroma_span(bits)] * 2], np.float32)
    middles = np.array([black, *[2.0 ** (bits - 1)] * 2], np.float32)
    base, more, most = base * scales[:, None] + middles[:, None], more * scales[:, None], 2.0**bits - 1
    share, is_lost = _shares(base, more, most)
    for plane, before, change in zip(codes, base, more * share, strict=True):
        if plane.shape == outside.shape:
            plane[outside] = np.rint(before + change).clip(0, most)
            continue
        whole = np.zeros(outside.shape, np.float32)
        whole[outside] = change
        smaller = cv2.resize(whole, plane.shape[::-1], interpolation=cv2.INTER_AREA)
        plane[...] = np.rint(plane + smaller).clip(0, most)
    return is_lost


def _shares(base: Values, more: Values, most: float) -> tuple[Values, bool]:
    """Give how much of each pixel's change `[3 n]`, in codes, there is room for, 0..1, and whether any of it is lost."""
    room = np.where(more > 0, most + 1 - base, base + 1)  # between samples, colour differences swing beyond their codes
    with np.errstate(divide="ignore", invalid="ignore"):
        shares = np.where(np.abs(more) > 0, room / np.abs(more), 1).clip(0, 1).min(axis=0)
    lost = np.abs(more) * (1 - shares)
    return shares.astype(np.float32), bool((lost > _MOST_OFF).any())
