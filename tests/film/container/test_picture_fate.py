"""What films say of their pictures - HDR, cropping, matrix, stamps - is kept or told."""

from __future__ import annotations

import struct
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest

from relook.film.container.fate import Fate, fates
from relook.film.container.matroska import video_fields
from relook.film.output_place import check_output
from relook.film.reader import FilmReader, probe
from relook.film.words import colour_words
from relook.film.writer import FilmWriter
from relook.timing import FrameRange
from tests.film.container.copies import copy, found


def test_static_hdr_metadata_are_kept_by_hevc_and_told_elsewhere(
    footage: Callable[[str], Path], tmp_path: Path
) -> None:
    """IN16."""
    source = footage("awkward/synthetic/hdr10_pq_bt2020_hevc10.mp4")
    before = found(source)
    assert before.mastering is not None
    assert before.light_level is not None
    after = found(copy(source, tmp_path / "o.mp4", FrameRange(0, 4)))
    assert (after.mastering, after.light_level) == (before.mastering, before.light_level)
    words = "BT.2020 primaries, PQ transfer, reference white taken as 203 nits, BT.2020 matrix, legal range"
    assert colour_words(after.film) == words
    assert Fate("mastering display", "left out", ".mov cannot hold it") in fates(before, Path("o.mov"))


def test_cropping_that_a_container_asks_for_is_told(make_film: Any, draw: Any, tmp_path: Path) -> None:
    """IN12."""
    plain = make_film("a.mp4", draw(3, 96, 64), encoder="libx264", pixel_format="yuv420p")
    assert found(plain).extras == ()
    source = with_clean_aperture(plain, tmp_path / "clap.mp4", 80, 48)
    assert found(source).extras == ("cropping to 80 x 48 of 96 x 64",)
    told = check_output(tmp_path / "o.mkv", probe(source), overwrite=False)
    assert told[-1] == "cropping to 80 x 48 of 96 x 64: left out (no output that relook writes can hold it)"
    shape = {"sample_aspect_ratio": Fraction(4, 3)}
    wide = make_film("b.mp4", draw(3, 96, 64), encoder="libx264", pixel_format="yuv420p", tags=shape)
    wide = copy(wide, tmp_path / "w.mkv")
    with wide.open("rb") as file:
        assert video_fields(file, (0x54B0, 0x54BA, 0x54AA)) == [128, 64, 0]


def test_a_film_whose_last_bytes_begin_a_box_is_read(make_film: Any, draw: Any) -> None:
    source = make_film("a.mp4", draw(3, 96, 64), encoder="libx264", pixel_format="yuv420p")
    source.write_bytes(source.read_bytes() + b"\0\0\0\1free")
    assert found(source).extras == ()


def with_clean_aperture(source: Path, target: Path, width: int, height: int) -> Path:
    """Put a `clap` box into the first sample entry; the film's data lie before it and stay where they are."""
    data = bytearray(source.read_bytes())
    box = struct.pack(">I4s8I", 40, b"clap", width, 1, height, 1, 0, 1, 0, 1)
    at, parents = data.index(b"moov") - 4, []
    for kind in (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd", b"avc1"):
        at = data.index(kind, at) - 4
        parents.append(at)
    end = at + int.from_bytes(data[at : at + 4], "big")
    data[end:end] = box
    for parent in parents:
        data[parent : parent + 4] = (int.from_bytes(data[parent : parent + 4], "big") + 40).to_bytes(4, "big")
    target.write_bytes(data)
    return target


@pytest.mark.parametrize("is_copied", [True, False])
@pytest.mark.parametrize("ending", [".mxf", ".mov"])
def test_colours_stay_where_a_codec_cannot_say_the_matrix(
    make_film: Any, draw: Any, tmp_path: Path, ending: str, is_copied: bool
) -> None:
    tags = {"colorspace": 5, "color_range": 1}
    source = make_film("a.mkv", draw(2, 256, 144), pixel_format="yuv422p10le", tags=tags)
    target = tmp_path / f"o{ending}"
    with FilmReader(source) as reader, FilmWriter(target, reader.info) as writer:
        for frame in reader.frames():
            (writer.copy if is_copied else writer.write)(frame)
    with FilmReader(source) as one, FilmReader(target) as two:
        for before, after in zip(one.frames(), two.frames(), strict=True):
            assert float((before.pixels.mean((1, 2)) - after.pixels.mean((1, 2))).abs().max()) < 0.003
    assert probe(target).colour.matrix == {".mxf": 1, ".mov": 6}[ending]
    matrix = [fate.end for fate in fates(found(source), target) if fate.what == "matrix"]
    assert matrix == {".mxf": ["changed"], ".mov": []}[ending]


@pytest.mark.parametrize("count", [1, 2])
def test_films_of_one_and_two_frames_need_no_decoding_stamps_of_x265(
    make_film: Any, draw: Any, tmp_path: Path, count: int
) -> None:
    """It takes them from memory that it never filled, so that any may come; a film gets its own."""
    source, target = make_film("in.mkv", draw(count, 64, 48), pixel_format="yuv420p10le"), tmp_path / "o.mp4"
    with FilmReader(source) as reader, FilmWriter(target, reader.info) as writer:
        for frame in reader.frames():
            writer.write(frame)
    with av.open(str(target)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
        assert [packet.dts for packet in packets] == [packet.pts for packet in packets] and len(packets) == count
