"""Luma by hand, and what an untagged stream means."""

from __future__ import annotations

import av
import pytest
import torch
from av.video.format import names

from relook.film.colour import LUMA_WEIGHTS, is_full_range, is_grey, is_rgb, luma, matrix_of
from relook.film.frames import ColourTags


def test_luma_by_hand() -> None:
    pixels = torch.tensor([1.0, 0.5, 0.25]).reshape(1, 3, 1, 1)
    assert luma(pixels).shape == (1, 1, 1, 1)
    assert luma(pixels).item() == pytest.approx(0.2126 + 0.5 * 0.7152 + 0.25 * 0.0722)
    assert sum(LUMA_WEIGHTS) == pytest.approx(1)


@pytest.mark.parametrize(
    ("matrix", "height", "meant"), [(2, 719, 6), (2, 720, 1), (0, 1080, 1), (3, 480, 6), (9, 480, 9), (6, 1080, 6)]
)
def test_an_untagged_matrix_goes_by_height(matrix: int, height: int, meant: int) -> None:
    assert matrix_of(ColourTags(matrix=matrix), height) == meant


@pytest.mark.parametrize(
    ("pixel_format", "tag", "full"),
    [
        ("yuv420p", None, False),
        ("yuv420p", True, True),
        ("yuv444p16le", False, False),
        ("yuvj420p", None, True),
        ("rgb24", None, True),
        ("gbrp10le", False, True),
        ("gray", None, True),
        ("gray10le", False, False),
    ],
)
def test_an_untagged_range_goes_by_format(pixel_format: str, tag: bool | None, full: bool) -> None:
    assert is_full_range(ColourTags(full_range=tag), pixel_format) is full


def test_names_tell_rgb_and_grey_as_ffmpeg_does() -> None:
    formats = [av.VideoFormat(name) for name in names]
    for known in (one for one in formats if one.components):
        assert is_rgb(known.name) == bool(known.is_rgb or known.has_palette), known.name
        assert is_grey(known.name) == (len(known.components) <= 2 and not is_rgb(known.name)), known.name
