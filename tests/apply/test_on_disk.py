"""What gets a final name is forced to disk before, and the name after it; no final name is ever written to directly (C1, C4)."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch

from relook.apply.delivery import RenderSettings
from relook.apply.render import render_film
from relook.film.publish import receipt_of, write_whole
from relook.look import Look, save_look
from relook.recipe.mechanics import Mechanics
from relook.timing import FrameRange
from relook.train.checkpoint import Saved, checkpoints, write_checkpoint
from relook.train.course import Course
from relook.train.measures import HeldOutMeasures

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="/proc tells which file a handle is of")


@dataclass
class Disk:
    """What was asked of the disk, in order."""

    asked: list[tuple[str, Path, Path]] = field(default_factory=list)
    """"force" a file or folder; "name" it from its old to its new path."""

    def place(self, what: str, path: Path) -> int:
        """Return when a file was last forced, or got its name, -1 for never."""
        places = [place for place, (asked, _, to) in enumerate(self.asked) if (asked, to) == (what, path)]
        return max(places, default=-1)

    def first_name(self, path: Path) -> Path:
        """Return the name that a file was made under."""
        while (place := self.place("name", path)) >= 0:
            path = self.asked[place][1]
        return path


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[Disk]:
    """Note what the system is asked, and do it."""
    disk, fsync, replace, link = Disk(), os.fsync, os.replace, os.link

    def forced(handle: int) -> None:
        path = Path(os.readlink(f"/proc/self/fd/{handle}"))
        disk.asked.append(("force", path, path))
        fsync(handle)

    def named(do: Any) -> Any:
        def name(old: Any, new: Any) -> None:
            disk.asked.append(("name", Path(old), Path(new)))
            do(old, new)

        return name

    monkeypatch.setattr(os, "fsync", forced)
    monkeypatch.setattr(os, "replace", named(replace))
    monkeypatch.setattr(os, "link", named(link))
    yield disk


def assert_named_when_safe(disk: Disk, path: Path) -> None:
    """See that a file was forced to disk, then named, then its name forced."""
    named = disk.place("name", path)
    assert named >= 0, f"{path.name} came to its name by a rename or a link"
    assert 0 <= disk.place("force", disk.first_name(path)) < named, f"{path.name} is on disk before it is named"
    assert disk.place("force", path.parent) > named, f"the name {path.name} is on disk"


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("name", ["o.mov", "o.####.png"])
def test_a_render_is_on_disk_before_it_is_named(
    name: str, overwrite: bool, film: Path, look: Look, short_stretches: int, disk: Disk, tmp_path: Path
) -> None:
    settings = RenderSettings(frames=FrameRange(0, 20), overwrite=overwrite)
    render_film(film, look, tmp_path / name, settings=settings)
    made = sorted(tmp_path.iterdir())
    assert len(made) == (2 if name == "o.mov" else 21)
    for path in made:
        assert_named_when_safe(disk, path)
    receipt = disk.place("name", receipt_of(tmp_path / name))
    shown = max(disk.place("name", path) for path in made if path != receipt_of(tmp_path / name))
    assert ("force", tmp_path, tmp_path) in disk.asked[shown:receipt], (
        "the film has its name before the receipt has its own"
    )


def test_a_stretch_is_on_disk_before_it_is_on_record(
    film: Path, look: Look, short_stretches: int, disk: Disk, tmp_path: Path
) -> None:
    render_film(film, look, tmp_path / "o.mov", settings=RenderSettings(frames=FrameRange(0, 20)))
    part = tmp_path / "o.mov.part"
    forced = [path.name for asked, path, _ in disk.asked if asked == "force"]
    order = [name for name in forced if name.endswith((".pictures", ".jsonl"))]
    stretches = [name for number in range(3) for name in (f"{number:06d}.pictures", "journal.jsonl")]
    assert order == [*stretches, "journal.jsonl"], "each stretch, then its line; last that the film is announced"
    assert not part.exists()


def test_small_files_looks_and_checkpoints_are_on_disk_before_they_are_named(
    look: Look, disk: Disk, tmp_path: Path
) -> None:
    (tmp_path / "small").write_bytes(b"before")
    write_whole(tmp_path / "small", b"after")
    save_look(look, tmp_path / "a.look")
    for name in ("small", "a.look"):
        assert_named_when_safe(disk, tmp_path / name)
    measures = HeldOutMeasures(patch_distance=1, colour_distance=1, structure_kept=1, pair_error=0)
    saved = Saved(Course(measures, measures, step=1), Mechanics(), is_augmented=False)
    write_checkpoint(tmp_path, saved, {"a": torch.zeros(3)})
    (folder,) = checkpoints(tmp_path)
    named = disk.place("name", folder)
    for path in folder.iterdir():
        assert 0 <= disk.place("force", disk.first_name(disk.first_name(folder) / path.name)) < named
    assert disk.place("force", tmp_path) > named
