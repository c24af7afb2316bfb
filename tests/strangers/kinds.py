"""The kinds of file that relook reads and that a stranger may have written: good examples of each, and who reads them."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import opentimelineio as otio
import torch
from look_bytes import joined, look_bytes, parts_of
from mutate import Spoil, changed, json_changed, json_line_changed, lines_changed, name_twice

from relook.apply.shot_record import RECORD, read_record
from relook.corpus import INDEX, load_corpus
from relook.deliver.training_log import read_log
from relook.film.cuts.cut_files import read_cut_list
from relook.film.cuts.cutlist import cut_list_in_words
from relook.film.journal import Journal, Stretch
from relook.film.part import Part
from relook.film.publish import receipt_of
from relook.look import load_look
from relook.receipt import Chunk, Files, Receipt, compare, read_receipt, sealed, write_receipt
from relook.recipe.files import read_recipe
from relook.recipe.mechanics import Mechanics
from relook.report import Report
from relook.train.checkpoint import COURSE, MANIFEST, TENSORS, Saved, read_checkpoint, write_checkpoint
from relook.train.course import Course
from relook.train.folder import ASKED, read_asked
from relook.train.measures import HeldOutMeasures

EDLS = (
    b"TITLE: TRAILER 4\nFCM: DROP FRAME\n\n001  A001C002 V     C        01:00:10;00 01:00:12;00 00:00:00;00 00:00:02;00\n"
    b"* FROM CLIP NAME: A001C002.MOV\n002  A001C003 V     D    012 01:00:20;00 01:00:22;00 00:00:02;00 00:00:04;00\n"
    b"* TO CLIP NAME: A001C003.MOV\n003  AX       AA/V  C        00:00:01;00 00:00:02;00 00:00:04;00 00:00:05;00\n"
    b"M2   AX       048.0                00:00:01;00\n* FREEZE FRAME\n",
    b"TITLE: X\r\nFCM: NON-DROP FRAME\r\nFINAL CUT PRO REEL: A LONG NAME REPLACED BY: ALONG\r\n"
    b"001  ALONG    B     C        01:00:10:00 01:00:12:00 10:00:00:00 10:00:02:00\r\n"
    b"002  BL       V     C        00:00:00:00 00:00:01:00 10:00:02:00 10:00:03:00\r\n>>> SOURCE x\r\nnothing known\r\n",
)
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
JOB = "0" * 64


@dataclass(frozen=True)
class Kind:
    """One kind of file."""

    examples: Callable[[], list[bytes]]
    read: Callable[[bytes, Path], object]
    """Reads the bytes as such a file, in a folder that is empty and its own; raises nothing but relook's own errors."""
    ways: tuple[Spoil, ...] = (json_changed, json_changed, name_twice)
    """In which files of the kind are spoilt, beside those for all."""


@cache
def _timelines() -> list[bytes]:
    def time(value: float, rate: float = 24.0) -> otio.opentime.RationalTime:
        return otio.opentime.RationalTime(value, rate)

    def clip(name: str) -> otio.schema.Clip:
        reference = otio.schema.ExternalReference(f"file:///a/{name}.mov", otio.opentime.TimeRange(time(0), time(500)))
        found = otio.schema.Clip(name, reference, otio.opentime.TimeRange(time(10), time(24)))
        found.metadata["cmx_3600"] = {"reel": "A001"}
        return found

    timelines = []
    for tracks in (1, 2):
        timeline = otio.schema.Timeline("cut", global_start_time=time(86400))
        for _ in range(tracks):
            track = otio.schema.Track("V", kind="Video")
            dissolve = otio.schema.Transition("d", "SMPTE_Dissolve", time(6), time(6))
            track.extend([clip("a"), dissolve, clip("b"), otio.schema.Gap(duration=time(12)), clip("c")])
            track[-1].effects.append(otio.schema.LinearTimeWarp(time_scalar=2.0))
            track[0].markers.append(otio.schema.Marker("m", otio.opentime.TimeRange(time(0), time(1))))
            timeline.tracks.append(track)
        timelines.append(timeline.to_json_string().encode())
    return [*timelines, json.dumps(_older(json.loads(timelines[0]))).encode()]


def _older(part: Any) -> Any:
    """Return a timeline as older programs write it: with `Clip.1`."""
    if isinstance(part, list):
        return [_older(one) for one in part]
    if not isinstance(part, dict):
        return part
    old = {name: _older(value) for name, value in part.items()}
    if old.get("OTIO_SCHEMA") == "Clip.2":
        old |= {"OTIO_SCHEMA": "Clip.1", "media_reference": old.pop("media_references")["DEFAULT_MEDIA"]}
        del old["active_media_reference_key"]
    return old


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


def _read_cut_list(ending: str) -> Callable[[bytes, Path], object]:
    def read(data: bytes, folder: Path) -> object:
        path = folder / f"x{ending}"
        path.write_bytes(data)
        return cut_list_in_words(read_cut_list(path))

    return read


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


def _read_recipe(data: bytes, folder: Path) -> object:
    path = folder / "x.toml"
    path.write_bytes(data)
    return read_recipe(path)


@cache
def _checkpoint(name: str) -> bytes:
    """Return a file of a good checkpoint."""
    import tempfile

    measures = HeldOutMeasures(1.0, 0.5, 0.9)
    with tempfile.TemporaryDirectory() as folder:
        saved = Saved(Course(measures, measures, step=12), Mechanics(), is_augmented=False)
        write_checkpoint(Path(folder), saved, {"critic.a": torch.zeros(3)})
        return (Path(folder) / "ckpt-000012" / name).read_bytes()


def _read_checkpoint(name: str) -> Callable[[bytes, Path], object]:
    """Read a checkpoint of which one file is another; the manifest has that one's hash, unless it is itself the one."""

    def read(data: bytes, folder: Path) -> object:
        path = folder / "ckpt-000012"
        path.mkdir()
        files = {each: _checkpoint(each) for each in (TENSORS, COURSE, MANIFEST)} | {name: data}
        if name != MANIFEST:
            manifest = json.loads(files[MANIFEST])
            manifest["sha256"][name] = hashlib.sha256(data).hexdigest()
            files[MANIFEST] = json.dumps(manifest).encode()
        for each, content in files.items():
            (path / each).write_bytes(content)
        return read_checkpoint(folder)

    return read


def _indices() -> list[bytes]:
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


def _read_index(data: bytes, folder: Path) -> object:
    np.save(folder / "style-0000.npy", np.zeros((3, 4, 5, 3), np.uint8))
    np.save(folder / "pair-0000.npy", np.zeros((2, 4, 5, 3), np.uint16))
    (folder / INDEX).write_bytes(data)
    return load_corpus(folder)


def _arrays() -> list[bytes]:
    import io

    file = io.BytesIO()
    np.save(file, np.zeros((3, 4, 5, 3), np.uint8))
    return [file.getvalue()]


def _read_array(data: bytes, folder: Path) -> object:
    np.save(folder / "pair-0000.npy", np.zeros((2, 4, 5, 3), np.uint16))
    (folder / "style-0000.npy").write_bytes(data)
    (folder / INDEX).write_bytes(_indices()[0])
    return load_corpus(folder)


def _asked() -> list[bytes]:
    return [
        json.dumps(
            {"name": "x", "recipe": {"seed": 1, "generator": {"num_nodes": 8}}, "source": ["a"], "style": ["b"]}
        ).encode()
    ]


def _read_asked(data: bytes, folder: Path) -> object:
    (folder / ASKED).write_bytes(data)
    return read_asked(folder)


def _logs() -> list[bytes]:
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


def _read_log(data: bytes, folder: Path) -> object:
    path = folder / "metrics.jsonl"
    path.write_bytes(data)
    return read_log(path)


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
    "edl": Kind(lambda: list(EDLS), _read_cut_list(".edl"), (lines_changed,)),
    "otio": Kind(_timelines, _read_cut_list(".otio")),
    "journal": Kind(_journals, _read_journal, (json_line_changed, lines_changed)),
    "shot record": Kind(_records, _read_record),
    "recipe": Kind(lambda: [RECIPE], _read_recipe, (lines_changed,)),
    "checkpoint course": Kind(lambda: [_checkpoint(COURSE)], _read_checkpoint(COURSE)),
    "checkpoint manifest": Kind(lambda: [_checkpoint(MANIFEST)], _read_checkpoint(MANIFEST)),
    "checkpoint tensors": Kind(lambda: [_checkpoint(TENSORS)], _read_checkpoint(TENSORS), (name_twice,)),
    "corpus index": Kind(_indices, _read_index),
    "corpus array": Kind(_arrays, _read_array, ()),
    "run": Kind(_asked, _read_asked),
    "training log": Kind(_logs, _read_log, (json_line_changed, lines_changed)),
    "report": Kind(_reports, _read_report),
    "receipt": Kind(_receipts, _read_receipt),
}
"""Every kind by its name; a new kind of file that is read gets its line here."""


def cleared(folder: Path) -> Path:
    """Make a folder empty."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder
