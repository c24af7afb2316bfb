"""Kinds of picture files, each read rightly or refused by name: depths, palettes, inks, pages and animations."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from relook.errors import InputError
from relook.film.frames import Frame
from relook.film.pictures.alpha import picture_alpha
from relook.film.pictures.metadata import lost_metadata
from relook.film.pictures.picture_file import picture_pixels, read_picture, write_picture
from relook.film.pictures.vfx import has_vfx

needs_vfx = pytest.mark.skipif(not has_vfx(), reason="OpenImageIO and OpenEXR are not installed")
Chunk = tuple[bytes, bytes]


def jpeg(channels: int, *, depth: int = 8, process: int = 0) -> bytes:
    """Write 8 x 8 pixels of middle grey by hand: every coefficient is 0, coded in one bit."""

    def segment(marker: int, body: bytes) -> bytes:
        return bytes((0xFF, marker)) + struct.pack(">H", len(body) + 2) + body

    parts = b"".join(bytes((index + 1, 0x11, 0)) for index in range(channels))
    scan = b"".join(bytes((index + 1, 0)) for index in range(channels))
    one_code = bytes((1, *[0] * 15, 0))
    return b"".join(
        (
            b"\xff\xd8" + segment(0xDB, bytes((0, *[1] * 64))),
            segment(0xC0 + process, struct.pack(">BHHB", depth, 8, 8, channels) + parts),
            segment(0xC4, b"\x00" + one_code) + segment(0xC4, b"\x10" + one_code),
            segment(0xDA, bytes((channels,)) + scan + b"\0\x3f\0") + bytes((0xFF >> 2 * channels, 0xFF, 0xD9)),
        )
    )


def png(depth: int, colours: int, width: int, row: bytes, *chunks: Chunk) -> bytes:
    """Write one row of pixels by hand."""
    header = struct.pack(">IIBBBBB", width, 1, depth, colours, 0, 0, 0)
    every = [(b"IHDR", header), *chunks, (b"IDAT", zlib.compress(b"\0" + row)), (b"IEND", b"")]
    made = (struct.pack(">I", len(b)) + n + b + struct.pack(">I", zlib.crc32(n + b)) for n, b in every)
    return b"\x89PNG\r\n\x1a\n" + b"".join(made)


def tiff(pages: Sequence[int], *, bits: int = 8, white_is_zero: bool = False, palette: bool = False) -> bytes:
    """Write pages of four grey or paletted pixels by hand, each of a NewSubfileType."""
    pixels = b"\x60" if bits == 1 else bytes((0, 1, 1, 0) if palette else (0, 255, 255, 0))
    colours = struct.pack("<768H", *([1000, 65535] + [0] * 254 + [2000, 0] + [0] * 254 + [3000, 257] + [0] * 254))
    data = b"II*\0" + struct.pack("<I", 8)
    for number, kind in enumerate(pages):
        tags = {254: (4, kind), 256: (3, 4), 257: (3, 1), 258: (3, bits), 259: (3, 1), 277: (3, 1), 278: (3, 1)}
        tags |= {262: (3, 3 if palette else 0 if white_is_zero else 1)}
        size = 2 + 12 * (len(tags) + 2 + palette) + 4
        strip, table = len(data) + size, len(data) + size + 4
        tags |= {273: (4, strip), 279: (4, len(pixels))} | ({320: (3, table)} if palette else {})
        entries = (struct.pack("<HHII", t, k, 768 if t == 320 else 1, v) for t, (k, v) in sorted(tags.items()))
        after = 0 if number == len(pages) - 1 else table + len(colours)
        data += struct.pack("<H", len(tags)) + b"".join(entries) + struct.pack("<I", after)
        data += pixels.ljust(4, b"\0") + colours
    return data


PALETTE: Chunk = (b"PLTE", bytes((1, 2, 3, 4, 5, 6)))
GAMMA = (b"gAMA", struct.pack(">I", 100_000))
CODES = bytes((0x10, 0x21, 0x32, 0x43, 0x54, 0x65))
READ: dict[str, tuple[bytes, str, list[Any]]] = {
    "grey.jpg": (jpeg(1), "gray", [128]),
    "colour.jpg": (jpeg(3), "bgr24", [[128, 128, 128]]),
    "1.png": (png(1, 0, 4, b"\xa0"), "gray", [255, 0, 255, 0]),
    "2.png": (png(2, 0, 4, b"\x1b"), "gray", [0, 85, 170, 255]),
    "4.png": (png(4, 0, 2, b"\x1f"), "gray", [17, 255]),
    "grey16.png": (png(16, 0, 2, bytes((1, 2, 3, 4))), "gray16le", [0x102, 0x304]),
    "palette.png": (png(8, 3, 2, b"\0\1", PALETTE), "bgr24", [[3, 2, 1], [6, 5, 4]]),
    "palette1.png": (png(1, 3, 2, b"\x40", PALETTE), "bgr24", [[3, 2, 1], [6, 5, 4]]),
    "clear_palette.png": (
        png(8, 3, 2, b"\0\1", PALETTE, (b"tRNS", b"\x80")),
        "bgra",
        [[3, 2, 1, 128], [6, 5, 4, 255]],
    ),
    "clear_grey.png": (png(8, 0, 2, b"\0\1", (b"tRNS", b"\0\1")), "bgra", [[0, 0, 0, 255], [1, 1, 1, 0]]),
    "clear_grey2.png": (
        png(2, 0, 4, b"\x1b", (b"tRNS", b"\0\2")),
        "bgra",
        [[0] * 3 + [255], [85] * 3 + [255], [170] * 3 + [0]],
    ),
    "clear_colour.png": (
        png(8, 2, 2, bytes(range(6)), (b"tRNS", b"\0\0\0\1\0\2")),
        "bgra",
        [[2, 1, 0, 0], [5, 4, 3, 255]],
    ),
    "grey_alpha.png": (png(8, 4, 2, bytes((10, 20, 30, 40))), "bgra", [[10, 10, 10, 20], [30, 30, 30, 40]]),
    "grey_alpha16.png": (png(16, 4, 1, bytes((1, 2, 3, 4))), "bgra64le", [[0x102] * 3 + [0x304]]),
    "gamma.png": (png(8, 2, 2, CODES, GAMMA), "bgr24", [[0x32, 0x21, 0x10], [0x65, 0x54, 0x43]]),
    "1.tif": (tiff([0], bits=1), "gray", [0, 255, 255, 0]),
    "1_white.tif": (tiff([0], bits=1, white_is_zero=True), "gray", [255, 0, 0, 255]),
    "palette.tif": (tiff([0], palette=True), "bgr24", [[11, 7, 3], [1, 0, 255]]),
    "with_thumbnail.tif": (tiff([0, 1]), "gray", [0, 255, 255, 0]),
}
"""Files by name, and the layout and first codes that they are read as."""


@pytest.mark.parametrize("name", READ)
def test_a_kind_is_read_rightly(tmp_path: Path, name: str) -> None:
    data, layout, codes = READ[name]
    if name.endswith(".tif") and not has_vfx():
        pytest.skip("OpenCV reads few kinds of TIFF")
    (tmp_path / name).write_bytes(data)
    picture = read_picture(tmp_path / name)
    assert picture.pixel_format == layout
    assert picture.codes[0, : len(codes)].tolist() == codes


def test_progressive_jpeg_is_read_as_baseline_is(tmp_path: Path, draw: Callable[..., list[Any]]) -> None:
    (codes,) = draw(1, 32, 24)
    for name, progressive in (("a.jpg", 0), ("b.jpg", 1)):
        cv2.imwrite(str(tmp_path / name), codes, (cv2.IMWRITE_JPEG_PROGRESSIVE, progressive))
    assert b"\xff\xc2" in (tmp_path / "b.jpg").read_bytes()
    plain, progressive_codes = (read_picture(tmp_path / name).codes for name in ("a.jpg", "b.jpg"))
    assert np.array_equal(plain, progressive_codes)


def animated_webp() -> bytes:
    frame = b"ANMF" + struct.pack("<I", 24) + bytes(24)
    body = b"WEBPVP8X" + struct.pack("<I", 10) + b"\x02\0\0\0" + bytes(6) + frame + frame
    return b"RIFF" + struct.pack("<I", len(body)) + body


REFUSED = {
    "inks.jpg": (jpeg(4), "is CMYK"),
    "twelve.jpg": (jpeg(1, depth=12, process=1), "12-bit"),
    "twelve_colour.jpg": (jpeg(3, depth=12, process=1), "12-bit"),
    "lossless.jpg": (jpeg(3, process=3), "coding 3"),
    "moving.png": (png(8, 0, 1, b"\0", (b"acTL", struct.pack(">II", 7, 0))), "7 pictures"),
    "moving.webp": (animated_webp(), "2 pictures"),
    "gif.png": (b"GIF89a" + bytes(20), "GIF"),
    "pages.tif": (tiff([0, 0, 0]), "3 pictures"),
    "pages_and_thumbnails.tif": (tiff([0, 1, 2, 1]), "2 pictures"),
    "thumbnail_first.tif": (tiff([1, 0]), "smaller copy"),
}


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("library", [pytest.param(True, marks=needs_vfx), False])
def test_a_kind_is_refused_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, library: bool) -> None:
    monkeypatch.setattr("relook.film.pictures.picture_file.has_vfx", lambda: library)
    data, words = REFUSED[name]
    (tmp_path / name).write_bytes(data)
    with pytest.raises(InputError, match=words):
        read_picture(tmp_path / name)


def test_an_animation_of_one_frame_is_a_picture(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png(8, 0, 1, b"\7", (b"acTL", struct.pack(">II", 1, 0))))
    assert read_picture(tmp_path / "a.png").codes.tolist() == [[7]]


def test_grey_that_is_clear_stays_clear(tmp_path: Path) -> None:
    """One transparent grey, which OpenCV forgets, comes out as transparency."""
    (tmp_path / "a.png").write_bytes(READ["clear_grey.png"][0])
    picture = read_picture(tmp_path / "a.png")
    frame = Frame(0, 0, 1, picture_pixels(picture))
    write_picture(tmp_path / "b.png", frame, bit_depth=8, source=picture, alpha=picture_alpha(picture))
    again = read_picture(tmp_path / "b.png").alpha
    assert again is not None
    assert again.tolist() == [[255, 0]]


@needs_vfx
def test_thumbnails_and_mip_levels_are_told(tmp_path: Path) -> None:
    import OpenImageIO as oiio

    page, mips = tmp_path / "page.tif", tmp_path / "mips.exr"
    page.write_bytes(tiff([0, 1]))
    levels = oiio.ImageBuf(np.ones((64, 64, 3), np.float32))
    assert oiio.ImageBufAlgo.make_texture(oiio.MakeTxTexture, levels, str(mips))
    assert lost_metadata(page, ".tif") == lost_metadata(mips, ".exr") == ("thumbnails and smaller copies",)
    picture = read_picture(mips)
    assert picture.codes.shape[:2] == (64, 64)
    write_picture(tmp_path / "flat.exr", Frame(0, 0, 1, torch.zeros(3, 64, 64)), bit_depth=16, source=picture)
    assert lost_metadata(tmp_path / "flat.exr", ".exr") == ()
