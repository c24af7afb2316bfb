"""A zoo of codecs, pixel formats, rates and tags, made here: each goes through bit for bit."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from relook.film.reader import probe

NTSC, FILM_NTSC = Fraction(30000, 1001), Fraction(24000, 1001)
BT601, BT709, BT2020_PQ, BT2020_HLG = (6, 6, 6), (1, 1, 1), (9, 16, 9), (9, 18, 9)
LEGAL, FULL = 1, 2

ZOO = [
    ("a.mp4", "libx264", "yuv420p", 24, BT709, LEGAL),
    ("a.mp4", "libx264", "yuv422p10le", 25, BT709, LEGAL),
    ("a.mp4", "libx264", "yuv444p", FILM_NTSC, BT601, FULL),
    ("a.mkv", "libx264", "gray", 24, (2, 2, 2), FULL),
    ("a.mkv", "libx264rgb", "rgb24", 24, (1, 13, 0), FULL),
    ("a.mp4", "libx265", "yuv420p10le", 24, BT2020_PQ, LEGAL),
    ("a.mp4", "libx265", "yuv422p12le", 50, BT2020_HLG, LEGAL),
    ("a.mp4", "libx265", "yuv444p12le", 24, BT2020_PQ, FULL),
    ("a.mkv", "libx265", "gbrp10le", 24, (9, 16, 0), FULL),
    ("a.mov", "prores_ks", "yuv422p10le", NTSC, BT709, LEGAL),
    ("a.mov", "prores_ks", "yuva444p10le", 24, BT2020_HLG, LEGAL),
    ("a.mov", "dnxhd", "yuv422p10le", 25, BT709, LEGAL),
    ("a.mov", "qtrle", "argb", 24, (2, 2, 2), FULL),
    ("a.mkv", "ffv1", "yuva420p", 24, BT601, LEGAL),
    ("a.mkv", "ffv1", "gbrap12le", 24, (1, 1, 0), FULL),
    ("a.mkv", "ffv1", "gray12le", 48, (2, 2, 2), FULL),
    ("a.mkv", "libsvtav1", "yuv420p10le", 24, BT2020_PQ, LEGAL),
    ("a.webm", "libvpx-vp9", "yuva420p", 24, BT709, LEGAL),
    ("a.webm", "libvpx-vp9", "yuv444p", 60, BT709, LEGAL),
    ("a.mpg", "mpeg2video", "yuv420p", 25, (2, 2, 5), LEGAL),
]
"""File, encoder, pixel format, rate, primaries with transfer and matrix, range."""

QUIET = {"libx265": {"x265-params": "log-level=none"}, "dnxhd": {"profile": "dnxhr_hqx"}}


Animal = tuple[str, str, str, Fraction | int, tuple[int, int, int], int]


def in_the_zoo(make_film: Any, draw: Any, animal: Animal, **more: Any) -> Path:
    """Make a film of the zoo, four frames of it."""
    name, encoder, pixel_format, rate, tags, span = animal
    return Path(
        make_film(
            name,
            draw(4, 256, 144),
            encoder=encoder,
            pixel_format=pixel_format,
            rate=rate,
            time_base=1 / Fraction(rate),
            tags=dict(zip(("color_primaries", "color_trc", "colorspace"), tags, strict=True)) | {"color_range": span},
            options=QUIET.get(encoder),
            **more,
        )
    )


@pytest.mark.parametrize("animal", ZOO)
def test_the_zoo_goes_through_bit_for_bit(
    make_film: Any, draw: Any, tmp_path: Path, animal: Animal, stamps: Any, copy_film: Any, require_same: Any
) -> None:
    source = in_the_zoo(make_film, draw, animal)
    _, encoder, pixel_format, rate, *_ = animal
    info = probe(source)
    assert (len(stamps(source)), info.frame_rate) == (4, rate)
    if "vp9" in encoder or "ffv1" in encoder:
        assert info.pixel_format == pixel_format
    copy_film(source, tmp_path / "o.mkv", None)
    require_same(source, tmp_path / "o.mkv", None)


def test_the_comparison_has_teeth(make_film: Any, draw: Any, tmp_path: Path, require_same: Any) -> None:
    one = make_film("a.mkv", draw(3, 64, 48), pixel_format="yuv420p")
    two = make_film("b.mkv", draw(3, 64, 48, seed=1), pixel_format="yuv420p")
    late = make_film("c.mkv", draw(3, 64, 48), pixel_format="yuv420p", stamps=[0, 1, 3])
    for other in (two, late):
        with pytest.raises(AssertionError):
            require_same(one, other, None)


@pytest.mark.slow
@pytest.mark.parametrize("number", range(len(ZOO)))
def test_info_and_apply_tell_the_same_of_the_zoo(make_film: Any, draw: Any, told: Any, number: int) -> None:
    """Every film of the zoo, to two of the endings; every ending in turn."""
    name = ZOO[number][0]
    sounds = ("pcm_s16le",) if name.endswith(("mov", "mkv")) else ()
    source = in_the_zoo(
        make_film, draw, ZOO[number], sounds=sounds, timecode="01:00:00:00" if name.endswith("mov") else ""
    )
    for endings in ((".mp4", ".mov", ".mkv", ".mxf", ".webm"), (".png", ".jpg", ".exr", ".tif", ".dpx", ".webp")):
        told(source, endings[number % len(endings)])
