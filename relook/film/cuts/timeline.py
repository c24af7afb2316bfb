"""Read OpenTimelineIO timelines as cut lists: one track of pictures, or several laid over each other."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlparse

import opentimelineio as otio

from relook.errors import InputError
from relook.film.cuts.cutlist import CutList, Dissolve, Event, stem_of
from relook.strict import parse_json, read_regular
from relook.timing import FrameRange, rate_text

_DISSOLVE: Final = "SMPTE_Dissolve"
_SCHEMA: Final = "OTIO_SCHEMA"
_ITEMS: Final = ("Clip.", "Gap.", "Transition.", "Track.", "Stack.")
_SCHEMA_NAME: Final = re.compile(r"[A-Za-z_]\w{0,80}\.[1-9]\d{0,3}", re.ASCII)
_LISTS: Final = ("children", "effects", "markers")
_MOST_BYTES: Final = 64 << 20
_MOST_EVENTS: Final = 100_000
_MOST_FRAMES: Final = 1_000_000_000


def read_timeline(path: Path, rate: Fraction | None = None) -> CutList:
    """Read a timeline.

    In a timeline a dissolve lies around the cut; here, as in an EDL, it begins the incoming event.

    Args:
        rate: exact frames per second of the film that it cuts; by default the timeline's own.

    Raises:
        InputError: it cannot be read, or has no picture track.
    """
    timeline = _load(path)
    try:
        return _cut_list(timeline, rate, path)
    except (otio.exceptions.OTIOError, ValueError, ArithmeticError) as error:
        raise InputError(
            f"{path} has a clip whose length or time is not known: {error}; export the timeline again"
        ) from error


def _cut_list(timeline: otio.schema.Timeline, rate: Fraction | None, path: Path) -> CutList:
    tracks = [track for track in timeline.video_tracks() if track.enabled and len(track)]
    tracks = [track for track in (_trimmed(track, track.source_range, path) for track in tracks) if len(track)]
    if not tracks:
        raise InputError(f"{path} has no picture track with anything on it; export the timeline again")
    track = tracks[0] if len(tracks) == 1 else otio.algorithms.flatten_stack(tracks)
    track = _trimmed(track, timeline.tracks.source_range, path)
    if not len(track):
        raise InputError(f"{path} is cut to a part of itself that holds nothing; export the timeline again")
    rate = rate or Fraction(track.duration().rate).limit_denominator(1001)
    first = timeline.global_start_time
    start = 0 if first is None else _frames(first, rate)
    if start is None:
        raise InputError(f"{path} starts at {first}, which is not a whole frame at {rate_text(rate)} frames a second")
    return CutList(timeline.name, tuple(_events(track, start, rate)), rate)


def _trimmed(track: otio.schema.Track, span: otio.opentime.TimeRange | None, path: Path) -> otio.schema.Track:
    """Return what a track shows where it, or the stack that it lies in, is cut to a part of itself."""
    whole = track.available_range()
    if span is None or (
        span.start_time <= whole.start_time and span.end_time_exclusive() >= whole.end_time_exclusive()
    ):
        return track
    try:
        trimmed = otio.algorithms.track_trimmed_to_range(track, span)
    except otio.exceptions.CannotTrimTransitionsError as error:
        raise InputError(
            f"{path} is cut to a part of itself in the middle of a transition; cut the clips, and export it again"
        ) from error
    trimmed.source_range = None
    return trimmed


def _load(path: Path) -> otio.schema.Timeline:
    try:
        text = read_regular(path, _MOST_BYTES).decode("utf-8")
        _require_sound(parse_json(text, finite=False))
        # Not by `otio.adapters`, which load plugins and run the hooks that the environment names.
        timeline = otio.core.deserialize_json_from_string(text)
    except OSError as error:
        raise InputError(f"cannot open {path}: {error.strerror}; check the path") from error
    except (otio.exceptions.OTIOError, ValueError, LookupError, TypeError, RecursionError) as error:
        raise InputError(f"{path} is not an OpenTimelineIO timeline: {error}; export it again") from error
    if not isinstance(timeline, otio.schema.Timeline):
        raise InputError(f"{path} holds a {type(timeline).__name__}, not a timeline; export the whole timeline")
    return timeline


def _require_sound(timeline: Any) -> None:
    """Refuse JSON that would crash OpenTimelineIO, in parsing or later: gaps in the tree, and loops."""
    num_items, level = 0, [timeline]
    while level:
        objects = [one for one in level if isinstance(one, dict)]
        for one in objects:
            schema = one.get(_SCHEMA)
            if schema is None:
                continue
            if not isinstance(schema, str) or not _SCHEMA_NAME.fullmatch(schema):
                raise ValueError(f"it has an object of the unknown kind {str(schema)[:40]!r}")
            if schema.startswith("SerializableObjectRef."):
                raise ValueError("it names an object by reference")
            num_items += schema.startswith(_ITEMS)
            held = [one.get(name) for name in _LISTS if name in one]
            inner = [item for items in held for item in (items if isinstance(items, list) else [None])]
            inner += [one["tracks"]] if schema.startswith("Timeline.") and "tracks" in one else []
            if schema == "Clip.1" and "media_references" in one:
                raise ValueError("a clip has one schema version and the fields of another")
            references = one.get("media_references", {})
            inner += references.values() if isinstance(references, dict) else [None]
            if not all(isinstance(item, dict) and _SCHEMA in item for item in inner):
                raise ValueError(f"a part of its {schema[:40]} is missing")
        if num_items > _MOST_EVENTS:
            raise ValueError(f"it has more than {_MOST_EVENTS:,} clips")
        lists = [one for one in level if isinstance(one, list)]
        level = [inner for one in objects for inner in one.values()] + [inner for one in lists for inner in one]


def _events(track: otio.schema.Track, record: int, rate: Fraction) -> Iterator[Event]:
    """Number the clips from 001; gaps are left out unless something dissolves into them."""
    items = list(track)
    if isinstance(items[-1], otio.schema.Transition):  # a fade-out with nothing after it
        items.append(otio.schema.Gap(duration=items[-1].out_offset))
    before: Event | None = None
    number = 0
    for lead, item, tail in zip([None, *items], items, [*items[1:], None], strict=False):
        if isinstance(item, otio.schema.Transition):
            continue
        number += not isinstance(item, otio.schema.Gap)
        early, _ = _offsets(lead, rate)
        length = _length(item, rate) + early - _offsets(tail, rate)[0]
        event = _event(item, f"{number:03d}", FrameRange(record - early, record - early + length), rate)
        if isinstance(lead, otio.schema.Transition):
            event = _dissolving(event, lead, before, rate)
        record, before = event.record.stop + _offsets(tail, rate)[0], event
        if event.kind == "picture" or event.dissolve is not None:
            yield event


def _event(item: Any, number: str, record: FrameRange, rate: Fraction) -> Event:
    """Make an event from a clip, a gap or a nested timeline; its source is as long as its record, or a fault says why not."""
    trimmed = item.trimmed_range()
    media = item.media_reference if isinstance(item, otio.schema.Clip) else None
    start, shows = _frames(trimmed.start_time, rate), _frames(trimmed.duration, rate)
    is_black = isinstance(item, otio.schema.Gap) or not item.enabled or getattr(media, "generator_kind", "") == "black"
    fault = "" if is_black else _fault(item, media)
    if not is_black and (start is None or shows is None):
        fault = f"counts at {trimmed.duration.rate:g} frames a second or in parts of frames; the film runs at {rate_text(rate)}"
    if not is_black and not fault and start is not None and start < 0:
        fault = f"begins {-start} frames before its source does"
    begin = max(start or 0, 0)
    available = None if media is None else media.available_range
    first = None if available is None else _frames(available.start_time, rate)
    first_number = None
    if isinstance(media, otio.schema.ImageSequenceReference) and media.frame_step == 1 and first is not None:
        first_number = media.start_frame
    return Event(
        number=number,
        kind="black" if is_black else "picture",
        name=stem_of(item.name),
        reel=_reel(item, media),
        source=FrameRange(begin, begin + len(record)),
        record=record,
        from_first_frame=available is not None and available.start_time.value == 0,
        fault=fault or ("shows no frame" if not len(record) and not is_black else ""),
        first=first,
        first_number=first_number,
    )


def _fault(item: Any, media: Any) -> str:
    if not isinstance(item, otio.schema.Clip):
        return f"is a nested timeline ({item.name}); take it apart before exporting"
    if isinstance(media, otio.schema.GeneratorReference):
        return f"is made by the editing system ({media.generator_kind})"
    for effect in item.effects:
        speed = getattr(effect, "time_scalar", None)
        if isinstance(effect, otio.schema.FreezeFrame):
            return "is a frozen frame"
        if speed is not None and speed < 0:
            return "runs backwards"
        if isinstance(effect, otio.schema.TimeEffect) and speed != 1:
            return f"is retimed ({'to a varying speed' if speed is None else f'{speed:g} times as fast'})"
    return ""


def _dissolving(event: Event, transition: otio.schema.Transition, before: Event | None, rate: Fraction) -> Event:
    """Let an event whose ranges begin with the transition dissolve from the previous one."""
    frames, outgoing, reel = sum(_offsets(transition, rate)), None, ""
    if before is not None and before.kind == "picture":
        outgoing, reel = FrameRange(before.source.stop, before.source.stop + frames), before.reel
    early = min(_offsets(transition, rate)[0], event.source.start)
    source = FrameRange(event.source.start - early, event.source.start - early + len(event.record))
    fault = event.fault
    if transition.transition_type != _DISSOLVE:
        fault = fault or f"begins with a transition that is not a dissolve ({transition.transition_type})"
    if frames > len(event.record):
        fault = f"has a dissolve of {frames} frames in {len(event.record)} frames"
    return replace(event, source=source, dissolve=Dissolve(frames, outgoing, reel), fault=fault)


def _offsets(item: Any, rate: Fraction) -> tuple[int, int]:
    """Return how many frames a transition reaches before and after its cut; 0 for other items."""
    if not isinstance(item, otio.schema.Transition):
        return 0, 0
    before, after = (_bounded(offset.rescaled_to(float(rate)).value) for offset in (item.in_offset, item.out_offset))
    return before, after


def _length(item: Any, rate: Fraction) -> int:
    """Return how many frames of the edit an item fills, not counting what transitions add."""
    duration = item.trimmed_range().duration
    exact = _frames(duration, rate)
    return _bounded(duration.rescaled_to(float(rate)).value) if exact is None else exact


def _bounded(frames: float) -> int:
    """Round to whole frames.

    Raises:
        ValueError: it is longer than any film.
        OverflowError: it is infinite.
    """
    whole = round(frames)
    if abs(whole) > _MOST_FRAMES:
        raise ValueError(f"{frames:g} frames")
    return whole


def _frames(time: otio.opentime.RationalTime, rate: Fraction) -> int | None:
    """Return a time as a number of frames at the film's rate, treating 24 as 23.976; None if it is not a whole number."""
    whole = _bounded(time.value)
    return whole if round(time.rate) == round(rate) and abs(time.value - whole) < 1e-3 else None


def _reel(item: Any, media: Any) -> str:
    noted = item.metadata.get("cmx_3600", {})
    given = noted.get("reel", "") if isinstance(noted, Mapping) else ""
    if given or media is None:
        return str(given)
    if isinstance(media, otio.schema.ImageSequenceReference):
        return media.name_prefix.rstrip("._-")
    url = getattr(media, "target_url", "") or ""
    return stem_of(unquote(urlparse(url).path)) or stem_of(media.name)
