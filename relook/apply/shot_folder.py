"""The folder of a cut list's shots: films that are there already are kept or renamed, and missing ones are written.

A film counts as ours if it is, byte for byte, the one on record.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from relook import faults
from relook.apply.events import ShotFile
from relook.apply.shot_record import write_record
from relook.errors import UsageError
from relook.film.frames import FilmInfo, Frame, WriteSettings
from relook.film.publish import disk_errors, file_hash
from relook.film.writer import FilmWriter

ENDINGS = (".mov", ".mkv")
"""What shots are written as: the first that can hold all of their film."""
PART = WriteSettings(whole=False)
"""Each shot is a part of the film."""
_IN_MAKING = ""
"""Stands on record for the hash of a film that is still being written."""

Record = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class ShotPlan:
    """A shot that the folder should hold, and what it is made from."""

    file: ShotFile
    key: str


def _told(file: ShotFile) -> dict[str, Any]:
    """Return what the record says about a shot for people and other programs."""
    return {
        "event": file.event,
        "cut": [file.cut.start, file.cut.stop],
        "frames": [file.frames.start, file.frames.stop],
        "cut_timecode": list(file.cut_timecode),
    }


def settle(plans: Sequence[ShotPlan], record: Record, film: Path, *, is_saved: bool, overwrite: bool) -> list[ShotPlan]:
    """Keep and rename what is there already; return the shots that must be rendered.

    Raises:
        UsageError: a file that is not ours has the name of a shot.
    """
    folder = plans[0].file.path.parent
    hashes = {name: file_hash(folder / name) for name in record}
    ours = {name for name, entry in record.items() if hashes[name] == entry["sha256"]}
    for plan in plans:
        is_ours = plan.file.path.name in ours or _was_ours(plan.file.path, record)
        if plan.file.path.exists() and not is_ours and not overwrite:
            raise UsageError(
                f"{plan.file.path} exists but is not as relook wrote it; move it away, or give --overwrite to replace it"
            )
    wanted = {plan.file.path.name: plan for plan in plans}
    good = {name for name in ours if is_saved and name in wanted and record[name]["key"] == wanted[name].key}
    spare = {record[name]["key"]: name for name in sorted(ours - good)} if is_saved else {}
    moves: list[tuple[str, str]] = []
    missing = []
    for name, plan in wanted.items():
        if name not in good:
            old = spare.pop(plan.key, None)
            (missing.append(plan) if old is None else moves.append((old, name)))
    for name in record.keys() - ours:
        del record[name]
    write_record(folder, record | {new: record[old] for old, new in moves}, film)
    _rename(moves, record, folder)
    for name in wanted.keys() - {plan.file.path.name for plan in missing}:
        record[name] |= _told(wanted[name].file)
    return missing


def _was_ours(path: Path, record: Record) -> bool:
    """Say whether we made a film, even under another name, since a job may have died before recording it."""
    is_in_making = record.get(path.name, {}).get("sha256") == _IN_MAKING
    return path.is_file() and (is_in_making or file_hash(path) in {entry["sha256"] for entry in record.values()})


def _rename(moves: Sequence[tuple[str, str]], record: Record, folder: Path) -> None:
    """Rename files that an edit renumbers, all at once, since one may take the name of another."""
    entries = [record.pop(old) for old, _ in moves]
    with disk_errors(folder):
        for old, new in moves:
            faults.point("shots.aside")
            os.replace(folder / old, folder / f"{new}.part")
        for _, new in moves:
            faults.point("shots.rename")
            os.replace(folder / f"{new}.part", folder / new)
    record |= {new: entry for (_, new), entry in zip(moves, entries, strict=True)}


def clear_moves(record: Record, folder: Path) -> None:
    """Remove shots that a killed job left half renamed; the record does not know them, and they are rendered again."""
    ours = {entry["sha256"] for entry in record.values()}
    for left in folder.glob("*.part"):
        if left.stem.endswith(ENDINGS) and left.is_file() and file_hash(left) in ours:
            left.unlink()


class ShotWriter:
    """Writes films side by side from one stream of frames; each is recorded as soon as it is complete."""

    def __init__(self, plans: Sequence[ShotPlan], record: Record, info: FilmInfo) -> None:
        self._waiting = sorted(plans, key=lambda plan: plan.file.frames.start, reverse=True)
        self._open: list[tuple[ShotPlan, FilmWriter]] = []
        self._record, self._info = record, info
        self.num_clipped = 0
        self.lost: set[str] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for _, writer in self._open:
            writer.discard()

    def give(self, frame: Frame, *, untouched: bool) -> None:
        """Write a frame to every film that contains it."""
        while self._waiting and self._waiting[-1].file.frames.start == frame.index:
            plan = self._waiting.pop()
            self._record[plan.file.path.name] = _told(plan.file) | {"key": "", "sha256": _IN_MAKING}
            write_record(plan.file.path.parent, self._record, self._info.path)
            self._open.append((plan, FilmWriter(plan.file.path, self._info, PART, overwrite=True)))
        for plan, writer in list(self._open):
            (writer.copy if untouched else writer.write)(frame)
            if frame.index + 1 == plan.file.frames.stop:
                self._open.remove((plan, writer))
                self._finish(plan, writer)

    def _finish(self, plan: ShotPlan, writer: FilmWriter) -> None:
        with writer:
            pass  # leaving it cleanly publishes
        self.num_clipped += writer.num_clipped
        self.lost |= set(writer.tally.lost)
        path = plan.file.path
        self._record[path.name] = _told(plan.file) | {"key": plan.key, "sha256": file_hash(path)}
        write_record(path.parent, self._record, self._info.path)
