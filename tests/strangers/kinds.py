"""The kinds of file that relook reads and that a stranger may have written: good examples of each, and who reads them."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import torch
from cut_list_kinds import EDLS, read_as_cut_list, timelines
from look_bytes import joined, look_bytes, parts_of
from mutate import Spoil, changed, json_changed, json_line_changed, lines_changed, name_twice
from training_kinds import (
    RECIPE,
    arrays,
    checkpoint_file,
    indices,
    logs,
    read_as_array,
    read_as_checkpoint,
    read_as_index,
    read_as_log,
    read_as_recipe,
    read_as_run,
    runs,
)

from relook.apply.shot_record import RECORD, read_record
from relook.film.journal import Journal, Stretch
from relook.film.part import Part
from relook.film.publish import receipt_of
from relook.look import load_look
from relook.receipt import Chunk, Files, Receipt, compare, read_receipt, sealed, write_receipt
from relook.report import Report
from relook.train.checkpoint import COURSE, MANIFEST, TENSORS

JOB = "0" * 64


@dataclass(frozen=True)
class Kind:
    """One kind of file."""

    examples: Callable[[], list[bytes]]
    read: Callable[[bytes, Path], object]
    """Reads the bytes as such a file, in a folder that is empty and its own; raises nothing but relook's own errors."""
    ways: tuple[Spoil, ...] = (json_changed, json_changed, name_twice)
    """In which files of the kind are spoilt, beside those for all."""


def _read_look(data: bytes, folder: Path) -> None:
    path = folder / "x.look"
    path.write_bytes(data)
    look = load_look(path)
    with torch.no_grad():
        assert look.generator.deterministic(torch.zeros(1, 3, 8, 8)).shape == (1, 3, 8, 8)


def _look_changed(data: bytes, random: Random) -> bytes:
    """Change the head or the card of a look, and sign it again."""
    try:
        header, card, payload = parts_of(data)
    except Exception:
        return data
    if random.random() < 0.7:
        card = changed(card, random)
    else:
        header = changed(header, random)
    return joined(header, card, payload) if isinstance(header, dict) else data


def _stretch(index: int) -> dict[str, Any]:
    return {
        "start": 24 * index,
        "stop": 24 * index + 24,
        "files": {f"{index:06d}.pictures": hashlib.sha256(b"pictures").hexdigest()},
        "facts": {"tally": {"hashes": ["0" * 64] * 24}, "pictures": {"coded": [[0, 1, 8, True]]}},
    }


def _journals() -> list[bytes]:
    lines = [json.dumps({"job": JOB, "schema": 1}), *(json.dumps(_stretch(index)) for index in range(3))]
    return ["".join(f"{line}\n" for line in [*lines, *more]).encode() for more in ([], ['{"announced": "0"}'])]


def _read_journal(data: bytes, folder: Path) -> list[Stretch]:
    part = Part(folder / "x.mov")
    try:
        for index in range(3):
            (part.path / f"{index:06d}.pictures").write_bytes(b"pictures")
        (part.path / "journal.jsonl").write_bytes(data)
        journal = Journal(part, JOB)
        assert [done.start for done in journal.stretches] == [0, *(done.stop for done in journal.stretches)][
            :-1
        ] or not data
        assert Journal(part, JOB).stretches == journal.stretches
        return journal.stretches
    finally:
        part.leave()


def _records() -> list[bytes]:
    shot = {
        "event": "001",
        "cut": [24, 48],
        "frames": [12, 60],
        "cut_timecode": ["01:00:00:00", "01:00:01:00"],
        "key": "0" * 64,
        "sha256": "f" * 64,
    }
    shots = {"001_A001.mov": shot, "002_B.mov": shot | {"event": "002"}}
    return [sealed({"schema": 1, "film": "film.mov", "shots": shots})]


def _read_record(data: bytes, folder: Path) -> None:
    (folder / RECORD).write_bytes(data)
    for name in read_record(folder):
        assert (folder / name).parent == folder and (folder / name).resolve().parent == folder.resolve()


def _reports() -> list[bytes]:
    shot = {
        "index": 0,
        "start_frame": 0,
        "stop_frame": 24,
        "start_timecode": "01:00:00:00",
        "verdict": "fail",
        "reasons": [{"code": "flicker", "text": "it flickers"}],
        "measures": {"flicker": 0.5},
    }
    film = {"name": "a.mov", "width": 64, "height": 48, "frame_rate": "24", "num_frames": 24}
    whole = {
        "schema": 1,
        "film": film,
        "look": {"name": "x", "sha256": "0" * 64},
        "verdict": "fail",
        "standing": "on 5 shots",
        "shots": [shot],
        "measures": {"limits": {"flicker": [0.1, 0.2]}, "timeline": {}, "mechanics": None},
    }
    return [json.dumps(whole).encode()]


def _read_report(data: bytes, folder: Path) -> object:
    return Report.from_json(data.decode(errors="replace"))


def _receipts() -> list[bytes]:
    digest = "0" * 64
    film = Files("o.mov", {"o.mov": digest})
    used = {"dials": {"strength": 1.0}, "frames": {"start": 0, "stop": 24}, "seed": 0, "wrap": None}
    return [
        write_receipt(Receipt(digest, film, film, Files("x", {"x": digest}), used, {"frame_hashes": [digest] * 3})),
        write_receipt(Receipt("", Files("o.####.png", {"o.1001.png": digest}), film, Files("x", {"x": ""}), used)),
        write_receipt(Receipt(digest, film, film, film, used, {}, take=digest, earlier=(Chunk("", {"frames": {}}),))),
    ]


def _read_receipt(data: bytes, folder: Path) -> object:
    receipt_of(folder / "o.mov").write_bytes(data)
    return compare("output", read_receipt(folder / "o.mov").output, folder)


KINDS: dict[str, Kind] = {
    "look": Kind(lambda: [look_bytes()], _read_look, (*(_look_changed,) * 6, name_twice)),
    "edl": Kind(lambda: list(EDLS), read_as_cut_list(".edl"), (lines_changed,)),
    "otio": Kind(timelines, read_as_cut_list(".otio")),
    "journal": Kind(_journals, _read_journal, (json_line_changed, lines_changed)),
    "shot record": Kind(_records, _read_record),
    "recipe": Kind(lambda: [RECIPE], read_as_recipe, (lines_changed,)),
    "checkpoint course": Kind(lambda: [checkpoint_file(COURSE)], read_as_checkpoint(COURSE)),
    "checkpoint manifest": Kind(lambda: [checkpoint_file(MANIFEST)], read_as_checkpoint(MANIFEST)),
    "checkpoint tensors": Kind(lambda: [checkpoint_file(TENSORS)], read_as_checkpoint(TENSORS), (name_twice,)),
    "corpus index": Kind(indices, read_as_index),
    "corpus array": Kind(arrays, read_as_array, ()),
    "run": Kind(runs, read_as_run),
    "training log": Kind(logs, read_as_log, (json_line_changed, lines_changed)),
    "report": Kind(_reports, _read_report),
    "receipt": Kind(_receipts, _read_receipt),
}
"""Every kind by its name; a new kind of file that is read gets its line here."""


def cleared(folder: Path) -> Path:
    """Make a folder empty."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder
