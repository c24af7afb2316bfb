"""A cut list as values: which frames of which reel an edit shows, event by event."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import PurePosixPath
from typing import Literal

from relook.timing import FrameRange, format_timecode, rate_text

Kind = Literal["picture", "black", "sound"]


@dataclass(frozen=True)
class Dissolve:
    """The frames at an event's beginning in which the previous event still shows through, as in a wipe too, which is a fault."""

    frames: int
    outgoing: FrameRange | None
    """What the previous event shows meanwhile, counted like `Event.source`; None for black."""
    reel: str = ""
    """Reel of the outgoing side."""


@dataclass(frozen=True)
class Event:
    """One event of an edit."""

    number: str
    """As the list has it ("003"); a timeline's clips are numbered from 001."""
    kind: Kind
    name: str
    """The clip's name without its ending; empty if the list gives none."""
    reel: str
    """The tape, card or file that it comes from; empty if the list does not say."""
    source: FrameRange
    """Frames counted from source timecode 00:00:00:00, the dissolve's included."""
    record: FrameRange
    """Frames counted from record timecode 00:00:00:00."""
    dissolve: Dissolve | None = None
    from_first_frame: bool = False
    """True where `source` counts from the first frame of its reel, whatever that one's timecode."""
    fault: str = ""
    """Why it cannot be rendered as listed, such as "is retimed (...)"; empty if it can."""
    first: int | None = None
    """The first frame of its reel, counted as `source` is, if the list says; it applies to a film without timecode."""
    first_number: int | None = None
    """For a reel of numbered pictures, that frame's number, if the list says."""


@dataclass(frozen=True)
class CutList:
    """An edit: its events in the order of record time."""

    title: str
    events: tuple[Event, ...]
    rate: Fraction
    """Frames per second at which it was read."""
    drop: bool = False
    """True where record time is drop-frame."""
    unread: tuple[str, ...] = ()
    """Lines that were not understood, with their numbers."""


def stem_of(name: str) -> str:
    """Return a file's name without folder and ending; ".5" in "take 1.5" is not an ending."""
    path = PurePosixPath(name.replace("\\", "/"))
    return path.stem if path.suffix[1:2].isalpha() else path.name


def cut_list_in_words(cuts: CutList) -> list[str]:
    """Describe a cut list for people, one event per line, with what was not understood."""
    counting = "drop-frame" if cuts.drop else "frames"
    head = (
        f"{cuts.title or 'cut list'}: {len(cuts.events)} events, counted at {rate_text(cuts.rate)} {counting} a second"
    )
    return [
        head,
        *(_event_in_words(event, cuts) for event in cuts.events),
        *(f"not understood: {line}" for line in cuts.unread),
    ]


def _event_in_words(event: Event, cuts: CutList) -> str:
    source, record = (_labels(part, cuts) for part in (event.source, event.record))
    shown = " ".join(filter(None, (event.reel, event.name))) or "(unnamed)"
    words = [event.number, {"picture": shown, "black": "black", "sound": f"{shown}, sound only"}[event.kind]]
    words += [source if event.kind != "black" else "", f"at {record}"]
    if event.dissolve and not event.fault:
        words.append(
            f"after a dissolve of {event.dissolve.frames} frames{'' if event.dissolve.outgoing else ' from black'}"
        )
    return "  ".join(filter(None, words)) + (f"; {event.fault}" if event.fault else "")


def _labels(part: FrameRange, cuts: CutList) -> str:
    return "-".join(format_timecode(count, cuts.rate, drop=cuts.drop) for count in (part.start, part.stop))
