"""A run that was killed goes on and ends in the same look, bit for bit; every piece of what is saved is needed for it."""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from relook.compute import Crew, alone
from relook.corpus import Corpus, load_corpus
from relook.errors import InputError, ResourceError
from relook.recipe.settings import Recipe
from relook.train.checkpoint import (
    MANIFEST,
    SCHEMA,
    TENSORS,
    checkpoints,
    read_checkpoint,
    step_of,
    write_checkpoint,
)
from relook.train.course import Course
from relook.train.loop import Run, Trained, train_look
from relook.train.measures import HeldOutMeasures
from tests.faultpoints import points
from tests.short_training import shorten

SHORT = Recipe(budget_frames=48, num_checks=3, batch_pairs=2, crop_px=64)
FOREVER = Recipe(check_steps=3, patience=2, batch_pairs=2, crop_px=64)
STOP_AT = 9
FAULTS_BEFORE = (3, 4, 5, 6, 9)
FAULTS_AFTER = (1, 2, 3)
"""Steps whose loss is spoilt: four in a row are rolled back, and one more stands in a row with three after the stop."""
SHORT_OF_MEMORY = "step.critic:memory:2"
NUM_KILLS = 50
FULL_AT = ("checkpoint.course", "checkpoint.manifest", "checkpoint.rename", "journal")

Outcome = tuple[dict[str, Any], dict[str, Tensor]]
Train = Callable[..., Trained]
Faults = Callable[[str], None]


class Killed(BaseException):
    """Ends a run as abruptly as this process allows."""


def train_in_child(root: Path, folder: Path, fault: str) -> None:
    """Train as a process of its own that may be killed, saving after every step."""
    os.environ["RELOOK_FAIL"] = fault
    torch.set_num_threads(1)
    shorten(setattr)
    sys.modules["relook.train.loop"].SAVE_SECONDS = -1.0  # type: ignore[attr-defined]
    train_look(load_corpus(root), SHORT, Run("toy", folder), alone(torch.device("cpu")))


@pytest.fixture(scope="module")
def starter() -> Iterator[Any]:
    """A server that forks children which have torch already."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["relook.train.loop", "lightning_fabric"])
    yield context


@pytest.fixture(scope="module")
def whole_run(corpus: Corpus, crew: Crew, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Tensor]]:
    """A run that nothing interrupted: its folder, and what it came to."""
    folder = tmp_path_factory.mktemp("uninterrupted")
    with pytest.MonkeyPatch.context() as patch:
        shorten(patch.setattr)
        look = train_look(corpus, SHORT, Run("toy", folder), crew).look.generator.state_dict()
    return folder, look | {f"last {key}": value for key, value in last(folder)[1].items()}


@pytest.fixture
def uninterrupted(whole_run: tuple[Path, dict[str, Tensor]]) -> dict[str, Tensor]:
    return whole_run[1]


@pytest.fixture
def finished(whole_run: tuple[Path, dict[str, Tensor]], tmp_path: Path) -> Path:
    """A copy of the folder of a run, with its last two checkpoints."""
    return Path(shutil.copytree(whole_run[0], tmp_path / "finished"))


def last(folder: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Return the plain numbers and the tensors of the newest checkpoint."""
    saved, tensors, _ = read_checkpoint(folder)
    assert saved is not None
    numbers = asdict(saved)
    numbers["course"].pop("seconds")
    return numbers, tensors


def assert_same_end(train: Train, folder: Path, uninterrupted: dict[str, Tensor]) -> None:
    look = train(SHORT, folder=folder).look.generator.state_dict()
    ended = look | {f"last {key}": value for key, value in last(folder)[1].items()}
    assert ended.keys() == uninterrupted.keys()
    assert all(torch.equal(ended[key], uninterrupted[key]) for key in ended)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is POSIX's")
@pytest.mark.parametrize(
    ("point", "nth"),
    [
        pytest.param(point, nth, marks=() if (point, nth) == ("checkpoint.manifest", 2) else pytest.mark.slow)
        for point in points("train")
        if point != "run.clear"  # of the whole verb: test_run_killed.py
        for nth in (1, 2)
    ],
)
def test_TR01_killed_at_a_failpoint(
    point: str, nth: int, starter: Any, corpus: Corpus, train: Train, uninterrupted: dict[str, Tensor], tmp_path: Path
) -> None:
    child = starter.Process(target=train_in_child, args=(corpus.root, tmp_path, f"{point}:kill:{nth}"))
    child.start()
    child.join()
    assert child.exitcode == -signal.SIGKILL
    assert_same_end(train, tmp_path, uninterrupted)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is POSIX's")
@pytest.mark.parametrize("number", range(NUM_KILLS))
def test_TR01_killed_at_a_random_moment(
    number: int, starter: Any, corpus: Corpus, train: Train, uninterrupted: dict[str, Tensor], tmp_path: Path
) -> None:
    chance = random.Random(number)
    child = starter.Process(target=train_in_child, args=(corpus.root, tmp_path, ""))
    child.start()
    while not (tmp_path / "metrics.jsonl").exists() and child.is_alive():
        time.sleep(0.01)
    child.join(timeout=chance.uniform(0, 4))
    child.kill()
    child.join()
    assert_same_end(train, tmp_path, uninterrupted)


def train_until_stopped(corpus: Corpus, crew: Crew, recipe: Recipe, folder: Path) -> None:
    def stop(progress: Any) -> None:
        if progress.stage == "training" and progress.done == STOP_AT * recipe.frames_a_step:
            raise Killed

    with pytest.raises(Killed):
        train_look(corpus, recipe, Run("toy", folder), crew, on_progress=stop)


@pytest.fixture(scope="module")
def troubled(corpus: Corpus, crew: Crew, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Outcome]:
    """A run that was rolled back once and stopped after a step that failed, and what it came to when it was not stopped."""
    whole, part = (tmp_path_factory.mktemp(name) for name in ("whole", "part"))
    with pytest.MonkeyPatch.context() as patch:
        save_often(patch)
        plant(patch, (*FAULTS_BEFORE, *(STOP_AT + nth for nth in FAULTS_AFTER)), SHORT_OF_MEMORY)
        train_look(corpus, FOREVER, Run("toy", whole), crew)
        plant(patch, FAULTS_BEFORE, SHORT_OF_MEMORY)
        train_until_stopped(corpus, crew, FOREVER, part)
    return part, outcome(whole)


@pytest.fixture(scope="module")
def calm(corpus: Corpus, crew: Crew, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Outcome]:
    """A run without faults that was stopped when it had kept a look, and what it comes to."""
    part = tmp_path_factory.mktemp("part")
    with pytest.MonkeyPatch.context() as patch:
        save_often(patch)
        keep(patch, True)
        train_until_stopped(corpus, crew, SHORT, part)
        keep(patch, False)
        whole = Path(shutil.copytree(part, tmp_path_factory.mktemp("whole") / "copy"))
        train_look(corpus, SHORT, Run("toy", whole), crew)
    return part, outcome(whole)


def keep(patch: pytest.MonkeyPatch, wanted: bool) -> None:
    """Let every candidate be kept as the best, or none."""
    patch.setattr(sys.modules["relook.train.measures"], "LEAST_GAIN", -9.0 if wanted else 9.0)


def save_often(patch: pytest.MonkeyPatch) -> None:
    shorten(patch.setattr)
    patch.setattr(sys.modules["relook.train.loop"], "SAVE_SECONDS", -1.0)


def plant(patch: pytest.MonkeyPatch, steps: tuple[int, ...], *also: str) -> None:
    sys.modules["relook.faults"]._reached.clear()  # type: ignore[attr-defined]
    patch.setenv("RELOOK_FAIL", ",".join((*(f"generator.loss:spoil:{nth}" for nth in steps), *also)))


def outcome(folder: Path) -> Outcome:
    numbers, tensors = last(folder)
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return {"numbers": numbers, "noted": [(line["event"], line["step"]) for line in lines]}, tensors


def is_same(one: Outcome, other: Outcome) -> bool:
    return one[0] == other[0] and all(torch.equal(one[1][key], other[1][key]) for key in one[1])


NETS = ("generator", "average", "critic", "generator_optimiser", "critic_optimiser", "good", "start", "best")
NUMBERS = tuple(field.name for field in fields(Course) if field.name != "seconds")
OTHERS = ("mechanics", "is_augmented")
PIECES = (*NETS, *NUMBERS, *OTHERS)
SHOWS_WHEN_CALM = (
    *NETS[:5],
    "best",
    "kept",
    "kept_step",
    "accuracy",
    "spread",
    "critic_gradient",
    "generator_gradient",
    "sound_steps",
)


@pytest.mark.slow
@pytest.mark.parametrize("piece", ["nothing", *PIECES])
def test_TR01_every_piece_is_needed(
    piece: str, request: pytest.FixtureRequest, train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_calm = piece in SHOWS_WHEN_CALM
    part, wanted = request.getfixturevalue("calm" if is_calm else "troubled")
    folder = shutil.copytree(part, tmp_path / "copy")
    leave_out(piece, folder)
    save_often(monkeypatch)
    plant(monkeypatch, FAULTS_AFTER)
    if is_calm:
        monkeypatch.delenv("RELOOK_FAIL")
        keep(monkeypatch, False)
    train(SHORT if is_calm else FOREVER, folder=folder)
    assert is_same(outcome(folder), wanted) == (piece == "nothing")


def leave_out(piece: str, folder: Path) -> None:
    """Write the newest checkpoint again without one piece of it."""
    saved, tensors, _ = read_checkpoint(folder)
    assert saved is not None
    for path in checkpoints(folder):
        shutil.rmtree(path)
    if piece in NETS:
        tensors = {
            key: forgotten(key, value) if key.startswith(f"{piece}.") else value for key, value in tensors.items()
        }
    elif piece in NUMBERS:
        empty = Course(first=HeldOutMeasures(1, 1, 1), kept=saved.course.first)
        saved = replace(saved, course=replace(saved.course, **{piece: getattr(empty, piece)}))
    elif piece == "is_augmented":
        saved = replace(saved, is_augmented=not saved.is_augmented)
    elif piece in OTHERS:
        saved = replace(saved, **{piece: type(getattr(saved, piece))()})
    write_checkpoint(folder, saved, tensors)


def forgotten(name: str, value: Tensor) -> Tensor:
    """Return what a tensor would be had it not been saved: moments of zero, weights somewhat off."""
    return torch.zeros_like(value) if "optimiser" in name else value * 0.9


@pytest.mark.parametrize("damage", ["cut", "flipped", "absent", "no manifest"])
def test_TR07_a_damaged_checkpoint_is_passed_over_and_named(damage: str, finished: Path) -> None:
    before, newest = checkpoints(finished)
    content = (newest / TENSORS).read_bytes()
    if damage == "cut":
        (newest / TENSORS).write_bytes(content[: len(content) // 2])
    elif damage == "flipped":
        (newest / TENSORS).write_bytes(content[:-9] + bytes([content[-9] ^ 1]) + content[-8:])
    else:
        (newest / (TENSORS if damage == "absent" else MANIFEST)).unlink()
    saved, _, said = read_checkpoint(finished)
    assert saved is not None and saved.course.step == step_of(before)
    assert newest.name in said and "damaged" in said


def test_TR07_what_is_written_next_outlives_what_is_damaged(finished: Path) -> None:
    saved, tensors, _ = read_checkpoint(finished)
    assert saved is not None
    for path in checkpoints(finished):
        (path / MANIFEST).unlink()
    assert read_checkpoint(finished)[0] is None and "damaged" in read_checkpoint(finished)[2]
    for step in (1, 2):
        write_checkpoint(finished, replace(saved, course=replace(saved.course, step=step)), tensors)
    assert [step_of(path) for path in checkpoints(finished)] == [1, 2]


def test_TR16_checkpoints_are_ordered_by_their_step(tmp_path: Path) -> None:
    """No `LATEST` names the newest, so that none can be missing or point nowhere: they are found by their names alone."""
    for name in ("ckpt-999999", "ckpt-1000050", "ckpt-000100", "ckpt-best", "ckpt-000200.tmp"):
        (tmp_path / name).mkdir()
    assert [step_of(path) for path in checkpoints(tmp_path)] == [100, 999999, 1000050]


@pytest.mark.parametrize(("schema", "words"), [(99, "a newer relook"), (1, "an older relook")])
def test_TR07_a_checkpoint_of_another_relook_is_refused(finished: Path, schema: int, words: str) -> None:
    manifest = checkpoints(finished)[-1] / MANIFEST
    manifest.write_text(manifest.read_text().replace(f'"schema": {SCHEMA}', f'"schema": {schema}'))
    with pytest.raises(InputError, match=words):
        read_checkpoint(finished)


@pytest.mark.slow
@pytest.mark.parametrize("point", ["checkpoint.tensors", *(pytest.param(p, marks=pytest.mark.slow) for p in FULL_AT)])
def test_TR03_a_full_disk_stops_training_and_leaves_the_last_checkpoint_whole(
    point: str, train: Train, faults: Faults, uninterrupted: dict[str, Tensor], tmp_path: Path
) -> None:
    faults(f"{point}:full:{3 if point == 'journal' else 2}")
    with pytest.raises(ResourceError, match=r"free space .*MB needed, .* GB free"):
        train(SHORT, folder=tmp_path)
    assert not list(tmp_path.glob("*.tmp"))
    faults("")
    assert_same_end(train, tmp_path, uninterrupted)


@pytest.mark.slow
def test_TR03_training_goes_on_without_a_contact_sheet(train: Train, faults: Faults, tmp_path: Path) -> None:
    faults("sheet:full:1+")
    assert not train(SHORT, folder=tmp_path).diverged
    assert "without the picture" in (tmp_path / "metrics.jsonl").read_text()
