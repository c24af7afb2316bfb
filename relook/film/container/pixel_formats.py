"""Which of FFmpeg's pixel formats relook cannot bring to red, green and blue without loss, and what to do about them."""

from __future__ import annotations

import re
from typing import Final

_REFUSED: Final = (
    (r"bayer_", "a camera's raw pattern", "develop it in the camera maker's program, and export ProRes .mov"),
    (r"xyz", "CIE XYZ, as digital cinema packages do", "convert it to R'G'B' first"),
    (r".*f(16|32)[lb]e$", "floats, which films hold rarely", "write its frames as .exr, and give that sequence"),
    (r"(gray32|gbrap32|rgb96|rgba128)[lb]e$", "whole numbers of 32 bit", "convert it to 16 bit first"),
    (r"(rgb|bgr)(4$|(444|555|565)be)", "RGB packed as FFmpeg does not unpack it", "convert it to 24-bit RGB first"),
)
"""Pattern of FFmpeg's name, what such a film holds, and the remedy."""


def format_refusal(pixel_format: str) -> str | None:
    """Say in words what a film of a pixel format holds, and what to do; None where it can be read."""
    for pattern, holds, remedy in _REFUSED:
        if re.match(pattern, pixel_format):
            return f"holds {holds} ({pixel_format}), which relook does not read; {remedy}"
    return None
