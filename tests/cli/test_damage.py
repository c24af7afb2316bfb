"""Damaged and interlaced films on the command line: refused, or rendered with what was done said aloud."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest

Run = Callable[[str], tuple[int, str, str]]
Tree = Callable[[Path], dict[str, str]]

INPUT, DAMAGE = 3, 4

APPLY = "apply FILM --look plain.look -o new.mkv --texture 0"


@pytest.fixture
def odd(media: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of media with two more films: `lossy.mkv` without frames 8 to 10, and `woven.mkv`, interlaced."""
    squares = np.random.default_rng(3).integers(0, 256, (12, 40, 3), dtype=np.uint8)
    large = np.kron(squares, np.ones((8, 8, 1), np.uint8))
    moments = [large[:, 3 * n : 3 * n + 128] for n in range(48)]
    lossy = [moments[n] for n in range(24)]
    woven = [np.where(np.arange(96)[:, None, None] % 2, moments[2 * n + 1], moments[2 * n]) for n in range(24)]
    for name, frames, stamps in (
        ("lossy.mkv", lossy, [n for n in range(24) if not 8 <= n < 11]),
        ("woven.mkv", woven, list(range(24))),
    ):
        with av.open(str(media / name), "w") as container:
            stream = container.add_stream("ffv1", rate=24, options={"g": "1"})
            stream.width, stream.height, stream.pix_fmt = 128, 96, "yuv444p"
            stream.metadata["timecode"] = "01:00:00:00"
            for pts in stamps:
                frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(frames[pts]), format="rgb24")
                frame.pts = pts
                container.mux(stream.encode(frame))
            container.mux(stream.encode())
    monkeypatch.chdir(media)
    return media


def num_frames(path: Path) -> int:
    with av.open(str(path)) as container:
        return sum(1 for _ in container.decode(video=0))


def test_a_damaged_film_is_refused_by_name_of_its_frames(odd: Path, run: Run, tree: Tree) -> None:
    before = tree(odd)
    code, out, err = run(APPLY.replace("FILM", "lossy.mkv"))
    assert (code, out) == (INPUT, "")
    assert "21 of about 24 frames" in err and "frame 8 (0.3 s, 01:00:00:08)" in err and "--on-damage keep" in err
    assert tree(odd) == before


def test_damage_that_is_kept_is_listed_and_ends_with_its_own_code(odd: Path, run: Run) -> None:
    code, out, _ = run(APPLY.replace("FILM", "lossy.mkv") + " --on-damage keep --json")
    assert code == DAMAGE
    assert "missing: frames 8 to 10 (01:00:00:08 to 01:00:00:10) repeat the last good frame" in out
    told = json.loads(out.splitlines()[-1])
    assert told["damage"] == [
        {
            "start_frame": 8,
            "stop_frame": 11,
            "first_timecode": "01:00:00:08",
            "last_timecode": "01:00:00:10",
            "reason": "missing",
        }
    ]
    assert told["frame_hashes"][7:11] == [told["frame_hashes"][7]] * 4
    assert (told["stop_frame"], told["lost_packets"]) == (24, 0)
    assert num_frames(odd / "new.mkv") == 24


def test_only_the_damage_in_a_part_is_its_own(odd: Path, run: Run) -> None:
    keep = APPLY.replace("FILM", "lossy.mkv") + " --overwrite --on-damage keep --json --range "
    code, out, _ = run(keep + "01:00:00:10-01:00:00:20")
    assert (code, num_frames(odd / "new.mkv")) == (DAMAGE, 10)
    assert [(d["start_frame"], d["stop_frame"]) for d in json.loads(out.splitlines()[-1])["damage"]] == [(10, 11)]
    code, out, _ = run(keep + "01:00:00:12-01:00:00:20")
    assert (code, json.loads(out.splitlines()[-1])["damage"]) == (0, [])


def test_a_whole_film_with_damage_kept_is_simply_done(odd: Path, run: Run) -> None:
    code, out, _ = run(APPLY.replace("FILM", "film.mp4") + " --on-damage keep --json")
    assert (code, json.loads(out.splitlines()[-1])["damage"]) == (0, [])


def test_an_interlaced_film_is_refused_before_work_and_rendered_when_asked(odd: Path, run: Run, tree: Tree) -> None:
    before = tree(odd)
    for line in (
        APPLY.replace("FILM", "woven.mkv"),
        "train --source film.mp4 --style woven.mkv -o new.look --budget 1s",
        "train --source woven.mkv --style style.mp4 -o new.look --budget 1s",
    ):
        code, out, err = run(line)
        assert (code, out) == (INPUT, "")
        assert "woven.mkv is interlaced" in err and "--deinterlace" in err
    assert tree(odd) == before
    code, _, _ = run(APPLY.replace("FILM", "woven.mkv") + " --deinterlace")
    assert (code, num_frames(odd / "new.mkv")) == (0, 24)


def test_another_way_with_damage_is_a_wrong_call(odd: Path, run: Run) -> None:
    code, _, err = run(APPLY.replace("FILM", "film.mp4") + " --on-damage hide")
    assert (code, "neither strict nor keep" in err) == (2, True)


@pytest.mark.parametrize("flag", ["--on-damage keep", "--deinterlace"])
def test_pictures_are_neither_kept_damaged_nor_deinterlaced(odd: Path, run: Run, flag: str) -> None:
    (odd / "take").mkdir()
    code, _, err = run(APPLY.replace("FILM", "take") + f" {flag}")
    assert (code, "are for film files" in err) == (2, True)
