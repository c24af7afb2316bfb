"""The verbs as functions: ranges in a film's own timecode, and the files they leave."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from relook.errors import UsageError
from relook.film.frames import FilmInfo
from relook.pipeline import parse_range
from relook.timing import FrameRange


def film(timecode: str | None, rate: Fraction = Fraction(24)) -> FilmInfo:
    return FilmInfo(
        path=Path("film.mov"),
        kind="film",
        width=64,
        height=48,
        frame_rate=rate,
        time_base=1 / rate,
        bit_depth=8,
        pixel_format="yuv420p",
        timecode=timecode,
    )


@pytest.mark.parametrize(
    ("timecode", "text", "frames"),
    [
        (None, "00:00:02:00-00:00:03:12", FrameRange(48, 84)),
        ("01:00:00:00", "01:00:02:00 - 01:00:02:01", FrameRange(48, 49)),
        ("01:00:00:12", "01:00:01:00-01:00:02:00", FrameRange(12, 36)),
    ],
)
def test_a_range_counts_from_the_films_first_timecode(timecode: str | None, text: str, frames: FrameRange) -> None:
    assert parse_range(text, film(timecode)) == frames


def test_a_range_of_a_drop_frame_film_counts_as_the_film_does() -> None:
    dropping = film("00:00:59;28", Fraction(30000, 1001))
    assert parse_range("00:00:59:29-00:01:00:02", dropping) == FrameRange(1, 2)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "two timecodes are wanted"),
        ("00:00:02:00", "two timecodes are wanted"),
        ("00:00:02:00-00:00:03:00-00:00:04:00", "two timecodes are wanted"),
        ("2-3", "'2' is not a timecode"),
        ("00:00:03:00-00:00:02:00", "ends before it begins"),
        ("00:00:00:00-00:00:01:00", "begins before the film does"),
    ],
)
def test_what_is_no_range_of_this_film_is_refused(text: str, why: str) -> None:
    with pytest.raises(UsageError, match=f"which starts at 00:00:01:00 .*{why}"):
        parse_range(text, film("00:00:01:00"))
