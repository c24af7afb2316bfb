"""Read a TIFF's directories, and add tags to a TIFF that was written.

Source: TIFF 6.0, sections 2 and 18 (ExtraSamples); BigTIFF differs in the width of its numbers alone.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

EXTRA_SAMPLES: Final = 338
SAMPLES_PER_PIXEL: Final = 277
PHOTOMETRIC: Final = 262
ICC_PROFILE: Final = 34675
SEPARATED: Final = 5
"""A value of `PHOTOMETRIC`: inks, usually CMYK."""
PREMULTIPLIED, STRAIGHT = 1, 2
"""Values of `EXTRA_SAMPLES`: the colours are multiplied by the alpha, or are not."""
BYTE, SHORT, LONG, RATIONAL, UNDEFINED = 1, 3, 4, 5, 7
"""TIFF's types: bytes, integers of two and four bytes, fractions of two of these, and undefined bytes."""
_MOST_PAGES: Final = 1000
"""Most directories that are followed: in a damaged file they may form a ring."""
_VALUE_BYTES: Final = {
    1: 1,
    2: 1,
    SHORT: 2,
    4: 4,
    5: 8,
    6: 1,
    UNDEFINED: 1,
    8: 2,
    9: 4,
    10: 8,
    11: 4,
    12: 8,
    16: 8,
    17: 8,
    18: 8,
}


class Entry(NamedTuple):
    """Where the values of a tag lie in the file."""

    kind: int
    start: int
    stop: int


@dataclass(frozen=True)
class Directory:
    """The first directory of a TIFF."""

    order: str
    """Byte order, in `struct`'s notation."""
    entries: Mapping[int, Entry]
    after: int = 0
    """Where the next directory begins; 0 where there is none."""
    after_at: int = 0
    """Where that is written."""

    def whole_number(self, tag: int, data: bytes | bytearray | memoryview) -> int | None:
        """Return the first number of a tag of two-byte or four-byte numbers."""
        entry = self.entries.get(tag)
        kind = None if entry is None else {SHORT: "H", LONG: "I"}.get(entry.kind)
        if entry is None or kind is None or entry.stop - entry.start < struct.calcsize(kind):
            return None
        return int(struct.unpack_from(self.order + kind, data, entry.start)[0])

    def number(self, tag: int, data: bytes | bytearray | memoryview) -> int | None:
        """Return the first number of a tag of two-byte numbers."""
        entry = self.entries.get(tag)
        if entry is None or entry.kind != SHORT or entry.stop - entry.start < 2:
            return None
        return int(struct.unpack_from(self.order + "H", data, entry.start)[0])


def first_directory(data: bytes | bytearray | memoryview) -> Directory | None:
    """Read the first directory of a TIFF; None where the bytes are of another kind, or it is damaged."""
    return next(iter(directories(data, most=1)), None)


def directories(data: bytes | bytearray | memoryview, *, most: int = _MOST_PAGES) -> list[Directory]:
    """Read the directories of a TIFF, one a page; none where the bytes are of another kind, or end where it is damaged."""
    order = {b"II": "<", b"MM": ">"}.get(bytes(data[:2]))
    if order is None:
        return []
    found: list[Directory] = []
    try:
        version = struct.unpack_from(order + "H", data, 2)[0]
        if version not in (42, 43):
            return []
        word = "Q" if version == 43 else "I"
        at = struct.unpack_from(order + word, data, 8 if version == 43 else 4)[0]
        while at and len(found) < most:
            found.append(directory_at(data, at, order, big=version == 43))
            at = found[-1].after
    except struct.error:
        pass
    return found


def directory_at(data: bytes | bytearray | memoryview, at: int, order: str, *, big: bool = False) -> Directory:
    """Read a directory at a place.

    Raises:
        struct.error: it goes on beyond the end.
    """
    word, counter = ("Q", "Q") if big else ("I", "H")
    count = struct.unpack_from(order + counter, data, at)[0]
    width = struct.calcsize(word)
    first = at + struct.calcsize(counter)
    entries = {}
    for place in range(first, len(data), 4 + 2 * width)[:count]:
        tag, kind, num = struct.unpack_from(f"{order}HH{word}", data, place)
        size = num * _VALUE_BYTES.get(kind, 1)
        start = place + 4 + width
        if size > width:
            start = struct.unpack_from(order + word, data, start)[0]
        if start + size <= len(data):
            entries[tag] = Entry(kind, start, start + size)
    after_at = first + count * (4 + 2 * width)
    after = struct.unpack_from(order + word, data, after_at)[0] if after_at + width <= len(data) else 0
    return Directory(order, entries, after, after_at)


def without_second(data: bytes) -> bytes:
    """Detach the second directory, which in EXIF describes a thumbnail."""
    page = first_directory(data)
    if page is None or not page.after:
        return data
    return data[: page.after_at] + bytes(4) + data[page.after_at + 4 :]


def in_intels_order(order: str, kind: int, value: bytes) -> bytes:
    """Convert a tag's bytes from a byte order to little-endian."""
    width = {RATIONAL: 4, 10: 4}.get(kind, _VALUE_BYTES[kind])  # fractions are two numbers
    if order == "<" or width == 1:
        return value
    return b"".join(value[at : at + width][::-1] for at in range(0, len(value), width))


def with_tags(data: bytes, tags: Mapping[int, tuple[int, bytes]]) -> bytes:
    """Add tags (type and bytes each) to the first directory of a little-endian classic TIFF.

    The directory is written again at the end of the file, where there is room for it.
    """
    assert data[:4] == b"II*\0", "a TIFF is in Intel's order and below 4 GiB when it comes from OpenCV"
    made = bytearray(data + b"\0" * (len(data) % 2))
    (at,) = struct.unpack_from("<I", data, 4)
    (count,) = struct.unpack_from("<H", data, at)
    places = range(at + 2, at + 2 + 12 * count, 12)
    entries = {struct.unpack_from("<H", data, place)[0]: data[place : place + 12] for place in places}
    after = data[places.stop : places.stop + 4]
    for tag, (kind, value) in tags.items():
        where = value.ljust(4, b"\0")
        if len(value) > 4:
            where = struct.pack("<I", len(made))
            made += value + b"\0" * (len(value) % 2)
        entries[tag] = struct.pack("<HHI", tag, kind, len(value) // _VALUE_BYTES[kind]) + where
    struct.pack_into("<I", made, 4, len(made))
    made += struct.pack("<H", len(entries)) + b"".join(entries[tag] for tag in sorted(entries)) + after
    return bytes(made)
