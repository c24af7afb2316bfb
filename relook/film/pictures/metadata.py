"""Carry EXIF, XMP, IPTC, comments and resolution from a picture file to the one made from it.

Blocks are kept byte for byte if the new file can hold them. What would be untrue in them is corrected:
the orientation of pictures that were turned upright is 1, and thumbnails of the old picture are taken out of EXIF and of
Photoshop's blocks. PNG to PNG keeps its chunks, EXR and DPX their headers: see `png`, `dpx_tiff` and `exr`. What the new file
cannot hold is returned in words, to be reported.
"""

from __future__ import annotations

import re
import struct
from dataclasses import replace
from pathlib import Path
from typing import Final

from relook.film.pictures.blocks import (
    COMMENT,
    DENSITY,
    EXIF,
    EXIF_TAGS,
    GPS_TAGS,
    IPTC,
    ORIENTATION,
    XMP,
    Metadata,
    jpeg_orientation,
    metadata_of,
    with_metadata,
)
from relook.film.pictures.tiff import directory_at, first_directory
from relook.film.pictures.vfx import has_vfx
from relook.film.publish import disk_errors
from relook.film.sequence import PICTURE_ENDINGS

_WIDE, _HIGH = 0xA002, 0xA003
_HOLDS: Final = {
    ".jpg": (EXIF, XMP, IPTC, COMMENT, DENSITY),
    ".png": (EXIF, XMP, DENSITY),
    ".webp": (EXIF, XMP),
    ".tif": (XMP, IPTC, DENSITY),
}
_A_FILM_HOLDS: Final = (DENSITY,)
"""A film cannot hold pixels per inch either, but they are no loss there."""


def carry_metadata(source: Path, target: Path) -> tuple[str, ...]:
    """Copy one picture file's metadata into another made from it; return in words what that one cannot hold.

    Raises:
        ResourceError: the target cannot be written.
    """
    data = source.read_bytes()
    found = _upright(metadata_of(data), turn_of(data))
    with disk_errors(target):
        before = target.read_bytes()
        made = with_metadata(before, found)
        if made != before:
            target.write_bytes(made)
    ending = target.suffix.lower()
    return tuple(f"{what}: left out ({ending} cannot hold it)" for what in _lost(found, data, ending))


def lost_metadata(source: Path, ending: str) -> tuple[str, ...]:
    """List in words which of a picture file's metadata is lost in files with an ending, a film's included."""
    try:
        data = source.read_bytes()
    except OSError:  # reading its pixels says so
        return ()
    return _lost(metadata_of(data), data, ending)


def _lost(found: Metadata, data: bytes, ending: str) -> tuple[str, ...]:
    kind = _kind(ending)
    lost = list(found.never)
    if kind != _kind_of(data):
        held = _HOLDS.get(kind, () if kind in PICTURE_ENDINGS else _A_FILM_HOLDS)
        lost += [*(name for name in found.names if name not in held), *found.others]
    elif kind == ".tif" and not has_vfx():
        lost += ["exposure and place (EXIF of TIFF)"] if _has_exif(data) else []
    return tuple(dict.fromkeys(lost))


def _has_exif(data: bytes) -> bool:
    page = first_directory(data)
    return page is not None and (EXIF_TAGS in page.entries or GPS_TAGS in page.entries)


def _kind(ending: str) -> str:
    return {".tiff": ".tif", ".jpeg": ".jpg"}.get(ending.lower(), ending.lower())


def _kind_of(data: bytes) -> str:
    kinds = {
        b"\x89PN": ".png",
        b"\xff\xd8\xff": ".jpg",
        b"RIF": ".webp",
        b"II*": ".tif",
        b"MM\0": ".tif",
        b"II+": ".tif",
    }
    return kinds.get(data[:3], "")


def turn_of(data: bytes) -> int:
    """Return by which orientation (1 to 8) a picture was turned when it was read; PNG and WebP never are."""
    page = first_directory(data)
    if page is not None and has_vfx():
        turn = page.number(ORIENTATION, data) or 1
        return turn if 1 <= turn <= 8 else 1
    return jpeg_orientation(data)


def _upright(found: Metadata, turn: int) -> Metadata:
    """Set the orientation of a picture that was turned upright to 1."""
    if turn == 1:
        return found
    xmp = re.sub(rb"(tiff:Orientation(?:>|\s*=\s*[\"']))\d", rb"\g<1>1", found.xmp)
    exif = bytearray(found.exif)
    page = first_directory(exif)
    if page is not None:
        if ORIENTATION in page.entries:  # a TIFF says it among its own tags
            struct.pack_into(page.order + "H", exif, page.entries[ORIENTATION].start, 1)
        at = page.whole_number(EXIF_TAGS, exif)
        if turn >= 5 and at is not None:
            entries = directory_at(exif, at, page.order).entries
            wide, high = entries.get(_WIDE), entries.get(_HIGH)
            if wide and high and wide.kind == high.kind:
                old = bytes(exif[wide.start : wide.stop])
                exif[wide.start : wide.stop], exif[high.start : high.stop] = exif[high.start : high.stop], old
    density = found.density[::-1] if turn >= 5 and found.density else found.density
    return replace(found, exif=bytes(exif), xmp=xmp, density=density)
