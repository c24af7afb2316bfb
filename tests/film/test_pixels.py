"""Codes to float RGB and back: exact for RGB and grey, within a code for Y'CbCr, against the standards' formulas."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from relook.errors import DivergedError, InputError
from relook.film.frames import ColourTags, FilmInfo, Frame
from relook.film.pixels import FromPixels, ToPixels, planes, rows

UNTAGGED = ColourTags()
WIDTH, HEIGHT = 46, 33
WEIGHTS = {1: (0.2126, 0.0722), 6: (0.299, 0.114), 9: (0.2627, 0.0593)}
"""Weights of red and blue in luma: BT.709, BT.601, BT.2020."""


def info_of(pixel_format: str, bits: int, tags: ColourTags = UNTAGGED) -> FilmInfo:
    return FilmInfo(
        path=Path("made.mkv"),
        kind="film",
        width=WIDTH,
        height=HEIGHT,
        frame_rate=Fraction(24),
        time_base=Fraction(1, 24),
        bit_depth=bits,
        pixel_format=pixel_format,
        colour=tags,
    )


def filled(pixel_format: str, values: list[NDArray[Any]]) -> av.VideoFrame:
    frame = av.VideoFrame(values[0].shape[1], values[0].shape[0], pixel_format)
    for plane, codes in zip(planes(frame), values, strict=True):
        plane[...] = codes
    return frame


def pixels_frame(pixels: torch.Tensor) -> Frame:
    return Frame(7, 7, 1, pixels)


def drawn(bits: int, channels: int = 3) -> NDArray[Any]:
    codes = np.random.default_rng(bits).integers(0, 2**bits, (channels, HEIGHT, WIDTH))
    codes[:, 0, 0], codes[:, 0, 1] = 0, 2**bits - 1
    return codes.astype(np.uint8 if bits == 8 else np.uint16)


@pytest.mark.parametrize("bits", [8, 9, 10, 12, 14, 16])
def test_planar_rgb_is_exact(bits: int) -> None:
    codes = drawn(bits)
    name = "gbrp" if bits == 8 else f"gbrp{bits}le"
    frame = filled(name, [codes[1], codes[2], codes[0]])
    pixels = ToPixels(info_of(name, bits))(frame)
    assert torch.equal(pixels, torch.from_numpy(codes.astype(np.float32)) / (2**bits - 1))
    back = FromPixels(info_of(name, bits), name, ColourTags())(pixels_frame(pixels))
    assert all(np.array_equal(a, b) for a, b in zip(planes(back), planes(frame), strict=True))


@pytest.mark.parametrize(
    "name", ["rgb24", "bgr24", "bgr0", "rgba", "argb", "rgb48le", "rgb48be", "bgr48le", "rgba64le"]
)
def test_packed_rgb_is_exact(name: str) -> None:
    bits = 16 if "48" in name or "64" in name else 8
    codes = np.ascontiguousarray(drawn(bits).transpose(1, 2, 0))
    plain = av.VideoFrame.from_ndarray(codes, format="rgb24" if bits == 8 else "rgb48le")
    frame = plain.reformat(format=name) if name != plain.format.name else plain
    pixels = ToPixels(info_of(name, bits))(frame)
    assert torch.equal(pixels, torch.from_numpy(codes.astype(np.float32)).permute(2, 0, 1) / (2**bits - 1))


@pytest.mark.parametrize(("name", "bits"), [("gray", 8), ("gray10le", 10), ("gray16le", 16)])
def test_grey_is_exact(name: str, bits: int) -> None:
    codes = drawn(bits, 1)[0]
    frame = filled(name, [codes])
    full = torch.from_numpy(codes.astype(np.float32)) / (2**bits - 1)
    assert torch.equal(ToPixels(info_of(name, bits))(frame), full.expand(3, -1, -1))
    legal = ToPixels(info_of(name, bits, ColourTags(full_range=False)))(frame)
    step = 2.0 ** (bits - 8)
    expected = ((codes - 16 * step) / (219 * step)).clip(0, 1)
    assert np.allclose(legal.numpy(), expected, atol=1e-6)


@pytest.mark.parametrize("matrix", [1, 6, 9])
@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("bits", [8, 10, 12, 16])
def test_yuv_follows_the_standards(matrix: int, full: bool, bits: int) -> None:
    """Read within .02 of an 8-bit code, write within 1.1 codes up to 10 bit, against H.273 in float64."""
    rgb = np.random.default_rng(matrix).uniform(0.05, 0.95, (3, HEIGHT, WIDTH))
    red_weight, blue_weight = WEIGHTS[matrix]
    luma = red_weight * rgb[0] + (1 - red_weight - blue_weight) * rgb[1] + blue_weight * rgb[2]
    differences = (rgb[2] - luma) / (1 - blue_weight) / 2, (rgb[0] - luma) / (1 - red_weight) / 2
    step, top = 2.0 ** (bits - 8), 2.0**bits - 1
    exact = [top * luma if full else (16 + 219 * luma) * step]
    exact += [128 * step + value * (top if full else 224 * step) for value in differences]
    name = "yuv444p" if bits == 8 else f"yuv444p{bits}le"
    tags = ColourTags(matrix=matrix, full_range=full)
    codes = [np.rint(plane).astype(np.uint8 if bits == 8 else np.uint16) for plane in exact]

    pixels = ToPixels(info_of(name, bits, tags))(filled(name, codes)).numpy().astype(np.float64)
    scale = top if full else 219 * step
    y = codes[0] / scale - (0 if full else 16 / 219)
    b, r = ((plane - 128 * step) / (top if full else 224 * step) for plane in codes[1:])
    red, blue = y + 2 * (1 - red_weight) * r, y + 2 * (1 - blue_weight) * b
    green = (y - red_weight * red - blue_weight * blue) / (1 - red_weight - blue_weight)
    assert np.abs(pixels - np.stack([red, green, blue]).clip(0, 1)).max() * 255 < 0.02

    written = FromPixels(info_of(name, bits, tags), name, tags)(pixels_frame(torch.from_numpy(rgb).float()))
    worst = max(
        np.abs(plane.astype(float) - wanted).max() for plane, wanted in zip(planes(written), exact, strict=True)
    )
    assert worst < (1.1 if bits <= 10 else 1.6 if bits == 12 else 20)


def test_legal_white_and_black_are_one_and_zero() -> None:
    flat = [np.full((HEIGHT, WIDTH), 128, np.uint8)] * 2
    for code, value in ((235, 1.0), (16, 0.0), (255, 1.0), (0, 0.0)):
        frame = filled("yuv444p", [np.full((HEIGHT, WIDTH), code, np.uint8), *flat])
        pixels = ToPixels(info_of("yuv444p", 8))(frame)
        assert float((pixels - value).abs().max()) < 1e-4


@pytest.mark.parametrize("name", ["yuv420p", "yuv422p", "yuv444p", "yuv420p10le", "nv12", "yuvj420p"])
def test_yuv_comes_back_within_a_code(name: str) -> None:
    bits = 10 if "10" in name else 8
    info = info_of(name, bits)
    smooth = torch.linspace(0.2, 0.8, WIDTH).expand(3, HEIGHT, -1) * torch.tensor([1.0, 0.8, 0.9]).reshape(3, 1, 1)
    write = FromPixels(info, name, ColourTags())
    once = write(pixels_frame(smooth))
    again = write(pixels_frame(ToPixels(info)(once)))
    worst = max(np.abs(a.astype(int) - b).max() for a, b in zip(planes(once), planes(again), strict=True))
    assert worst <= (4 if bits == 10 else 1) + (name == "yuvj420p")


def test_rows_leave_the_padding_out() -> None:
    for name in ("yuv420p", "nv12", "p010le", "rgb24", "bgr0", "yuyv422", "gbrp12le", "gray", "rgba64le"):
        frame = av.VideoFrame(WIDTH, HEIGHT + 1, name)
        total = sum(plane.shape[0] * plane.shape[1] for plane in rows(frame))
        assert total == frame.format.padded_bits_per_pixel * WIDTH * (HEIGHT + 1) // 8, name


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("name", ["yuv420p", "gbrp10le", "bgr0"])
def test_values_that_are_not_finite_are_refused(bad: float, name: str) -> None:
    pixels = torch.full((3, HEIGHT, WIDTH), 0.5)
    pixels[1, 5, 5] = bad
    with pytest.raises(DivergedError, match="frame 7"):
        FromPixels(info_of(name, 8), name, ColourTags())(pixels_frame(pixels))


def test_a_matrix_that_cannot_be_computed_is_refused() -> None:
    with pytest.raises(InputError, match="matrix 14"):
        ToPixels(info_of("yuv420p10le", 10, ColourTags(matrix=14)))
