"""A stopped training and what one may do next: go on, go on otherwise, start again; and who else may not."""

from __future__ import annotations

import shutil
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from relook.errors import InputChangedError, InputError, LockedError, UsageError
from relook.film.publish import locked
from relook.pipeline import train
from relook.progress import Progress
from tests.short_training import shorten

FRAMES = 80


class Killed(BaseException):
    """Ends a training as abruptly as this process allows."""


@pytest.fixture
def stopped(media: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Stop a training after its third step, and return the call that began it."""
    shorten(monkeypatch.setattr)
    monkeypatch.setattr(sys.modules["relook.train.loop"], "SAVE_SECONDS", -1.0)
    call = {"source": media / "film.mp4", "style": media / "style.mp4", "output": media / "own.look"}

    def stop(progress: Progress) -> None:
        if progress.stage == "training" and progress.done >= 24:
            raise Killed

    with pytest.raises(Killed):
        train(**call, budget_frames=FRAMES, on_progress=stop)
    assert not (media / "own.look").exists()
    return call


@pytest.mark.slow
def test_TR08_TR11_what_a_stopped_run_refuses_and_what_it_takes(stopped: dict[str, Any], media: Path) -> None:
    """Other settings or footage (TR08) and a second trainer (TR11, exit 7) are refused, and cost nothing."""
    run = media / "own.run"
    with pytest.raises(UsageError, match=r"stopped after step 3.*--resume.*--overwrite"):
        train(**stopped, budget_frames=FRAMES)
    with pytest.raises(UsageError, match=r"recipe.seed was 0 and is now 1.*--fork"):
        train(**stopped, budget_frames=FRAMES, seed=1, resume=True)
    with pytest.raises(UsageError, match=r"style was .*style.mp4.* is now"):
        train(**stopped | {"style": media / "film.mp4"}, budget_frames=FRAMES, resume=True)
    with pytest.raises(UsageError, match=r"colour_space was None and is now ACEScct of the config .*--fork"):
        train(**stopped, budget_frames=FRAMES, colour_space="acescct", resume=True)
    with locked(run / "lock", "busy"), pytest.raises(LockedError, match=r"another training"):
        train(**stopped, budget_frames=FRAMES, resume=True)
    before = (media / "style.mp4").read_bytes()
    (media / "style.mp4").write_bytes(before + b"\0")
    with pytest.raises(InputChangedError, match=r"style\.mp4"):
        train(**stopped, budget_frames=FRAMES, resume=True)
    (media / "style.mp4").write_bytes(before)
    assert len(list(run.glob("ckpt-*"))) == 2, "nothing that was refused took anything away"
    look = train(**stopped, budget_frames=FRAMES, resume=True)
    assert look.card.measures["steps"] == 10 and (media / "own.look").exists()
    assert sorted(path.name for path in run.iterdir()) == ["metrics.jsonl", "sheet.jpg", "training.html"]


@pytest.mark.slow
def test_TR08_a_fork_goes_on_otherwise(stopped: dict[str, Any], media: Path) -> None:
    shutil.copyfile(media / "film.mp4", media / "style.mp4")
    look = train(**stopped, budget_frames=32, seed=1, fork=True)
    assert look.card.measures["steps"] == 4 and look.card.recipe.seed == 1


@pytest.mark.slow
def test_overwriting_starts_again(stopped: dict[str, Any], media: Path) -> None:
    seen: list[float] = []
    train(**stopped, budget_frames=16, overwrite=True, on_progress=lambda p: seen.append(p.done))
    lines = (media / "own.run" / "metrics.jsonl").read_text().splitlines()
    assert '"step": 0' in lines[0] and '"step": 2' in lines[-1]


@pytest.mark.slow
def test_there_is_nothing_to_go_on_with(media: Path) -> None:
    look = train(media / "film.mp4", media / "style.mp4", media / "new.look", budget_frames=8, resume=True)
    assert look.card.measures["steps"] == 1


@pytest.mark.slow
def test_TR04_a_training_that_was_given_up_leaves_its_best_look(
    media: Path, run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(media)
    monkeypatch.setenv("RELOOK_FAIL", "critic.loss:spoil:1+")
    code, out, err = run("train --source film.mp4 --style style.mp4 -o own.look --budget 400f")
    assert code == 5 and "own.look" in err and "not finite" in err and out == ""
    monkeypatch.delenv("RELOOK_FAIL")
    page = (media / "own.run" / "training.html").read_text()
    assert "given up" in page and "http-equiv" not in page
    assert run("apply film.mp4 --look own.look -o out.mp4")[0] == 0


def test_a_folder_of_somebody_else_is_left_alone(media: Path) -> None:
    (media / "own.run").mkdir()
    (media / "own.run" / "diary.txt").write_text("mine")
    with pytest.raises(UsageError, match=r"was not made by relook"):
        train(media / "film.mp4", media / "style.mp4", media / "own.look", budget_frames=8, overwrite=True)
    assert [path.name for path in (media / "own.run").iterdir()] == ["diary.txt"]


@pytest.mark.slow
def test_a_wrong_path_costs_no_stopped_run(stopped: dict[str, Any], media: Path) -> None:
    with pytest.raises(InputError, match=r"absent\.mp4"):
        train(**stopped | {"source": media / "absent.mp4"}, budget_frames=FRAMES, overwrite=True)
    with pytest.raises(InputError, match=r"absent\.png"):
        train(**stopped, budget_frames=FRAMES, overwrite=True, pairs=[(media / "absent.png", media / "absent.png")])
    assert len(list((media / "own.run").glob("ckpt-*"))) == 2


@pytest.mark.slow
def test_a_run_that_lost_its_corpus_prepares_it_again(stopped: dict[str, Any], media: Path) -> None:
    shutil.rmtree(media / "own.run" / "corpus")
    with pytest.raises(UsageError, match=r"recipe\.seed was 0 and is now 1"):
        train(**stopped, budget_frames=FRAMES, seed=1, resume=True)
    (media / "own.run" / "run.json").unlink()
    with pytest.raises(UsageError, match=r"no longer holds"):
        train(**stopped, budget_frames=FRAMES, resume=True)


@pytest.mark.parametrize("place", ["corpus.array:full:2", "prepare.look:memory:3", "prepare.store:memory:2"])
def test_TR03_TR06_no_room_or_memory_to_prepare_the_footage(
    place: str, media: Path, run: Any, tree: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(media)
    monkeypatch.setenv("RELOOK_FAIL", place)
    monkeypatch.setattr("relook.faults._reached", Counter())
    before = tree(media)
    code, out, err = run("train --source film.mp4 --style style.mp4 -o own.look --budget 8f")
    said = "MB needed" if "full" in place else "preparing the footage: out of memory; close other programs"
    assert code == 6 and said in err and out == "" and "bug" not in err
    assert tree(media) == before


@pytest.mark.slow
def test_TR09_a_corpus_that_was_damaged_is_prepared_again(stopped: dict[str, Any], media: Path) -> None:
    corpus = media / "own.run" / "corpus"

    def harm(progress: Progress) -> None:
        if progress.stage == "training" and progress.done == 40:
            for array in corpus.glob("*.npy"):
                array.write_bytes(b"")

    with pytest.raises(InputError, match=r"lost .*--resume prepares it again"):
        train(**stopped, budget_frames=FRAMES, resume=True, on_progress=harm)
    page = (media / "own.run" / "training.html").read_text()
    assert "is left out" in page and "prepares it again" in page
    look = train(**stopped, budget_frames=FRAMES, resume=True)
    assert look.card.measures["steps"] == 10 and "Left out" not in look.card.sufficiency
