"""What a TIFF says of its alpha and of its colours, in its first directory, and how to say it in one that was written.

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
"""Of `PHOTOMETRIC`: inks, CMYK in general."""
PREMULTIPLIED, STRAIGHT = 1, 2
"""Of `EXTRA_SAMPLES`: the colours have been multiplied with the alpha, or have not."""
SHORT, UNDEFINED = 3, 7
"""Kinds of values: whole numbers of two bytes, and bytes."""
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
    """Of bytes, as `struct` writes it."""
    entries: Mapping[int, Entry]

    def number(self, tag: int, data: bytes | bytearray | memoryview) -> int | None:
        """Return the first number of a tag of two-byte numbers."""
        entry = self.entries.get(tag)
        if entry is None or entry.kind != SHORT or entry.stop - entry.start < 2:
            return None
        return int(struct.unpack_from(self.order + "H", data, entry.start)[0])


def first_directory(data: bytes | bytearray | memoryview) -> Directory | None:
    """Read the first directory of a TIFF; None where the bytes are of another kind, or it is damaged."""
    order = {b"II": "<", b"MM": ">"}.get(bytes(data[:2]))
    if order is None:
        return None
    try:
        version = struct.unpack_from(order + "H", data, 2)[0]
        if version not in (42, 43):
            return None
        word, counter = ("Q", "Q") if version == 43 else ("I", "H")
        at = struct.unpack_from(order + word, data, 8 if version == 43 else 4)[0]
        count = struct.unpack_from(order + counter, data, at)[0]
        width = struct.calcsize(word)
        entries = {}
        for place in range(at + struct.calcsize(counter), len(data), 4 + 2 * width)[:count]:
            tag, kind, num = struct.unpack_from(f"{order}HH{word}", data, place)
            size = num * _VALUE_BYTES.get(kind, 1)
            start = place + 4 + width
            if size > width:
                start = struct.unpack_from(order + word, data, start)[0]
            if start + size <= len(data):
                entries[tag] = Entry(kind, start, start + size)
    except struct.error:
        return None
    return Directory(order, entries)


def with_tags(data: bytes, tags: Mapping[int, tuple[int, bytes]]) -> bytes:
    """Return a small-number TIFF in Intel's order with tags, each of a kind and bytes, added to its first directory.

    The directory is written once more at the end, where there is room for it.
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
