"""OpenTimelineIO timelines as cut lists: where clips, gaps and transitions come to lie, and what is refused."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import opentimelineio as otio
import pytest

from relook.errors import InputError
from relook.film.cuts.cut_files import read_cut_list
from relook.film.cuts.cutlist import CutList, Dissolve
from relook.timing import FrameRange

NTSC_FILM = Fraction(24000, 1001)


def span(start: float, length: float, rate: float = 24) -> otio.opentime.TimeRange:
    return otio.opentime.TimeRange(otio.opentime.RationalTime(start, rate), otio.opentime.RationalTime(length, rate))


def clip(
    start: float,
    length: float,
    *,
    rate: float = 24,
    media_start: float | None = None,
    effects: Sequence[otio.schema.Effect] = (),
    enabled: bool = True,
) -> otio.schema.Clip:
    media = otio.schema.ExternalReference("file:///rushes/A012C005%20b.mov")
    if media_start is not None:
        media.available_range = span(media_start, 10_000, rate)
    made = otio.schema.Clip("wide shot", media, span(start, length, rate), effects=list(effects))
    made.enabled = enabled
    return made


def dissolve(before: float, after: float, kind: str = "SMPTE_Dissolve") -> otio.schema.Transition:
    ends = (otio.opentime.RationalTime(frames, 24) for frames in (before, after))
    return otio.schema.Transition("", kind, *ends)


def read(folder: Path, *tracks: list[Any], rate: Fraction | None = Fraction(24), start: float | None = None) -> CutList:
    made = [otio.schema.Track(kind=otio.schema.TrackKind.Video, children=items) for items in tracks]
    timeline = otio.schema.Timeline("cut", tracks=made)
    if start is not None:
        timeline.global_start_time = otio.opentime.RationalTime(start, 24)
    otio.adapters.write_to_file(timeline, str(folder / "cut.otio"))
    return read_cut_list(folder / "cut.otio", rate)


def test_clips_gaps_and_record_time(tmp_path: Path) -> None:
    gap = otio.schema.Gap(duration=otio.opentime.RationalTime(5, 24))
    cuts = read(
        tmp_path,
        [clip(86_410, 20, media_start=86_400), gap, clip(3, 10, media_start=0), clip(86_400, 4, enabled=False)],
        start=86_400,
    )
    assert [(event.number, event.source, event.record, event.from_first_frame) for event in cuts.events] == [
        ("001", FrameRange(86_410, 86_430), FrameRange(86_400, 86_420), False),
        ("002", FrameRange(3, 13), FrameRange(86_425, 86_435), True),
    ]
    assert (cuts.events[0].reel, cuts.events[0].name, cuts.title) == ("A012C005 b", "wide shot", "cut")


@pytest.mark.parametrize("of_stack", [False, True])
def test_a_track_that_is_cut_to_a_part_shows_that_part(tmp_path: Path, of_stack: bool) -> None:
    """Record time begins with the part. A part that holds all, as some programs write it, changes nothing."""

    def shown(*items: Any, part: otio.opentime.TimeRange) -> list[tuple[FrameRange, FrameRange]]:
        timeline = otio.schema.Timeline("cut", tracks=[otio.schema.Track(children=list(items))])
        (timeline.tracks if of_stack else timeline.tracks[0]).source_range = part
        otio.adapters.write_to_file(timeline, str(tmp_path / "cut.otio"))
        return [(event.source, event.record) for event in read_cut_list(tmp_path / "cut.otio", Fraction(24)).events]

    assert shown(clip(100, 20), clip(200, 30), part=span(15, 10)) == [
        (FrameRange(115, 120), FrameRange(0, 5)),
        (FrameRange(200, 205), FrameRange(5, 10)),
    ]
    fading = (dissolve(0, 6), clip(100, 20), dissolve(3, 5), clip(200, 30), dissolve(4, 0))
    assert shown(*fading, part=span(0, 50))[1] == (FrameRange(197, 226), FrameRange(17, 46))
    with pytest.raises(InputError, match="in the middle of a transition"):
        shown(*fading, part=span(18, 20))
    with pytest.raises(InputError, match="export the timeline again"):
        shown(clip(100, 20), part=span(50, 10))


def test_what_the_list_says_of_the_reels_beginning(tmp_path: Path) -> None:
    pictures = otio.schema.ImageSequenceReference("", "shot.", ".exr", 1001, 1, 24, 4, available_range=span(86_400, 99))
    frames = otio.schema.Clip("c", pictures, span(86_410, 5))
    events = read(tmp_path, [clip(100, 20), clip(100, 20, media_start=90), frames]).events
    assert [(event.first, event.first_number) for event in events] == [(None, None), (90, None), (86_400, 1001)]
    assert [event.reel for event in events][2] == "shot"


def test_a_dissolve_about_a_cut_begins_the_event_that_comes_in(tmp_path: Path) -> None:
    first, second = read(tmp_path, [clip(100, 20), dissolve(3, 5), clip(200, 30)]).events
    assert (first.source, first.record) == (FrameRange(100, 117), FrameRange(0, 17))
    assert (second.source, second.record) == (FrameRange(197, 230), FrameRange(17, 50))
    assert second.dissolve == Dissolve(8, FrameRange(117, 125), "A012C005 b")


def test_fades_from_and_to_black(tmp_path: Path) -> None:
    fade_in, fade_out = read(tmp_path, [dissolve(0, 6), clip(100, 20), dissolve(4, 0)]).events
    assert (fade_in.dissolve, fade_in.source) == (Dissolve(6, None), FrameRange(100, 116))
    assert (fade_out.kind, fade_out.record) == ("black", FrameRange(16, 20))
    assert fade_out.dissolve == Dissolve(4, FrameRange(116, 120), "A012C005 b")


def test_the_upper_track_is_what_shows(tmp_path: Path) -> None:
    gap = otio.schema.Gap(duration=otio.opentime.RationalTime(10, 24))
    cuts = read(tmp_path, [clip(0, 30)], [gap, clip(500, 5)])
    assert [event.source for event in cuts.events] == [FrameRange(0, 10), FrameRange(500, 505), FrameRange(15, 30)]


def test_rates_of_the_same_labels_are_one(tmp_path: Path) -> None:
    (event,) = read(tmp_path, [clip(100, 20, rate=24)], rate=NTSC_FILM).events
    assert (event.source, event.fault) == (FrameRange(100, 120), "")
    assert read(tmp_path, [clip(100, 20, rate=24000 / 1001)], rate=None).rate == NTSC_FILM


@pytest.mark.parametrize(
    ("items", "fault"),
    [
        ([clip(0, 20, rate=25)], "counts at 25 frames a second"),
        ([clip(0.5, 20)], "parts of frames"),
        ([clip(0, 20, effects=[otio.schema.LinearTimeWarp(time_scalar=2)])], "retimed (2 times as fast)"),
        ([clip(0, 20, effects=[otio.schema.LinearTimeWarp(time_scalar=-1)])], "backwards"),
        ([clip(0, 20, effects=[otio.schema.FreezeFrame()])], "frozen"),
        ([otio.schema.Stack("inner", [clip(0, 20)])], "nested timeline (inner)"),
        ([otio.schema.Clip("", otio.schema.GeneratorReference(generator_kind="SMPTEBars"), span(0, 20))], "SMPTEBars"),
        ([clip(0, 20), dissolve(2, 2, "Custom_Transition"), clip(50, 20)], "not a dissolve (Custom_Transition)"),
        ([clip(0, 20), dissolve(2, 9), clip(50, 5)], "dissolve of 11 frames in 7"),
    ],
)
def test_what_cannot_be_rendered_is_told(items: list[Any], fault: str, tmp_path: Path) -> None:
    assert fault in read(tmp_path, items).events[-1].fault


def test_a_speed_of_one_and_effects_on_the_picture_are_no_fault(tmp_path: Path) -> None:
    effects = [otio.schema.LinearTimeWarp(time_scalar=1), otio.schema.Effect(effect_name="blur")]
    assert read(tmp_path, [clip(0, 20, effects=effects)]).events[0].fault == ""


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"OTIO_SCHEMA": "Clip.1"}', '{"OTIO_SCHEMA": "Timeline.1"}', "\x00", "[" * 100_000]
)
def test_a_file_that_is_no_timeline_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "bad.otio").write_text(text)
    with pytest.raises(InputError, match=r"bad\.otio"):
        read_cut_list(tmp_path / "bad.otio", Fraction(24))
    (tmp_path / "bad.otio").write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match=r"bad\.otio"):
        read_cut_list(tmp_path / "bad.otio", Fraction(24))


def test_a_clip_of_unknown_length_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="length or time is not known"):
        read(tmp_path, [otio.schema.Clip("endless")])
    with pytest.raises(InputError, match="length or time is not known"):
        read(tmp_path, [otio.schema.Clip("endless")], rate=None)


def test_real_timelines(footage: Callable[[str], Path]) -> None:
    cuts = {
        name: read_cut_list(footage(f"awkward/real/otio/{name}.otio"))
        for name in ("simple_cut", "transition", "nested_example")
    }
    simple, crossing = cuts["simple_cut"].events, cuts["transition"].events
    assert [(event.reel, event.source.start, len(event.record)) for event in simple] == [
        ("titles", 3, 3),
        ("wind-up", 2, 6),
        ("punchline", 0, 4),
        ("credits", 100, 6),
    ]
    assert crossing[2].dissolve == Dissolve(5, FrameRange(6, 11), "wind-up") and crossing[2].source == FrameRange(1, 7)
    assert [event.number for event in cuts["nested_example"].events if event.fault] == ["002", "004", "006"]
