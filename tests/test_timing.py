"""Timecode: text to number and back at every rate, the frames that drop-frame leaves out, and durations for people."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relook.errors import UsageError
from relook.timing import (
    FrameRange,
    advance_timecode,
    duration_text,
    format_timecode,
    frames_a_day,
    has_drop_frame,
    parse_timecode,
    rate_text,
)

NTSC_FILM, NTSC, NTSC_DOUBLE = Fraction(24000, 1001), Fraction(30000, 1001), Fraction(60000, 1001)
RATES = [
    NTSC_FILM,
    Fraction(16),
    Fraction(18),
    Fraction(24),
    Fraction(25),
    NTSC,
    Fraction(30),
    Fraction(50),
    NTSC_DOUBLE,
]
DROP_RATES = [NTSC, NTSC_DOUBLE, Fraction(120000, 1001), Fraction(2997, 100)]


@given(rate=st.sampled_from([*RATES, Fraction(1), Fraction(120), Fraction(1000)]), frame=st.integers(0, 86_399))
def test_a_frame_number_comes_back(rate: Fraction, frame: int) -> None:
    assert parse_timecode(format_timecode(frame, rate), rate) == frame


@given(rate=st.sampled_from(DROP_RATES), frame=st.integers(0, 24 * 3600 * 29))
def test_a_frame_number_comes_back_with_drop_frame(rate: Fraction, frame: int) -> None:
    text = format_timecode(frame, rate, drop=True)
    assert ";" in text
    assert parse_timecode(text, rate) == frame


@given(
    rate=st.sampled_from(RATES),
    fields=st.tuples(st.integers(0, 23), st.integers(0, 59), st.integers(0, 59), st.integers(0, 15)),
)
def test_a_text_comes_back(rate: Fraction, fields: tuple[int, int, int, int]) -> None:
    text = "{:02d}:{:02d}:{:02d}:{:02d}".format(*fields)
    assert format_timecode(parse_timecode(text, rate), rate) == text


@pytest.mark.parametrize(
    ("frame", "text"),
    [
        (0, "00:00:00;00"),
        (1799, "00:00:59;29"),
        (1800, "00:01:00;02"),
        (17981, "00:09:59;29"),
        (17982, "00:10:00;00"),
        (19782, "00:11:00;02"),
        (107892, "01:00:00;00"),
        (2589407, "23:59:59;29"),
        (2589408, "00:00:00;00"),
    ],
)
def test_drop_frame_by_hand(frame: int, text: str) -> None:
    assert format_timecode(frame, NTSC, drop=True) == text


def test_drop_frame_keeps_the_clock() -> None:
    an_hour = round(3600 * NTSC)
    assert format_timecode(an_hour, NTSC, drop=True) == "01:00:00;00"
    assert format_timecode(an_hour, NTSC) == "00:59:56:12"


def test_the_count_starts_again_after_a_day() -> None:
    assert advance_timecode("23:59:59:24", 1, Fraction(25)) == "00:00:00:00"


def test_where_drop_frame_exists_and_how_long_a_day_is() -> None:
    assert [rate for rate in (*RATES, *DROP_RATES) if has_drop_frame(rate)] == [NTSC, NTSC_DOUBLE, *DROP_RATES]
    assert (frames_a_day(NTSC, drop=True), frames_a_day(NTSC, drop=False)) == (2_589_408, 2_592_000)


def test_advancing_counts_as_the_timecode_does() -> None:
    assert advance_timecode("00:59:59;20", 12, NTSC) == "01:00:00;02"
    assert advance_timecode("00:59:59:20", 12, NTSC) == "01:00:00:02"
    assert advance_timecode("00:00:59;28", 2, NTSC) == "00:01:00;02"


@pytest.mark.parametrize(
    "text", ["", "1:2:3:4", "00:00:00:25", "00:61:00:00", "00:00:60:00", "24:00:00:00", "00:00:00", "aa:00:00:00"]
)
def test_what_is_no_timecode_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="timecode"):
        parse_timecode(text, Fraction(25))


def test_a_dropped_number_is_refused() -> None:
    with pytest.raises(UsageError, match="leaves out"):
        parse_timecode("00:01:00;01", NTSC)


def test_drop_frame_at_another_rate_is_refused() -> None:
    for rate in (Fraction(25), Fraction(30), NTSC_FILM):
        with pytest.raises(UsageError, match=r"29\.97, 59\.94"):
            parse_timecode("00:01:10;02", rate)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (Fraction(2, 5), "0.4 s"),
        (9.94, "9.9 s"),
        (41, "41 s"),
        (59.6, "1 min 00 s"),
        (200, "3 min 20 s"),
        (3725, "1 h 02 min"),
    ],
)
def test_durations_for_people(seconds: Fraction | float, text: str) -> None:
    assert duration_text(seconds) == text


def test_rates_for_people() -> None:
    assert [rate_text(rate) for rate in (Fraction(24), NTSC_FILM, Fraction(25, 2))] == ["24", "23.976", "12.5"]


def test_a_frame_range_is_half_open() -> None:
    frames = FrameRange(3, 5)
    assert [frame in frames for frame in (2, 3, 4, 5)] == [False, True, True, False]
    assert len(frames) == 2
    with pytest.raises(ValueError, match="0 <= start <= stop"):
        FrameRange(5, 3)
