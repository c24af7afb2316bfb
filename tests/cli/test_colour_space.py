"""`relook apply --colour-space` on the command line: what comes out, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

Run = Callable[[str], tuple[int, str, str]]
Tree = Callable[[Path], dict[str, str]]


@pytest.fixture
def folder(media: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with a film, a look, and a take and two stills in ACEScct, 16-bit PNG; it is the working directory."""
    monkeypatch.chdir(media)
    monkeypatch.delenv("OCIO", raising=False)
    (media / "take").mkdir()
    (media / "stills").mkdir()
    names = [f"take/plate.{number}.png" for number in (1001, 1002, 1003)] + ["stills/one.png", "stills/other.png"]
    for name in names:
        random = np.random.default_rng(len(name))
        shade = cv2.blur(random.uniform(0.1, 0.85, (96, 128, 3)), (5, 5))
        cv2.imwrite(str(media / name), np.rint(shade * 65535).astype(np.uint16))
    return media


def codes(path: Path) -> np.ndarray:
    return cv2.imread(str(path), cv2.IMREAD_UNCHANGED).astype(int)


@pytest.mark.parametrize("given", ["take", "stills"])
def test_pictures_come_out_in_their_space(folder: Path, run: Run, given: str) -> None:
    line = f"apply {given} --look silent --colour-space acescct -o"
    for output, dials in (("same", " --strength 0"), ("new", ""), ("again", "")):
        code, out, err = run(f"{line} {output}{dials}")
        assert code == 0, out + err
    for path in sorted((folder / given).iterdir()):
        before, after = path, folder / "new" / path.name
        assert (folder / "same" / path.name).read_bytes() == before.read_bytes()
        assert after.read_bytes() == (folder / "again" / path.name).read_bytes()
        moved = np.abs(codes(after) - codes(before))
        assert 500 < moved.mean() < 20000
    code, _, err = run(f"apply {given} --look silent -o plain")
    assert code == 0, err
    name = next((folder / given).iterdir()).name
    assert not np.array_equal(codes(folder / "plain" / name), codes(folder / "new" / name))


def test_a_still_whose_values_would_not_come_back_is_named_and_the_rest_is_done(folder: Path, run: Run) -> None:
    cv2.imwrite(str(folder / "stills" / "a.png"), np.array([[[0, 0, 65535]] * 9] * 9, np.uint16))
    code, out, _ = run("apply stills --look plain.look -o new --colour-space acescc")
    assert code == 4 and "2 stills written" in out and "a.png: " in out
    assert "cannot be brought back to ACEScc" in out and not (folder / "new" / "a.png").exists()


def test_a_film_of_log_pictures_is_for_the_display(folder: Path, run: Run) -> None:
    code, out, err = run("apply take --look plain.look --strength 0 --colour-space color_timing -o out.mkv")
    assert code == 0, err
    assert "3 frames have values below black or above white, which .mkv cannot hold" in out


@pytest.mark.parametrize(
    ("line", "code", "named"),
    [
        ("apply film.mp4 --look plain.look -o new.mp4 --colour-space acescct", 2, "film.mp4 is a film"),
        ("apply take --look plain.look -o new --colour-space acessct", 2, "did you mean"),
        ("apply take --look plain.look -o new --colour-space raw", 2, "for data"),
        ("apply take --look plain.look -o new.mp4 --colour-space acescct --edl cut.edl", 2, "--edl do not go together"),
        ("apply absent.png --look plain.look -o new.png --colour-space acescct", 3, "absent.png"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_changes(
    line: str, code: int, named: str, folder: Path, run: Run, tree: Tree
) -> None:
    before = tree(folder)
    found, out, err = run(line)
    assert (found, out) == (code, ""), err
    assert named in err and "Traceback" not in err
    assert tree(folder) == before


def test_a_broken_config_is_refused_by_name(folder: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OCIO", str(folder / "text.mp4"))
    code, _, err = run("apply take --look plain.look -o new --colour-space acescct")
    assert code == 3 and "text.mp4, cannot be used" in err and not (folder / "new").exists()
    code, _, err = run("apply take --look plain.look -o new")
    assert code == 0, f"without the option the config is not looked at: {err}"
