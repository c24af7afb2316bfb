"""Training that runs out of memory (TR06), clips (TR09) or its device (TR15), is interrupted (TR02), or has its clock moved (TR12)."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from relook.compute import Crew, is_out_of_memory, lack
from relook.corpus import INDEX, Corpus, load_corpus
from relook.deliver.training_page import write_training_page
from relook.errors import InputError, LostShotError, ResourceError, StoppedError
from relook.progress import Progress
from relook.recipe.settings import Recipe
from relook.train.checkpoint import checkpoints, read_checkpoint, step_of
from relook.train.loop import Run, Trained, train_look
from relook.train.supply import require_enough
from tests.short_training import shorten

SHORT = Recipe(budget_frames=24, num_checks=2, batch_pairs=2, crop_px=64)
STEPS = 6
DAY = 86400.0

Train = Callable[..., Trained]
Faults = Callable[[str], None]


def noted(folder: Path, event: str = "trouble") -> list[dict[str, Any]]:
    lines = map(json.loads, (folder / "metrics.jsonl").read_text().splitlines())
    return [line for line in lines if line["event"] == event]


def page_of(folder: Path) -> str:
    return write_training_page(folder, name="toy", is_done=True).read_text()


def last(folder: Path) -> dict[str, Tensor]:
    """Return all that the newest checkpoint holds of the nets."""
    return read_checkpoint(folder)[1]


@pytest.fixture(scope="module")
def untroubled(corpus: Corpus, crew: Crew, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Tensor]:
    """The nets after a run without any fault."""
    folder = tmp_path_factory.mktemp("untroubled")
    with pytest.MonkeyPatch.context() as patch:
        shorten(patch.setattr)
        train_look(corpus, SHORT, Run("toy", folder), crew)
    return last(folder)


def is_same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


@pytest.mark.slow
def test_TR06_out_of_memory_goes_on_in_parts_and_says_so(train: Train, faults: Faults, tmp_path: Path) -> None:
    faults("step.generator:memory:3")
    look = train(SHORT, folder=tmp_path).look
    (trouble,) = noted(tmp_path)
    assert trouble["step"] == 3 and trouble["what"] == "out of memory" and "1 of the 2 pairs" in trouble["done"]
    assert "Out of memory; from now on 1 of the 2 pairs of a step" in page_of(tmp_path)
    assert look.card.measures["steps"] == STEPS and look.card.measures["pairs_at_once"] == 1
    assert "Memory ran short in training" in look.card.sufficiency


@pytest.mark.slow
def test_TR06_no_memory_for_a_single_pair_is_an_error_of_resources(
    train: Train, faults: Faults, tmp_path: Path
) -> None:
    faults("step.critic:memory:4+")
    with pytest.raises(
        ResourceError, match=r"step 3, with 1 pairs at once: out of memory; .*--resume continues from step 3"
    ):
        train(SHORT, folder=tmp_path)
    assert all(tensor.isfinite().all() for tensor in last(tmp_path).values())


@pytest.mark.slow
def test_TR15_a_device_that_vanishes_ends_the_run_and_it_goes_on_elsewhere(
    train: Train, faults: Faults, untroubled: dict[str, Tensor], tmp_path: Path
) -> None:
    faults("step.critic:device:6")
    with pytest.raises(
        ResourceError, match=r"step 5: the device failed \(CUDA error.*--device cpu.*from step 5, here or"
    ):
        train(SHORT, folder=tmp_path)
    assert step_of(checkpoints(tmp_path)[-1]) == 5, "the last check was after step 3"
    faults("")
    train(SHORT, folder=tmp_path)
    assert is_same(last(tmp_path), untroubled)


@pytest.mark.slow
def test_TR15_nets_that_can_no_longer_be_read_leave_the_last_checkpoint(
    train: Train, faults: Faults, tmp_path: Path
) -> None:
    faults("step.critic:device:6,checkpoint.tensors:device:2")
    with pytest.raises(ResourceError, match=r"the device failed .*--resume continues from step 3"):
        train(SHORT, folder=tmp_path)
    assert [path.name for path in tmp_path.glob("ckpt-*")] == ["ckpt-000003"]


def test_what_is_want_of_memory_or_device_and_what_is_not() -> None:
    assert "memory" in lack(MemoryError()) and is_out_of_memory(RuntimeError("CUDA error: out of memory"))
    assert "device failed" in lack(RuntimeError("CUDA error: device-side assert triggered\nCompile with ..."))
    assert "device failed" in lack(RuntimeError("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED"))
    assert lack(RuntimeError("sizes do not match")) == lack(ValueError("CUDA error")) == ""


@pytest.fixture
def own(corpus: Corpus, tmp_path: Path) -> Corpus:
    """A corpus of the test's own, to be damaged."""
    return load_corpus(Path(shutil.copytree(corpus.root, tmp_path / "corpus")))


def damage(path: Path, kind: str) -> None:
    if kind == "deleted":
        path.unlink()
    elif kind == "damaged":
        path.write_bytes(path.read_bytes()[:5000])
    elif kind == "replaced":
        np.save(path, np.load(path)[::-1])
    else:
        os.utime(path, (time.time() + DAY, time.time() + DAY))


def train_while(corpus: Corpus, crew: Crew, folder: Path, harm: Callable[[], None], step: int = 2) -> Trained:
    """Train, and do some harm after a step."""

    def after(progress: Progress) -> None:
        if progress.stage == "training" and progress.done == step * SHORT.frames_a_step:
            harm()

    folder.mkdir(exist_ok=True)
    return train_look(corpus, SHORT, Run("toy", folder), crew, on_progress=after)


@pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=pytest.mark.slow) for kind in ("replaced", "deleted", "damaged")]
)
def test_TR09_a_clip_that_is_lost_is_left_out_and_named(
    kind: str, own: Corpus, crew: Crew, small: None, tmp_path: Path
) -> None:
    trained = train_while(own, crew, tmp_path / "run", lambda: damage(own.root / "style-0001.npy", kind))
    (trouble,) = noted(tmp_path / "run")
    assert str(own.root / "style-0001.npy") in trouble["what"] and trouble["done"] == "the clip style-0001 is left out"
    assert "the clip style-0001 is left out" in page_of(tmp_path / "run")
    assert "damaged during training: style-0001" in trained.look.card.sufficiency
    assert trained.look.card.measures["steps"] == STEPS
    assert len(trained.corpus.shots) == 7 and "style-0001" not in {shot.name for shot in trained.corpus.shots}
    with pytest.raises(InputError, match="prepare the corpus again"):
        load_corpus(own.root)


@pytest.mark.slow
def test_TR09_more_than_a_fifth_lost_stops_the_run(own: Corpus, crew: Crew, small: None, tmp_path: Path) -> None:
    def harm() -> None:
        damage(own.root / "style-0001.npy", "deleted")
        damage(own.root / "source-0000.npy", "deleted")

    with pytest.raises(InputError, match=r"25% of the frames, more than 20%, are lost \(.*--resume prepares it again"):
        train_while(own, crew, tmp_path / "run", harm)
    assert checkpoints(tmp_path / "run"), "what was learned until then is saved"


@pytest.mark.parametrize("is_held_out", [False, True])
def test_TR09_a_whole_side_lost_stops_the_run(is_held_out: bool, corpus: Corpus) -> None:
    many = [
        replace(shot, film_frames=tuple(range(100)))
        for shot in corpus.side("source") + corpus.side("source", held_out=True)
    ]
    few = [corpus.side("style")[0], *corpus.side("style", held_out=True)]
    whole = replace(corpus, shots=(*many, *few))
    require_enough(whole)
    with pytest.raises(InputError, match="all style shots to "):
        require_enough(whole.without(LostShotError("gone", few[int(is_held_out)].name)))


@pytest.mark.slow
def test_TR12_clock_zone_and_times_of_files_change_nothing(
    own: Corpus, crew: Crew, small: None, untroubled: dict[str, Tensor], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The clock jumps by a day to and fro, the zone is odd, and arrays and checkpoints come from the future."""
    real, jumps = time.time, iter(range(1 << 30))
    monkeypatch.setattr(time, "time", lambda: real() + DAY * (-1) ** next(jumps))
    monkeypatch.setenv("TZ", "Asia/Kathmandu")

    def harm() -> None:
        for path in (*own.root.glob("*.npy"), *(tmp_path / "run").glob("ckpt-*")):
            damage(path, "touched")

    train_while(own, crew, tmp_path / "run", harm, step=4)
    assert not noted(tmp_path / "run") and is_same(last(tmp_path / "run"), untroubled)
    assert [path.name for path in checkpoints(tmp_path / "run")] == ["ckpt-000003", "ckpt-000006"]
    assert all(line["seconds"] < DAY / 2 for line in noted(tmp_path / "run", "check")), (
        "told by a clock that never jumps"
    )
    assert (own.root / INDEX).exists()


@pytest.fixture
def interrupts() -> Iterator[None]:
    """Mind Ctrl-C as a program in the foreground does."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="signals as a terminal sends them are POSIX's")
@pytest.mark.parametrize("times", [pytest.param(1, marks=pytest.mark.slow), 2])
def test_TR02_one_interrupt_saves_and_a_second_acts_at_once(
    times: int,
    corpus: Corpus,
    crew: Crew,
    small: None,
    train: Train,
    interrupts: None,
    untroubled: dict[str, Tensor],
    tmp_path: Path,
) -> None:
    def interrupt() -> None:
        for _ in range(times):
            os.kill(os.getpid(), signal.SIGINT)

    started = time.monotonic()
    with pytest.raises(StoppedError if times == 1 else KeyboardInterrupt) as stopped:
        train_while(corpus, crew, tmp_path, interrupt, step=4)
    assert time.monotonic() - started < 60
    if times == 1:
        assert stopped.value.exit_code == 130
    assert step_of(checkpoints(tmp_path)[-1]) == (5 if times == 1 else 3) and not list(tmp_path.glob("*.tmp"))
    train(SHORT, folder=tmp_path)
    assert is_same(last(tmp_path), untroubled)
