"""`relook apply --edl` and `relook info` of a cut list, as a user types them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[[str], tuple[int, str, str]]
Tree = Callable[[Path], dict[str, str]]

EDL = """TITLE: trailer
FCM: NON-DROP FRAME

001  AX       V     C        00:00:00:10 00:00:00:14 01:00:00:00 01:00:00:04
* FROM CLIP NAME: film.mp4
002  AX       V     C        00:00:00:02 00:00:00:05 01:00:00:04 01:00:00:07
* FROM CLIP NAME: film.mp4
003  AX       A     C        00:00:00:02 00:00:00:05 01:00:00:04 01:00:00:07
"""
APPLY = "apply film.mp4 --look plain.look --edl cut.edl -o "


@pytest.fixture
def folder(media: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Go to a folder with a film, a look and cut lists of every kind."""
    (media / "cut.edl").write_text(EDL)
    (media / "long.edl").write_text(EDL.replace("00:00:00:14", "00:00:09:14").replace("01:00:00:04", "01:00:09:04", 1))
    (media / "words.edl").write_text("once upon a time\n")
    monkeypatch.chdir(media)
    return media


def test_a_film_of_a_cut_list_and_a_film_a_shot(folder: Path, run: Run) -> None:
    code, out, err = run(APPLY + "cut.mp4 --json")
    assert code == 0, err
    joined = json.loads(out.splitlines()[-1])
    assert len(joined["frame_hashes"]) == 7 and "7 frames written to cut.mp4" in out
    assert "film.mp4 has no timecode: its first frame is taken to be 00:00:00:00" in out
    assert "left out, sound only: event 003" in out and "no sound" in out

    code, out, err = run(APPLY + "shots --handles 2 --json")
    assert code == 0, err
    shots = json.loads(out.splitlines()[-1])["shots"]
    assert [(shot["file"], shot["start_frame"], shot["stop_frame"], shot["is_new"]) for shot in shots] == [
        ("001_film.mov", 8, 16, True),
        ("002_film.mov", 0, 7, True),
    ]
    code, out, _ = run(APPLY + "shots --handles 2")
    assert code == 0 and "2 shots in shots: 0 rendered, 2 as they were" in out


def test_info_tells_a_cut_list(folder: Path, run: Run) -> None:
    code, out, err = run("info cut.edl --json")
    assert code == 0, err
    lines = out.splitlines()
    assert lines[0] == "trailer: 3 events, counted at 24 frames a second"
    assert lines[1] == "001  film  00:00:00:10-00:00:00:14  at 01:00:00:00-01:00:00:04"
    assert "sound only" in lines[3] and json.loads(lines[-1])["events"][1]["source"] == {"start": 2, "stop": 5}
    assert run("info cut.edl --marks")[0] == 2


@pytest.mark.parametrize(
    ("line", "code", "named"),
    [
        (APPLY.replace("cut.edl", "long.edl") + "new.mp4", 3, "event 001 shows 00:00:00:10 to 00:00:09:14"),
        (APPLY.replace("cut.edl", "long.edl") + "new", 3, "event 001 shows"),
        (APPLY.replace("cut.edl", "words.edl") + "new.mp4", 3, "words.edl holds no event"),
        (APPLY.replace("cut.edl", "absent.edl") + "new.mp4", 3, "absent.edl"),
        (APPLY.replace("cut.edl", "film.mp4") + "new.mp4", 2, "not a cut list"),
        (APPLY + "new.mp4 --handles 3", 2, "--handles"),
        (APPLY + "new --range 00:00:00:00-00:00:00:02", 2, "--range"),
        (APPLY + "taken.mp4", 2, "--overwrite"),
        ("apply film.mp4 --look plain.look -o new.mp4 --handles 3", 2, "--edl"),
        ("info words.edl", 3, "words.edl"),
    ],
)
def test_bad_input_is_refused_in_words_and_nothing_changes(
    line: str, code: int, named: str, folder: Path, run: Run, tree: Tree
) -> None:
    before = tree(folder)
    found, out, err = run(line)
    assert found == code, err
    assert named in err and "Traceback" not in err and out == ""
    assert tree(folder) == before
