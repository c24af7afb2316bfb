"""Find out which part of the pictures a container wants shown: FFmpeg decodes them whole and does not say.

Source: ISO/IEC 14496-12, 12.1.4 (clean aperture, `clap`); RFC 9559, 5.1.4.1.28 (Matroska's PixelCrop elements).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

from relook.film.container.matroska import video_fields

_WAY: Final = (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd")
_VISUAL_ENTRY_BYTES: Final = 86
"""Header and fixed fields of a sample entry for pictures; its own boxes begin behind them."""

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
    """Give the clean aperture of every sample entry that has one."""
    end = file.seek(0, 2)
    for entry, size in _inside(file, 0, end, _WAY):
        found = boxes(file, entry + _VISUAL_ENTRY_BYTES, entry + size)
        for start in (start for kind, start, stop in found if kind == b"clap" and stop - start >= 16):
            file.seek(start)
            wide, wide_unit, high, high_unit = struct.unpack(">4I", file.read(16))
            if wide_unit and high_unit:
                yield round(wide / wide_unit), round(high / high_unit)


def _inside(file: BinaryIO, start: int, stop: int, way: tuple[bytes, ...]) -> Iterator[tuple[int, int]]:
    """Follow a path of nested boxes; return position and size of the last one's contents."""
    for kind, body, end in boxes(file, start, stop):
        if kind != way[0]:
            continue
        if len(way) > 1:
            yield from _inside(file, body, end, way[1:])
        else:
            yield from ((at - 8, close - at + 8) for _, at, close in boxes(file, body + 8, end))


def boxes(file: BinaryIO, start: int, stop: int) -> Iterator[tuple[bytes, int, int]]:
    """Yield type, begin and end of the contents of each box in a part of the file; damage ends the list."""
    while start + 8 <= stop:
        file.seek(start)
        size, kind = struct.unpack(">I4s", file.read(8))
        body = start + 8
        if size == 1 and start + 16 <= stop:
            size, body = struct.unpack(">Q", file.read(8))[0], start + 16
        size = size or stop - start
        if size < body - start or start + size > stop:
            return
        yield kind, body, start + size
        start += size
