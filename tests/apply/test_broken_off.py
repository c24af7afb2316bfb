"""A render that was killed goes on behind what is safe on disk, by the same command, and gives the same film (AP01, AP14)."""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from relook.apply.delivery import Delivery, RenderSettings
from relook.apply.edited import render_cut_list
from relook.apply.receipt import ALREADY_DONE
from relook.apply.render import render_film
from relook.errors import InputChangedError, ResourceError, UsageError
from relook.look import Look, load_look
from relook.progress import Progress
from relook.recipe.dials import Dials
from relook.timing import FrameRange

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is POSIX's")

STRETCH = 7
"""Frames of a stretch here, so that the film has some thirteen."""
OUTPUTS = ("o.mov", "o.mp4", "o.####.png")
FILM_POINTS = (
    *("stretch.write", "stretch.sync", "journal.line", "journal.sync", "join.begin", "join.packet", "join.read_back"),
    *("journal.announce", "publish.sync", "publish.replace", "publish.name", "publish.clear", "whole.sync"),
    *("whole.replace", "receipt.write", "receipt.replace"),
)
PICTURE_POINTS = (
    "stretch.picture",
    "journal.line",
    "journal.sync",
    "journal.announce",
    "publish.picture",
    "publish.clear",
)
NUM_KILLS = 100


def render_in_child(film: Path, look: Path, output: Path, fault: str) -> None:
    """Render as a process of its own that may be killed."""
    os.environ["RELOOK_FAIL"] = fault
    torch.set_num_threads(1)
    sys.modules["relook.film.writer"].STRETCH_FRAMES = STRETCH  # type: ignore[attr-defined]
    render_film(film, load_look(look), output)


@pytest.fixture(scope="module")
def starter() -> Iterator[Any]:
    """A server that forks children which have torch already."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["relook.apply.render", "scenedetect.detectors", "relook.film.container.encoder"])
    yield context


@pytest.fixture(autouse=True)
def short_stretches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("relook.film.writer.STRETCH_FRAMES", STRETCH)


@pytest.fixture(scope="module")
def look_file(worn: Look, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from relook.look import save_look

    path = tmp_path_factory.mktemp("look") / "worn.look"
    save_look(worn, path)
    return path


@pytest.fixture(scope="module")
def uninterrupted(
    film: Path, look_file: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, tuple[Delivery, dict[str, bytes]]]:
    """Each output as it comes out in one go."""
    made = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("relook.film.writer.STRETCH_FRAMES", STRETCH)
        for name in OUTPUTS:
            folder = tmp_path_factory.mktemp("uninterrupted")
            made[name] = render_film(film, load_look(look_file), folder / name), contents(folder)
    return made


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def broken_off(
    starter: Any, film: Path, look_file: Path, output: Path, fault: str, seconds: float | None = None
) -> bool:
    """Render in a child that dies by a fault, or is killed; say whether it died."""
    child = starter.Process(target=render_in_child, args=(film, look_file, output, fault))
    child.start()
    child.join(timeout=seconds)
    child.kill()
    child.join()
    return bool(child.exitcode == -signal.SIGKILL)


def finish(film: Path, look_file: Path, output: Path, settings: RenderSettings | None = None) -> tuple[Delivery, int]:
    """Give the same command again; return what came of it, and how many frames it found done."""
    found: list[float] = [0]

    def note(progress: Progress) -> None:
        if progress.stage == "going on":
            found[0] = progress.done

    return render_film(film, load_look(look_file), output, settings=settings, on_progress=note), int(found[0])


@pytest.mark.parametrize(
    ("name", "point", "nth"),
    [
        ("o.mov", "journal.line", 5),
        ("o.mp4", "publish.replace", 1),
        ("o.####.png", "publish.picture", 40),
        *(
            pytest.param(name, point, nth, marks=pytest.mark.slow)
            for name in OUTPUTS
            for point in (PICTURE_POINTS if "#" in name else FILM_POINTS)
            for nth in (1, 3)
        ),
    ],
)
def test_AP01_killed_at_a_failpoint(
    name: str, point: str, nth: int, starter: Any, film: Path, look_file: Path, uninterrupted: Any, tmp_path: Path
) -> None:
    delivery, files = uninterrupted[name]
    died = broken_off(starter, film, look_file, tmp_path / name, f"{point}:kill:{nth}")
    if not died:
        assert point.startswith(("publish", "join", "whole", "journal.announce", "receipt")) and nth > 1, (
            "there are several of it"
        )
    shown = contents(tmp_path)
    assert shown.items() <= files.items(), "what has a final name is whole"
    if not died:
        return
    again, _ = finish(film, look_file, tmp_path / name)
    assert replace(again, output=delivery.output) == delivery
    assert contents(tmp_path) == files and not list(tmp_path.glob("*.part"))


@pytest.mark.slow
@pytest.mark.parametrize("number", range(NUM_KILLS))
def test_AP01_killed_at_a_random_moment(
    number: int, starter: Any, film: Path, look_file: Path, uninterrupted: Any, tmp_path: Path
) -> None:
    chance = random.Random(number)
    name = OUTPUTS[number % len(OUTPUTS)]
    delivery, files = uninterrupted[name]
    for _ in range(2):
        broken_off(starter, film, look_file, tmp_path / name, "", seconds=chance.uniform(0.1, 4))
        assert contents(tmp_path).items() <= files.items()
    if contents(tmp_path) != files:
        again, _ = finish(film, look_file, tmp_path / name)
        assert again.frame_hashes == delivery.frame_hashes
    assert contents(tmp_path) == files


def test_what_is_done_is_not_done_again(
    starter: Any, film: Path, look_file: Path, uninterrupted: Any, tmp_path: Path
) -> None:
    """At most the frames of one stretch are rendered twice."""
    assert broken_off(starter, film, look_file, tmp_path / "o.mov", "stretch.sync:kill:6")
    folder = shutil.copytree(tmp_path, tmp_path / "copy")
    _, num_done = finish(film, look_file, tmp_path / "o.mov")
    assert num_done == 5 * STRETCH
    for damaged in sorted((folder / "o.mov.part").glob("*.pictures"))[2:3]:
        damaged.write_bytes(damaged.read_bytes()[:-1])
    again, num_done = finish(film, look_file, folder / "o.mov")
    assert num_done == 2 * STRETCH, "a stretch that is not what was written is not believed, nor those behind it"
    assert again.frame_hashes == uninterrupted["o.mov"][0].frame_hashes


def test_another_job_begins_anew(starter: Any, film: Path, look_file: Path, tmp_path: Path) -> None:
    for settings in (
        RenderSettings(seed=1),
        RenderSettings(dials=Dials(strength=0.5)),
        RenderSettings(frames=FrameRange(0, 60)),
    ):
        assert broken_off(starter, film, look_file, tmp_path / "o.mov", "stretch.sync:kill:4")
        found, num_done = finish(film, look_file, tmp_path / "o.mov", settings)
        apart, _ = finish(film, look_file, tmp_path / "apart.mov", settings)
        assert num_done == 0 and found.frame_hashes == apart.frame_hashes
        assert not list(tmp_path.glob("*.part"))
        for made in tmp_path.glob("*.mov*"):
            made.unlink()


def test_AP14_a_journal_cut_off_anywhere(
    starter: Any, film: Path, look_file: Path, uninterrupted: Any, tmp_path: Path
) -> None:
    assert broken_off(starter, film, look_file, tmp_path / "o.mov", "join.read_back:kill:1")
    journal = (tmp_path / "o.mov.part" / "journal.jsonl").read_bytes()
    ends = [place for place, byte in enumerate(journal) if byte == ord("\n")]
    chance = random.Random(0)
    for cut in {0, 1, ends[0], ends[0] + 1, ends[3], *(chance.randrange(len(journal)) for _ in range(3))}:
        folder = Path(shutil.copytree(tmp_path, tmp_path.with_name(f"{tmp_path.name}-{cut}")))
        garbage = b'{"start": "\xff' if cut % 2 else b""
        (folder / "o.mov.part" / "journal.jsonl").write_bytes(journal[:cut] + garbage)
        again, num_done = finish(film, look_file, folder / "o.mov")
        lines = [json.loads(line) for place, line in zip(ends, journal.splitlines(), strict=True) if place <= cut]
        assert num_done <= max((line.get("stop", 0) for line in lines), default=0)
        assert again.frame_hashes == uninterrupted["o.mov"][0].frame_hashes
        assert contents(folder) == uninterrupted["o.mov"][1]


def test_AP11_a_film_that_is_changed_while_it_is_rendered(
    paint: Callable[..., Path], look_file: Path, tmp_path: Path
) -> None:
    def touch(film: Path) -> None:
        os.utime(film)

    def grow(film: Path) -> None:
        with film.open("ab") as file:
            file.write(b"more")

    def swap(film: Path) -> None:
        shutil.copyfile(film, film.with_suffix(".new"))
        os.replace(film.with_suffix(".new"), film)

    for change in (touch, grow, swap, Path.unlink):
        film = paint(tmp_path / "film.mov")

        def at_frame_40(progress: Progress, film: Path = film, change: Callable[[Path], None] = change) -> None:
            if (progress.stage, progress.done) == ("rendering", 40):
                change(film)

        with pytest.raises(InputChangedError, match=r"film\.mov"):
            render_film(film, load_look(look_file), tmp_path / "o.mov", on_progress=at_frame_40)
        assert not (tmp_path / "o.mov").exists()


def test_AP03_a_full_disk_leaves_what_is_done_and_goes_on(
    film: Path, look_file: Path, uninterrupted: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for place in ("stretch.write:full:40", "stretch.sync:full:3", "join.packet:full:20", "publish.replace:full:1"):
        monkeypatch.setattr("relook.faults._reached", type(sys.modules["relook.faults"]._reached)())
        monkeypatch.setenv("RELOOK_FAIL", place)
        with pytest.raises(ResourceError, match="free space"):
            render_film(film, load_look(look_file), tmp_path / "o.mov")
        assert contents(tmp_path) == {}
        monkeypatch.delenv("RELOOK_FAIL")
        _, num_done = finish(film, look_file, tmp_path / "o.mov")
        assert num_done
        assert contents(tmp_path) == uninterrupted["o.mov"][1]
        for made in tmp_path.iterdir():
            made.unlink()


def test_AP08_the_same_command_again_finds_it_done(film: Path, look_file: Path, tmp_path: Path) -> None:
    output = tmp_path / "o.mov"
    first, _ = finish(film, look_file, output)
    made = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    again, _ = finish(film, look_file, output)
    assert again.notes == (*first.notes, ALREADY_DONE) and replace(again, notes=first.notes) == first
    assert {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == made
    with pytest.raises(UsageError, match="exists"):
        finish(film, look_file, output, RenderSettings(seed=1))
    output.write_bytes(output.read_bytes()[:-1])
    with pytest.raises(UsageError, match="exists"):
        finish(film, look_file, output)


def test_an_edit_goes_on_in_the_middle_of_a_dissolve(
    film: Path,
    look_file: Path,
    tmp_path: Path,
    dissolving: Callable[[Path], Path],
    pictures: Callable[[Path], list[bytes]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cuts = dissolving(tmp_path / "cut.otio")

    def edited(output: Path) -> Delivery:
        return render_cut_list(film, load_look(look_file), output, cuts, settings=RenderSettings())

    wanted = edited(tmp_path / "whole.mov")
    for stretch in (1, 2, 3):
        output = tmp_path / f"o{stretch}.mov"
        monkeypatch.setattr("relook.faults._reached", type(sys.modules["relook.faults"]._reached)())
        monkeypatch.setenv("RELOOK_FAIL", f"stretch.sync:full:{stretch + 1}")
        with pytest.raises(ResourceError):
            edited(output)
        monkeypatch.delenv("RELOOK_FAIL")
        again = edited(output)
        assert again.frame_hashes == wanted.frame_hashes and again.frames == wanted.frames
        assert pictures(output) == pictures(tmp_path / "whole.mov")
        assert edited(output).notes == (*again.notes, ALREADY_DONE)
