"""Spans of time: timecode names the frames of even films, and moments of films whose frames do not lie evenly."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relook.errors import InputError
from relook.film.frames import FilmInfo, Mending, WriteSettings
from relook.film.reader import FilmReader, probe
from relook.film.spans import frames_shown, lie_evenly, shown_between
from relook.film.writer import FilmWriter
from relook.timing import FrameRange, advance_timecode

RATES = [Fraction(24), Fraction(24000, 1001), Fraction(25), Fraction(30000, 1001), Fraction(60000, 1001), Fraction(120)]
UNEVEN = (0, 40, 80, 400, 430, 1000, 1040)
"""Stamps in milliseconds of a film of 25 frames a second: in frames 0, 1, 2, 10, 10.75, 25, 26."""


def info_of(rate: Fraction, time_base: Fraction) -> FilmInfo:
    return FilmInfo(Path("a.mkv"), "film", 64, 48, rate, time_base, 8, "yuv420p")


@settings(max_examples=40)
@given(
    rate=st.sampled_from(RATES),
    ticks=st.sampled_from([None, 1000, 15360, 90000]),
    first=st.integers(-5000, 5000),
    span=st.tuples(st.integers(0, 100), st.integers(0, 100)),
)
def test_of_an_even_film_timecode_names_the_frames(
    rate: Fraction, ticks: int | None, first: int, span: tuple[int, int]
) -> None:
    time_base = 1 / rate if ticks is None else Fraction(1, ticks)
    stamps = [round((first + n) / rate / time_base) for n in range(101)]
    wanted, info = FrameRange(min(span), max(span)), info_of(rate, time_base)
    assert lie_evenly(stamps, info)
    assert shown_between(stamps, wanted, info) == wanted


@settings(max_examples=60)
@given(
    lengths=st.lists(st.integers(1, 60), min_size=1, max_size=40),
    rate=st.sampled_from([24, 25, 30, 50]),
    span=st.tuples(st.integers(0, 100), st.integers(0, 100)),
)
def test_a_frame_is_in_a_span_where_it_is_on_screen_in_it(lengths: list[int], rate: int, span: tuple[int, int]) -> None:
    """In a time base of 1/12000 s, with stamps away from every count, all is as in whole numbers."""
    ticks = 12_000
    stamps = [0, *(5 + 100 * sum(lengths[:n]) for n in range(1, len(lengths)))]
    start, stop = (count * ticks // rate for count in sorted(span))
    ends = [*stamps[1:], 10**9]
    on_screen = [n for n in range(len(stamps)) if stamps[n] < stop and ends[n] > start and stop > start]
    found = shown_between(stamps, FrameRange(*sorted(span)), info_of(Fraction(rate), Fraction(1, ticks)))
    assert list(range(found.start, found.stop)) == on_screen


@pytest.mark.parametrize(
    ("counts", "frames"),
    [((0, 3), (0, 3)), ((2, 10), (2, 3)), ((5, 11), (2, 5)), ((10, 25), (3, 5)), ((12, 27), (4, 7)), ((3, 4), (2, 3))],
)
def test_uneven_frames_are_chosen_by_the_time_that_they_are_shown(
    make_film: Any, draw: Any, counts: tuple[int, int], frames: tuple[int, int]
) -> None:
    path = make_film("a.mkv", draw(7, 32, 32), rate=25, time_base=Fraction(1, 1000), stamps=UNEVEN)
    assert probe(path).frame_rate == 25
    assert frames_shown(path, FrameRange(*counts)) == FrameRange(*frames)


def test_a_span_behind_the_end_of_an_uneven_film_is_refused(make_film: Any, draw: Any) -> None:
    path = make_film("a.mkv", draw(7, 32, 32), rate=25, time_base=Fraction(1, 1000), stamps=UNEVEN)
    with pytest.raises(InputError, match=r"lasts 1\.1 s, but 1\.0 s to 1\.2 s after its beginning"):
        frames_shown(path, FrameRange(25, 30))


@pytest.mark.parametrize("name", ["a.mkv", "a.mov", "a.h264", "a.avi", "a.ts"])
def test_even_films_count_frames(make_film: Any, draw: Any, name: str) -> None:
    path = make_film(name, draw(12, 64, 48), encoder="libx264", pixel_format="yuv420p", options={"bf": "2"})
    assert frames_shown(path, FrameRange(3, 7)) == FrameRange(3, 7)


def test_frames_that_stand_in_for_lost_ones_count(make_film: Any, draw: Any) -> None:
    path = make_film("a.mkv", draw(37, 32, 32), options={"g": "1"}, stamps=[*range(8), *range(11, 40)])
    assert frames_shown(path, FrameRange(20, 30), Mending(keeps_damage=True)) == FrameRange(20, 30)


def test_a_part_of_an_uneven_film_has_the_timecode_of_its_time(make_film: Any, draw: Any, tmp_path: Path) -> None:
    path = make_film(
        "a.mov",
        draw(7, 64, 48),
        encoder="libx264",
        pixel_format="yuv420p",
        rate=25,
        time_base=Fraction(1, 1000),
        stamps=UNEVEN,
        timecode="10:00:00:00",
        options={"bf": "0"},
    )
    with FilmReader(path) as reader:
        rate = reader.info.frame_rate
        counts = [round(Fraction(stamp, 1000) * rate) for stamp in UNEVEN]
        assert [frame.index + frame.drift for frame in reader.frames()] == counts != [*range(7)]
        target = tmp_path / "part.mov"
        with FilmWriter(target, reader.info, WriteSettings(whole=False)) as writer:
            for frame in reader.frames(FrameRange(3, 6)):
                writer.write(frame)
    assert probe(target).timecode == advance_timecode("10:00:00:00", counts[3], rate)


def test_footage(footage: Callable[[str], Path]) -> None:
    """Every fifth frame of 24 a second is dropped there: half a second shows fewer than twelve."""
    path = footage("awkward/synthetic/vfr_dropped_every5th.mkv")
    with FilmReader(path) as reader:
        times = [native.pts * reader.info.time_base for native in reader.native_frames()]
        assert reader.info.frame_rate == 24
    found = frames_shown(path, FrameRange(12, 24))
    start, stop = times[0] + Fraction(1, 2), times[0] + 1
    assert len(found) == 10
    assert times[found.start] <= start < times[found.start + 1]
    assert times[found.stop - 1] < stop <= times[found.stop]
