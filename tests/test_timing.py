"""Timecode: text to number and back at every rate, and the frames that drop-frame leaves out."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relook.errors import UsageError
from relook.timing import format_timecode, parse_timecode

RATES = [Fraction(24000, 1001), Fraction(24), Fraction(25), Fraction(30000, 1001), Fraction(30), Fraction(60000, 1001)]
DROP_RATES = [Fraction(30000, 1001), Fraction(60000, 1001)]


@given(rate=st.sampled_from(RATES), frame=st.integers(0, 24 * 3600 * 24 - 1))
def test_a_frame_number_comes_back(rate: Fraction, frame: int) -> None:
    assert parse_timecode(format_timecode(frame, rate), rate) == frame


@given(rate=st.sampled_from(DROP_RATES), frame=st.integers(0, 23 * 3600 * 30))
def test_a_frame_number_comes_back_with_drop_frame(rate: Fraction, frame: int) -> None:
    text = format_timecode(frame, rate, drop=True)
    assert ";" in text
    assert parse_timecode(text, rate) == frame


@pytest.mark.parametrize(
    ("frame", "text"),
    [(0, "00:00:00;00"), (1799, "00:00:59;29"), (1800, "00:01:00;02"), (17981, "00:09:59;29"), (17982, "00:10:00;00")],
)
def test_drop_frame_by_hand(frame: int, text: str) -> None:
    assert format_timecode(frame, Fraction(30000, 1001), drop=True) == text


@pytest.mark.parametrize(
    "text", ["", "1:2:3:4", "00:00:00:25", "00:61:00:00", "00:00:00", "aa:00:00:00", "00:00:00:-1"]
)
def test_what_is_no_timecode_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="timecode"):
        parse_timecode(text, Fraction(25))


def test_a_dropped_number_is_refused() -> None:
    with pytest.raises(UsageError, match="leaves out"):
        parse_timecode("00:01:00;01", Fraction(30000, 1001))


def test_drop_frame_at_another_rate_is_refused() -> None:
    with pytest.raises(UsageError, match=r"29\.97, 59\.94"):
        parse_timecode("00:01:10;02", Fraction(25))
