"""EDLs: what is written comes back, at every rate, and what cannot be rendered is told by its event's number."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import opentimelineio as otio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from relook.errors import InputError, UsageError
from relook.film.cuts.cut_files import read_cut_list
from relook.film.cuts.cutlist import CutList, cut_list_in_words
from relook.timing import FrameRange, format_timecode

NTSC_FILM, NTSC, NTSC_DOUBLE = Fraction(24000, 1001), Fraction(30000, 1001), Fraction(60000, 1001)
COUNTINGS = [
    *((Fraction(rate), False) for rate in (NTSC_FILM, 24, 25, NTSC, 30, 50, NTSC_DOUBLE)),
    (NTSC, True),
    (NTSC_DOUBLE, True),
]
in_a_folder = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])


@dataclass(frozen=True)
class Drawn:
    """An event as a test wants it back."""

    reel: str
    source: FrameRange
    gap: int
    """Frames of the edit before it that show nothing."""
    dissolve: int


@st.composite
def drawn_events(draw: st.DrawFn) -> list[Drawn]:
    """Draw events of reels with short and long names, anywhere in the day."""
    reels = st.text("ABC0129_", min_size=1, max_size=24).filter(lambda reel: reel not in ("BL", "AX"))
    drawn: list[Drawn] = []
    for _ in range(draw(st.integers(1, 8))):
        start, length = draw(st.integers(0, 2_000_000)), draw(st.integers(1, 20_000))
        gap = draw(st.integers(0, 2)) * 7
        dissolve = draw(st.integers(0, min(length, 40))) if drawn and not gap else 0
        drawn.append(Drawn(draw(reels), FrameRange(start, start + length), gap, dissolve))
    return drawn


def painted(drawn: list[Drawn], rate: Fraction, drop: bool, *, start: int, newline: str = "\n") -> str:
    """Write an EDL by hand, its record time from `start`."""

    def label(count: int) -> str:
        return format_timecode(count, rate, drop=drop)

    lines = ["TITLE: drawn", f"FCM: {'DROP FRAME' if drop else 'NON-DROP FRAME'}", ""]
    for number, event in enumerate(drawn, start=1):
        start += event.gap
        ends = " ".join(map(label, (event.source.start, event.source.stop, start, start + len(event.source))))
        if event.dissolve:
            before = drawn[number - 2]
            cut = " ".join([label(before.source.stop)] * 2 + [label(start)] * 2)
            lines.append(f"{number:03d}  {before.reel:8} V     C        {cut}")
        edit = f"D    {event.dissolve:03d}" if event.dissolve else "C       "
        lines += [f"{number:03d}  {event.reel:8} V     {edit} {ends}", f"* FROM CLIP NAME: clip{number}.mov"]
        start += len(event.source)
    return newline.join([*lines, ""])


def read(path: Path, text: str, rate: Fraction | None = None, drop: bool | None = None) -> CutList:
    path.write_bytes(text.encode())
    return read_cut_list(path, rate, drop=drop)


@in_a_folder
@given(
    drawn=drawn_events(),
    counting=st.sampled_from(COUNTINGS),
    start=st.sampled_from([0, 86_400, 900_000]),
    crlf=st.booleans(),
)
def test_a_painted_list_comes_back(
    drawn: list[Drawn], counting: tuple[Fraction, bool], start: int, crlf: bool, tmp_path: Path
) -> None:
    rate, drop = counting
    text = painted(drawn, rate, drop, start=start, newline="\r\n" if crlf else "\n")
    cuts = read(tmp_path / "drawn.edl", text, rate, drop)
    assert [(e.reel, e.source, len(e.record), e.fault) for e in cuts.events] == [
        (d.reel, d.source, len(d.source), "") for d in drawn
    ]
    assert [e.dissolve.frames if e.dissolve else 0 for e in cuts.events] == [d.dissolve for d in drawn]
    for before, event in zip(cuts.events, cuts.events[1:], strict=False):
        if event.dissolve:
            assert event.dissolve.outgoing == FrameRange(before.source.stop, before.source.stop + event.dissolve.frames)
            assert event.dissolve.reel == before.reel
    assert cuts.events[0].record.start == start + drawn[0].gap and cuts.drop == drop


@in_a_folder
@given(
    drawn=drawn_events(),
    counting=st.sampled_from([c for c in COUNTINGS if c not in ((NTSC, False), (NTSC_DOUBLE, False))]),
)
def test_a_list_of_another_program_comes_back(
    drawn: list[Drawn], counting: tuple[Fraction, bool], tmp_path: Path
) -> None:
    """OpenTimelineIO's adapter writes record time from 0, and has drop-frame at NTSC rates only ever."""
    rate, drop = counting
    track = otio.schema.Track(kind=otio.schema.TrackKind.Video)
    for event in drawn:
        source = otio.opentime.TimeRange(
            otio.opentime.RationalTime(event.source.start, float(rate)),
            otio.opentime.RationalTime(len(event.source), float(rate)),
        )
        clip = otio.schema.Clip(name="clip.mov", source_range=source)
        clip.metadata["cmx_3600"] = {"reel": event.reel}
        track.append(clip)
    timeline = otio.schema.Timeline(name="drawn", tracks=[track])
    text = otio.adapters.write_to_string(timeline, "cmx_3600", rate=float(rate))
    cuts = read(tmp_path / "written.edl", text, rate, drop)
    assert [(e.reel, e.name, e.source, e.fault) for e in cuts.events] == [(d.reel, "clip", d.source, "") for d in drawn]
    assert cuts.events[0].record.start == 0 and cuts.drop == drop


HEAD = "TITLE: by hand\nFCM: NON-DROP FRAME\n"
ONE = "001  A001     V     C        01:00:00:00 01:00:02:00 10:00:00:00 10:00:02:00\n"


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        (ONE + "M2   A001       048.0                01:00:00:00", "retimed (M2 to 48 frames"),
        (ONE + "M2   A001      -024.0                01:00:00:00", "backwards"),
        (ONE + "M2   A001       000.0                01:00:00:00", "frozen"),
        (ONE + "* FREEZE FRAME", "frozen"),
        (ONE.replace("01:00:02:00 10", "01:00:01:00 10"), "uses 24 source frames for 48"),
        (ONE.replace("01:00:00:00 01:00:02:00", "01:00:02:00 01:00:00:00"), "backwards"),
        (ONE.replace("C   ", "W001 024"), "wipe (W001)"),
        *((ONE.replace("C       ", key), "key (K") for key in ("K B     ", "K    024", "K O  024", "K 024(F)")),
        (ONE.replace(" V ", " V2"), "track V2"),
        (ONE.replace("01:00:02:00 10:00:00:00 10:00:02:00", "01:00:00:00 10:00:00:00 10:00:00:00"), "shows no frame"),
        (ONE.replace("C       ", "D    060"), "dissolve of 60 frames in 48"),
        (ONE.replace("01:00:00:00 01", "01:00:00:27 01"), "cannot be found"),
    ],
)
def test_what_cannot_be_rendered_is_told(line: str, fault: str, tmp_path: Path) -> None:
    (event,) = read(tmp_path / "one.edl", HEAD + line, Fraction(24)).events
    assert event.number == "001" and fault in event.fault


@pytest.mark.parametrize(
    "line", [ONE, ONE + "M2   A001       024.0                01:00:00:00", ONE.replace("01:00:0", "23:59:5", 1)]
)
def test_what_can_be_rendered_has_no_fault(line: str, tmp_path: Path) -> None:
    line = line.replace("01:00:02:00 10", "00:00:08:00 10").replace("10:00:02", "10:00:18") if "23:59" in line else line
    assert [event.fault for event in read(tmp_path / "one.edl", HEAD + line, Fraction(24)).events] == [""]


def test_reels_clips_and_kinds(tmp_path: Path) -> None:
    text = (
        HEAD
        + "001  A012C005_240101_R1AB V C 01:00:00:00 01:00:01:00 10:00:00:00 10:00:01:00\n* FROM CLIP NAME: plage \xe9t\xe9.mov\n"
        + "002  my own reel  B  C 01:00:00:00 01:00:01:00 10:00:01:00 10:00:02:00\n* FROM FILE: C:\\rushes\\take 1.5\n"
        + "003  BL  V  C 00:00:00:00 00:00:01:00 10:00:02:00 10:00:03:00\n"
        + "004  A012  AA  C 01:00:00:00 01:00:01:00 10:00:02:00 10:00:03:00\n"
        + "005  AX  V  C 01:00:00:00 01:00:01:00 10:00:03:00 10:00:04:00\n"
        + "006  REEL0001 V C 01:00:00:00 01:00:01:00 10:00:04:00 10:00:05:00\n"
        + "FINAL CUT PRO REEL: a very long reel REPLACED BY: REEL0001\nstray words\n"
    )
    (tmp_path / "many.edl").write_bytes(text.encode("latin-1"))
    cuts = read_cut_list(tmp_path / "many.edl", Fraction(24))
    for encoding in ("utf-8", "utf-8-sig", "utf-16"):
        (tmp_path / "many.edl").write_bytes(text.encode(encoding))
        assert read_cut_list(tmp_path / "many.edl", Fraction(24)) == cuts, encoding
    assert [(event.reel, event.name, event.kind) for event in cuts.events] == [
        ("A012C005_240101_R1AB", "plage \xe9t\xe9", "picture"),
        ("my own reel", "take 1.5", "picture"),
        ("BL", "", "black"),
        ("A012", "", "sound"),
        ("", "", "picture"),
        ("a very long reel", "", "picture"),
    ]
    assert cuts.title == "by hand" and cuts.unread == ("line 12: stray words",)


def test_drop_frame_is_counted_by_the_film_and_by_the_list(tmp_path: Path) -> None:
    """A list that says FCM: DROP FRAME and writes ':' is drop-frame all the same: 108 frames an hour."""
    line = "001 A V C 01:00:00:00 01:00:01:00 01:00:00:00 01:00:01:00\n"
    cuts = read(tmp_path / "fcm.edl", "FCM: DROP FRAME\n" + line, NTSC)
    assert (cuts.events[0].source.start, cuts.events[0].record.start, cuts.drop) == (107_892, 107_892, True)
    assert read(tmp_path / "film.edl", HEAD + line, NTSC, drop=True).events[0].source.start == 107_892
    assert read(tmp_path / "film.edl", HEAD + line, NTSC, drop=False).events[0].source.start == 108_000
    odd = line.replace("01:00:00:00 01:00:01:00", "01:00:00;00 01:00:01;00", 1)
    assert "drop-frame, and the film does not" in read(tmp_path / "odd.edl", odd, NTSC, drop=False).events[0].fault
    with pytest.raises(InputError, match=r"drop-frame .*at the film's 24 frames"):
        read(tmp_path / "odd.edl", odd, Fraction(24))


def test_a_wipe_to_black_is_no_cut(tmp_path: Path) -> None:
    wiped = "002 BL V W001 012 00:00:00:00 00:00:01:00 10:00:02:00 10:00:03:00\n"
    _, black = read(tmp_path / "wipe.edl", HEAD + ONE + wiped, Fraction(24)).events
    assert black.kind == "black" and black.fault == "is a wipe (W001)" and black.dissolve is not None


def test_fcm_lines_that_switch_are_heeded(tmp_path: Path) -> None:
    """Both countings in one list, all labels with ':': 01:01:00:00 is 61 minutes of 30, less 110 frames where it is drop-frame."""
    times = "01:01:00:10 01:01:01:10 01:00:00:00 01:00:01:00\n"
    switching = (
        f"FCM: DROP FRAME\n001 A V C {times}FCM: NON-DROP FRAME\n002 B V C {times}FCM: DROP FRAME\n003 C V C {times}"
    )
    for drop, odd in ((None, "B"), (True, "B"), (False, "AC")):
        events = read(tmp_path / "switching.edl", switching, NTSC, drop).events
        assert [event.source.start for event in events] == [109_700, 109_810, 109_700]
        assert [event.reel for event in events if "counts its source" in event.fault] == list(odd)
    begun = switching.replace("FCM: DROP FRAME\n001", "FCM: NON-DROP FRAME\n001")
    cuts = read(tmp_path / "begun.edl", begun)
    assert (cuts.rate, cuts.drop) == (NTSC, False)
    assert [event.source.start for event in cuts.events] == [109_810, 109_810, 109_700]
    assert not any(event.fault for event in read(tmp_path / "film.edl", switching, Fraction(25)).events)


def test_markers_of_resolve_are_no_riddle(tmp_path: Path) -> None:
    cuts = read(tmp_path / "markers.edl", HEAD + ONE + " a note |C:ResolveColorBlue |M:Marker 1 |D:1\n", Fraction(24))
    assert len(cuts.events) == 1 and cuts.unread == ()


def test_the_rate_of_a_list_by_itself(tmp_path: Path) -> None:
    text = HEAD + "001 A V C 01:00:00:20 01:00:01:04 01:00:00:10 01:00:00:19\n"
    assert read(tmp_path / "likely.edl", text).rate == 25
    with pytest.raises(InputError, match=r"timecodes that exist at none of"):
        read(tmp_path / "none.edl", text.replace(":20 ", ":75 "))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "holds no event"),
        ("\0\1\2 noise", "holds no event"),
        (HEAD + "001 A V C 01:00:00:00 01:00:02:00", "line 3 .* cannot be read as an event"),
        (HEAD + ONE.replace("10:00:00:00", "10:00:61:00"), r"event 001 .*\(line 3\).*10:00:61:00"),
        (HEAD + "1" * 100_000, "cannot be read as an event"),
        (HEAD + "1" * 300 + ONE, "cannot be read as an event"),
    ],
)
def test_a_list_that_cannot_be_read_is_refused(text: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=words):
        read(tmp_path / "bad.edl", text, Fraction(24))


def test_a_file_that_is_no_list_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"\.edl.*\.otio"):
        read_cut_list(tmp_path / "cut.xml")
    with pytest.raises(InputError, match="cannot open"):
        read_cut_list(tmp_path / "absent.edl")


def test_a_real_list(footage: Callable[[str], Path]) -> None:
    cuts = read_cut_list(footage("awkward/synthetic/tears_of_steel_cmx3600.edl"), Fraction(24))
    assert [(event.number, event.source.start, len(event.record)) for event in cuts.events] == [
        ("001", 86_400, 52),
        ("002", 86_452, 70),
        ("003", 86_522, 35),
        ("004", 86_557, 64),
    ]
    assert cuts.events[2].dissolve is not None and cuts.events[2].dissolve.frames == 12
    words = cut_list_in_words(cuts)
    assert words[0] == "TEARS_OF_STEEL_SHOTS: 4 events, counted at 24 frames a second"
    assert words[3].endswith("01:00:05:02-01:00:06:13  at 00:00:05:02-00:00:06:13  after a dissolve of 12 frames")
