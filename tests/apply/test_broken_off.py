"""A render that was killed goes on behind what is safe on disk, by the same command, and gives the same film (AP01, AP14)."""

from __future__ import annotations

import json
import random
import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from relook.apply.delivery import Delivery, RenderSettings
from relook.apply.edited import render_cut_list
from relook.apply.receipt import ALREADY_DONE
from relook.errors import ResourceError, UsageError
from relook.look import load_look
from relook.recipe.dials import Dials
from relook.timing import FrameRange
from tests.faultpoints import points

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is POSIX's"),
    pytest.mark.usefixtures("short_stretches"),
]

OUTPUTS = ("o.mov", "o.mp4", "o.####.png")
OF_FILMS = ("stretch.write", "stretch.sync", "join.", "publish.sync", "publish.replace", "publish.name")
OF_PICTURES = ("stretch.picture", "publish.picture")
ELSEWHERE = ("publish.folder", "shots.", "stretch.still")
"""What only passes, shots or stills come to: killed at in tests of their own, below, in test_shots_killed.py and test_stills_whole.py."""
QUICK = (("o.mov", "journal.line", 5), ("o.mp4", "publish.replace", 1), ("o.####.png", "publish.picture", 40))
NUM_KILLS = 100


def kills() -> list[Any]:
    """List every point that a render comes to, with the output and how often it is passed before."""
    found = list(QUICK)
    for name in OUTPUTS:
        others = OF_FILMS if "#" in name else OF_PICTURES
        for point in points("film", "apply"):
            if not point.startswith((*others, *ELSEWHERE)):
                found += [(name, point, nth) for nth in (1, 3) if (name, point, nth) not in QUICK]
    return [pytest.param(*kill, marks=() if kill in QUICK else pytest.mark.slow) for kill in found]


@pytest.mark.parametrize(("name", "point", "nth"), kills())
def test_AP01_killed_at_a_failpoint(
    name: str,
    point: str,
    nth: int,
    broken_off: Any,
    finish: Any,
    uninterrupted: Any,
    assert_world: Any,
    tmp_path: Path,
) -> None:
    delivery, files = uninterrupted(name)
    died = broken_off(tmp_path / name, f"{point}:kill:{nth}")
    assert died or nth > 1, "a render comes to this point, else it is not of this output"
    assert_world(tmp_path, files, is_done=not died)
    again, _ = finish(tmp_path / name)
    assert replace(again, output=delivery.output, notes=()) == delivery
    assert_world(tmp_path, files)


def test_AP01_killed_when_the_layers_are_shown(
    broken_off: Any, finish: Any, uninterrupted: Any, assert_world: Any, tmp_path: Path
) -> None:
    """Layers cannot be gone on with; the same command makes them anew, and the film is the same."""
    settings = RenderSettings(passes=tmp_path / "layers", frames=FrameRange(0, 9))
    assert broken_off(tmp_path / "o.mov", "publish.folder:kill:1", settings=settings)
    assert not (tmp_path / "layers").exists()
    again, num_done = finish(tmp_path / "o.mov", replace(settings, overwrite=True))
    assert num_done == 0 and again.frame_hashes == uninterrupted("o.mov")[0].frame_hashes[:9]
    assert len(list((tmp_path / "layers").glob("look*"))) and not list(tmp_path.glob("*.part"))


@pytest.mark.slow
@pytest.mark.parametrize("number", range(NUM_KILLS))
def test_AP01_killed_at_a_random_moment(
    number: int, broken_off: Any, finish: Any, uninterrupted: Any, assert_world: Any, tmp_path: Path
) -> None:
    chance = random.Random(number)
    name = OUTPUTS[number % len(OUTPUTS)]
    delivery, files = uninterrupted(name)
    for _ in range(2):
        died = broken_off(tmp_path / name, "", seconds=chance.uniform(0.1, 4))
        assert_world(tmp_path, files, is_done=not died)
    again, _ = finish(tmp_path / name)
    assert again.frame_hashes == delivery.frame_hashes
    assert_world(tmp_path, files)


@pytest.mark.slow
def test_what_is_done_is_not_done_again(
    broken_off: Any, finish: Any, uninterrupted: Any, short_stretches: int, tmp_path: Path
) -> None:
    """At most the frames of one stretch are rendered twice."""
    assert broken_off(tmp_path / "o.mov", "stretch.sync:kill:6")
    folder = shutil.copytree(tmp_path, tmp_path / "copy")
    _, num_done = finish(tmp_path / "o.mov")
    assert num_done == 5 * short_stretches
    for damaged in sorted((folder / "o.mov.part").glob("*.pictures"))[2:3]:
        damaged.write_bytes(damaged.read_bytes()[:-1])
    again, num_done = finish(folder / "o.mov")
    assert num_done == 2 * short_stretches, (
        "a stretch that is not what was written is not believed, nor those behind it"
    )
    assert again.frame_hashes == uninterrupted("o.mov")[0].frame_hashes


@pytest.mark.slow
@pytest.mark.parametrize(
    "settings",
    [
        RenderSettings(frames=FrameRange(0, 30)),
        pytest.param(RenderSettings(seed=1), marks=pytest.mark.slow),
        pytest.param(RenderSettings(dials=Dials(strength=0.5)), marks=pytest.mark.slow),
    ],
    ids=["range", "seed", "dials"],
)
def test_another_job_begins_anew(settings: RenderSettings, broken_off: Any, finish: Any, tmp_path: Path) -> None:
    assert broken_off(tmp_path / "o.mov", "stretch.sync:kill:3")
    found, num_done = finish(tmp_path / "o.mov", settings)
    apart, _ = finish(tmp_path / "apart.mov", settings)
    assert num_done == 0 and found.frame_hashes == apart.frame_hashes
    assert not list(tmp_path.glob("*.part"))


@pytest.fixture(scope="module")
def nearly_done(starter: Any, film: Path, look_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an output whose stretches are all done, by a job that was killed before it joined them."""
    from tests.apply.in_child import render_in_child

    folder = tmp_path_factory.mktemp("nearly")
    args = (film, look_file, folder / "o.mov", "join.begin:kill:1", None)
    child = starter.Process(target=render_in_child, args=args)
    child.start()
    child.join()
    return folder


def cuts(journal: bytes) -> list[int]:
    """List the places where a journal is cut off: the ends of its lines, those around them, and some by chance."""
    ends = [place for place, byte in enumerate(journal) if byte == ord("\n")]
    chance = random.Random(0)
    return [0, 1, ends[0], ends[0] + 1, ends[3], *(chance.randrange(len(journal)) for _ in range(2))]


@pytest.mark.slow
def test_AP14_a_journal_cut_off_anywhere(
    nearly_done: Path, finish: Any, uninterrupted: Any, assert_world: Any, tmp_path: Path
) -> None:
    journal = (nearly_done / "o.mov.part" / "journal.jsonl").read_bytes()
    delivery, files = uninterrupted("o.mov")
    for cut in cuts(journal)[3:5]:
        folder = Path(shutil.copytree(nearly_done, tmp_path / str(cut)))
        garbage = b'{"start": "\xff' if cut % 2 else b""
        (folder / "o.mov.part" / "journal.jsonl").write_bytes(journal[:cut] + garbage)
        again, num_done = finish(folder / "o.mov")
        lines = [json.loads(line) for line in journal[: cut + 1].splitlines(keepends=True) if line.endswith(b"\n")]
        assert num_done <= max((line.get("stop", 0) for line in lines), default=0)
        assert again.frame_hashes == delivery.frame_hashes
        assert_world(folder, files)
        shutil.rmtree(folder)


@pytest.mark.parametrize("step", [197, pytest.param(1, marks=pytest.mark.slow)])
def test_AP14_a_journal_cut_off_at_every_byte_or_spoilt_is_read(step: int, nearly_done: Path, tmp_path: Path) -> None:
    """What is believed is never more than whole lines tell, and never raises anything."""
    from relook.film.journal import Journal
    from relook.film.part import Part

    whole = shutil.copytree(nearly_done / "o.mov.part", tmp_path / "o.mov.part")
    journal = (whole / "journal.jsonl").read_bytes()
    files = {path.name: path.read_bytes() for path in whole.glob("*.pictures")}
    job = json.loads(journal.splitlines()[0])["job"]
    chance = random.Random(0)
    spoilt = [bytearray(journal) for _ in range(4000 // step)]
    for text in spoilt:
        text[chance.randrange(len(text))] ^= 1 << chance.randrange(8)
    for text in [journal[:cut] for cut in range(0, len(journal), step)] + spoilt:
        (whole / "journal.jsonl").write_bytes(text)
        for name, data in files.items():
            if not (whole / name).exists():
                (whole / name).write_bytes(data)
        part = Part(tmp_path / "o.mov")
        found = Journal(part, job)
        part.leave()
        assert found.num_frames <= 90 and not found.is_announced
        assert all(line.start < line.stop for line in found.stretches)
        assert len(found.stretches) <= text.count(b"\n")


@pytest.mark.slow
def test_AP08_the_same_command_again_finds_it_done(
    finish: Any, uninterrupted: Any, assert_world: Any, tmp_path: Path
) -> None:
    output = tmp_path / "o.mov"
    first, _ = finish(output)
    made = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    again, _ = finish(output)
    assert again.notes == (*first.notes, ALREADY_DONE) and replace(again, notes=first.notes) == first
    assert {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == made
    with pytest.raises(UsageError, match="exists"):
        finish(output, RenderSettings(seed=1))
    assert_world(tmp_path, uninterrupted("o.mov")[1])
    output.write_bytes(output.read_bytes()[:-1])
    with pytest.raises(UsageError, match="exists"):
        finish(output)


@pytest.mark.slow
def test_AP08_a_finished_output_is_rid_of_what_is_left(
    broken_off: Any, finish: Any, uninterrupted: Any, assert_world: Any, tmp_path: Path
) -> None:
    """The job died when all was in its place but the unfinished one not yet taken away."""
    files = uninterrupted("o.mov")[1]
    assert broken_off(tmp_path / "o.mov", "publish.clear:kill:1")
    assert_world(tmp_path, files, is_done=False)
    again, _ = finish(tmp_path / "o.mov")
    assert ALREADY_DONE in again.notes
    assert_world(tmp_path, files)


@pytest.mark.slow
@pytest.mark.parametrize("stretch", [2, *(pytest.param(n, marks=pytest.mark.slow) for n in (1, 3))])
def test_an_edit_goes_on_in_the_middle_of_a_dissolve(
    stretch: int,
    film: Path,
    short_stretches: int,
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
    output = tmp_path / "o.mov"
    monkeypatch.setattr("relook.faults._reached", type(sys.modules["relook.faults"]._reached)())
    monkeypatch.setenv("RELOOK_FAIL", f"stretch.sync:full:{stretch + 1}")
    with pytest.raises(ResourceError):
        edited(output)
    monkeypatch.delenv("RELOOK_FAIL")
    again = edited(output)
    assert again.frame_hashes == wanted.frame_hashes and again.frames == wanted.frames
    assert pictures(output) == pictures(tmp_path / "whole.mov")
    assert edited(output).notes == (*again.notes, ALREADY_DONE)
