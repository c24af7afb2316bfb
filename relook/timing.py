"""Frames, rates, timecode and durations as exact values; nothing here knows about files or pixels.

Source: SMPTE ST 12-1 (timecode, drop-frame counting in 9.3.2).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

from relook.errors import UsageError


@dataclass(frozen=True, order=True)
class FrameRange:
    """Half-open range of frame numbers: `start` is in it, `stop` is not."""

    start: int
    stop: int

    def __post_init__(self) -> None:
        if not 0 <= self.start <= self.stop:
            raise ValueError(f"a frame range needs 0 <= start <= stop, got [{self.start}, {self.stop})")

    def __len__(self) -> int:
        return self.stop - self.start

    def __contains__(self, frame: int) -> bool:
        return self.start <= frame < self.stop


_TIMECODE = re.compile(r"(\d{2}):(\d{2}):(\d{2})([:;])(\d{2,})")


def parse_timecode(text: str, rate: Fraction) -> int:
    """Count the frames from 00:00:00:00 to a timecode.

    Args:
        text: `HH:MM:SS:FF`, or `HH:MM:SS;FF` for drop-frame.
        rate: exact frames per second; timecode counts in whole frames per second (24 for 24000/1001).

    Raises:
        UsageError: the text is not a timecode, or names a frame that does not exist at this rate.
    """
    found = _TIMECODE.fullmatch(text.strip())
    if found is None:
        raise UsageError(f"'{text}' is not a timecode; write it as 01:02:03:04, or 01:02:03;04 for drop-frame")
    hours, minutes, seconds, frames = (int(found[group]) for group in (1, 2, 3, 5))
    nominal = _nominal_rate(rate)
    if hours > 23 or minutes > 59 or seconds > 59 or frames >= nominal:
        raise UsageError(f"timecode '{text}' does not exist at {rate_text(rate)} frames per second")
    count = ((hours * 60 + minutes) * 60 + seconds) * nominal + frames
    if found[4] == ":":
        return count
    dropped = _dropped_a_minute(rate)
    if seconds == 0 and frames < dropped and minutes % 10:
        raise UsageError(
            f"timecode '{text}' is one of the labels that drop-frame counting leaves out; use {dropped:02d}"
        )
    whole_minutes = hours * 60 + minutes
    return count - dropped * (whole_minutes - whole_minutes // 10)


def format_timecode(frames: int, rate: Fraction, *, drop: bool = False) -> str:
    """Name a frame by its timecode; the count starts again after 24 hours."""
    nominal = _nominal_rate(rate)
    count = frames % frames_a_day(rate, drop=drop)
    if drop:
        count += _skipped_labels(count, nominal, _dropped_a_minute(rate))
    digits = max(2, len(str(nominal - 1)))
    seconds, frame = divmod(count, nominal)
    hours, minutes, seconds = seconds // 3600, seconds // 60 % 60, seconds % 60
    return f"{hours:02d}:{minutes:02d}:{seconds:02d}{';' if drop else ':'}{frame:0{digits}d}"


def advance_timecode(text: str, frames: int, rate: Fraction) -> str:
    """Name the frame that lies `frames` after a timecode, counting the way that timecode does."""
    return format_timecode(parse_timecode(text, rate) + frames, rate, drop=is_drop_frame(text))


def is_drop_frame(text: str) -> bool:
    """Say whether a timecode is written as drop-frame."""
    return ";" in text


def has_drop_frame(rate: Fraction) -> bool:
    """Say whether drop-frame timecode exists at a rate."""
    try:
        return bool(_dropped_a_minute(rate))
    except UsageError:
        return False


def frames_a_day(rate: Fraction, *, drop: bool) -> int:
    """Count the frames after which timecode starts again."""
    labels = 24 * 3600 * _nominal_rate(rate)
    return labels - 24 * 54 * _dropped_a_minute(rate) if drop else labels


def duration_text(seconds: Fraction | float) -> str:
    """Write a duration for people: "0.4 s", "41 s", "3 min 20 s", "1 h 02 min"."""
    if seconds < 9.95:
        return f"{float(seconds):.1f} s"
    whole = int(seconds + Fraction(1, 2))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole // 60 % 60:02d} min"


def rate_text(rate: Fraction) -> str:
    """Write a frame rate for people: "24", "23.976"."""
    return f"{float(rate):.3f}".rstrip("0").rstrip(".")


def _nominal_rate(rate: Fraction) -> int:
    return max(1, (2 * rate.numerator + rate.denominator) // (2 * rate.denominator))


def _dropped_a_minute(rate: Fraction) -> int:
    """Count the labels left out in nine minutes of ten: 2 at 29.97, 4 at 59.94; other rates have no drop-frame."""
    nominal = _nominal_rate(rate)
    if nominal % 30 or abs(rate / nominal - Fraction(1000, 1001)) > Fraction(1, 10_000):
        raise UsageError(
            f"drop-frame timecode (with ';') exists at 29.97, 59.94 and 119.88 frames per second only, "
            f"not at {rate_text(rate)}; write it with ':'"
        )
    return nominal // 15


def _skipped_labels(count: int, nominal: int, dropped: int) -> int:
    """Count the labels that lie before frame `count` of the day and are left out."""
    ten_minutes, rest = divmod(count, 600 * nominal - 9 * dropped)
    minutes = 0 if rest < 60 * nominal else 1 + (rest - 60 * nominal) // (60 * nominal - dropped)
    return dropped * (9 * ten_minutes + minutes)
