"""Pixel formats that are rare: refused by name where they would lose something, kept whole otherwise."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from relook.errors import InputError
from relook.film.pictures.alpha import frame_alpha
from relook.film.reader import FilmReader, probe
from relook.film.writer import FilmWriter


def _raw(path: Path, pixel_format: str, encoder: str = "rawvideo") -> Path:
    """Write a film of two frames of random bytes."""
    rng = np.random.default_rng(0)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(encoder, rate=24, options={"strict": "-2"})
        stream.width, stream.height, stream.pix_fmt = 32, 16, pixel_format
        for number in range(2):
            frame = av.VideoFrame(32, 16, pixel_format)
            for plane in frame.planes:
                plane.update(rng.integers(0, 60, plane.buffer_size, dtype=np.uint8).tobytes())
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize(
    ("pixel_format", "words"),
    [
        ("bayer_rggb8", "raw pattern"),
        ("xyz12le", "CIE XYZ"),
        ("gbrapf32le", "floats"),
        ("bgr4", "packed"),
        ("rgb565be", "packed"),
    ],
)
def test_a_film_that_would_lose_something_is_refused_by_name(tmp_path: Path, pixel_format: str, words: str) -> None:
    with pytest.raises(InputError, match=f"{words}.*{pixel_format}"):
        probe(_raw(tmp_path / "a.nut", pixel_format))


def test_vp9_with_transparency_that_is_not_decoded_is_refused(tmp_path: Path) -> None:
    """FFmpeg gives 4:4:4 without its alpha; it came out opaque and 4:2:0."""
    with pytest.raises(InputError, match="transparency beside vp9 pictures of yuv444p"):
        probe(_raw(tmp_path / "a.mkv", "yuva444p", "libvpx-vp9"))


@pytest.mark.parametrize("pixel_format", ["ayuv", "vuya", "uyva"])
def test_transparency_of_packed_pictures_is_kept(tmp_path: Path, pixel_format: str) -> None:
    source, target = _raw(tmp_path / "a.nut", pixel_format), tmp_path / "o.mkv"
    with FilmReader(source) as reader, FilmWriter(target, reader.info) as writer:
        before = list(reader.frames())
        for frame in before:
            writer.copy(frame)
    with FilmReader(target) as reader:
        after = [_alpha(frame) for frame in reader.frames()]
    place = pixel_format.index("a")
    plain = np.asarray(memoryview(before[0].native.planes[0]), np.uint8).reshape(16, -1)[:, place : 4 * 32 : 4]
    assert np.array_equal(after[0], plain)
    assert np.array_equal(after, [_alpha(frame) for frame in before])


@pytest.mark.parametrize("span", [0, 1, 2])
def test_rgb_that_is_tagged_as_legal_range_stays_so(make_film: Any, draw: Any, tmp_path: Path, span: int) -> None:
    """Its codes are handed on, so what they are said to mean must not change; unstated, they are full range."""
    source = make_film("a.mkv", draw(2, 32, 16), pixel_format="gbrp10le", tags={"colorspace": 0, "color_range": span})
    with FilmReader(source) as reader, FilmWriter(tmp_path / "o.mkv", reader.info) as writer:
        before = list(reader.frames())
        for frame in before:
            writer.write(frame)
    with FilmReader(tmp_path / "o.mkv") as reader:
        assert reader.info.colour.full_range is (span != 1)
        assert all(bool((a.pixels == b.pixels).all()) for a, b in zip(before, reader.frames(), strict=True))


def _alpha(frame: Any) -> Any:
    found = frame_alpha(frame.native)
    assert found is not None
    return found[0]
