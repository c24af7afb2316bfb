"""Metadata blocks of picture files (EXIF, XMP, IPTC and the like): read from files of every kind, put into those that relook writes.

Source: CIPA DC-008 (Exif 3.0); ISO 16684-1 and Adobe's XMP specification, part 3 (XMP); Photoshop file formats, image resources;
JFIF 1.02 (resolution); PNG third edition, 11.3; RFC 9649, 2.7 (WebP).
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Final

from relook.film.pictures.profile import jpeg_segments, png_chunks, webp_chunks, webp_with
from relook.film.pictures.single import has_smaller_copies
from relook.film.pictures.tiff import (
    BYTE,
    RATIONAL,
    SHORT,
    UNDEFINED,
    Directory,
    first_directory,
    in_intels_order,
    with_tags,
    without_second,
)

_EXIF_NAME: Final = b"Exif\0\0"
_XMP_NAME: Final = b"http://ns.adobe.com/xap/1.0/\0"
_MORE_XMP_NAME: Final = b"http://ns.adobe.com/xmp/extension/\0"
_PHOTOSHOP_NAME: Final = b"Photoshop 3.0\0"
_PNG_XMP: Final = b"XML:com.adobe.xmp"
_MOST_SEGMENT: Final = 65533
_THUMBNAILS: Final = (1033, 1036)
"""Photoshop's image resources that hold a thumbnail of the old picture."""
_IPTC: Final = 0x0404
ORIENTATION, EXIF_TAGS, GPS_TAGS = 274, 34665, 34853
_XMP_TAG, _IPTC_TAG, _PHOTOSHOP_TAG, _LAYERS_TAG = 700, 33723, 34377, 37724
_ACROSS, _DOWN, _UNIT = 282, 283, 296
_OF_EXIF: Final[tuple[int, ...]] = (270, 271, 272, 306, 315, 33432)
"""Description, camera, date, artist and copyright: tags of their own in TIFF, part of EXIF in other files."""
_NO_TAGS: Final = b"II*\0\x08\0\0\0\0\0\0\0\0\0"
_TOLD: Final = (269, 270, 271, 272, _ACROSS, _DOWN, 285, 286, 287, _UNIT, 305, 306, 315, 316, 318, 319, 337)
"""Low tags of a TIFF that describe the picture rather than its layout in the file."""
_LAID_DOWN: Final = (*range(32995, 32999), _PHOTOSHOP_TAG, EXIF_TAGS, 34675, GPS_TAGS, 40965, _LAYERS_TAG, 50255)
"""High tags that do not describe the picture, or that are carried in another way."""
_OF_RAW: Final = range(50706, 52600)
"""Tags of DNG: what the raw values of a sensor mean."""
_WEBP_HAS_EXIF, _WEBP_HAS_XMP = 0x08, 0x04
_INCHES_A_METRE: Final = Fraction(10000, 254)

EXIF, XMP, IPTC, COMMENT, DENSITY = "EXIF", "XMP", "IPTC and Photoshop's blocks", "comment", "resolution"


@dataclass(frozen=True)
class Metadata:
    """A file's metadata, in blocks as they are stored."""

    exif: bytes = b""
    """From the byte order mark on."""
    xmp: bytes = b""
    more_xmp: tuple[bytes, ...] = ()
    """Named segments of a JPEG that hold what a single one cannot."""
    photoshop: bytes = b""
    """Image resources, IPTC among them."""
    comments: tuple[bytes, ...] = ()
    density: tuple[Fraction, Fraction] | None = None
    """Pixels per inch, across and down."""
    tags: Mapping[int, tuple[int, bytes]] = field(default_factory=dict)
    """Other descriptive tags of a TIFF: their types, and bytes in little-endian order."""
    others: tuple[str, ...] = ()
    """What only a file of the same kind can hold, in words."""
    never: tuple[str, ...] = ()
    """What no file that relook writes can hold, in words."""

    @property
    def names(self) -> tuple[str, ...]:
        """List in words the metadata that some other endings can hold."""
        found = {
            EXIF: self.exif,
            XMP: self.xmp,
            IPTC: self.photoshop,
            COMMENT: self.comments,
            DENSITY: self.density,
        }
        return tuple(name for name, value in found.items() if value)


def metadata_of(data: bytes) -> Metadata:
    """Read a picture file's metadata; damaged blocks count as absent."""
    try:
        if data.startswith(b"\xff\xd8"):
            return _of_jpeg(data)
        if data.startswith(b"\x89PNG"):
            return _of_png(data)
        if data.startswith(b"RIFF"):
            chunks = {name: data[start:stop] for name, start, stop in webp_chunks(data)}
            return Metadata(
                exif=without_second(chunks.get(b"EXIF", b"").removeprefix(_EXIF_NAME)), xmp=chunks.get(b"XMP ", b"")
            )
        return _of_tiff(data)
    except (struct.error, IndexError):
        return Metadata()


def _of_jpeg(data: bytes) -> Metadata:
    found = Metadata()
    for marker, start, stop in jpeg_segments(data):
        body = data[start:stop]
        if marker == 0xE1 and body.startswith(_EXIF_NAME) and not found.exif:
            found = replace(found, exif=without_second(body[len(_EXIF_NAME) :]))
        elif marker == 0xE1 and body.startswith(_XMP_NAME):
            found = replace(found, xmp=body[len(_XMP_NAME) :])
        elif marker == 0xE1 and body.startswith(_MORE_XMP_NAME):
            found = replace(found, more_xmp=(*found.more_xmp, body))
        elif marker == 0xED and body.startswith(_PHOTOSHOP_NAME):
            found = replace(found, photoshop=found.photoshop + body[len(_PHOTOSHOP_NAME) :])
        elif marker == 0xFE:
            found = replace(found, comments=(*found.comments, body))
        elif marker == 0xE0 and body.startswith(b"JFIF\0") and body[7] in (1, 2):
            across, down = struct.unpack_from(">HH", body, 8)
            unit = Fraction(1) if body[7] == 1 else Fraction(254, 100)
            found = replace(found, density=(across * unit, down * unit) if across and down else None)
        elif marker == 0xE2 and body.startswith(b"MPF\0"):
            found = replace(found, never=("further pictures in the file (MPF)",))
    return replace(found, photoshop=_without_thumbnails(found.photoshop))


def _of_png(data: bytes) -> Metadata:
    chunks = [(name, data[start:stop]) for name, start, stop in _all_chunks(data)]
    first = dict(reversed(chunks))
    others = ["text"] if any(n in (b"tEXt", b"zTXt", b"iTXt") and not c.startswith(_PNG_XMP) for n, c in chunks) else []
    gamma = first.get(b"gAMA", b"")
    if b"cICP" in first or (len(gamma) == 4 and abs(struct.unpack(">I", gamma)[0] - 45455) > 50):
        others.append("gamma, primaries and transfer")
    xmp = next((content for name, content in chunks if name == b"iTXt" and content.startswith(_PNG_XMP)), b"")
    shape = first.get(b"pHYs", b"")
    density = None
    if len(shape) == 9 and shape[8] == 1:
        across, down = (Fraction(value) / _INCHES_A_METRE for value in struct.unpack_from(">II", shape))
        density = (across, down) if across and down else None
    return Metadata(without_second(first.get(b"eXIf", b"")), _text_of(xmp), density=density, others=tuple(others))


def _all_chunks(data: bytes) -> list[tuple[bytes, int, int]]:
    """List a PNG's chunks; EXIF and text may come after the pixels."""
    found, at = list(png_chunks(data)), 8
    while at + 12 <= len(data):
        length, name = struct.unpack_from(">I4s", data, at)
        if (name, at + 8, at + 8 + length) not in found:
            found.append((name, at + 8, at + 8 + length))
        at += length + 12
    return [chunk for chunk in found if chunk[0] != b"IDAT"]


def _text_of(international: bytes) -> bytes:
    """Return the text of an iTXt chunk."""
    parts = international.partition(b"\0")[2]
    if len(parts) < 2:
        return b""
    text = parts[2:].split(b"\0", 2)[-1]
    try:
        return zlib.decompress(text) if parts[0] else text
    except zlib.error:
        return b""


def _of_tiff(data: bytes) -> Metadata:
    never = ("thumbnails and smaller copies",) if has_smaller_copies(data) else ()
    page = first_directory(data)
    if page is None:
        return Metadata(never=never)

    def value(tag: int) -> bytes:
        entry = page.entries.get(tag)
        return data[entry.start : entry.stop] if entry else b""

    if value(_LAYERS_TAG):
        never = (*never, "Photoshop's layers")
    photoshop = _without_thumbnails(value(_PHOTOSHOP_TAG))
    iptc = value(_IPTC_TAG)
    if iptc and not photoshop:
        photoshop = b"8BIM" + struct.pack(">HHI", _IPTC, 0, len(iptc)) + iptc + b"\0" * (len(iptc) % 2)
    density, unit = None, page.number(_UNIT, data) or 2
    across, down = (value(tag) for tag in (_ACROSS, _DOWN))
    if len(across) == len(down) == 8 and unit in (2, 3):
        a, b, c, d = struct.unpack(page.order + "IIII", across + down)
        inch = Fraction(1) if unit == 2 else Fraction(254, 100)
        density = (Fraction(a, b) * inch, Fraction(c, d) * inch) if a and b and c and d else None
    if any(tag in _OF_RAW for tag in page.entries):
        never = (*never, "what raw values mean (DNG)")
    tags = _tags_of(data, page)
    exif = {tag: tags[tag] for tag in _OF_EXIF if tag in tags}
    others = ["exposure and place (EXIF of TIFF)"] if {EXIF_TAGS, GPS_TAGS} & page.entries.keys() else []
    others += ["further tags of TIFF"] if any(tag >= 1 << 15 and tag not in (*exif, _IPTC_TAG) for tag in tags) else []
    return Metadata(
        with_tags(_NO_TAGS, exif) if exif else b"",
        value(_XMP_TAG),
        photoshop=photoshop,
        density=density,
        tags=tags,
        others=tuple(others),
        never=never,
    )


def _tags_of(data: bytes, page: Directory) -> dict[int, tuple[int, bytes]]:
    """Read the tags that describe the picture."""
    return {
        tag: (entry.kind, in_intels_order(page.order, entry.kind, data[entry.start : entry.stop]))
        for tag, entry in page.entries.items()
        if (tag in _TOLD or tag >= 1 << 15) and tag not in (*_LAID_DOWN, *_OF_RAW) and entry.kind <= 12
    }


def jpeg_orientation(data: bytes) -> int:
    """Return the orientation in a JPEG's EXIF, 1 to 8; 1 if it has none."""
    for marker, start, stop in jpeg_segments(data) if data.startswith(b"\xff\xd8") else ():
        if marker == 0xE1 and data[start:stop].startswith(_EXIF_NAME):
            exif = data[start + len(_EXIF_NAME) : stop]
            page = first_directory(exif)
            turn = page.number(ORIENTATION, exif) if page else None
            return turn if turn is not None and 1 <= turn <= 8 else 1
    return 1


def _without_thumbnails(photoshop: bytes) -> bytes:
    kept, at = b"", 0
    while photoshop[at : at + 4] == b"8BIM":
        (number,) = struct.unpack_from(">H", photoshop, at + 4)
        body = at + 6 + (photoshop[at + 6] + 2) // 2 * 2
        (size,) = struct.unpack_from(">I", photoshop, body)
        stop = body + 4 + size + size % 2
        kept += b"" if number in _THUMBNAILS else photoshop[at:stop]
        at = stop
    return kept + photoshop[at:]


def with_metadata(data: bytes, found: Metadata) -> bytes:
    """Add metadata blocks to a written picture file, as far as it can hold them and does not have them already."""
    if data.startswith(b"\xff\xd8"):
        return _jpeg_with(data, found)
    if data.startswith(b"\x89PNG"):
        return _png_with(data, found)
    if data.startswith(b"RIFF"):
        data = webp_with(data, _WEBP_HAS_EXIF, b"EXIF", found.exif) if found.exif else data
        return webp_with(data, _WEBP_HAS_XMP, b"XMP ", found.xmp) if found.xmp else data
    return _tiff_with(data, found) if data.startswith(b"II*\0") else data


def _jpeg_with(data: bytes, found: Metadata) -> bytes:
    bodies = [(0xE1, _EXIF_NAME + found.exif)] if found.exif else []
    bodies += [(0xE1, _XMP_NAME + found.xmp)] if found.xmp else []
    bodies += [(0xE1, body) for body in found.more_xmp]
    room = _MOST_SEGMENT - len(_PHOTOSHOP_NAME)
    parts = [found.photoshop[at : at + room] for at in range(0, len(found.photoshop), room)]
    bodies += [(0xED, _PHOTOSHOP_NAME + part) for part in parts]
    bodies += [(0xFE, body) for body in found.comments]
    made = b"".join(bytes((0xFF, marker)) + struct.pack(">H", len(body) + 2) + body for marker, body in bodies)
    start, stop = next(((a, b) for marker, a, b in jpeg_segments(data) if marker == 0xE0), (0, 2))
    if found.density is not None and data[start : start + 5] == b"JFIF\0":
        unit, sizes = 1, found.density
        if any(size.denominator > 1 for size in sizes):
            unit, sizes = 2, (sizes[0] / Fraction(254, 100), sizes[1] / Fraction(254, 100))
        if any(abs(size - round(size)) > Fraction(1, 100) for size in sizes):
            unit, sizes = 1, found.density
        shape = struct.pack(">BHH", unit, *(min(max(round(size), 1), 65535) for size in sizes))
        data = data[: start + 7] + shape + data[start + 12 :]
    return data[:stop] + made + data[stop:]


def _png_with(data: bytes, found: Metadata) -> bytes:
    there = {name for name, _, _ in png_chunks(data)}
    chunks = [(b"eXIf", found.exif)] if found.exif and b"eXIf" not in there else []
    has_xmp = any(data[a:b].startswith(_PNG_XMP) for name, a, b in png_chunks(data) if name == b"iTXt")
    chunks += [(b"iTXt", _PNG_XMP + bytes(5) + found.xmp)] if found.xmp and not has_xmp else []
    if found.density is not None and b"pHYs" not in there:
        chunks.append((b"pHYs", struct.pack(">IIB", *(round(size * _INCHES_A_METRE) for size in found.density), 1)))
    made = b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body)) for name, body in chunks
    )
    return data[:33] + made + data[33:]  # after IHDR, which is the first and has a fixed length


def _tiff_with(data: bytes, found: Metadata) -> bytes:
    page, said = first_directory(data), first_directory(found.exif)
    there = page.entries if page is not None else {}
    tags = {**(_tags_of(found.exif, said) if said else {}), **found.tags}
    tags = {tag: value for tag, value in tags.items() if tag not in there}
    tags |= {_XMP_TAG: (BYTE, found.xmp)} if found.xmp else {}
    tags |= {_PHOTOSHOP_TAG: (UNDEFINED, found.photoshop)} if found.photoshop else {}
    if found.density is not None and _ACROSS not in {**there, **tags}:
        for tag, size in zip((_ACROSS, _DOWN), found.density, strict=True):
            near = size.limit_denominator(1000)
            tags[tag] = (RATIONAL, struct.pack("<II", near.numerator, near.denominator))
        tags[_UNIT] = (SHORT, struct.pack("<H", 2))
    return with_tags(data, tags) if tags else data
