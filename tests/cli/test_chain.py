"""The main job as a user types it: train, apply, check, on two films of one second."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import av
import pytest

import relook
from relook.errors import InputChangedError
from relook.progress import Progress
from tests.short_training import shorten

Run = Callable[[str], tuple[int, str, str]]


def last_line(out: str) -> dict[str, Any]:
    values: dict[str, Any] = json.loads(out.splitlines()[-1])
    return values


def stamps(path: Path) -> list[int | None]:
    with av.open(str(path)) as container:
        return [frame.pts for frame in container.decode(video=0)]


def test_train_then_apply_then_check(media: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(media)
    shorten(monkeypatch.setattr)
    monkeypatch.setattr(import_module("relook.check.voice"), "STEPS", 30)
    code, out, err = run("train --source film.mp4 --style style.mp4 film.mp4 -o own.look --budget 1s --json")
    assert code == 0, err
    assert last_line(out)["name"] == "own"
    assert sorted(path.name for path in Path("own.run").iterdir()) == [
        "metrics.jsonl",
        "sheet.jpg",
        "training.html",
    ]

    code, out, err = run("apply film.mp4 --look own.look -o new.mp4 --json")
    assert code == 0, err
    whole = last_line(out)["frame_hashes"]
    assert len(whole) == 24
    assert stamps(Path("new.mp4")) == stamps(Path("film.mp4"))

    code, out, err = run("apply film.mp4 --look own.look -o part.mp4 --range 00:00:00:06-00:00:00:18 --json")
    assert code == 0, err
    assert (last_line(out)["start_frame"], last_line(out)["stop_frame"]) == (6, 18)
    assert len(stamps(Path("part.mp4"))) == 12

    code, out, err = run(
        "apply film.mp4 --look own.look -o stock.mp4 --condition new --grain 0.5 --grade 0.5 --passes layers --json"
    )
    assert code == 0, err
    assert last_line(out)["frame_hashes"] != whole
    assert len(json.loads(Path("layers/frames.json").read_text())["frames"]) == 24

    code, out, err = run("check new.mp4 --look own.look --source film.mp4 --json")
    report = last_line(out)
    assert code == (1 if report["verdict"] == "fail" else 0), err
    assert len(report["shots"]) == 2
    assert {"report.html", "report.json"} <= {path.name for path in Path("new.report").iterdir()}
    written = json.loads(Path("new.report/report.json").read_text())
    assert written["verdict"] == report["verdict"] and set(written["measures"]["mechanics"]) == {"style", "film"}

    code, out, err = run("check part.mp4 --look own.look --source film.mp4 --json")
    part = last_line(out)
    assert [(shot["start_frame"], shot["stop_frame"]) for shot in part["shots"]] == [(0, 6), (6, 12)], err
    assert part["measures"]["content"] == pytest.approx(report["measures"]["content"], abs=0.05)

    code, _, err = run("check new.mp4 --look own.look")
    assert code == 2
    assert "--overwrite" in err

    monkeypatch.setenv("RELOOK_FAIL", "check.frame:memory:1+")
    code, out, err = run("check new.mp4 --look own.look -o short")
    assert (code, out) == (6, "") and "checking new.mp4: out of memory; close other programs" in err
    assert not Path("short").exists()
    monkeypatch.delenv("RELOOK_FAIL")

    code, out, _ = run("info own.look --json")
    assert code == 0
    facts = last_line(out)
    assert facts["has_judge"] is True and {"vignette", "softness", "grain", "cranking"} < set(facts["marks"])
    assert facts["mechanics"]["reference_height"] == 96

    def write_more(progress: Progress) -> None:
        with Path("new.mp4").open("ab") as film:
            film.write(b"\0")

    with pytest.raises(InputChangedError, match=r"new\.mp4 was changed"):
        relook.check("new.mp4", "own.look", output="late", on_progress=write_more)
    assert not Path("late").exists()
