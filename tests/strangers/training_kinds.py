"""Files of training that a stranger may have written: good examples, and who reads them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

from relook.corpus import INDEX, load_corpus
from relook.deliver.training_log import read_log
from relook.recipe.files import read_recipe
from relook.recipe.mechanics import Mechanics
from relook.train.checkpoint import COURSE, MANIFEST, TENSORS, Saved, read_checkpoint, write_checkpoint
from relook.train.course import Course
from relook.train.folder import ASKED, read_asked
from relook.train.measures import HeldOutMeasures

RECIPE = b"""preset = "film"
seed = 3
budget_seconds = 60.5
objective = "hinge"
augment = true
[generator]
detail_channels = 8
num_detail_layers = 3
[weights]
adversarial = 0.5
[rates]
generator = 1e-3
"""


def read_as_recipe(data: bytes, folder: Path) -> object:
    path = folder / "x.toml"
    path.write_bytes(data)
    return read_recipe(path)


@cache
def checkpoint_file(name: str) -> bytes:
    """Return a file of a good checkpoint."""
    import tempfile

    measures = HeldOutMeasures(1.0, 0.5, 0.9)
    with tempfile.TemporaryDirectory() as folder:
        saved = Saved(Course(measures, measures, step=12), Mechanics(), is_augmented=False)
        write_checkpoint(Path(folder), saved, {"critic.a": torch.zeros(3)})
        return (Path(folder) / "ckpt-000012" / name).read_bytes()


def read_as_checkpoint(name: str) -> Callable[[bytes, Path], object]:
    """Read a checkpoint of which one file is another; the manifest has that one's hash, unless it is itself the one."""

    def read(data: bytes, folder: Path) -> object:
        path = folder / "ckpt-000012"
        path.mkdir()
        files = {each: checkpoint_file(each) for each in (TENSORS, COURSE, MANIFEST)} | {name: data}
        if name != MANIFEST:
            manifest = json.loads(files[MANIFEST])
            manifest["sha256"][name] = hashlib.sha256(data).hexdigest()
            files[MANIFEST] = json.dumps(manifest).encode()
        for each, content in files.items():
            (path / each).write_bytes(content)
        return read_checkpoint(folder)

    return read


def indices() -> list[bytes]:
    shot = {
        "name": "style-0000",
        "side": "style",
        "origin": "film.mov",
        "height": 4,
        "width": 5,
        "held_out": False,
        "runs": [{"start": 0, "stop": 2}, {"start": 2, "stop": 3}],
        "film_frames": [7, 8, 20],
        "bit_depth": 8,
        "seconds": 0.5,
    }
    dropped = {"side": "style", "origin": "film.mov", "reason": "black", "frames": [{"start": 0, "stop": 7}]}
    pair = {"name": "pair-0000", "source": "a.png", "target": "b.png", "height": 4, "width": 5}
    enough = {"level": "fair", "text": "enough"}
    whole = {"schema": 1, "shots": [shot], "dropped": [dropped], "sufficiency": enough, "anchors": [pair]}
    return [json.dumps(whole).encode()]


def read_as_index(data: bytes, folder: Path) -> object:
    np.save(folder / "style-0000.npy", np.zeros((3, 4, 5, 3), np.uint8))
    np.save(folder / "pair-0000.npy", np.zeros((2, 4, 5, 3), np.uint16))
    (folder / INDEX).write_bytes(data)
    return load_corpus(folder)


def arrays() -> list[bytes]:
    import io

    file = io.BytesIO()
    np.save(file, np.zeros((3, 4, 5, 3), np.uint8))
    return [file.getvalue()]


def read_as_array(data: bytes, folder: Path) -> object:
    np.save(folder / "pair-0000.npy", np.zeros((2, 4, 5, 3), np.uint16))
    (folder / "style-0000.npy").write_bytes(data)
    (folder / INDEX).write_bytes(indices()[0])
    return load_corpus(folder)


def runs() -> list[bytes]:
    return [
        json.dumps(
            {"name": "x", "recipe": {"seed": 1, "generator": {"num_nodes": 8}}, "source": ["a"], "style": ["b"]}
        ).encode()
    ]


def read_as_run(data: bytes, folder: Path) -> object:
    (folder / ASKED).write_bytes(data)
    return read_asked(folder)


def logs() -> list[bytes]:
    lines: list[dict[str, Any]] = [
        {
            "event": "check",
            "step": 0,
            "frames": 0,
            "seconds": 0.0,
            "candidate": "first pass",
            "score": 2.0,
            "kept": True,
        },
        {"event": "terms", "step": 20, "frames": 160, "seconds": 3.5, "critic": 0.5, "content": float("nan")},
        {"event": "trouble", "step": 21, "frames": 168, "seconds": 3.6, "what": "x", "done": "y"},
        {"event": "end", "step": 30, "frames": 240, "seconds": 5.0, "reason": "budget"},
    ]
    return ["".join(f"{json.dumps(line)}\n" for line in lines).encode()]


def read_as_log(data: bytes, folder: Path) -> object:
    path = folder / "metrics.jsonl"
    path.write_bytes(data)
    return read_log(path)
