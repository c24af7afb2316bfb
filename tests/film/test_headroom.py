"""Codes above legal white and below legal black, and colours outside R'G'B', go through reading and writing, or are told."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from relook.film.frames import ColourTags, FilmInfo, Frame
from relook.film.pixels import FromPixels, ToPixels, planes
from relook.film.reader import FilmReader
from relook.film.writer import FilmWriter


def _info(name: str, bits: int, tags: ColourTags) -> FilmInfo:
    film = FilmInfo(Path("made.mkv"), "film", 64, 48, Fraction(24), Fraction(1, 24), bits, name)
    return replace(film, colour=tags)


def _filled(name: str, codes: list[NDArray[Any]]) -> av.VideoFrame:
    frame = av.VideoFrame(64, 48, name)
    for plane, values in zip(planes(frame), codes, strict=True):
        plane[...] = values
    return frame


@pytest.mark.parametrize("full_range", [False, True])
@pytest.mark.parametrize("matrix", [1, 6, 9])
@pytest.mark.parametrize(("name", "bits"), [("yuv444p", 8), ("yuv444p10le", 10)])
def test_every_code_comes_back_within_one(name: str, bits: int, matrix: int, full_range: bool) -> None:
    tags = ColourTags(matrix=matrix, full_range=full_range)
    codes = list(np.random.default_rng(matrix).integers(0, 2**bits, (3, 48, 64)))
    info, frame = _info(name, bits, tags), _filled(name, codes)
    pixels, beyond = ToPixels(info).apart(frame)
    assert beyond is not None and pixels.min() == 0 and pixels.max() == 1
    write, whole = FromPixels(info, name, tags), Frame(0, 0, 1, pixels, beyond=beyond)
    back = write(whole)
    assert not write.put_beyond(back, whole)
    assert max(np.abs(a.astype(int) - b).max() for a, b in zip(planes(back), codes, strict=True)) <= 1


@pytest.mark.parametrize(("name", "bits"), [("yuv420p", 8), ("yuv422p10le", 10), ("yuv420p16le", 16)])
def test_super_whites_of_subsampled_films_come_back(name: str, bits: int) -> None:
    step = 2 ** (bits - 8)
    frame = _filled(name, [np.linspace(0, 255 * step, 64)[None], np.array(170 * step), np.array(90 * step)])
    info = _info(name, bits, ColourTags(matrix=1))
    pixels, beyond = ToPixels(info).apart(frame)
    assert beyond is not None and beyond.max() > 0.08 and beyond.min() < -0.07
    write, whole = FromPixels(info, name, info.colour), Frame(0, 0, 1, pixels, beyond=beyond)
    back = write(whole)
    assert not write.put_beyond(back, whole)
    apart = [np.abs(a.astype(int) - b).max() for a, b in zip(planes(back), planes(frame), strict=True)]
    assert apart[0] <= (1 if bits < 16 else 4) and max(apart[1:]) <= 2 * step, (
        "the chroma of edges is as it was resampled"
    )


def test_what_lies_within_has_nothing_beyond() -> None:
    codes = np.random.default_rng(0).integers(16, 236, (48, 64))
    frame = _filled("yuv444p", [codes, np.array(128), np.array(128)])
    assert ToPixels(_info("yuv444p", 8, ColourTags(matrix=1))).apart(frame)[1] is None


def test_what_the_codes_cannot_hold_is_drawn_in_with_its_hue_and_told() -> None:
    tags = ColourTags(matrix=1)
    write = FromPixels(_info("yuv444p", 8, tags), "yuv444p", tags)
    beyond = torch.tensor([3.0, 1.5, 0.0])[:, None, None].expand(3, 48, 64).contiguous()
    frame = Frame(0, 0, 1, torch.ones(3, 48, 64), beyond=beyond)
    picture = write(frame)
    assert write.put_beyond(picture, frame)
    pixels, found = ToPixels(_info("yuv444p", 8, tags)).apart(picture)
    assert found is not None and pixels.min() > 0.98
    assert torch.allclose(found[0] / found[1], torch.tensor(2.0), atol=0.4) and found.max() > 0.1


def test_rgb_films_tell_what_they_do_not_hold(make_film: Any, tmp_path: Path) -> None:
    frames = [np.full((48, 64, 3), 255, np.uint8)] * 2
    source = make_film("a.mkv", frames, pixel_format="yuv444p")
    with FilmReader(source) as reader, FilmWriter(tmp_path / "o.mkv", reader.info) as writer:
        for frame in reader.frames():
            writer.write(replace(frame, beyond=torch.full_like(frame.pixels, 0.05)))
    assert writer.num_clipped == 0
    rgb = make_film("b.mkv", frames, pixel_format="bgr0")
    with FilmReader(rgb) as reader, FilmWriter(tmp_path / "p.mkv", reader.info) as writer:
        for frame in reader.frames():
            writer.write(replace(frame, beyond=torch.full_like(frame.pixels, 0.05)))
    assert writer.num_clipped == 2


def test_super_whites_of_a_film_survive_in_exr_and_are_told_elsewhere(make_film: Any, tmp_path: Path) -> None:
    pytest.importorskip("OpenEXR")
    source = make_film("a.mkv", [np.full((48, 64, 3), 200, np.uint8)], pixel_format="gray")
    with av.open(str(tmp_path / "white.mkv"), "w") as container:
        stream = container.add_stream("ffv1", rate=24)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv444p"
        frame = _filled("yuv444p", [np.array(250), np.array(128), np.array(128)])
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    counts = {}
    for name in ("o.%04d.exr", "o.%04d.png"):
        with FilmReader(tmp_path / "white.mkv") as reader, FilmWriter(tmp_path / name, reader.info) as writer:
            for each in reader.frames():
                writer.copy(each)
        counts[name] = writer.num_clipped
    assert counts == {"o.%04d.exr": 0, "o.%04d.png": 1}
    with FilmReader(tmp_path / "o.####.exr") as reader:
        beyond = next(iter(reader.frames())).beyond
    assert beyond is not None and float(beyond.mean()) == pytest.approx((250 - 16) / 219 - 1, abs=1e-3)
    with FilmReader(source) as reader:
        assert next(iter(reader.frames())).beyond is None
