"""Refuse what relook does not read in picture files of a readable format: several pictures, CMYK, odd bit depths.

A file stands for one picture. One of several pages, or an animation, is refused, since rendering its first picture alone would
lose the rest; smaller copies of the picture (thumbnails, mip levels) do not count as such and are left out, which
`metadata.lost_metadata` reports.

Source: TIFF 6.0, section 8 (NewSubfileType); ITU-T T.81, table B.1 (JPEG); PNG third edition, 11.3.6.1 (acTL); RFC 9649, 2.7 (WebP).
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Final, NamedTuple

from relook.errors import InputError
from relook.film.pictures.profile import jpeg_segments, png_chunks, webp_chunks
from relook.film.pictures.tiff import directories

_NEW_SUBFILE_TYPE: Final = 254
_SMALLER, _MASK = 1, 4
"""Bits of NewSubfileType: a smaller copy of another page, and a mask of its transparency."""
_WEBP_IS_ANIMATED: Final = 0x02
_APART: Final = "relook reads only files of one picture: write each to a file of its own"


class JpegFrame(NamedTuple):
    """What a JPEG's frame header says."""

    process: int
    """0 baseline, 1 extended, 2 progressive; above, kinds that are hardly used."""
    depth: int
    width: int
    height: int
    channels: int


def require_single(path: Path, data: bytes) -> None:
    """Refuse a file that holds more than one picture, or one in CMYK or of a bit depth that would be read wrongly.

    Raises:
        InputError: it does.
    """
    if data.startswith(b"GIF8"):
        raise InputError(f"{path} is a GIF; relook does not read these: convert it to PNG, or to a film if it moves")
    num = num_pictures(data)
    if num > 1:
        raise InputError(f"{path} holds {num} pictures; {_APART}")
    if num == 0:
        raise InputError(f"{path} begins with a smaller copy of its picture; {_APART}")
    frame = jpeg_frame(data)
    if frame is None:
        return
    if frame.channels == 4:
        raise InputError(f"{path} is CMYK; relook renders RGB: convert it first, with its profile")
    if frame.depth != 8 or frame.process > 2:
        raise InputError(
            f"{path} is a {frame.depth}-bit JPEG, coding {frame.process}; relook reads 8-bit baseline and progressive "
            f"JPEG: convert it first"
        )


def num_pictures(data: bytes) -> int:
    """Count a file's pages or frames: 1 if it mentions no others, 0 if a smaller copy comes first."""
    if data.startswith(b"\x89PNG"):
        start = next((start for name, start, _ in png_chunks(data) if name == b"acTL"), None)
        return 1 if start is None or start + 4 > len(data) else int(struct.unpack_from(">I", data, start)[0])
    if data.startswith(b"RIFF") and data[8:16] == b"WEBPVP8X" and len(data) > 20 and data[20] & _WEBP_IS_ANIMATED:
        return max(sum(name == b"ANMF" for name, _, _ in webp_chunks(data)), 2)
    kinds = [page.whole_number(_NEW_SUBFILE_TYPE, data) or 0 for page in directories(data)]
    if kinds and kinds[0] & _SMALLER:
        return 0
    return sum(not kind & (_SMALLER | _MASK) for kind in kinds) if len(kinds) > 1 else 1


def has_smaller_copies(data: bytes) -> bool:
    """Say whether a TIFF or EXR file holds thumbnails or mip levels beside its picture."""
    if data.startswith(b"\x76\x2f\x31\x01"):
        at = data.find(b"tiles\0tiledesc\0", 0, 1 << 16)
        return at >= 0 and len(data) > at + 27 and bool(data[at + 27] & 0x0F)
    return any((page.whole_number(_NEW_SUBFILE_TYPE, data) or 0) & _SMALLER for page in directories(data)[1:])


def jpeg_frame(data: bytes) -> JpegFrame | None:
    """Read the frame header of a JPEG; None if there is none."""
    if not data.startswith(b"\xff\xd8"):
        return None
    for marker, start, stop in jpeg_segments(data):
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC) and start + 6 <= min(stop, len(data)):
            depth, height, width, channels = struct.unpack_from(">BHHB", data, start)
            return JpegFrame(marker - 0xC0, depth, width, height, channels)
    return None
