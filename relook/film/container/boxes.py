"""Walk the boxes of which MP4 and MOV files consist. Source: ISO/IEC 14496-12, 4.2."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import BinaryIO


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


def nested_boxes(file: BinaryIO, *kinds: bytes) -> Iterator[tuple[int, int]]:
    """Follow a chain of nested boxes, `moov` then `trak` and so on; yield begin and end of the contents of every last one."""
    yield from _nested(file, 0, file.seek(0, 2), kinds)


def _nested(file: BinaryIO, start: int, stop: int, kinds: tuple[bytes, ...]) -> Iterator[tuple[int, int]]:
    if not kinds:
        yield start, stop
        return
    for kind, body, end in boxes(file, start, stop):
        if kind == kinds[0]:
            yield from _nested(file, body, end, kinds[1:])
