"""Everything that a film holds is kept, refused or told; and what is said to be kept can be read in the output."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.stream import Disposition

from relook.errors import UsageError
from relook.film.container.fate import fates
from relook.film.frames import WriteSettings
from relook.film.output_place import check_output
from relook.film.reader import probe
from relook.film.words import turn_words
from relook.timing import FrameRange
from tests.film.container.copies import copy, found

FONT = b"\0\1\0\0" + bytes(range(256))
CHAPTERS = [("One", 0, 500), ("Zwei", 500, 1000)]


def shown(number: int, width: int, height: int, pixel_format: str = "yuv420p") -> av.VideoFrame:
    frame = av.VideoFrame.from_ndarray(np.full((height, width, 3), number * 9, np.uint8), format="rgb24")
    frame = frame.reformat(format=pixel_format)
    frame.pts, frame.time_base = number, Fraction(1, 24)
    return frame


def cover() -> bytes:
    encoder: Any = av.CodecContext.create("mjpeg", "w")
    encoder.width, encoder.height, encoder.pix_fmt, encoder.time_base = 64, 64, "yuvj420p", Fraction(1, 25)
    return bytes([*encoder.encode(shown(0, 64, 64, "yuvj420p")), *encoder.encode(None)][0])


def add_sound(made: Any, track: Any) -> None:
    for number in range(47):
        part = av.AudioFrame.from_ndarray(np.zeros((1, 2048), np.int16), format="s16", layout="stereo")
        part.sample_rate, part.pts, part.time_base = 48000, number * 1024, Fraction(1, 48000)
        made.mux(track.encode(part))
    made.mux(track.encode(None))


@pytest.fixture(scope="module")
def rich(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A film with nearly everything that Matroska holds: two pictures, two sounds, font, cover, chapters, tags."""
    path = tmp_path_factory.mktemp("rich") / "rich.mkv"
    with av.open(str(path), "w") as made:
        streams: list[Any] = [made.add_stream("libx264", rate=24, time_base=Fraction(1, 24)) for _ in range(2)]
        for stream, size, title in zip(streams, ((256, 144), (128, 72)), ("Main", "Angle 2"), strict=True):
            (stream.width, stream.height), stream.pix_fmt = size, "yuv420p"
            stream.metadata["title"] = title
        streams[0].disposition = Disposition.default
        sounds: list[Any] = [made.add_stream("aac", rate=48000) for _ in range(2)]
        sounds[0].metadata.update(language="deu", title="Deutsch")
        sounds[1].metadata.update(language="eng", title="Commentary")
        sounds[1].disposition = Disposition.comment
        made.metadata.update(title="T", artist="A", director="D")
        made.set_chapters(
            [
                {"id": n, "start": a, "end": b, "time_base": Fraction(1, 1000), "metadata": {"title": title}}
                for n, (title, a, b) in enumerate(CHAPTERS, 1)
            ]
        )
        made.add_attachment("font.ttf", "application/x-truetype-font", FONT)
        made.add_attachment("cover.jpg", "image/jpeg", cover())
        for number in range(24):
            for stream in streams:
                made.mux(stream.encode(shown(number, stream.width, stream.height)))
        for stream in streams:
            made.mux(stream.encode(None))
        for track in sounds:
            add_sound(made, track)
    return path


def ends(path: Path, ending: str) -> dict[str, str]:
    return {fate.what: fate.end for fate in fates(found(path), Path(f"out{ending}")) if fate.what != "pictures"}


def contents(path: Path) -> list[tuple[str, bytes]]:
    """Give the kind and all bytes of every stream but the first."""
    with av.open(str(path)) as container:
        bodies = {s.index: b"" if s.type != "attachment" else s.data for s in container.streams}  # type: ignore[attr-defined]
        for packet in container.demux():
            bodies[packet.stream_index] += bytes(packet)
        return sorted((s.type, bodies[s.index]) for s in list(container.streams)[1:])


def test_matroska_keeps_everything(rich: Path, tmp_path: Path) -> None:
    """IN15."""
    assert set(ends(rich, ".mkv").values()) == {"kept"}
    target = copy(rich, tmp_path / "o.mkv")
    before, after = found(rich), found(target)
    assert [(t.kind, t.language, t.title, t.roles, t.form) for t in after.tracks] == [
        (t.kind, t.language, t.title, t.roles, t.form) for t in before.tracks
    ]
    assert [t.kind for t in after.tracks] == ["pictures", "video", "sound", "sound", "attachment", "cover"]
    assert (after.chapters, after.title, after.tags) == (before.chapters, before.title, before.tags)
    assert [(c.title, c.start_seconds * 1000, c.stop_seconds * 1000) for c in after.chapters] == CHAPTERS
    assert contents(target) == contents(rich)


def test_what_an_ending_cannot_hold_is_refused_or_told(rich: Path, tmp_path: Path) -> None:
    """IN15."""
    font = "application/x-truetype-font attachment (stream 4)"
    assert ends(rich, ".mp4") == {
        "title": "kept",
        "chapters": "kept",
        "tags": "left out",
        "h264 video (stream 1)": "kept",
        "aac sound (stream 2)": "kept",
        "aac sound (stream 3)": "kept",
        font: "refused",
        "mjpeg cover (stream 5)": "kept",
    }
    mov = ends(rich, ".mov")
    assert (mov["aac sound (stream 3)"], mov["mjpeg cover (stream 5)"]) == ("changed", "left out")
    with pytest.raises(UsageError, match=r"\.mp4 cannot hold the .*font attachment .*write \.mkv instead"):
        check_output(tmp_path / "o.mp4", probe(rich), overwrite=False)
    told = check_output(tmp_path / "o.####.png", probe(rich), overwrite=False)
    assert "chapters: left out (pictures cannot hold it)" in told
    assert sum("sound" in words for words in told) == 2
    part = check_output(tmp_path / "o.mkv", probe(rich), WriteSettings(whole=False), overwrite=False)
    assert part == ("chapters: left out (a part of a film has none)",)


@pytest.mark.parametrize("ending", [".mp4", ".mov", ".mkv"])
def test_what_is_said_to_be_kept_is_in_the_output(rich: Path, tmp_path: Path, ending: str) -> None:
    """Without its font, which only Matroska holds, the film goes everywhere; the telling and the writing agree."""
    source = copy_streams(rich, tmp_path / "in.mkv", without="attachment")
    said = {str(fate) for fate in fates(found(source), Path(f"o{ending}")) if fate.end == "kept"}
    before, after = found(source), found(copy(source, tmp_path / f"o{ending}"))
    for track in before.of_kind("video", "sound", "cover"):
        same = [t for t in after.of_kind(track.kind) if (t.codec, t.form) == (track.codec, track.form)]
        kept = f"{track} (stream {track.index}): kept" in said
        assert kept == any(t.title == track.title and set(t.roles) >= set(track.roles) for t in same)
    assert ("tags: kept" in said) == (after.tags == before.tags)
    assert ("chapters: kept" in said) == (after.chapters == before.chapters)


def copy_streams(source: Path, target: Path, *, without: str) -> Path:
    with av.open(str(source)) as a, av.open(str(target), "w") as b:
        wanted = [s for s in a.streams if s.type != without and not s.disposition & Disposition.attached_pic]
        copies = {s.index: b.add_stream_from_template(s, opaque=True) for s in wanted}
        for stream in wanted:
            copies[stream.index].metadata.update(stream.metadata)
            copies[stream.index].disposition = stream.disposition
        b.metadata.update(a.metadata)
        b.set_chapters(a.chapters())
        b.add_attachment("cover.jpg", "image/jpeg", cover())
        for packet in a.demux(wanted):
            if packet.size:
                packet.stream = copies[packet.stream_index]
                b.mux(packet)
    return target


@pytest.mark.parametrize("ending", [".mp4", ".mov", ".mkv"])
@pytest.mark.parametrize(
    ("degrees", "flip", "words"),
    [
        (90, False, "turned 90 degrees anticlockwise"),
        (180, False, "turned upside down"),
        (0, True, "flipped left to right"),
        (90, True, "flipped left to right, turned 90 degrees clockwise"),
    ],
)
def test_turns_and_flips_are_kept(tmp_path: Path, degrees: int, flip: bool, words: str, ending: str) -> None:
    """IN11."""
    source = tmp_path / "in.mov"
    with av.open(str(source), "w") as made:
        stream: Any = made.add_stream("libx264", rate=24)
        stream.width, stream.height, stream.pix_fmt = 256, 144, "yuv420p"
        stream.set_display_rotation(degrees, hflip=flip)
        for number in range(3):
            made.mux(stream.encode(shown(number, 256, 144)))
        made.mux(stream.encode(None))
    turn = found(source).turn
    assert turn_words(turn) == words
    assert found(copy(source, tmp_path / f"o{ending}")).turn == turn
    with pytest.raises(UsageError, match="turn or flip"):
        check_output(tmp_path / "o.mxf", probe(source), overwrite=False)


def test_further_sound_streams_of_a_real_film(footage: Callable[[str], Path], tmp_path: Path) -> None:
    source = footage("awkward/real/nasa_13013.mp4")
    assert {end for what, end in ends(source, ".mp4").items() if "stream" in what} == {"kept"}
    after = found(copy(source, tmp_path / "o.mp4", FrameRange(0, 40)))
    assert sorted(track.kind for track in after.tracks) == sorted(track.kind for track in found(source).tracks)
    with pytest.raises(UsageError, match=r"mov_text subtitles .*write \.m(ov|p4) instead"):
        check_output(tmp_path / "o.mkv", probe(source), overwrite=False)


@pytest.mark.parametrize(
    ("ending", "left_out"),
    [
        (".exr", set()),
        (".dpx", set()),
        (".png", {"timecode"}),
        (".tif", {"timecode"}),
        (".jpg", {"timecode", "shape of the pixels"}),
    ],
)
def test_pictures_say_only_what_they_lose(rich: Path, tmp_path: Path, ending: str, left_out: set[str]) -> None:
    source = replace(probe(rich), timecode="01:00:00:00", sample_aspect=Fraction(64, 45))
    ends = fates(replace(found(rich), film=source), tmp_path / f"o.####{ending}")
    assert {fate.what for fate in ends if fate.end == "left out"} & {"timecode", "shape of the pixels"} == left_out
