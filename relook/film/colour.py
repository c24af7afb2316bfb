"""Facts about colour that need no files: luma, and what an untagged stream means.

An untagged stream is read by rule, and written back by the same rule, so that untagged stays untagged and still
survives the round trip: matrix BT.709 from 720 rows up, BT.601 below; legal range for Y'CbCr, full range for RGB and grey.
"""

from __future__ import annotations

from typing import Final

from torch import Tensor

from relook.film.frames import ColourTags

LUMA_WEIGHTS: Final = (0.2126, 0.7152, 0.0722)
"""Weights of red, green and blue in luma. Source: ITU-R BT.709-6, 3.2."""

UNSPECIFIED: Final = 2
"""The H.273 code point for "not stated", the same for primaries, transfer and matrix."""

BT709: Final = 1
BT601: Final = 6
BT470BG: Final = 5
"""The same matrix as BT.601."""

BT2020: Final = 9
RGB_MATRIX: Final = 0
_UNSTATED_MATRICES: Final = (RGB_MATRIX, UNSPECIFIED, 3)


def luma(pixels: Tensor) -> Tensor:
    """Weigh RGB into luma: `[.. c h w]` to `[.. 1 h w]`."""
    red, green, blue = pixels.unbind(-3)
    return (LUMA_WEIGHTS[0] * red + LUMA_WEIGHTS[1] * green + LUMA_WEIGHTS[2] * blue).unsqueeze(-3)


def is_rgb(pixel_format: str) -> bool:
    """Say whether a pixel format (FFmpeg's name) holds red, green and blue."""
    return pixel_format.startswith(
        ("rgb", "bgr", "gbr", "argb", "abgr", "0rgb", "0bgr", "x2rgb", "x2bgr", "pal8", "bayer")
    )


def is_grey(pixel_format: str) -> bool:
    """Say whether a pixel format (FFmpeg's name) holds luma alone."""
    return pixel_format.startswith(("gray", "ya8", "ya16", "yaf", "mono"))


def matrix_of(tags: ColourTags, height: int) -> int:
    """Return the Y'CbCr matrix to compute with, as an H.273 code point: the stream's or, if untagged, the rule's."""
    if tags.matrix not in _UNSTATED_MATRICES:
        return tags.matrix
    return BT709 if height >= 720 else BT601


def is_full_range(tags: ColourTags, pixel_format: str) -> bool:
    """Say whether black and white are the ends of the code range, by the stream's tag or, if untagged, by the rule."""
    if is_rgb(pixel_format) or pixel_format.startswith("yuvj"):
        return True
    if tags.full_range is None:
        return is_grey(pixel_format)
    return tags.full_range
