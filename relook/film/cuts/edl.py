"""Read CMX 3600 edit decision lists.

An EDL does not state its frame rate, and programs write it in many ways, so every line is read strictly: a line that cannot be an
event is named, and an event that cannot be shown as written says why. OpenTimelineIO's CMX 3600 adapter (1.0) is not
used: it ignores `FCM: DROP FRAME` (108 frames off after an hour), dissolves without a line for the outgoing side,
reverse motion and speed changes that keep an event's length, and it forgets the events' numbers.
"""

from __future__ import annotations

import codecs
import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import zip_longest
from pathlib import Path
from typing import Final

from relook.errors import InputError, UsageError
from relook.film.cuts.cutlist import CutList, Dissolve, Event, Kind, stem_of
from relook.strict import read_regular
from relook.timing import FrameRange, frames_a_day, has_drop_frame, is_drop_frame, parse_timecode, rate_text

_TIMECODE: Final = r"(\d{1,2}:\d{2}:\d{2}[:;]\d{2,3})"
_EVENT: Final = re.compile(
    r"(?P<number>\d{1,9}[A-Z]?)\s++(?:(?P<reel>\S.*?)(?<=\S)\s++)?(?P<channels>\S++)\s++(?P<edit>C|D|W\d{3}|K(?:\s?[BO])?)"
    rf"(?:\s++(?P<frames>\d{{1,6}})(?:\(F\))?)?\s++{_TIMECODE}\s++{_TIMECODE}\s++{_TIMECODE}\s++{_TIMECODE}"
)
_SPEED: Final = re.compile(r"M2\s++(?:(?P<reel>\S.*?)(?<=\S)\s++)?(?P<speed>-?\d{0,9}\.?\d{1,9})\s+\d\S*")
_NOTE: Final = re.compile(
    r"\*?\s*(?P<key>FROM CLIP NAME|TO CLIP NAME|FROM CLIP|FROM FILE|SOURCE FILE|TO CLIP)\s*:\s*(?P<value>.+)"
)
_LONG_REEL: Final = re.compile(r"FINAL CUT PRO REEL:\s*+(?P<long>\S.*?)(?<=\S)\s++REPLACED BY:\s*+(?P<short>\S+)")
_QUIET: Final = ("*", "TITLE", "FCM", "SPLIT", ">>>", "GPI", "REEL", "FINAL CUT PRO")
"""Beginnings of lines that need not be understood: notes, and headers that are read elsewhere."""
_MARKER: Final = re.compile(r"\|C:\w+\s*\|M:")
"""Marks the lines of markers, as Resolve writes them."""
_FREEZE: Final = "* FREEZE FRAME"
_LONGEST_LINE: Final = 1000
_MOST_BYTES: Final = 32 << 20
_MOST_LINES: Final = 500_000
_MOST_EVENTS: Final = 100_000
_LINE_ENDS: Final = "\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"
"""The characters at which `str.splitlines` ends a line."""
_BLACK: Final = ("BL", "BLACK")
_UNNAMED_REEL: Final = ("AX", "")
"""Reels that say only that the source is a file."""
_RATES: Final = tuple(Fraction(rate) for rate in (24, 25, 30, 50, 60))
_DROP_RATES: Final = (Fraction(30000, 1001), Fraction(60000, 1001))


@dataclass
class _Entry:
    """The lines of one event: its own, and the notes that follow."""

    line_number: int
    event: re.Match[str]
    drop: bool | None = None
    """Whether its source is drop-frame by the FCM line before it, in lists that have both kinds; else None."""
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Counting:
    """How timecodes become frame numbers."""

    rate: Fraction
    source_drop: bool
    record_drop: bool
    says_drop: bool
    """True if the list marks drop-frame with ';', so that ':' means non-drop-frame."""

    def is_odd(self, label: str, said: bool | None) -> bool:
        """Say whether a source timecode, by itself or by what FCM said of it, counts differently from the film."""
        is_drop = is_drop_frame(label) if said is None else said
        return is_drop != self.source_drop and (is_drop or self.says_drop or said is not None)

    def span(self, first: str, last: str, *, drop: bool) -> tuple[int, int]:
        """Return the frame numbers of two timecodes; midnight may lie between them."""
        start, stop = (parse_timecode(_label(text, drop), self.rate) for text in (first, last))
        a_day = frames_a_day(self.rate, drop=drop)
        return start, stop + a_day if start - stop > a_day // 2 else stop


def read_edl(path: Path, rate: Fraction | None = None, *, drop: bool | None = None) -> CutList:
    """Read an EDL.

    Args:
        rate: exact frames per second of the film that it cuts; by default the usual one that suits the list best.
        drop: whether that film's timecode is drop-frame; by default as the list.

    Raises:
        InputError: it cannot be read, holds no event, or has a line that cannot be an event.
    """
    lines = [line[:_LONGEST_LINE] for line in _text(path).splitlines()]
    entries, unread = _entries(lines, path)
    if not entries:
        raise InputError(f"{path} holds no event; an EDL has lines such as '001  A001C002 V  C  ' and four timecodes")
    says_drop = any(is_drop_frame(time) for entry in entries for time in _times(entry))
    modes = _modes(lines)
    record_drop = _counts_drop(modes, entries)
    if not says_drop:
        entries = _with_modes(entries, modes)
    if rate is None:
        rate = _likely_rate(entries, record_drop, path)
    if not has_drop_frame(rate):
        if says_drop:
            raise InputError(
                f"{path} counts drop-frame (';'), which does not exist at the film's {rate_text(rate)} frames a second"
            )
        record_drop = False
        entries = [replace(entry, drop=None) for entry in entries]
    counting = _Counting(rate, record_drop if drop is None else drop, record_drop, says_drop)
    reels = {found["short"]: found["long"] for found in map(_LONG_REEL.search, lines) if found}
    events = _events(entries, counting, path, reels)
    title = next((line[6:].strip() for line in lines if line.startswith("TITLE:")), "")
    return CutList(title, tuple(sorted(events, key=lambda event: event.record)), rate, record_drop, unread)


def _text(path: Path) -> str:
    try:
        blob = read_regular(path, _MOST_BYTES)
    except OSError as error:
        raise InputError(f"cannot open {path}: {error.strerror}; check the path") from error
    except ValueError as error:
        raise InputError(f"{path} is not an EDL: {error}; give the list as plain text") from error
    try:
        text = blob.decode("utf-16" if blob.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig")
    except UnicodeDecodeError:
        text = blob.decode("latin-1")
    if sum(map(text.count, _LINE_ENDS)) > _MOST_LINES:
        raise InputError(f"{path} has more than {_MOST_LINES:,} lines, more than any EDL")
    return text


def _entries(lines: Sequence[str], path: Path) -> tuple[list[_Entry], tuple[str, ...]]:
    """Group lines by event; also return those that were not understood."""
    entries: list[_Entry] = []
    unread = []
    for number, line in enumerate((line.strip() for line in lines), start=1):
        event = _EVENT.fullmatch(line)
        if event:
            entries.append(_Entry(number, event))
            if len(entries) > _MOST_EVENTS:
                raise InputError(f"{path} has more than {_MOST_EVENTS:,} events; divide it into several lists")
        elif line[:1].isdigit():
            raise InputError(
                f"line {number} of {path} cannot be read as an event: {line!r}; it needs a number, a reel, a channel, "
                "C or D with its frames, and four timecodes"
            )
        elif entries and (line.startswith(("M2", _FREEZE)) or _NOTE.match(line)):
            entries[-1].notes.append(line)
        elif line and not line.startswith(_QUIET) and not _MARKER.search(line):
            unread.append(f"line {number}: {line}")
    return entries, tuple(unread)


def _modes(lines: Sequence[str]) -> list[tuple[int, bool]]:
    """List the FCM lines by their numbers: True is drop-frame."""
    stripped = enumerate(map(str.strip, lines), start=1)
    return [(number, "NON" not in line) for number, line in stripped if line.startswith("FCM") and "DROP" in line]


def _with_modes(entries: Sequence[_Entry], modes: Sequence[tuple[int, bool]]) -> list[_Entry]:
    """Note of each event what the last FCM line before it says, where these lines do not all say the same."""
    if len({is_drop for _, is_drop in modes}) < 2:
        return list(entries)
    befores = (bisect_left(modes, (entry.line_number,)) for entry in entries)
    return [
        replace(entry, drop=modes[before - 1][1] if before else None)
        for entry, before in zip(entries, befores, strict=True)
    ]


def _counts_drop(modes: Sequence[tuple[int, bool]], entries: Sequence[_Entry]) -> bool:
    """Say whether record time is drop-frame: by its ';' where the list has any, else by its first FCM line."""
    has_sign = any(is_drop_frame(time) for entry in entries for time in _times(entry)[2:])
    return has_sign or (bool(modes) and modes[0][1])


def _label(text: str, drop: bool) -> str:
    *clock, frames = re.split("[:;]", text)
    return f"{':'.join(clock):0>8}{';' if drop else ':'}{frames}"


def _likely_rate(entries: Sequence[_Entry], record_drop: bool, path: Path) -> Fraction:
    """Return the rate at which every timecode exists and the fewest events differ in length between source and record."""
    misfits: dict[Fraction, int] = {}
    rates = _DROP_RATES if record_drop or any(entry.drop for entry in entries) else _RATES
    for rate in rates:
        counting = _Counting(rate, record_drop, record_drop, False)
        with suppress(UsageError):
            misfits[rate] = sum(_is_misfit(entry, counting) for entry in entries)
    if not misfits:
        usual = ", ".join(map(rate_text, rates))
        raise InputError(f"{path} has timecodes that exist at none of {usual} frames a second")
    return min(misfits, key=lambda rate: (misfits[rate], rate))


def _is_misfit(entry: _Entry, counting: _Counting) -> bool:
    """Say whether an event takes more or fewer frames of its source than it shows."""
    times, drop = _times(entry), counting.source_drop if entry.drop is None else entry.drop
    took, shows = counting.span(*times[:2], drop=drop), counting.span(*times[2:], drop=counting.record_drop)
    return took[1] - took[0] != shows[1] - shows[0]


def _times(entry: _Entry) -> tuple[str, str, str, str]:
    first, second, third, fourth = entry.event.group(6, 7, 8, 9)
    return first, second, third, fourth


def _events(entries: Sequence[_Entry], counting: _Counting, path: Path, reels: dict[str, str]) -> Iterator[Event]:
    """Make events from their lines; a line that only says where a dissolve comes from is not an event."""
    before: Event | None = None
    for entry, following in zip_longest(entries, entries[1:]):
        event = _event(entry, counting, path, reels)
        if entry.event["edit"][0] in "DW" and int(entry.event["frames"] or 0):
            event = _dissolving(event, int(entry.event["frames"]), before)
        if event.kind != "sound":
            before = event
        leads_in = following and following.event["number"] == event.number and following.event["edit"] != "C"
        if len(event.record):
            yield event
        elif not leads_in:
            yield replace(event, fault=event.fault or "shows no frame")


def _event(entry: _Entry, counting: _Counting, path: Path, reels: dict[str, str]) -> Event:
    line, times = entry.event, _times(entry)
    try:
        record = counting.span(*times[2:], drop=counting.record_drop)
    except UsageError as error:
        raise InputError(f"event {line['number']} of {path} (line {entry.line_number}): {error}") from error
    reel = reels.get(line["reel"] or "", line["reel"] or "")
    is_sound = "V" not in line["channels"] and line["channels"] != "B"
    kind: Kind = "sound" if is_sound else "black" if reel.upper() in _BLACK else "picture"
    source, fault = _source(entry, counting)
    return Event(
        number=line["number"],
        kind=kind,
        name=_clip_name(entry),
        reel="" if reel.upper() in _UNNAMED_REEL else reel,
        source=FrameRange(source[0], max(source)),
        record=FrameRange(record[0], max(record)),
        fault={"picture": fault or _fault(entry, source, record, counting.rate), "black": _effect(line["edit"])}.get(
            kind, ""
        ),
    )


def _source(entry: _Entry, counting: _Counting) -> tuple[tuple[int, int], str]:
    """Return an event's source range, and why it is unreliable, if it is."""
    first, last, *_ = _times(entry)
    try:
        if counting.is_odd(first, entry.drop):
            how = (
                "without drop-frame, and the film with it"
                if counting.source_drop
                else "drop-frame, and the film does not"
            )
            return counting.span(first, last, drop=not counting.source_drop), f"counts its source {how}"
        return counting.span(first, last, drop=counting.source_drop), ""
    except UsageError as error:
        return (0, 0), f"has a source that cannot be found: {error}"


def _clip_name(entry: _Entry) -> str:
    """Return the name of the clip; for a dissolve, the incoming one."""
    notes = {found["key"]: found["value"].strip() for found in map(_NOTE.match, entry.notes) if found}
    cut_keys = ["FROM CLIP NAME", "FROM CLIP", "FROM FILE", "SOURCE FILE"]
    keys = cut_keys if entry.event["edit"] == "C" else ["TO CLIP NAME", "TO CLIP"]
    return stem_of(next((notes[key] for key in keys if key in notes), ""))


def _fault(entry: _Entry, source: tuple[int, int], record: tuple[int, int], rate: Fraction) -> str:
    """Say why an event cannot be rendered as written."""
    line, took, shows = entry.event, source[1] - source[0], record[1] - record[0]
    speeds = [float(found["speed"]) for found in map(_SPEED.match, entry.notes) if found]
    if effect := _effect(line["edit"]):
        return effect
    if re.fullmatch(r"V([2-9]|\d\d+)", line["channels"]):
        return f"lies on track {line['channels']}, but only one picture track is read"
    if took < 0 or any(speed < 0 for speed in speeds):
        return "runs backwards"
    if any(note.startswith(_FREEZE) for note in entry.notes) or any(speed == 0 for speed in speeds):
        return "is a frozen frame"
    if any(abs(speed - float(rate)) > 0.1 for speed in speeds):
        return f"is retimed (M2 to {speeds[-1]:g} frames a second)"
    if any(note.startswith("M2") for note in entry.notes) and not speeds:
        return "is retimed (M2)"
    if took != shows:
        return f"uses {took} source frames for {shows} of the edit: it is retimed, or the list has another frame rate"
    return ""


def _effect(edit: str) -> str:
    """Say what an event begins with that is neither a cut nor a dissolve; "" for these."""
    return "" if edit in "CD" else f"is a {'wipe' if edit.startswith('W') else 'key'} ({edit})"


def _dissolving(event: Event, frames: int, before: Event | None) -> Event:
    """Let an event begin with a dissolve, or a wipe, from the previous one, which continues where it ended."""
    outgoing = None
    if before is not None and before.kind == "picture":
        outgoing = FrameRange(before.source.stop, before.source.stop + frames)
    fault = event.fault or (before.fault if before and outgoing and len(before.record) == 0 else "")
    if frames > len(event.record):
        fault = f"has a dissolve of {frames} frames in {len(event.record)} frames"
    return replace(event, dissolve=Dissolve(frames, outgoing, before.reel if before and outgoing else ""), fault=fault)
