"""Check that the pictures of a take are alike (size, depth, grey or colour, transparency) by their headers alone.

A take with odd pictures is refused before work begins, and all of them are named by number. "The others" are what most pictures
are; in a tie, what the first picture is. Pixels are not looked at: damage behind a header stops the work later.
"""

from __future__ import annotations

import os
import stat
import struct
from collections import Counter
from itertools import groupby
from pathlib import Path
from typing import Any, Final, NamedTuple

from relook.errors import InputError
from relook.film.pictures.blocks import jpeg_orientation
from relook.film.pictures.single import jpeg_frame
from relook.film.pictures.tiff import PHOTOMETRIC, SAMPLES_PER_PIXEL, first_directory
from relook.film.pictures.vfx import NEEDS_VFX, has_vfx, image_io
from relook.film.sequence import MOST_NAMED, numbers_in, ranges_text

_HEAD_BYTES: Final = 1 << 16
_PNG_COLOURS: Final = {0: "grey", 2: "RGB", 3: "RGB", 4: "grey with alpha", 6: "RGB with alpha"}
_BITS_PER_SAMPLE, _WIDTH, _HEIGHT = 258, 256, 257


class Shape(NamedTuple):
    """What a picture's header says of its pixels."""

    width: int
    height: int
    layout: str
    """In words: "8 bit RGB"."""

    def __str__(self) -> str:
        return f"{self.width} x {self.height}, {self.layout}"


def require_alike(path: Path, pictures: tuple[Path, ...]) -> None:
    """Refuse a take whose pictures are not alike, or whose headers cannot be read.

    Raises:
        InputError: some differ; the message counts them and names the first dozen.
    """
    by_library = has_vfx()
    found = [shape_of(picture, by_library=by_library) for picture in pictures]
    usual = Counter(shape for shape in found if isinstance(shape, Shape)).most_common(1)
    if len(set(found)) == 1 and usual:
        return
    common = usual[0][0] if usual else None
    odd = [(n, str(shape)) for n, shape in zip(numbers_in(path, pictures), found, strict=True) if shape != common]
    texts = []
    for words, group in groupby(odd[:MOST_NAMED], key=lambda one: one[1]):
        numbers = [number for number, _ in group]
        texts.append(f"{ranges_text(_ranges(numbers))} ({words})")
    more = f" and {len(odd) - MOST_NAMED} more" if len(odd) > MOST_NAMED else ""
    others = f"unlike the others ({common})" if common else "unreadable"
    raise InputError(
        f"{path}: {len(odd)} of {len(pictures)} pictures {others}: {', '.join(texts)}{more}; the pictures of one take must "
        f"have one size and one layout: make these alike or render them again, or put them into a folder of their own"
    )


def _ranges(numbers: list[int]) -> list[tuple[int, int]]:
    ranges: list[tuple[int, int]] = []
    for number in numbers:
        if ranges and number == ranges[-1][1] + 1:
            ranges[-1] = (ranges[-1][0], number)
        else:
            ranges.append((number, number))
    return ranges


def shape_of(path: Path, *, by_library: bool) -> Shape | str:
    """Read a picture's header, or say in words why it cannot be read.

    Args:
        by_library: True where OpenImageIO is installed, which reads EXR, DPX and TIFF.
    """
    try:
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode):
            return "no file"
        if status.st_size == 0:
            return "empty"
        if path.suffix.lower() in (*NEEDS_VFX, ".tif", ".tiff"):
            return _by_library(path) if by_library else _tiff(path)
        with path.open("rb") as file:
            head = file.read(_HEAD_BYTES)
        found = _from(head)
        return found or (_from(path.read_bytes()) if status.st_size > len(head) else None) or "cannot be read"
    except OSError as error:
        return error.strerror or "cannot be opened"
    except (struct.error, IndexError):
        return "cannot be read"


def _by_library(path: Path) -> Shape | str:
    io = image_io()
    opened = io.ImageInput.open(str(path))
    if opened is None:
        io.geterror()  # else it is told with the next one
        return "cannot be read"
    spec = opened.spec()
    opened.close()
    names, width, height = list(spec.channelnames), spec.width, spec.height
    if spec.get_int_attribute("Orientation", 1) >= 5:
        width, height = height, width
    if path.suffix.lower() == ".exr":
        has_colour = {"R", "G", "B"} <= set(names)
        kind = str(spec.channelformat(names.index("R" if has_colour else "Y"))) if has_colour or "Y" in names else ""
        layout = f"{kind} {_colours(3 if has_colour else 1, 'A' in names and has_colour)}"
    else:
        layout = f"{_depth(spec)} {_colours(spec.nchannels, spec.nchannels in (2, 4))}"
    return Shape(width, height, layout)


def _depth(spec: Any) -> str:
    kind = str(spec.format)
    return kind if kind in ("half", "float") else f"{max(spec.get_int_attribute('oiio:BitsPerSample', 8), 8)} bit"


def _colours(channels: int, has_alpha: bool) -> str:
    return ("grey" if channels < 3 else "RGB") + (" with alpha" if has_alpha else "")


def _tiff(path: Path) -> Shape | str:
    data = path.read_bytes()
    page = first_directory(data)
    if page is None:
        return "cannot be read"
    width, height = page.whole_number(_WIDTH, data) or 0, page.whole_number(_HEIGHT, data) or 0
    channels = 3 if page.number(PHOTOMETRIC, data) == 3 else page.number(SAMPLES_PER_PIXEL, data) or 1
    return Shape(
        width,
        height,
        f"{max(page.number(_BITS_PER_SAMPLE, data) or 1, 8)} bit {_colours(channels, channels in (2, 4))}",
    )


def _from(data: bytes) -> Shape | None:
    """Read the header of PNG, JPEG, WebP and BMP."""
    if data.startswith(b"\x89PNG"):
        width, height, depth, kind = struct.unpack_from(">IIBB", data, 16)
        colours, before_pixels = _PNG_COLOURS.get(kind, "?"), data.partition(b"IDAT")[0]
        clear = " with alpha" if b"tRNS" in before_pixels and "alpha" not in colours else ""
        return Shape(width, height, f"{16 if depth == 16 else 8} bit {colours}{clear}")
    if data.startswith(b"\xff\xd8"):
        frame = jpeg_frame(data)
        if frame is None:
            return None
        size = (frame.width, frame.height) if jpeg_orientation(data) < 5 else (frame.height, frame.width)
        return Shape(*size, f"{frame.depth} bit {'CMYK' if frame.channels == 4 else _colours(frame.channels, False)}")
    if data.startswith(b"BM"):
        width, height, _, bits = struct.unpack_from("<iiHH", data, 18)
        palette = data[14 + data[14] : struct.unpack_from("<I", data, 10)[0]]
        is_grey = bits <= 8 and palette[::4] == palette[1::4] == palette[2::4]
        return Shape(width, abs(height), f"8 bit {_colours(1 if is_grey else 3, bits == 32)}")
    return _webp(data) if data.startswith(b"RIFF") else None


def _webp(data: bytes) -> Shape | None:
    kind = data[12:16]
    if kind == b"VP8X":
        width, height = (1 + int.from_bytes(data[at : at + 3], "little") for at in (24, 27))
        return Shape(width, height, f"8 bit {_colours(3, bool(data[20] & 0x10))}")
    if kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, 21)
        return Shape(1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF), f"8 bit {_colours(3, bool(bits >> 28 & 1))}")
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", data, 26)
        return Shape(width & 0x3FFF, height & 0x3FFF, "8 bit RGB")
    return None
