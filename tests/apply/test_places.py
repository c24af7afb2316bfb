"""Places that an output cannot have are refused before any work, and nothing is touched (AP09, AP10)."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from relook.apply.delivery import RenderSettings
from relook.apply.render import render_film
from relook.errors import UsageError
from relook.look import Look
from relook.progress import Progress

OVERWRITE = RenderSettings(overwrite=True)


def no_work(progress: Progress) -> None:
    raise AssertionError(f"work was begun: {progress.stage}")


def shape(folder: Path) -> dict[str, tuple[int, int, bytes]]:
    """Return all that is in a folder, as it is: links and times of change too."""
    found = {}
    for path in sorted(folder.rglob("*")):
        there = path.lstat()
        held = os.readlink(path).encode() if path.is_symlink() else path.read_bytes() if path.is_file() else b""
        found[path.relative_to(folder).as_posix()] = there.st_mode, there.st_mtime_ns, held
    return found


@pytest.fixture
def crowded(film: Path, tmp_path: Path) -> Path:
    """A folder with the film, a sequence, and much that stands in the way."""
    shutil.copyfile(film, tmp_path / "film.mov")
    (tmp_path / "taken.mov").write_bytes(b"mine")
    (tmp_path / "folder.mov").mkdir()
    (tmp_path / "link.mov").symlink_to(tmp_path / "taken.mov")
    (tmp_path / "dangling.mov").symlink_to(tmp_path / "gone.mov")
    (tmp_path / "alias.mov").symlink_to(tmp_path / "film.mov")
    os.link(tmp_path / "film.mov", tmp_path / "twin.mov")
    (tmp_path / "way").symlink_to(tmp_path)
    (tmp_path / "file").write_bytes(b"no folder")
    return tmp_path


@pytest.mark.parametrize(
    ("output", "settings", "words"),
    [
        ("taken.mov", None, "exists; give another name, or --overwrite"),
        ("link.mov", None, "exists; give another name, or --overwrite"),
        ("dangling.mov", None, "exists; give another name, or --overwrite"),
        ("folder.mov", None, "it is a folder"),
        ("folder.mov", OVERWRITE, "it is a folder"),
        ("absent/o.mov", None, "there is no folder .*absent; make it first"),
        ("file/o.mov", None, "there is no folder .*file; make it first"),
    ],
)
def test_AP09_a_place_that_cannot_be_used(
    output: str, settings: RenderSettings | None, words: str, crowded: Path, look: Look, assert_world: Any
) -> None:
    before = shape(crowded)
    with pytest.raises(UsageError, match=words):
        render_film(crowded / "film.mov", look, crowded / output, settings=settings, on_progress=no_work)
    assert shape(crowded) == before


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[Path]:
    """A folder that cannot be written to, by root neither."""
    folder = tmp_path / "read-only"
    folder.mkdir(mode=0o500)
    mount: Callable[..., Any] = subprocess.run
    is_root = os.geteuid() == 0
    if is_root and mount(["mount", "-t", "tmpfs", "-o", "ro", "none", str(folder)], capture_output=True).returncode:
        pytest.skip("root may write anywhere, and a read-only disk cannot be mounted here")
    yield folder
    if is_root:
        mount(["umount", str(folder)], check=True)


def test_AP09_a_folder_that_is_read_only(read_only: Path, film: Path, look: Look, assert_world: Any) -> None:
    with pytest.raises(UsageError, match="no permission to write into"):
        render_film(film, look, read_only / "o.mov", on_progress=no_work)
    assert_world(read_only, {})


def test_AP09_a_link_is_replaced_and_not_followed(
    crowded: Path, film: Path, look: Look, uninterrupted: Any, assert_world: Any, short_stretches: int
) -> None:
    """What is unfinished lies beside the output, on its disk: no name is ever moved from one disk to another."""
    parts = []

    def note(progress: Progress) -> None:
        parts.extend(crowded.glob("*.part"))

    render_film(film, look, crowded / "way" / "link.mov", settings=OVERWRITE, on_progress=note)
    assert set(parts) == {crowded / "link.mov.part"}
    assert (crowded / "taken.mov").read_bytes() == b"mine" and not (crowded / "link.mov").is_symlink()
    assert (crowded / "link.mov").read_bytes() == uninterrupted("o.mov")[1]["o.mov"]


@pytest.mark.parametrize("output", ["film.mov", "alias.mov", "twin.mov", "way/film.mov", "sub/../film.mov"])
def test_AP10_the_output_is_the_film_by_another_name(output: str, crowded: Path, look: Look, assert_world: Any) -> None:
    (crowded / "sub").mkdir()
    before = shape(crowded)
    with pytest.raises(UsageError, match="is the film that is being read"):
        render_film(crowded / "film.mov", look, crowded / output, settings=OVERWRITE, on_progress=no_work)
    assert shape(crowded) == before


@pytest.mark.parametrize("output", ["take", "take/new.####.png", "other", "other/plate.####.png"])
def test_AP10_the_output_lies_among_the_pictures_that_are_read(
    output: str, film: Path, look: Look, assert_world: Any, tmp_path: Path
) -> None:
    """The folder's other name is a link to it."""
    from relook.timing import FrameRange

    (tmp_path / "take").mkdir()
    render_film(film, look, tmp_path / "take" / "plate.####.png", settings=RenderSettings(frames=FrameRange(0, 3)))
    (tmp_path / "other").symlink_to(tmp_path / "take")
    before = shape(tmp_path)
    with pytest.raises(UsageError, match="holds the pictures that are being read"):
        render_film(
            tmp_path / "take" / "plate.####.png", look, tmp_path / output, settings=OVERWRITE, on_progress=no_work
        )
    assert shape(tmp_path) == before
