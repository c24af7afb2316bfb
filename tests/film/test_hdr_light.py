"""Films of PQ and HLG: a look sees their light with reference white at 1, and their codes come back."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from relook.film.frames import ColourTags, FilmInfo
from relook.film.hdr_light import HLG, PQ, codes_to_display, display_to_codes, is_hdr
from relook.film.pictures.scene_light import to_light
from relook.film.pixels import planes
from relook.film.reader import FilmReader
from relook.film.writer import FilmWriter


@pytest.mark.parametrize("transfer", [PQ, HLG])
def test_every_code_and_what_lies_beyond_comes_back(transfer: int) -> None:
    codes = (np.arange(-2000, 7000) / 4095).astype(np.float32)
    shown = codes_to_display(codes, transfer)
    assert np.all(np.diff(shown) >= 0)
    assert np.abs(display_to_codes(shown, transfer) - codes).max() * 4095 < 0.1


@pytest.mark.parametrize(
    ("transfer", "code", "light"),
    [
        *((PQ, 0.5806889, 1.0), (PQ, 0.5080784, 100 / 203), (PQ, 1.0, 10000 / 203), (PQ, 0.0, 0.0), (HLG, 0.75, 1.0)),
        *((HLG, 0.5, (1 / 12 / 0.2649625) ** 1.2), (HLG, 1.0, (1 / 0.2649625) ** 1.2), (HLG, 0.0, 0.0)),
    ],
)
def test_codes_mean_the_light_of_the_standards(transfer: int, code: float, light: float) -> None:
    found = float(to_light(codes_to_display(np.array([code], np.float32), transfer))[0])
    assert found == pytest.approx(light, rel=2e-4)


def test_a_named_space_goes_before_the_tags() -> None:
    film = FilmInfo(Path("a.mov"), "film", 8, 8, Fraction(24), Fraction(1, 24), 10, "yuv422p10le")
    tagged = replace(film, colour=ColourTags(9, PQ, 9))
    space: Any = "named"
    assert [is_hdr(one) for one in (film, tagged, replace(tagged, space=space))] == [False, True, False]


def _ramp(path: Path, transfer: int) -> Path:
    """Write a film of one frame: greys of every tenth code, 10 bit, legal range and beyond."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=24)
        stream.width, stream.height, stream.pix_fmt = 96, 16, "yuv444p10le"
        named = {"color_primaries": 9, "color_trc": transfer, "colorspace": 9, "color_range": 1}
        frame = av.VideoFrame(96, 16, "yuv444p10le")
        for key, value in named.items():
            setattr(stream.codec_context, key, value)
            setattr(frame, key, value)
        for plane, codes in zip(planes(frame), (np.arange(96)[None] * 10 + 64, 512, 512), strict=True):
            plane[...] = codes
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize("transfer", [PQ, HLG])
def test_films_and_pictures_are_written_in_the_codes_of_the_film_and_exr_in_light(
    tmp_path: Path, transfer: int
) -> None:
    pytest.importorskip("OpenEXR")
    source, codes = _ramp(tmp_path / "a.mkv", transfer), np.arange(96) * 10 / 876
    for name in ("o.mkv", "o.%04d.png", "o.%04d.exr"):
        with FilmReader(source) as reader, FilmWriter(tmp_path / name, reader.info) as writer:
            for frame in reader.frames():
                writer.write(frame)
        assert writer.num_clipped == (1 if "png" in name else 0), "the last greys are super-white"
    with FilmReader(source) as before, FilmReader(tmp_path / "o.mkv") as after:
        pairs = zip(before.native_frames(), after.native_frames(), strict=True)
        apart = [
            np.abs(a.astype(int) - b).max() for old, new in pairs for a, b in zip(*map(_codes, (old, new)), strict=True)
        ]
        assert max(apart) <= 1
        assert before.info.colour == after.info.colour
    with FilmReader(tmp_path / "o.####.png") as reader:
        found = next(iter(reader.frames())).pixels[0, 0].numpy()
    assert np.abs(found - codes.clip(0, 1)).max() < 2e-4
    with FilmReader(tmp_path / "o.####.exr") as reader:
        frame = next(iter(reader.frames()))
    assert frame.beyond is not None
    light = to_light((frame.pixels + frame.beyond)[0, 0].numpy())
    assert light == pytest.approx(to_light(codes_to_display(codes.astype(np.float32), transfer)), rel=2e-3, abs=1e-6)


def test_exr_of_a_film_of_wide_primaries_says_so(tmp_path: Path) -> None:
    exr = pytest.importorskip("OpenEXR")
    with (
        FilmReader(_ramp(tmp_path / "a.mkv", PQ)) as reader,
        FilmWriter(tmp_path / "o.%04d.exr", reader.info) as writer,
    ):
        for frame in reader.frames():
            writer.write(frame)
    with exr.File(str(tmp_path / "o.1001.exr"), header_only=True) as file:
        found = file.header()["chromaticities"]
    assert found == pytest.approx((0.708, 0.292, 0.170, 0.797, 0.131, 0.046, 0.3127, 0.3290), abs=1e-5)


def _codes(native: Any) -> list[Any]:
    return planes(native.picture)
