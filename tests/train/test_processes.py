"""Several processes train one look: the same weights for every member, and those of one process but for rounding."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path

import pytest
import safetensors.torch
import torch

from relook.compute import Crew, leading_crew
from relook.corpus import Corpus
from relook.errors import ResourceError
from relook.recipe.settings import Recipe
from relook.train.checkpoint import read_checkpoint
from relook.train.loop import Run, train_look

RECIPE = Recipe(budget_frames=64, num_checks=2, batch_pairs=4, crop_px=64)
TOLERANCE = 2e-5
"""Of weights, between two processes and one: sums are taken in another order."""

MEMBER = """
import os, signal, sys, time
from pathlib import Path
import safetensors.torch, torch
from relook.compute import join_crew
from relook.corpus import load_corpus
from relook.recipe.settings import Recipe
from relook.train.loop import Run, train_look
torch.set_num_threads(1)
for module, name, size in (("matching", "POOL", 96), ("heldout", "POOL", 96), ("heldout", "NUM_SQUARES", 16)):
    setattr(sys.modules[f"relook.train.{module}"], name, size)
crew = join_crew("cpu")
if sys.argv[-1] == "fail":
    sys.exit("this member fails")
if sys.argv[-1] == "is killed":
    os.kill(os.getpid(), signal.SIGKILL)
if sys.argv[-1] == "hangs":
    time.sleep(600)
if sys.argv[-1] == "short":
    os.environ["RELOOK_FAIL"] = "step.critic:memory:2"
recipe = Recipe(budget_frames=64, num_checks=2, batch_pairs=4, crop_px=64)
look = train_look(load_corpus(Path(sys.argv[1])), recipe, Run("toy", Path(sys.argv[2])), crew).look
Path(sys.argv[3]).write_bytes(safetensors.torch.save(look.generator.state_dict()))
"""


@pytest.mark.slow
def test_two_processes_are_one(corpus: Corpus, crew: Crew, small: None, tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("one", "two")]
    for folder in folders:
        folder.mkdir()
    train_look(corpus, RECIPE, Run("toy", folders[0]), crew)
    words = [sys.executable, "-c", MEMBER, str(corpus.root), str(folders[1]), str(tmp_path / "other")]
    with leading_crew(words, 2, "cpu") as pair:
        assert (pair.size, pair.rank, pair.leads) == (2, 0, True)
        look = train_look(corpus, RECIPE, Run("toy", folders[1]), pair).look
    theirs = safetensors.torch.load((tmp_path / "other").read_bytes())
    assert all(torch.equal(value, theirs[key]) for key, value in look.generator.state_dict().items())
    one, two = (read_checkpoint(folder) for folder in folders)
    assert one[0] is not None and two[0] is not None
    assert one[0].course.step == two[0].course.step == 8
    weights = [key for key in one[1] if "optimiser" not in key]
    furthest = max(float((one[1][key] - two[1][key]).abs().max()) for key in weights)
    assert 0 < furthest < TOLERANCE


def listening_at() -> set[str]:
    """Return the addresses, as the kernel writes them, at which this process waits for others to connect."""
    handles = []
    for handle in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):  # the one by which the folder was listed
            handles.append(os.readlink(handle))
    sockets = {handle[len("socket:[") : -1] for handle in handles if handle.startswith("socket:")}
    rows = [row.split() for name in ("tcp", "tcp6") for row in Path(f"/proc/net/{name}").read_text().splitlines()[1:]]
    return {row[1].partition(":")[0] for row in rows if row[9] in sockets and row[3] == "0A"}


@pytest.mark.slow
def test_T16_a_crew_listens_on_this_machine_alone(tmp_path: Path) -> None:
    words = [sys.executable, "-c", MEMBER, "corpus", str(tmp_path), "other", "fail"]
    with pytest.raises(ResourceError, match="another process"), leading_crew(words, 2, "cpu") as pair:
        if sys.platform == "linux":
            assert listening_at() == {"0100007F"}  # 127.0.0.1
        for _ in range(1000):
            pair.mean(torch.ones(1))


@pytest.mark.slow
def test_TR06_a_member_short_of_memory_is_told_by_the_leader(corpus: Corpus, small: None, tmp_path: Path) -> None:
    words = [sys.executable, "-c", MEMBER, str(corpus.root), str(tmp_path), str(tmp_path / "other"), "short"]
    with leading_crew(words, 2, "cpu") as pair:
        look = train_look(corpus, RECIPE, Run("toy", tmp_path), pair).look
    assert look.card.measures["pairs_at_once"] == 1 and "out of memory" in (tmp_path / "metrics.jsonl").read_text()
    theirs = safetensors.torch.load((tmp_path / "other").read_bytes())
    assert all(torch.equal(value, theirs[key]) for key, value in look.generator.state_dict().items())


@pytest.mark.parametrize(
    ("fate", "said"),
    [
        pytest.param("fail", "another process of this training failed", marks=pytest.mark.slow),
        pytest.param("is killed", "another process of this training failed", marks=pytest.mark.slow),
        pytest.param("hangs", "has not answered for 30 s", marks=pytest.mark.slow),
    ],
)
def test_TR10_a_member_that_dies_or_hangs_ends_the_run(
    fate: str, said: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """What relook has of workers are the members of a crew: samples are drawn in each of them, by no process of their own.

    So no loader can be lost or stand still; and whoever resumes draws the same samples, for each is a pure function of its
    number. A member is not started again, since a run goes on from its last checkpoint; no stack is dumped, since the message
    of a member that failed stands above the leader's.
    """
    monkeypatch.setattr("relook.compute.PATIENCE_SECONDS", 30.0)
    words = [sys.executable, "-c", MEMBER, "corpus", str(tmp_path), "other", fate]
    with pytest.raises(ResourceError, match=said), leading_crew(words, 2, "cpu") as pair:
        for _ in range(1000):
            pair.mean(torch.ones(1))


@pytest.mark.slow
def test_TR10_a_member_that_never_comes_is_not_waited_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("relook.compute.PATIENCE_SECONDS", 3.0)
    words = [sys.executable, "-c", "raise SystemExit(1)"]
    with pytest.raises(ResourceError, match="another process"), leading_crew(words, 2, "cpu"):
        pass


def test_a_crew_of_one_changes_nothing(crew: Crew) -> None:
    values = torch.randn(5)
    parameter = torch.nn.Parameter(torch.zeros(3))
    parameter.grad = torch.tensor([3.0, 0.0, 4.0])
    assert crew.mean(values) is values and crew.agree(0.25) == 0.25
    assert float(crew.average_gradients([parameter])) == 5 and parameter.grad.tolist() == [3, 0, 4]
