"""Folders of stills appear whole or not at all, replace nothing unasked, and go on where they were broken off."""

from __future__ import annotations

import os
import resource
import signal
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

import relook
from relook.apply.delivery import RenderSettings
from relook.apply.receipt import ALREADY_DONE
from relook.apply.stills import render_stills
from relook.errors import InputChangedError, InputError, ResourceError, UsageError
from relook.look import Look, load_look
from relook.progress import Progress
from tests.apply.painted_stills import files, paint


def test_nothing_to_do_is_an_error_and_leaves_nothing(worn: Look, tmp_path: Path) -> None:
    (tmp_path / "in" / "a").mkdir(parents=True)
    (tmp_path / "in" / "a" / "x.txt").write_text("x")
    with pytest.raises(InputError, match="no pictures"):
        render_stills(tmp_path / "in", worn, tmp_path / "out")
    (tmp_path / "in" / "a" / "x.png").write_text("x")
    with pytest.raises(InputError, match=r"no picture in .* damaged"):
        render_stills(tmp_path / "in", worn, tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_nothing_is_overwritten_unasked(worn: Look, folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    paint(out / "a" / "same.png", seed=9)
    (out / "a" / "other.txt").write_text("mine")
    before = files(out)
    with pytest.raises(UsageError, match=r"1 stills exist already.*same\.png"):
        render_stills(folder, worn, out)
    assert files(out) == before
    render_stills(folder, worn, out, settings=RenderSettings(overwrite=True))
    after = files(out)
    assert after["a/same.png"] != before["a/same.png"]
    assert after["a/other.txt"] == before["a/other.txt"]
    assert len(after) == 5
    assert not (tmp_path / "out.part").exists()


@pytest.mark.parametrize("output", ["in", "in/a", "in/new", ".", "gone/out", "file.txt"])
def test_a_place_that_cannot_be_is_refused(worn: Look, folder: Path, tmp_path: Path, output: str) -> None:
    (tmp_path / "file.txt").write_text("x")
    before = files(tmp_path)
    with pytest.raises(UsageError):
        render_stills(folder, worn, tmp_path / output)
    assert files(tmp_path) == before


def test_a_part_left_behind_is_taken_over(worn: Look, folder: Path, tmp_path: Path) -> None:
    paint(tmp_path / "out.part" / "pictures" / "x" / "left.png")
    made = render_stills(folder, worn, tmp_path / "out")
    assert len(files(tmp_path / "out")) == len(made.stills)


def test_AP11_a_still_that_is_changed_while_stills_are_rendered(worn: Look, folder: Path, tmp_path: Path) -> None:
    def change(progress: Progress) -> None:
        if progress.done == 3:
            paint(folder / "one.png", seed=5)

    with pytest.raises(InputChangedError, match=r"one\.png was changed"):
        render_stills(folder, worn, tmp_path / "out", on_progress=change)
    assert not (tmp_path / "out").exists()


def test_a_still_that_came_meanwhile_is_not_replaced(worn: Look, folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"

    def add(progress: Progress) -> None:
        if progress.done == 3:
            paint(out / "a" / "same.png", seed=9)

    with pytest.raises(UsageError, match=r"same\.png exists"):
        render_stills(folder, worn, out, on_progress=add)
    assert list(files(out)) == ["a/same.png"]


def test_a_full_disk_leaves_nothing(worn: Look, folder: Path, tmp_path: Path) -> None:
    """A limit on the size of files fails as a full disk does."""
    limits, before = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, limits[1]))
    try:
        with pytest.raises(ResourceError):
            render_stills(folder, worn, tmp_path / "out")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, before)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in"]


def render_in_child(folder: Path, look: Path, output: Path, fault: str) -> None:
    """Render as a process of its own that may be killed."""
    os.environ["RELOOK_FAIL"] = fault
    torch.set_num_threads(1)
    render_stills(folder, load_look(look), output)


@pytest.mark.parametrize(
    "fault",
    [
        "stretch.still:kill:3",
        *(
            pytest.param(f, marks=pytest.mark.slow)
            for f in ("journal.line:kill:2", "publish.folder:kill:1", "receipt.replace:kill:1")
        ),
    ],
)
def test_AP01_stills_that_were_killed_go_on(
    fault: str, starter: Any, look_file: Path, folder: Path, tmp_path: Path
) -> None:
    whole = render_stills(folder, load_look(look_file), tmp_path / "whole")
    child = starter.Process(target=render_in_child, args=(folder, look_file, tmp_path / "out", fault))
    child.start()
    child.join()
    assert child.exitcode == -signal.SIGKILL
    again = render_stills(folder, load_look(look_file), tmp_path / "out")
    assert replace(again, output=whole.output, notes=whole.notes) == whole
    assert files(tmp_path / "out") == files(tmp_path / "whole") and not (tmp_path / "out.part").exists()


def test_stills_that_were_broken_off_go_on(
    look: Look, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only what is missing is rendered; the same command on finished ones leaves them (AP01, AP08)."""
    (folder / "a" / "spoilt.png").write_bytes(b"spoilt")
    whole = render_stills(folder, look, tmp_path / "whole")
    monkeypatch.setattr("relook.faults._reached", Counter())
    monkeypatch.setenv("RELOOK_FAIL", "stretch.still:full:3")
    with pytest.raises(ResourceError):
        render_stills(folder, look, tmp_path / "out")
    monkeypatch.delenv("RELOOK_FAIL")
    assert not (tmp_path / "out").exists()
    rendered: list[float] = []
    again = render_stills(folder, look, tmp_path / "out", on_progress=lambda p: rendered.append(p.done))
    assert rendered[0] == 3 and replace(again, output=whole.output, refused=whole.refused) == whole
    assert files(tmp_path / "out") == files(tmp_path / "whole") and not (tmp_path / "out.part").exists()
    assert all(not finding.fault for finding in relook.verify(tmp_path / "out", source=folder))
    assert render_stills(folder, look, tmp_path / "out").notes == (*again.notes, ALREADY_DONE)
    made = tmp_path / "out" / again.stills[1]
    made.write_bytes(made.read_bytes()[:-1])
    (wrong,) = [finding for finding in relook.verify(tmp_path / "out", source=folder) if finding.fault]
    assert (wrong.what, wrong.name) == ("output", str(again.stills[1]))
