"""A film that is changed while it is rendered is an error, and a look that is changed meanwhile does not matter (AP11, AP12)."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from relook.apply.render import render_film
from relook.errors import InputChangedError
from relook.look import load_look
from relook.progress import Progress

pytestmark = pytest.mark.usefixtures("short_stretches")


def grow(film: Path) -> None:
    with film.open("ab") as file:
        file.write(b"more")


def put_the_time_back(film: Path) -> None:
    """Change a byte in place, which size and time do not tell."""
    there = film.stat()
    with film.open("r+b") as file:
        file.seek(there.st_size - 9)
        file.write(b"x")
    os.utime(film, ns=(there.st_atime_ns, there.st_mtime_ns))


CHANGES: dict[str, Callable[[Path], object]] = {
    "touch": os.utime,
    "IN23 append": grow,
    "rewrite": lambda film: film.write_bytes(film.read_bytes()),
    "replace": lambda film: os.replace(shutil.copyfile(film, film.with_suffix(".new")), film),
    "put the time back": put_the_time_back,
    "unlink": Path.unlink,
}


@pytest.mark.parametrize("change", CHANGES)
def test_AP11_a_film_that_is_changed_while_it_is_rendered(
    change: str, paint: Callable[..., Path], look_file: Path, assert_world: Any, tmp_path: Path
) -> None:
    film = paint(tmp_path / "film.mov")

    def at_frame_40(progress: Progress) -> None:
        if (progress.stage, progress.done) == ("rendering", 40):
            CHANGES[change](film)

    (tmp_path / "out").mkdir()
    with pytest.raises(InputChangedError, match=r"film\.mov"):
        render_film(film, load_look(look_file), tmp_path / "out" / "o.mov", on_progress=at_frame_40)
    assert_world(tmp_path / "out", {}, is_done=False)


def test_AP12_a_look_that_is_changed_while_it_is_used(
    film: Path, look_file: Path, uninterrupted: Any, assert_world: Any, tmp_path: Path
) -> None:
    """T10: the look is in memory, and a file that is cut off or written over in place is not read again."""
    copy = Path(shutil.copyfile(look_file, tmp_path / look_file.name))

    def cut_off(progress: Progress) -> None:
        if progress.stage == "rendering" and progress.done in (20, 60):
            os.truncate(copy, 100 if progress.done == 20 else 0)

    (tmp_path / "out").mkdir()
    render_film(film, load_look(copy), tmp_path / "out" / "o.mov", on_progress=cut_off)
    assert copy.stat().st_size == 0
    assert_world(tmp_path / "out", uninterrupted("o.mov")[1])
