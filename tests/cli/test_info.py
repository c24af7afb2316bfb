"""`relook info`: what it tells of films and sequences, in words and in one JSON object."""

from __future__ import annotations

import json
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

Run = Callable[[str], tuple[int, str, str]]


@pytest.fixture
def film(media: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A film at 23.976 with timecode, BT.709 tags, chapters, a title and a sound in German; turned."""
    path = media / "told.mov"
    rate = Fraction(24000, 1001)
    with av.open(str(path), "w") as made:
        stream: Any = made.add_stream("libx264", rate=rate, time_base=1 / rate)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        context = stream.codec_context
        context.color_primaries = context.color_trc = context.colorspace = 1
        context.color_range = 1
        context.sample_aspect_ratio = Fraction(16, 15)
        stream.metadata["timecode"] = "01:00:00:00"
        stream.set_display_rotation(90)
        sound: Any = made.add_stream("aac", rate=48000)
        sound.metadata["language"] = "ger"
        made.metadata["title"] = "A title"
        made.set_chapters(
            [{"id": 1, "start": 0, "end": 500, "time_base": Fraction(1, 1000), "metadata": {"title": "First"}}]
        )
        for index in range(24):
            level = np.full((64, 96, 3), 40 if index < 12 else 200, np.uint8)
            frame = av.VideoFrame.from_ndarray(level, format="rgb24")
            frame.pts, frame.time_base = index, 1 / rate
            made.mux(stream.encode(frame))
        made.mux(stream.encode(None))
        for index in range(40):
            part = av.AudioFrame.from_ndarray(np.zeros((1, 2048), np.int16), format="s16", layout="stereo")
            part.sample_rate, part.pts, part.time_base = 48000, index * 1024, Fraction(1, 48000)
            made.mux(sound.encode(part))
        made.mux(sound.encode(None))
    monkeypatch.chdir(media)
    return path


def test_info_tells_what_a_film_holds(film: Path, run: Run) -> None:
    code, out, _ = run("info told.mov --shots --for mkv --json")
    facts = json.loads(out.splitlines()[-1])
    assert code == 0
    assert (facts["frame_rate"], facts["frames_per_second"], facts["time_base"]) == ("24000/1001", "23.976", "1/24000")
    assert (facts["timecode"], facts["num_frames"], facts["seconds"]) == ("01:00:00:00", 24, 1.001)
    assert facts["colour_in_words"] == "BT.709 primaries, BT.709 transfer, BT.709 matrix, legal range"
    assert (facts["sample_aspect"], facts["shown"]) == ("16/15", "turned 90 degrees anticlockwise")
    assert (facts["title"], facts["chapters"][0]["title"], facts["field_order"]) == ("A title", "First", "progressive")
    kinds = {stream["kind"]: stream for stream in facts["streams"]}
    assert (kinds["pictures"]["codec"], kinds["pictures"]["form"]) == ("h264", "96x64")
    assert (kinds["sound"]["codec"], kinds["sound"]["form"], kinds["sound"]["language"]) == (
        "aac",
        "stereo, 48000 Hz",
        "ger",
    )
    assert {"timecode", "chapters"} <= set(kinds)
    assert [(s["start_frame"], s["start_timecode"], s["stop_timecode"]) for s in facts["shots"]] == [
        (0, "01:00:00:00", "01:00:00:12"),
        (12, "01:00:00:12", "01:00:01:00"),
    ]
    assert facts["for"]["ending"] == ".mkv"
    assert {"what": "timecode", "end": "kept", "why": ""} in facts["for"]["fates"]
    for words in ("24000/1001 (23.976) frames a second", "stream 1           aac sound, stereo, 48000 Hz, ger"):
        assert words in out
    assert "shot 1             frames 12 to 23, 01:00:00:12 to 01:00:01:00 (not included)" in out


def test_info_says_what_untagged_films_and_pictures_are_taken_for(film: Path, media: Path, run: Run) -> None:
    assert "matrix untagged, taken as BT.601, range untagged, taken as legal range" in run("info film.mp4")[1]
    (media / "take").mkdir()
    for number in range(1001, 1004):
        cv2.imwrite(str(media / "take" / f"p.{number}.png"), np.zeros((20, 30, 3), np.uint16))
    code, out, _ = run("info take --for .jpg")
    assert code == 0
    assert "kind               sequence" in out
    assert ".jpg changed       pictures: 16 bit becomes 8 bit" in out


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("info told.mov --for .xyz", "not an ending that relook writes"),
        ("info plain.look --for .mov", "this is a look"),
        ("info plain.look --shots", "this is a look"),
    ],
)
def test_info_refuses_what_it_cannot_tell(film: Path, run: Run, line: str, words: str) -> None:
    code, out, err = run(line)
    assert (code, out) == (2, "")
    assert words in err


def test_apply_tells_what_is_not_kept_before_it_renders(film: Path, run: Run) -> None:
    code, out, err = run(
        "apply told.mov --look plain.look --strength 0 -o o.mkv --range 01:00:00:00-01:00:00:04 --json"
    )
    assert code == 0
    told = [
        "pictures: changed (time stamps to the nearest millisecond)",
        "pictures: changed (shown 102 pixels wide, the nearest to their aspect)",
        "chapters: left out (a part of a film has none)",
    ]
    assert err.index("changed or left out: " + "; ".join(told)) < err.index("rendering")
    assert "\n  ".join(("changed or left out:", *told)) in out
    assert json.loads(out.splitlines()[-1])["left_out"] == told


def test_an_ending_that_refuses_the_pictures_leaves_the_rest_told(film: Path, run: Run) -> None:
    code, out, err = run("info told.mov --for mxf --json")
    assert code == 0, err
    facts = json.loads(out.splitlines()[-1])
    assert facts["frame_rate"] == "24000/1001"
    assert [(fate["what"], fate["end"]) for fate in facts["for"]["fates"]] == [("pictures", "refused")]


def test_one_bad_still_does_not_hide_the_others(media: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    stills = media / "stills"
    (stills / "deep").mkdir(parents=True)
    cv2.imwrite(str(stills / "deep" / "good.png"), np.zeros((20, 30, 4), np.uint16))
    (stills / "a.jpg").write_bytes(b"damaged")
    (stills / "notes.txt").write_text("x")
    monkeypatch.chdir(media)
    code, out, _ = run("info stills --json")
    facts = json.loads(out.splitlines()[-1])
    assert code == 0
    assert [(still["path"], still["size"], still["has_alpha"]) for still in facts["stills"]] == [
        ("deep/good.png", "30x20", True)
    ]
    assert [still["path"] for still in facts["refused"]] == ["a.jpg"] and facts["others"] == ["notes.txt"]
    assert "deep/good.png: 30x20, 16 bit, RGB, transparency" in out
    assert "CANNOT BE READ (1):\n  a.jpg: " in out and "skipped, not pictures (1):\n  notes.txt" in out
    (stills / "deep" / "good.png").write_bytes(b"")
    code, out, err = run("info stills")
    assert (code, out) == (3, "")
    assert "no picture in stills can be read; the first: " in err


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("take/p.1001.png", "frames 1001 to 1003 of the take p.####.png"),
        ("take/p.@@@@.png", "frames 1001 to 1003 of the take p.@@@@.png"),
        ("take", "frames 1001 to 1003 of the take p.####.png"),
        (
            "take/p.1002.png",
            "p.1002.png alone, not the 3 of its take; p.####.png, or its first picture, means them all",
        ),
        ("DSC_0001.jpg", "DSC_0001.jpg alone"),
    ],
)
def test_it_is_said_which_pictures_were_taken(
    media: Path, run: Run, monkeypatch: pytest.MonkeyPatch, path: str, words: str
) -> None:
    (media / "take").mkdir()
    for name in ("take/p.1001.png", "take/p.1002.png", "take/p.1003.png", "DSC_0001.jpg", "DSC_0002.jpg"):
        cv2.imwrite(str(media / name), np.zeros((20, 30, 3), np.uint8))
    monkeypatch.chdir(media)
    code, out, _ = run(f"info {path}")
    assert code == 0
    assert f"{'taken':18} {words}\n" in out
    code, out, err = run(f"apply {path} --look plain.look --strength 0 -o o.mkv --json")
    assert code == 0
    assert err.index(f"taken: {words}") < err.index("rendering")
    assert f"taken: {words}\n" in out
    assert json.loads(out.splitlines()[-1])["taken"] == words


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.cube", b"LUT_3D_SIZE 2", "it is a LUT, which relook does not read; apply it in"),
        ("a.fcpxml", b"<fcpxml/>", "export the edit as EDL"),
        ("a.wav", b"RIFF....WAVE", "it is sound without pictures"),
        ("a.R3D", b"\1\2", "it is camera raw"),
        ("a.mp4", b"\x89PNG\r\n", "it is a PNG picture with the wrong ending; rename it to end in .png"),
        ("a.mov", "Łódź, no film".encode(), "it is text, or damaged; give a film, pictures or a look"),
        ("a.mkv", b"\1\2\3\4\xff", "it is damaged, cut off or of another kind"),
        ("a.png", b"....ftypisom", "of another kind (an MP4 or MOV film with the wrong ending"),
        ("b.png", b"\x89PNG\r\n", "it is damaged, empty or of another kind"),
    ],
)
def test_other_files_are_named_and_it_is_said_what_to_do(
    media: Path, run: Run, monkeypatch: pytest.MonkeyPatch, name: str, content: bytes, words: str
) -> None:
    (media / name).write_bytes(content)
    monkeypatch.chdir(media)
    for line in (f"info {name}", f"apply {name} --look plain.look -o o.mkv"):
        code, out, err = run(line)
        assert (code, out) == (3, "")
        assert f"{name} cannot be read as a" in err and words in err


def test_a_folder_of_films_names_them(media: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    (media / "films").mkdir()
    for name in ("a.mp4", "b.mov"):
        (media / "films" / name).write_bytes(b"x")
    monkeypatch.chdir(media)
    code, _, err = run("info films")
    assert code == 3
    assert "films holds films, not pictures; give one of them: a.mp4, b.mov" in err


def test_a_look_is_told_in_words(run: Run) -> None:
    code, out, err = run("info silent --json")
    assert code == 0, err
    *lines, last = out.splitlines()
    facts, words = json.loads(last), "\n".join(lines)
    assert not set("[]{}'") & set(words) and "True" not in words
    assert all(film in words for film in facts["made_from"]) and "has judge        yes" in words
    assert f"steps {facts['measures']['steps']:g}" in words


def test_stills_have_no_shots(media: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    (media / "stills").mkdir()
    cv2.imwrite(str(media / "stills" / "p.1017.png"), np.zeros((20, 30, 3), np.uint8))
    monkeypatch.chdir(media)
    code, _, err = run("info stills --shots")
    assert code == 2 and "each of them is a shot of its own" in err
    code, out, _ = run("apply stills --look plain.look --strength 0 -o o.mkv")
    assert code == 0 and "taken: p.1017.png alone\n" in out
