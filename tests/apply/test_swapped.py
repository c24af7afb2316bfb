"""Links that another user of a shared disk puts in the way of a render (T9): what they lead to is never written to."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from relook import faults
from relook.apply.delivery import RenderSettings
from relook.apply.render import render_film
from relook.errors import ResourceError, UsageError
from relook.look import Look
from relook.progress import Progress
from relook.timing import FrameRange
from tests.faultpoints import points

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="links as POSIX has them"),
    pytest.mark.usefixtures("short_stretches"),
]

TWENTY_FRAMES = FrameRange(0, 20)


@pytest.fixture
def victim(tmp_path: Path) -> Callable[[], dict[str, bytes]]:
    """Make a folder of somebody else's, which has files of all our names; return a function that reads it."""
    folder = tmp_path / "victim"
    (folder / "pictures").mkdir(parents=True)
    for name in ("journal.jsonl", "000001.pictures", "000002.pictures", "film.mov", "receipt.json", "pictures/x.png"):
        (folder / name).write_bytes(b"theirs")
    return lambda: {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def swap(path: Path, leads_to: Path) -> None:
    path.rename(path.with_name("moved away"))
    path.symlink_to(leads_to)


@pytest.mark.parametrize("at", [4, 5, 6, 11, 12, 13, 18, 19, 20])
def test_T09_the_unfinished_output_is_swapped_for_a_link(
    at: int, film: Path, look: Look, victim: Any, tmp_path: Path
) -> None:
    """Between two files: a swap in the very moment when one is opened is not seen."""
    (tmp_path / "out").mkdir()
    before, name = victim(), "o.mov"

    def swap_at(progress: Progress) -> None:
        if (progress.stage, progress.done) == ("rendering", at):
            swap(tmp_path / "out" / f"{name}.part", tmp_path / "victim")

    with pytest.raises(ResourceError, match="moved or replaced by another program"):
        render_film(
            film, look, tmp_path / "out" / name, settings=RenderSettings(frames=TWENTY_FRAMES), on_progress=swap_at
        )
    assert victim() == before
    assert {path.name for path in (tmp_path / "out").iterdir()} == {f"{name}.part", "moved away"}


@pytest.mark.slow
@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("point", [p for p in points("film") if p.startswith(("stretch.sync", "join.", "publish.r"))])
def test_T09_a_link_comes_to_the_final_name(
    point: str, overwrite: bool, film: Path, look: Look, victim: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is refused, or with --overwrite replaced itself."""
    (tmp_path / "out").mkdir()
    before, output = victim(), tmp_path / "out" / "o.mov"
    settings = RenderSettings(frames=TWENTY_FRAMES, overwrite=overwrite)

    def link_at(place: str) -> None:
        if place == point and not os.path.lexists(output):
            output.symlink_to(tmp_path / "victim" / "film.mov")

    monkeypatch.setattr(faults, "point", link_at)
    if overwrite:
        render_film(film, look, output, settings=settings)
        assert not output.is_symlink() and output.stat().st_size > 1000
    else:
        with pytest.raises(UsageError, match="exists"):
            render_film(film, look, output, settings=settings)
    assert victim() == before
