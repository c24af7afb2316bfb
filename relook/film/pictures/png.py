"""A PNG file's own metadata (colour, pixel aspect and text), kept chunk by chunk.

Codes are taken as display-referred, whatever gAMA, cHRM, sRGB and cICP say: these are not applied. They go into the new PNG,
so that it is shown as its source was; other endings cannot hold them, which is reported unless they mean sRGB.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Final

import numpy as np

from relook.film.pictures.picture import PictureFacts, require_size
from relook.film.pictures.tiff import without_second
from relook.film.pixels import Codes

_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_KEPT: Final = (
    b"cICP",
    b"mDCV",
    b"cLLI",
    b"sRGB",
    b"gAMA",
    b"cHRM",
    b"pHYs",
    b"eXIf",
    b"tEXt",
    b"zTXt",
    b"iTXt",
)
"""Chunks that stay true when the pixels change; the ICC profile is carried by `film/pictures/profile.py`."""
_HEADER_END: Final = len(_SIGNATURE) + 25

Chunks = tuple[tuple[bytes, bytes], ...]


def is_png(data: bytes) -> bool:
    return data.startswith(_SIGNATURE)


def require_png_size(path: Path, data: bytes) -> None:
    """Refuse a PNG whose header claims too large a size. Raises: InputError."""
    if data[12:16] == b"IHDR" and len(data) >= 24:
        require_size(path, *struct.unpack(">II", data[16:24]))


def kept_chunks(data: bytes) -> Chunks:
    """Return the names and contents of the chunks to keep, EXIF without its thumbnail."""
    kept = ((name, content) for name, content in _chunks(data) if name in _KEPT)
    return tuple((name, without_second(content) if name == b"eXIf" else content) for name, content in kept)


def with_chunks(data: bytes, chunks: Chunks) -> bytes:
    """Insert chunks after the header of an encoded PNG."""
    made = b"".join(
        struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
        for name, content in chunks
    )
    return data[:_HEADER_END] + made + data[_HEADER_END:]


def with_clear_grey(codes: Codes, data: bytes) -> Codes:
    """Expand grey codes `[h w]` to `[h w 4]` if a PNG makes one grey transparent (tRNS); OpenCV supports that only for colours."""
    key = next((content for name, content in _chunks(data) if name == b"tRNS"), b"")
    if len(key) != 2:
        return codes
    depth, white = data[24], np.iinfo(codes.dtype).max
    clear = struct.unpack(">H", key)[0] * white // (2**depth - 1)
    return np.stack([codes, codes, codes, np.where(codes == clear, 0, white).astype(codes.dtype)], axis=-1)


def png_facts(chunks: Chunks) -> PictureFacts:
    """Read the pixel aspect."""
    found = dict(chunks)
    aspect = Fraction(1)
    if len(found.get(b"pHYs", b"")) == 9:
        across, down = struct.unpack(">II", found[b"pHYs"][:8])
        aspect = Fraction(down, across) if across and down else aspect
    return PictureFacts(pixel_aspect=aspect)


def chunks_of(facts: PictureFacts) -> Chunks:
    """Return the chunks for a picture whose source was not a PNG."""
    if facts.pixel_aspect == 1:
        return ()
    return ((b"pHYs", struct.pack(">IIB", facts.pixel_aspect.denominator, facts.pixel_aspect.numerator, 0)),)


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    place = len(_SIGNATURE)
    while place + 12 <= len(data):
        (length,) = struct.unpack(">I", data[place : place + 4])
        yield data[place + 4 : place + 8], data[place + 8 : place + 8 + length]
        place += 12 + length
