"""Checkpoints: all that training holds, on disk, whole or not at all.

Each is a folder `ckpt-000123` with `tensors.safetensors`, `course.json` and, written last, `MANIFEST.json` with their hashes. It
is made as `.tmp`, forced to disk and renamed, so the newest whole one is where a run goes on. The last two are kept. Never
shipped as a look.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

import safetensors.torch
from pydantic import TypeAdapter
from safetensors import SafetensorError
from torch import Tensor

from relook import faults
from relook.errors import InputError
from relook.film.publish import disk_errors, sync_folder, write_whole
from relook.recipe.bounds import require_sane
from relook.recipe.mechanics import Mechanics
from relook.strict import parse_json, parsed, read_regular
from relook.train.course import Course

SCHEMA = 2
NAME = re.compile(r"ckpt-\d+")
KEPT = 2
TENSORS, COURSE, MANIFEST = "tensors.safetensors", "course.json", "MANIFEST.json"
_MOST_JSON_BYTES, _MOST_TENSOR_BYTES = 1 << 20, 4 << 30
POINTS = (
    "checkpoint.tensors",
    "checkpoint.course",
    "checkpoint.manifest",
    "checkpoint.rename",
    "checkpoint.prune",
)
"""Where a test may break the writing of a checkpoint."""


@dataclass(frozen=True)
class Saved:
    """What is in a checkpoint beside the tensors."""

    course: Course
    mechanics: Mechanics
    is_augmented: bool
    schema: int = SCHEMA


_SAVED = TypeAdapter(Saved)


class DamagedCheckpoint(Exception):
    """A checkpoint is not what its manifest says; the text says how."""


def write_checkpoint(folder: Path, saved: Saved, tensors: dict[str, Tensor]) -> None:
    """Write a checkpoint beside the one before; older ones go, and later ones, which were damaged or left behind.

    Raises:
        ResourceError: the disk is full; the earlier ones are whole.
    """
    final = folder / f"ckpt-{saved.course.step:06d}"
    part = final.with_suffix(".tmp")
    try:
        with disk_errors(final, needed_bytes=sum(tensor.nbytes for tensor in tensors.values())):
            _write_folder(part, final, saved, tensors)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    faults.point("checkpoint.prune")
    past = [path for path in checkpoints(folder) if step_of(path) <= saved.course.step]
    for path in checkpoints(folder):
        if path not in past[-KEPT:]:
            shutil.rmtree(path, ignore_errors=True)


def _write_folder(part: Path, final: Path, saved: Saved, tensors: dict[str, Tensor]) -> None:
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    files = {TENSORS: safetensors.torch.save(tensors), COURSE: _SAVED.dump_json(saved, indent=1)}
    for name, content in files.items():
        faults.point(f"checkpoint.{name.split('.')[0]}")
        write_whole(part / name, content)
    faults.point("checkpoint.manifest")
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    write_whole(part / MANIFEST, json.dumps({"schema": SCHEMA, "sha256": hashes}, indent=1).encode())
    faults.point("checkpoint.rename")
    shutil.rmtree(final, ignore_errors=True)
    os.replace(part, final)
    sync_folder(final.parent)


def read_checkpoint(folder: Path) -> tuple[Saved | None, dict[str, Tensor], str]:
    """Return the newest whole checkpoint, None where there is none, and what is to be said of newer ones that are damaged.

    Raises:
        InputError: a newer or an older relook wrote it.
    """
    said = []
    for path in reversed(checkpoints(folder)):
        try:
            saved, tensors = _read(path)
        except DamagedCheckpoint as error:
            said.append(f"{path.name} is damaged ({error})")
            continue
        return saved, tensors, "; ".join(said)
    return None, {}, "; ".join(said)


def checkpoints(folder: Path) -> list[Path]:
    """Return the checkpoints of a run, oldest first."""
    return sorted((path for path in folder.glob("ckpt-*") if NAME.fullmatch(path.name)), key=step_of)


def step_of(checkpoint: Path) -> int:
    """Return the step after which a checkpoint was written."""
    return int(checkpoint.name.removeprefix("ckpt-"))


def _read(path: Path) -> tuple[Saved, dict[str, Tensor]]:
    try:
        manifest = parse_json(read_regular(path / MANIFEST, _MOST_JSON_BYTES))
        schema = manifest["schema"]
        if schema != SCHEMA:
            age = "a newer" if schema > SCHEMA else "an older"
            raise InputError(
                f"{path} was written by {age} relook (schema {schema}, this one reads {SCHEMA}); "
                "go on with that one, or start again with --overwrite"
            )
        sizes = {TENSORS: _MOST_TENSOR_BYTES, COURSE: _MOST_JSON_BYTES}
        files = {name: read_regular(path / name, most) for name, most in sizes.items()}
        for name, content in files.items():
            if hashlib.sha256(content).hexdigest() != manifest["sha256"][name]:
                raise DamagedCheckpoint(f"{name} is not what was written")
        saved = parsed(_SAVED, files[COURSE])
        require_sane(saved.mechanics)
        return saved, safetensors.torch.load(files[TENSORS])
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise DamagedCheckpoint(str(error).splitlines()[0]) from error
