"""Takes of deep pictures: rate and timecode go from film to pictures and back, and all pictures of a take are alike."""

from __future__ import annotations

import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import OpenEXR
import pytest
from hypothesis import given
from hypothesis import strategies as st

from relook.errors import InputError, UsageError
from relook.film.output_place import check_output
from relook.film.pictures.dpx_tiff import timecode_text, timecode_word
from relook.film.pictures.picture import exact_rate, existing_timecode
from relook.film.pictures.picture_file import read_picture
from relook.film.reader import FilmReader, probe
from relook.film.writer import FilmWriter
from relook.timing import FrameRange
from tests.film.pictures.deep_files import MakeFilm, light, write_exr, written_again


def test_a_film_gives_pictures_its_rate_and_timecode(make_film: MakeFilm, draw: Any, tmp_path: Path) -> None:
    rate = Fraction(30000, 1001)
    film = make_film(
        "in.mov",
        draw(3, 48, 32),
        encoder="prores_ks",
        pixel_format="yuv444p10le",
        rate=rate,
        time_base=1 / rate,
        timecode="00:00:59;28",
    )
    for ending in (".exr", ".dpx"):
        written_again(film, tmp_path / f"p.####{ending}")
        info = probe(tmp_path / f"p.####{ending}")
        assert (info.frame_rate, info.timecode) == (rate, "00:00:59;28")
        assert read_picture(tmp_path / f"p.1003{ending}").facts.timecode == "00:01:00;02"
    (tmp_path / "exr").mkdir()
    written_again(tmp_path / "p.####.dpx", tmp_path / "exr" / "q.####.exr", wanted=FrameRange(2, 3))
    assert read_picture(tmp_path / "exr" / "q.1003.exr").facts.timecode == "00:01:00;02"
    written_again(tmp_path / "p.1001.exr", tmp_path / "back.mov")
    back = probe(tmp_path / "back.mov")
    assert (back.frame_rate, back.timecode, back.num_frames) == (rate, "00:00:59;28", 3)


def test_copied_pictures_are_the_same_files(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for number in (1001, 1002):
        write_exr(
            tmp_path / "in" / f"shot.{number}.exr", light(np.float16, seed=number), lineOrder=OpenEXR.DECREASING_Y
        )
    written_again(tmp_path / "in", tmp_path / "out", copied=True)
    (tmp_path / "new").mkdir()
    written_again(tmp_path / "in" / "shot.1001.exr", tmp_path / "new" / "out.####.exr", copied=True)
    for number in (1001, 1002):
        source = (tmp_path / "in" / f"shot.{number}.exr").read_bytes()
        assert (tmp_path / "out" / f"shot.{number}.exr").read_bytes() == source
        assert (tmp_path / "new" / f"out.{number}.exr").read_bytes() == source


def test_a_picture_alone_keeps_its_number(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    write_exr(tmp_path / "in" / "shot.1017.exr", light(np.float16))
    for name, source in (("a", tmp_path / "in"), ("b", tmp_path / "in" / "shot.1017.exr")):
        written_again(source, tmp_path / f"{name}.####.exr")
    assert sorted(path.name for path in tmp_path.glob("*.exr")) == ["a.1017.exr", "b.1017.exr"]


def test_what_is_clipped_is_counted(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    for number, values in enumerate((light(np.float16), dict.fromkeys("RGB", np.ones((9, 7), np.float16))), start=1):
        write_exr(tmp_path / f"in.{number:04d}.exr", values)
    with FilmReader(tmp_path / "in.####.exr") as reader:
        for target, clipped in (("a.####.png", 1), ("a.mkv", 1), ("a.####.exr", 0), ("a.####.tif", 0)):
            with FilmWriter(tmp_path / "out" / target, reader.info) as writer:
                for frame in reader.frames():
                    writer.write(frame)
            assert writer.num_clipped == clipped, target


def test_one_take_has_one_size(tmp_path: Path) -> None:
    write_exr(tmp_path / "in.0001.exr", light(np.float16))
    write_exr(tmp_path / "in.0002.exr", dict.fromkeys("RGB", np.ones((9, 8), np.float16)))
    with pytest.raises(InputError, match=r"unlike the others \(7 x 9, half RGB\): 2 \(8 x 9, half RGB\)"):
        written_again(tmp_path / "in.####.exr", tmp_path / "out")
    assert not list(tmp_path.glob("out*"))


def test_without_the_extra_an_output_is_refused_before_work(
    make_film: MakeFilm, draw: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    film = make_film("in.mkv", draw(1, 32, 32))
    monkeypatch.setitem(sys.modules, "OpenEXR", None)
    with pytest.raises(UsageError, match=r"pip install 'relook\[vfx\]'"):
        check_output(tmp_path / "o.####.exr", probe(film), overwrite=False)


@given(st.integers(0, 23), st.integers(0, 59), st.integers(0, 59), st.integers(0, 39), st.booleans())
def test_timecode_words(hours: int, minutes: int, seconds: int, frame: int, drop: bool) -> None:
    text = f"{hours:02d}:{minutes:02d}:{seconds:02d}{';' if drop else ':'}{frame:02d}"
    assert timecode_text(timecode_word(text)) == text


def test_what_headers_say_wrongly_is_not_believed() -> None:
    assert timecode_word("01:02:03:04") == 0x01020304
    assert existing_timecode("01:00:00:24", None) is None
    assert existing_timecode(timecode_text(0xFFFFFFFF), None) is None
    assert existing_timecode("01:00:00;12", Fraction(24)) == "01:00:00:12"
    assert [exact_rate(value) for value in (24.0, 23.976, 23.976024, 29.97, 12.5)] == [
        *(Fraction(24), Fraction(24000, 1001), Fraction(24000, 1001), Fraction(30000, 1001), Fraction(25, 2))
    ]
    assert [exact_rate(value) for value in (0.0, np.inf, np.nan, -2.4e-12, 9979551744.0)] == [None] * 5
