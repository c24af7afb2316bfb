"""Folders of stills and textures on the command line: what is printed, and the exit code."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

Run = Callable[[str], tuple[int, str, str]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with two stills that a number tells apart, of two sizes, and one deeper."""
    made = tmp_path / "in"
    (made / "deep").mkdir(parents=True)
    for name, size in (("t_1.png", 40), ("t_2.png", 44), ("deep/t_1.png", 36)):
        codes = np.random.default_rng(size).integers(0, 256, (size, size, 3)).astype(np.uint8)
        cv2.imwrite(str(made / name), cv2.blur(codes, (5, 5)))
    return made


def test_damage_is_declared(folder: Path, tmp_path: Path, run: Run) -> None:
    (folder / "broken.jpg").write_bytes(b"nothing")
    (folder / "deep" / "notes.txt").write_text("x")
    code, out, _ = run(f"apply {folder} --look silent -o {tmp_path / 'out'} --json")
    assert code == 4
    assert "3 stills written" in out
    assert "NOT DONE (1)" in out
    assert "deep/notes.txt" in out
    told = json.loads(out.splitlines()[-1])
    assert [still["path"] for still in told["stills"]] == ["t_1.png", "t_2.png", "deep/t_1.png"]
    assert [(refused["path"], "damaged" in refused["reason"]) for refused in told["refused"]] == [("broken.jpg", True)]
    assert told["others"] == ["deep/notes.txt"]


def test_a_take_in_a_sub_folder_is_told(folder: Path, tmp_path: Path, run: Run) -> None:
    (folder / "deep" / "t_2.png").write_bytes((folder / "deep" / "t_1.png").read_bytes())
    (folder / "other.png").write_bytes((folder / "t_1.png").read_bytes())
    code, out, _ = run(f"apply {folder} --look silent -o {tmp_path / 'out'} --json")
    assert code == 0
    assert "deep has 2 pictures numbered as one take" in out
    (note,) = json.loads(out.splitlines()[-1])["notes"]
    given, _, wanted = note.rpartition(": ")[2].partition(" -o ")
    code, out, _ = run(f"apply {given} --look silent -o {wanted}")
    assert (code, "2 frames written" in out) == (0, True)


def test_textures_are_never_one_take(folder: Path, tmp_path: Path, run: Run) -> None:
    """Two numbered pictures of two sizes are a broken take, but fine as textures."""
    code, _, error = run(f"apply {folder} --look silent -o {tmp_path / 'take'}")
    assert (code, "one size" in error) == (3, True)
    code, out, _ = run(f"apply {folder} --look silent --tile xy --texture 0 --vignette 0 -o {tmp_path / 'out'}")
    assert (code, "3 stills written" in out) == (0, True)
    made, plain = tmp_path / "out" / "t_1.png", tmp_path / "plain.png"
    run(f"apply {folder / 't_1.png'} --look silent --texture 0 --vignette 0 -o {plain}")
    assert not np.array_equal(cv2.imread(str(made)), cv2.imread(str(plain)))


@pytest.mark.parametrize(("options", "words"), [("--tile z", "use x, y, xy"), ("--tile x --range 0-1", "holds stills")])
def test_what_cannot_be_is_a_usage_error(folder: Path, tmp_path: Path, run: Run, options: str, words: str) -> None:
    code, _, error = run(f"apply {folder} --look silent -o {tmp_path / 'out'} {options}")
    assert (code, words in error) == (2, True)
    assert not (tmp_path / "out").exists()
