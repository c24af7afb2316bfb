"""A training that was killed while its folder is made or cleared, and checkpoints on a disk that is full (AP03, TR01, TR03)."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from relook.errors import ResourceError
from relook.film.publish import file_hash
from relook.recipe.mechanics import Mechanics
from relook.recipe.presets import PRESETS
from relook.train.checkpoint import Saved, checkpoints, read_checkpoint, step_of, write_checkpoint
from relook.train.course import Course
from relook.train.folder import Asked, note_made, was_made, write_asked
from relook.train.measures import HeldOutMeasures
from tests.faultpoints import points

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL and limits are POSIX's")

NUM_VALUES = 50_000


def save(folder: Path, step: int) -> None:
    """Write a checkpoint of some 200 kB."""
    measures = HeldOutMeasures(patch_distance=1, colour_distance=1, structure_kept=1, pair_error=0)
    saved = Saved(Course(measures, measures, step=step), Mechanics(), is_augmented=False)
    write_checkpoint(folder, saved, {"weights": torch.full((NUM_VALUES,), float(step))})


def assert_last_is(folder: Path, step: int) -> None:
    """See that a checkpoint is the newest, whole, and that nothing half-written is left."""
    saved, tensors, said = read_checkpoint(folder)
    assert saved is not None and saved.course.step == step and not said
    assert bool((tensors["weights"] == step).all())
    assert {path.name for path in folder.iterdir()} == {path.name for path in checkpoints(folder)}
    assert step_of(checkpoints(folder)[-1]) == step


def save_under_a_limit(folder: Path, limit: int) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    try:
        save(folder, 3)
    except ResourceError as error:
        sys.exit(error.exit_code)


def test_AP03_a_checkpoint_that_may_not_grow(tmp_path: Path, starter: Any) -> None:
    save(tmp_path, 2)
    child = starter.Process(target=save_under_a_limit, args=(tmp_path, NUM_VALUES))
    child.start()
    child.join()
    assert child.exitcode == ResourceError.exit_code
    assert_last_is(tmp_path, 2)
    save(tmp_path, 3)
    assert_last_is(tmp_path, 3)


def test_TR08_a_look_that_another_request_came_to_is_not_taken_for_this_ones(tmp_path: Path) -> None:
    look, run = tmp_path / "own.look", tmp_path / "own.run"
    asked = Asked("own", PRESETS["film"](), source=("/film.mp4",), style=("/reel.mp4",))
    run.mkdir()
    look.write_bytes(b"look")
    write_asked(run, asked)
    note_made(run, file_hash(look) or "")
    assert not was_made(look, replace(asked, style=("/other.mp4",)))
    assert not was_made(look, replace(asked, recipe=replace(asked.recipe, seed=7)))
    assert was_made(look, asked)
    assert {path.name for path in run.iterdir()} <= {"lock"}, "the run is over"


@pytest.fixture(scope="module")
def starter() -> Any:
    import multiprocessing

    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["relook.train.checkpoint"])
    return context


def test_AP03_a_checkpoint_on_a_small_disk(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small disk")
    mounting = ["mount", "-t", "tmpfs", "-o", "size=300k", "none", str(tmp_path)]
    if (done := subprocess.run(mounting, capture_output=True, text=True, check=False)).returncode:
        pytest.skip(f"a small disk cannot be mounted here: {done.stderr.strip()}")
    try:
        save(tmp_path, 2)
        with pytest.raises(ResourceError, match=r"cannot write .*ckpt-000003: No space left.*free space"):
            save(tmp_path, 3)
        assert_last_is(tmp_path, 2)
        subprocess.run(["mount", "-o", "remount,size=2m", str(tmp_path)], check=True)
        save(tmp_path, 3)
        assert_last_is(tmp_path, 3)
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)


@pytest.mark.slow
@pytest.mark.parametrize("point", ["run.clear", *points("prepare"), "whole.sync", "whole.replace"])
@pytest.mark.parametrize("nth", [1, 2])
def test_TR01_the_whole_verb_killed_at_a_failpoint(
    point: str, nth: int, films: Callable[[Path], tuple[Path, Path]], assert_world: Any, tmp_path: Path
) -> None:
    """The same command with --resume makes the look that it would have made."""
    looks = []
    for fault in ("", f"{point}:kill:{nth}"):
        folder = tmp_path / (fault or "uninterrupted").partition(":")[0]
        folder.mkdir()
        source, style = films(folder)
        words = ["--source", str(source), "--style", str(style), "-o", str(folder / "own.look"), "--budget", "16f"]
        command = [sys.executable, "-m", "relook", "train", *words]
        for given in (fault, ""):
            environment = os.environ | {"RELOOK_FAIL": given}
            done = subprocess.run(
                [*command, *(["--resume"] if fault and not given else [])], env=environment, capture_output=True
            )
            if done.returncode != -signal.SIGKILL:  # it went on to its end, or the point was not reached so often
                assert done.returncode == 0, done.stderr.decode()
                break
        looks.append(file_hash(folder / "own.look"))
        left = {path.name for path in (folder / "own.run").iterdir()}
        assert left == {"metrics.jsonl", "sheet.jpg", "training.html"}
    assert looks[0] == looks[1] is not None


@pytest.fixture
def films() -> Callable[[Path], tuple[Path, Path]]:
    """Return a function that paints a source and a style film into a folder."""
    import av
    import numpy as np

    def paint(path: Path, seed: int) -> Path:
        random = np.random.default_rng(seed)
        with av.open(str(path), "w") as container:
            stream = container.add_stream("libx264", rate=24, options={"crf": "12", "threads": "1"})
            stream.width, stream.height, stream.pix_fmt = 128, 96, "yuv420p"
            for index in range(24):
                if index % 12 == 0:
                    scene = random.random((12, 24, 3), np.float32)
                wide = np.kron(scene, np.ones((8, 8, 1), np.float32))
                shown = wide[:, index : index + 128] * 235 + random.normal(0, 6, (96, 128, 3))
                codes = np.clip(shown, 0, 255).astype(np.uint8)
                container.mux(stream.encode(av.VideoFrame.from_ndarray(codes, format="rgb24")))
            container.mux(stream.encode(None))
        return path

    return lambda folder: (paint(folder / "film.mp4", 1), paint(folder / "style.mp4", 2))
