"""A disk that is full or fails wherever a render writes: nothing is published, and with room it goes on (AP03, AP18)."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from relook import faults
from relook.apply.render import render_film
from relook.errors import ResourceError
from relook.film.publish import receipt_of
from relook.look import load_look
from tests.faultpoints import points

pytestmark = pytest.mark.usefixtures("short_stretches")

SHOWN = ("publish.name", "publish.clear", "receipt.replace")
"""Points behind the publishing of the film."""
NO_WRITING = ("render.memory", "publish.name", "publish.clear")
"""Points where nothing is written that a disk could refuse."""
ELSEWHERE = ("stretch.picture", "publish.picture", "publish.folder", "shots.", "stretch.still")
QUICK = (("journal.line", "full"), ("whole.sync", "full"), ("publish.sync", "broken"), ("join.close", "full"))
MEBIBYTE = 1 << 20


def faulty() -> list[Any]:
    """List every point of a film's render with a fault of the disk, and how often it is passed before."""
    found = []
    for point in points("film", "apply"):
        if not point.startswith((*NO_WRITING, *ELSEWHERE)):
            for action in ("full", "broken", "stale"):
                is_quick = (point, action) in QUICK
                found.append(pytest.param(point, action, marks=() if is_quick else pytest.mark.slow))
    return found


@pytest.mark.parametrize(("point", "action"), faulty(), ids=lambda value: value)
def test_AP03_AP18_a_disk_that_refuses(
    point: str,
    action: str,
    film: Path,
    look_file: Path,
    finish: Any,
    uninterrupted: Any,
    assert_world: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """AP03: no room; AP18: an error of the device or of a network folder, as late as when data are forced to disk."""
    files = uninterrupted("o.mov")[1]
    nth = {"stretch.write": 40, "stretch.sync": 3, "journal.line": 3, "join.packet": 20}.get(point, 1)
    monkeypatch.setattr(faults, "_reached", Counter())
    monkeypatch.setenv(faults.VARIABLE, f"{point}:{action}:{nth}")
    with pytest.raises(ResourceError, match="free space" if action == "full" else "check its disk"):
        render_film(film, load_look(look_file), tmp_path / "o.mov")
    assert (tmp_path / "o.mov").exists() == (point in SHOWN)
    assert_world(tmp_path, files, is_done=False)
    monkeypatch.delenv(faults.VARIABLE)
    _, num_done = finish(tmp_path / "o.mov")
    assert num_done or point in ("part.clear", "whole.sync", "whole.replace", "journal.sync"), "it went on"
    assert_world(tmp_path, files)


@pytest.mark.slow
def test_AP18_a_slow_rename_is_waited_for(
    finish: Any, uninterrupted: Any, assert_world: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(faults, "_reached", Counter())
    monkeypatch.setattr(faults, "SLOW_SECONDS", 0.5)
    monkeypatch.setenv(faults.VARIABLE, "publish.replace:slow:1,receipt.replace:slow:1")
    finish(tmp_path / "o.mov")
    assert_world(tmp_path, uninterrupted("o.mov")[1])


def render_under_a_limit(film: Path, look: Path, output: Path, limit: int) -> None:
    """Render where no file may grow beyond a limit, in bytes; the exit code tells the error's."""
    sys.modules["relook.film.writer"].STRETCH_FRAMES = 7  # type: ignore[attr-defined]
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    try:
        render_film(film, load_look(look), output)
    except ResourceError as error:
        sys.exit(error.exit_code)


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("o.mov", "joining"),
        pytest.param("o.mov", "stretch", marks=pytest.mark.slow),
        pytest.param("o.mp4", "joining", marks=pytest.mark.slow),
    ],
)
def test_AP03_files_that_may_not_grow(
    name: str,
    place: str,
    starter: Any,
    film: Path,
    look_file: Path,
    finish: Any,
    uninterrupted: Any,
    assert_world: Any,
    tmp_path: Path,
) -> None:
    """A quota, by RLIMIT_FSIZE: for real at a stretch, and where the stretches are joined."""
    files = uninterrupted(name)[1]
    limit = len(files[name]) - 2000 if place == "joining" else len(files[name]) // 30
    child = starter.Process(target=render_under_a_limit, args=(film, look_file, tmp_path / name, limit))
    child.start()
    child.join()
    assert child.exitcode == ResourceError.exit_code
    assert not (tmp_path / name).exists()
    assert_world(tmp_path, files, is_done=False)
    _, num_done = finish(tmp_path / name)
    assert num_done == (90 if place == "joining" else 0)
    assert_world(tmp_path, files)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Return a function that makes a disk of a size, such as "400k", or gives it another one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = []

    def sized(size: str) -> Path:
        options = f"size={size},{'remount' if mounted else 'mode=700'}"
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", options, "none", str(folder)], capture_output=True, text=True, check=False
        )
        if done.returncode:
            pytest.skip(f"a small disk cannot be mounted here: {done.stderr.strip()}")
        mounted.append(folder)
        return folder

    if os.name != "posix" or os.geteuid() != 0:
        pytest.skip("only root can mount a small disk")
    yield sized
    if mounted:
        # FFmpeg keeps the file open of a container that it could not finish, as long as the process lives.
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.mark.slow
def test_AP03_a_small_disk(
    small_disk: Callable[[str], Path],
    film: Path,
    look_file: Path,
    finish: Any,
    uninterrupted: Any,
    assert_world: Any,
) -> None:
    files = uninterrupted("o.mov")[1]
    size = len(files["o.mov"]) // 1024
    folder = small_disk(f"{size // 2}k")
    with pytest.raises(ResourceError, match=r"(needs about|cannot write).*free space"):
        render_film(film, load_look(look_file), folder / "o.mov")
    assert_world(folder, files, is_done=False)
    small_disk(f"{size * 4}k")
    _, num_done = finish(folder / "o.mov")
    assert num_done
    assert_world(folder, files)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "point", "nth"),
    [
        ("o.mov", "receipt.write", 1),
        ("o.mov", "stretch.write", 30),
        ("o.mp4", "join.packet", 1),
        *(
            pytest.param(name, point, nth, marks=pytest.mark.slow)
            for name in ("o.mov", "o.mp4", "o.mkv")
            for point, nth in (("stretch.write", 30), ("join.begin", 1), ("join.packet", 40), ("receipt.write", 1))
            if (name, point) not in (("o.mov", "receipt.write"), ("o.mov", "stretch.write"))
        ),
    ],
)
def test_AP03_a_disk_that_fills_up_on_the_way(
    name: str,
    point: str,
    nth: int,
    small_disk: Callable[[str], Path],
    film: Path,
    look_file: Path,
    finish: Any,
    uninterrupted: Any,
    assert_world: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Somebody else fills the disk to its last page when the render comes to a point; then he makes room again."""
    files = uninterrupted(name)[1]
    folder = small_disk("32m")
    reached: Counter[str] = Counter()

    def fill_up(place: str) -> None:
        reached[place] += 1
        if (place, reached[place]) == (point, nth):
            fill(folder / "full.part")

    with monkeypatch.context() as patch:
        patch.setattr(faults, "point", fill_up)
        with pytest.raises(ResourceError, match=r"disk|free space"):
            render_film(film, load_look(look_file), folder / name)
    (folder / "full.part").unlink()
    assert not (folder / name).exists() and not receipt_of(folder / name).exists()
    assert_world(folder, files, is_done=False)
    _, num_done = finish(folder / name)
    assert num_done
    assert_world(folder, files)


def fill(path: Path) -> None:
    """Write a file until its disk is full."""
    with path.open("wb", buffering=0) as file:
        for size in (MEBIBYTE, 4096, 1):
            try:
                while file.write(bytes(size)):
                    pass
            except OSError:
                continue
