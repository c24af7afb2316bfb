"""Writing films: the pictures that go in come out, in every codec, with their stamps, size and colour tags."""

from __future__ import annotations

import os
import tempfile
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from relook.film.pixels import rows
from relook.film.reader import FilmReader, probe
from relook.film.writer import FilmWriter

LOSSLESS = ["bgr0", "gbrp10le", "gbrp12le", "gbrp16le", "gray", "gray10le", "gray16le"]
YUV = [
    "yuv420p",
    "yuv422p",
    "yuv444p",
    "yuv420p10le",
    "yuv422p10le",
    "yuv444p12le",
    "yuv444p16le",
    "yuv411p",
    "yuva420p",
]


def native_bytes(path: Path) -> list[tuple[str, bytes]]:
    with FilmReader(path) as reader:
        frames = [native.picture for native in reader.native_frames()]
        return [(f.format.name, b"".join(np.ascontiguousarray(part).tobytes() for part in rows(f))) for f in frames]


@settings(max_examples=15)
@given(
    bits=st.sampled_from([8, 10, 12, 16]),
    size=st.tuples(st.integers(4, 70), st.integers(4, 50)),
    steps=st.lists(st.integers(1, 500), max_size=6),
    offset=st.integers(0, 5000),
)
def test_lossless_gives_back_pixels_count_and_stamps(
    bits: int, size: tuple[int, int], steps: list[int], offset: int, stamps: Any, pixels: Any, numbered: Any
) -> None:
    info, frames = numbered(len(steps) + 1, *size, bits=bits)
    info = replace(info, time_base=Fraction(1, 1000))
    frames = [replace(frame, pts=offset + sum(steps[:index])) for index, frame in enumerate(frames)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "out.mkv"
        with FilmWriter(path, info) as writer:
            for frame in frames:
                writer.write(frame)
        assert os.listdir(folder) == ["out.mkv"]
        assert stamps(path) == [Fraction(frame.pts, 1000) for frame in frames]
        assert all(torch.equal(a, b.pixels) for a, b in zip(pixels(path), frames, strict=True))


@pytest.mark.parametrize("pixel_format", LOSSLESS)
def test_lossless_rgb_and_grey_come_back_exactly(
    make_film: Any, draw: Any, tmp_path: Path, pixel_format: str, render: Any, pixels: Any
) -> None:
    """IN16."""
    source = make_film("in.mkv", draw(4, 54, 37, bits=16 if "16" in pixel_format else 8), pixel_format=pixel_format)
    render(source, tmp_path / "out.mkv")
    assert all(torch.equal(a, b) for a, b in zip(pixels(source), pixels(tmp_path / "out.mkv"), strict=True))


@pytest.mark.parametrize("pixel_format", [*LOSSLESS, *YUV, "bgra"])
def test_a_copy_is_the_source_bit_for_bit(
    make_film: Any, draw: Any, tmp_path: Path, pixel_format: str, render: Any, stamps: Any
) -> None:
    source = make_film("in.mkv", draw(4, 56, 38), pixel_format=pixel_format, stamps=[0, 1, 5, 6])
    info = render(source, tmp_path / "out.mkv", copied=True)
    assert info.pixel_format == pixel_format
    assert native_bytes(tmp_path / "out.mkv") == native_bytes(source)
    assert stamps(tmp_path / "out.mkv") == stamps(source)


@pytest.mark.parametrize("pixel_format", YUV)
def test_lossless_yuv_is_written_in_its_own_format(
    make_film: Any, draw: Any, tmp_path: Path, pixel_format: str, render: Any, pixels: Any
) -> None:
    source = make_film("in.mkv", draw(3, 64, 48), pixel_format=pixel_format)
    info = render(source, tmp_path / "out.mkv")
    assert info.pixel_format == pixel_format
    worst = max(float((a - b).abs().mean()) for a, b in zip(pixels(source), pixels(tmp_path / "out.mkv"), strict=True))
    assert worst < 0.006


@pytest.mark.parametrize(
    ("name", "codec", "bits", "expected"),
    [
        ("o.mp4", None, 8, ("h264", "yuv420p")),
        ("o.m4v", None, 8, ("h264", "yuv420p")),
        ("o.mp4", None, 10, ("hevc", "yuv420p10le")),
        ("o.mp4", "h264", 10, ("h264", "yuv420p10le")),
        ("o.mp4", "hevc", 8, ("hevc", "yuv420p")),
        ("o.mov", None, 10, ("prores", "yuv422p10le")),
        ("o.mov", None, 12, ("prores", "yuv444p12le")),
        ("o.mov", "h264", 8, ("h264", "yuv420p")),
        ("o.mov", "dnxhr", 10, ("dnxhd", "yuv422p10le")),
        ("o.mkv", None, 10, ("ffv1", "yuv422p10le")),
        ("o.mkv", "h264", 8, ("h264", "yuv420p")),
        ("o.mxf", None, 8, ("dnxhd", "yuv422p")),
        ("o.mxf", None, 10, ("dnxhd", "yuv422p10le")),
        ("o.webm", None, 8, ("vp9", "yuv420p")),
    ],
)
def test_every_codec_keeps_count_stamps_tags_and_look(
    make_film: Any,
    draw: Any,
    tmp_path: Path,
    name: str,
    codec: str | None,
    bits: int,
    expected: tuple[str, str],
    render: Any,
    stamps: Any,
    pixels: Any,
) -> None:
    """IN16."""
    source = make_film(
        "in.mkv",
        draw(7, 256, 144),
        pixel_format={8: "yuv422p", 10: "yuv422p10le", 12: "yuv422p12le"}[bits],
        rate=25,
        time_base=Fraction(1, 25),
        tags={"color_primaries": 9, "color_trc": 16, "colorspace": 9, "color_range": 1},
    )
    info = render(source, tmp_path / name, codec=codec)
    with av.open(str(tmp_path / name)) as container:
        assert (container.streams.video[0].codec_context.codec.canonical_name, info.pixel_format) == expected
        if expected[0] == "hevc":
            assert container.streams.video[0].codec_context.codec_tag == "hvc1"
    assert stamps(tmp_path / name) == stamps(source)
    assert (info.width, info.height, info.frame_rate) == (256, 144, 25)
    assert info.colour == probe(source).colour
    with FilmReader(tmp_path / name) as reader:
        first: Any = next(reader.native_frames()).picture
    if expected[0] != "dnxhd":  # its pictures carry no tags, only its containers do
        assert (first.color_primaries, first.color_trc, first.colorspace) == (9, 16, 9)
    errors = [float((a - b).abs().mean()) for a, b in zip(pixels(source), pixels(tmp_path / name), strict=True)]
    assert max(errors) < 0.04, "in light as it is shown, where codes of PQ lie further apart than the codes are"


@pytest.mark.parametrize("full", [None, False, True])
@pytest.mark.parametrize("matrix", [2, 1, 6])
def test_tags_come_back_and_agree_with_the_pixels(
    make_film: Any, draw: Any, tmp_path: Path, matrix: int, full: bool | None, render: Any, pixels: Any
) -> None:
    tags = {"colorspace": matrix, "color_range": {None: 0, False: 1, True: 2}[full]}
    source = make_film("in.mkv", draw(3, 64, 48), pixel_format="yuv444p", tags=tags)
    for name in ("o.mkv", "o.mp4"):
        info = render(source, tmp_path / name)
        assert info.colour.matrix == matrix
        assert bool(info.colour.full_range) == bool(full)
        means = [
            (a.mean((1, 2)) - b.mean((1, 2))).abs().max()
            for a, b in zip(pixels(source), pixels(tmp_path / name), strict=True)
        ]
        assert float(max(means)) < 0.004


@pytest.mark.parametrize("size", [(65, 48), (64, 49), (33, 21)])
def test_odd_sizes_keep_their_size(
    make_film: Any, draw: Any, tmp_path: Path, size: tuple[int, int], render: Any
) -> None:
    """IN12."""
    source = make_film("in.mkv", draw(3, *size), pixel_format="yuv420p")
    for name in ("o.mp4", "o.mov", "o.mkv", "o.webm"):
        info = render(source, tmp_path / name)
        assert (info.width, info.height) == size
    assert probe(tmp_path / "o.mp4").pixel_format == "yuv444p"
