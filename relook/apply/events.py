"""Place a cut list's events on the film that they are cut from: which frames each shows, or why that is impossible.

An event that shows this film's pictures in a way that cannot be rendered (a retime, a wipe, frames beyond its end) is
refused, all such events in one message, before any work. Events that show none of its pictures are left out and reported.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass, replace
from pathlib import Path

from relook.errors import InputError
from relook.film.cuts.cutlist import CutList, Event
from relook.film.frames import FilmInfo, Frame, follows_evenly
from relook.film.sequence import ends_of, pattern_of
from relook.timing import FrameRange, advance_timecode, frames_a_day, is_drop_frame, parse_timecode, rate_text

REEL_LETTERS = 8
"""CMX 3600 lists truncate reel names to this length."""
MOST_NAMED = 12


@dataclass(frozen=True)
class ShotFile:
    """A shot of a cut list as a film of its own."""

    event: str
    """Its number in the list."""
    path: Path
    cut: FrameRange
    """The frames of the film that the edit shows, dissolves on both sides included."""
    frames: FrameRange
    """The frames in the file: the cut and its handles."""
    cut_timecode: tuple[str, str]
    """The source's timecodes where the cut begins and stops."""
    is_new: bool
    """False if the file was there already, with the same content."""


@dataclass(frozen=True)
class PlacedEvent:
    """An event placed on its film."""

    event: Event
    frames: FrameRange | None
    """Frames of the film, from 0, including a dissolve at the beginning; None for black into which the previous event dissolves."""
    outgoing: FrameRange | None = None
    """Frames of the film that the previous event shows while this one dissolves in; None without a dissolve, or from black."""
    tail: FrameRange | None = None
    """Frames of the film that this event goes on to show while one of another reel comes in; None where none does."""


@dataclass(frozen=True)
class Placing:
    """A cut list placed on its film."""

    placed: tuple[PlacedEvent, ...]
    foreign: tuple[Event, ...]
    """Events that show another reel."""
    notes: tuple[str, ...]
    """What in the list is not rendered, in words."""


def film_label(info: FilmInfo, frame: int) -> str:
    """Return the timecode of a film's frame; films without one count from 00:00:00:00."""
    return advance_timecode(info.timecode or "00:00:00:00", frame, info.frame_rate)


def place_events(cuts: CutList, info: FilmInfo, num_frames: int) -> Placing:
    """Find the frames that each event shows of a film with `num_frames` frames.

    The first frame of a film without timecode is 00:00:00:00, or the whole hour at which all events lie in the film.

    Raises:
        InputError: an event shows frames that the film does not have, or cannot be rendered as written; or none shows this film.
    """
    pictures = [event for event in cuts.events if event.kind == "picture"]
    if not pictures:
        raise InputError("the cut list has no pictures, only sound or black; export the list of the picture track")
    own = set(_of_film(pictures, _names_of(info)))
    if not own:
        reels = sorted({event.reel or event.name for event in pictures})
        raise InputError(
            f"no event of the cut list uses {info.path.name}; its reels are {_listed(reels)}; rename the film after its reel"
        )
    foreign = tuple(event for event in pictures if event not in own)
    notes = _notes(cuts, own, foreign, info)
    if info.timecode is None and any(event.first is None for event in own):
        info = _with_hour(info, own, num_frames)
        notes = (*notes, f"{info.path.name} has no timecode: its first frame is taken to be {film_label(info, 0)}")
    faults: list[str] = []
    placed: list[PlacedEvent] = []
    before: Event | None = None
    for event in cuts.events:
        if event in own or (event.kind == "black" and event.dissolve and before in own):
            start = _start_on_film(event, info)
            shown = FrameRange(max(start, 0), max(start, 0) + len(event.source))
            found = PlacedEvent(event, shown if event.kind == "picture" else None)
            is_outside = found.frames is not None and (start < 0 or shown.stop > num_frames)
            outside = f"shows {_labels(event, info)}, which the film does not have" if is_outside else ""
            fault = event.fault or outside
            if not fault and event.dissolve and event.dissolve.outgoing and (before is None or before in own):
                last = placed[-1] if before else None
                fault, outgoing = _going_out(event, last, num_frames)
                found = replace(found, outgoing=outgoing)
            faults += [f"event {event.number} {fault}"] if fault else []
            placed.append(found)
        elif event.kind == "picture" and before in own and event.dissolve and event.dissolve.outgoing:
            fault, tail = _going_out(event, placed[-1], num_frames)
            faults += [f"event {event.number} {fault}"] if fault else []
            placed[-1] = replace(placed[-1], tail=tail)
        before = before if event.kind == "sound" else event
    if faults:
        raise InputError(
            f"the cut list cannot be rendered from {info.path.name}, which runs from {film_label(info, 0)} to "
            f"{film_label(info, num_frames)}: {_listed(faults, '; ')}; remove these events, or render them in the editing system first"
        )
    return Placing(tuple(placed), foreign, notes)


def evenly(frames: Iterator[Frame], info: FilmInfo) -> Iterator[Frame]:
    """Pass frames on as long as they are evenly spaced, as a cut list counts them.

    Raises:
        InputError: a frame does not follow the previous one at the film's rate.
    """
    last: Frame | None = None
    for frame in frames:
        if last is not None and frame.index == last.index + 1 and not follows_evenly(last, frame, info):
            raise InputError(
                f"frame {frame.index} of {info.path} is not on an even {rate_text(info.frame_rate)} frames a second, "
                "which cut lists count in; convert the film to a constant frame rate first"
            )
        last = frame
        yield frame


def _going_out(event: Event, last: PlacedEvent | None, num_frames: int) -> tuple[str, FrameRange | None]:
    """Return why an event cannot dissolve from the previous one, or the outgoing frames."""
    dissolve = event.dissolve
    assert dissolve is not None and dissolve.outgoing is not None
    ends = last.event.source.stop if last else None
    if (
        last is None
        or last.frames is None
        or ends != dissolve.outgoing.start
        or last.event.record.stop != event.record.start
    ):
        return "dissolves from pictures that the previous event does not show", None
    outgoing = FrameRange(last.frames.stop, last.frames.stop + dissolve.frames)
    if outgoing.stop > num_frames:
        return f"dissolves for {dissolve.frames} frames, but the film ends before its outgoing side does", None
    return "", outgoing


def _start_on_film(event: Event, info: FilmInfo) -> int:
    """Return the frame of the film that an event begins with; it may lie beyond both ends.

    Numbered pictures are known by their numbers; else timecode tells, and what the list says of the reel where there is none.
    """
    start = event.source.start
    if event.first is not None and event.first_number is not None and info.kind == "sequence":
        return start - event.first + event.first_number - ends_of(info.path, info.pictures)[0]
    if event.from_first_frame:
        return start
    if event.first is not None and info.timecode is None:
        return start - event.first
    first = info.timecode or "00:00:00:00"
    a_day = frames_a_day(info.frame_rate, drop=is_drop_frame(first))
    return (start - parse_timecode(first, info.frame_rate)) % a_day


def _with_hour(info: FilmInfo, own: Set[Event], num_frames: int) -> FilmInfo:
    """Let a film without timecode begin at a whole hour, as editing systems do, if its events fit there and not at 0."""
    if any(event.first is not None or event.from_first_frame for event in own):
        return info
    an_hour = parse_timecode("01:00:00:00", info.frame_rate)
    begin, end = min(event.source.start for event in own), max(event.source.stop for event in own)
    hours = begin // an_hour
    if not hours or end - hours * an_hour > num_frames:
        return info
    return replace(info, timecode=f"{hours:02d}:00:00:00")


def _labels(event: Event, info: FilmInfo) -> str:
    if event.from_first_frame:
        return f"frames {event.source.start} to {event.source.stop}"
    zero = "00:00:00;00" if is_drop_frame(info.timecode or "") else "00:00:00:00"
    return " to ".join(
        advance_timecode(zero, count, info.frame_rate) for count in (event.source.start, event.source.stop)
    )


def _names_of(info: FilmInfo) -> tuple[str, ...]:
    """Return the names that a film's reel may have: its own, and for a take what its pictures are called."""
    own = info.path.name if info.path.is_dir() else info.path.stem
    return (own, Path(pattern_of(info.pictures)).stem) if info.kind == "sequence" else (own,)


def _of_film(pictures: Sequence[Event], names: Sequence[str]) -> list[Event]:
    """Choose the events that show a film: all if the list has only one source, otherwise those named after the film."""
    reels = {event.reel for event in pictures} - {""}
    if len(reels) == 1 and all(event.reel for event in pictures):
        return list(pictures)
    named = [event for event in pictures if _is_named(event.reel or event.name, names)]
    return named or ([] if reels else list(pictures))


def _is_named(reel: str, names: Sequence[str]) -> bool:
    """Say whether a reel's name, which may be truncated, is that of a film with these names."""
    given, *wanted = (re.sub(r"[^0-9a-z]", "", name.lower()) for name in (reel, *names))
    return bool(given) and any(
        given == name or (len(given) == REEL_LETTERS and name.startswith(given)) for name in wanted
    )


def _notes(cuts: CutList, own: Set[Event], foreign: Sequence[Event], info: FilmInfo) -> tuple[str, ...]:
    notes = []
    reels = sorted({event.reel or event.name for event in own} - {""})
    if reels and not any(_is_named(reel, _names_of(info)) for reel in reels):
        notes.append(f"the list's {_listed(reels)} is taken to be {info.path.name}")
    notes += [
        f"left out, from another reel: event {event.number} ({event.reel or event.name or 'unnamed'})"
        for event in foreign
    ]
    notes += [f"left out, sound only: event {event.number}" for event in cuts.events if event.kind == "sound"]
    notes += [f"not understood: {line}" for line in cuts.unread]
    return tuple(notes)


def _listed(texts: Sequence[str], between: str = ", ") -> str:
    more = f" and {len(texts) - MOST_NAMED} more" if len(texts) > MOST_NAMED else ""
    return between.join(texts[:MOST_NAMED]) + more
