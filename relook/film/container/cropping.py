"""Find out which part of the pictures a container wants shown: FFmpeg decodes them whole and does not say.

Source: ISO/IEC 14496-12, 12.1.4 (clean aperture, `clap`); RFC 9559, 5.1.4.1.28 (Matroska's PixelCrop elements).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

from relook.film.container.boxes import boxes, nested_boxes
from relook.film.container.matroska import video_fields

_VISUAL_ENTRY_BYTES: Final = 86
"""Header and fixed fields of a sample entry for pictures; its own boxes come after them."""

_PIXEL_CROPS: Final = (0x54AA, 0x54BB, 0x54CC, 0x54DD)


def shown_part(path: Path, container: str, width: int, height: int) -> str:
    """Say which part of the pictures is to be shown: "80 x 48 of 96 x 64"; empty if they are shown whole.

    Args:
        container: FFmpeg's name for its format.
    """
    with path.open("rb") as file:
        if "mp4" in container:
            size = next(_clean_apertures(file), (width, height))
        elif "matroska" in container:
            bottom, top, left, right = video_fields(file, _PIXEL_CROPS)
            size = (width - left - right, height - top - bottom)
        else:
            return ""
    return "" if size == (width, height) else f"{size[0]} x {size[1]} of {width} x {height}"


def _clean_apertures(file: BinaryIO) -> Iterator[tuple[int, int]]:
    """Yield the clean aperture of every sample entry that has one."""
    descriptions = nested_boxes(file, b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd")
    entries = ((at - 8, stop) for start, end in descriptions for _, at, stop in boxes(file, start + 8, end))
    for entry, stop in entries:
        found = boxes(file, entry + _VISUAL_ENTRY_BYTES, stop)
        for start in (start for kind, start, end in found if kind == b"clap" and end - start >= 16):
            file.seek(start)
            wide, wide_unit, high, high_unit = struct.unpack(">4I", file.read(16))
            if wide_unit and high_unit:
                yield round(wide / wide_unit), round(high / high_unit)
