"""Find edits that FFmpeg ignores: it follows an edit list's cuts, repeats and delays, but plays everything at normal speed.

Source: ISO/IEC 14496-12, 8.6.6 (edit list box, `elst`).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO, Final

from relook.errors import InputError
from relook.film.container.boxes import nested_boxes

_ENTRY: Final = {0: struct.Struct(">IiI"), 1: struct.Struct(">QqI")}
"""By version: duration of the edit, where it begins in the track (-1 for a delay), and its speed in 1/65536."""


def require_normal_speed(path: Path) -> None:
    """Refuse an MP4 or MOV of which a part is to be played slower, faster or as a still.

    Raises:
        InputError: its edit list says so.
    """
    with path.open("rb") as file:
        speed = next((speed for speed in _speeds(file) if speed != 1), None)
    if speed is not None:
        raise InputError(
            f"{path} has an edit list that plays it at {float(speed):g} times its speed, which relook does not support; "
            f"export it at the intended speed, or copy it without its edit list (ffmpeg -i {path.name} -c copy ...)"
        )


def _speeds(file: BinaryIO) -> Iterator[Fraction]:
    for start, stop in nested_boxes(file, b"moov", b"trak", b"edts", b"elst"):
        file.seek(start)
        head = file.read(8)
        entry = _ENTRY.get(head[0]) if len(head) == 8 else None
        if entry is None:
            continue
        entries = file.read(min(stop - start - 8, int.from_bytes(head[4:], "big") * entry.size))
        for _, begins, speed in entry.iter_unpack(entries[: len(entries) // entry.size * entry.size]):
            if begins >= 0:
                yield Fraction(speed, 65536)
