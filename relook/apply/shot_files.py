"""A cut list as one film a shot, with handles, in a folder that remembers what each was made of.

Shots are named by event and clip, `003_A012C005.mov`. Those that are in the folder already, made of the same, stay; where an edit
only numbers them anew they are renamed. The others are rendered, whatever their number, in one pass over the film. Both sides of
a dissolve are whole in the two shots: the one that goes out runs on to the dissolve's end.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain, count
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from relook import faults
from relook.apply.delivery import Delivery, RenderSettings
from relook.apply.events import PlacedEvent, ShotFile, evenly, film_label, place_events
from relook.apply.render import renderer_of, shown_frames, tell_before_work, with_unforeseen
from relook.apply.shot_record import FilmFacts, read_record, shot_keys, write_record
from relook.errors import UsageError
from relook.film.container.fate import require_holdable
from relook.film.cuts.cutlist import CutList, Event
from relook.film.frames import FilmInfo, Frame
from relook.film.publish import disk_errors, file_hash, locked, require_place
from relook.film.reader import FilmReader
from relook.film.shots import shots_and_hashes
from relook.film.words import pictures_words
from relook.film.writer import FilmWriter
from relook.look import Look
from relook.progress import OnProgress, Progress, ignore
from relook.timing import FrameRange

ENDING = ".mov"
LOCK = "relook-shots.lock"
LONGEST_NAME_BYTES = 120
_IN_MAKING = ""
"""Stands on record for the hash of a film that may be there before it is known."""

Record = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class _Plan:
    """One shot to be in the folder, and what it is made of."""

    file: ShotFile
    key: str


def render_shots(
    film: Path,
    look: Look,
    folder: Path,
    cuts: CutList,
    *,
    handles: int,
    settings: RenderSettings,
    on_progress: OnProgress = ignore,
) -> Delivery:
    """Render the events of a cut list into a folder, one film a shot, each with so many more frames on both sides.

    Raises:
        UsageError: the folder cannot be written, or a file that is not ours has the name of a shot.
        InputError: the film cannot be read, or an event cannot be rendered: see `place_events`.
        LockedError: another job is writing into the folder.
    """
    with FilmReader(film, space=settings.colour_space) as reader:
        info = reader.info
        _require_folder(folder)
        left_out = require_holdable(folder / f"shot{ENDING}", info, codec=None, with_audio=True, whole=False)
        taken = pictures_words(info)
        tell_before_work(taken, left_out, on_progress)
        facts = FilmFacts(info, *shots_and_hashes(film, space=settings.colour_space, on_progress=on_progress))
        placing = place_events(cuts, info, len(facts.frame_hashes))
        files = _files(placing.placed, folder, facts, handles=handles)
        keys = shot_keys(facts, [file.frames for file in files], look, settings)
        plans = [_Plan(file, key) for file, key in zip(files, keys, strict=True)]
        renderer = renderer_of(look, settings, info.frame_rate)
        with disk_errors(folder):
            folder.mkdir(exist_ok=True)
        with locked(folder / LOCK, f"another job is writing shots into {folder}; wait for it, or give another folder"):
            record = read_record(folder)
            _clear_moves(record, folder)
            missing = _settle(plans, record, film, is_saved=bool(look.sha256), overwrite=settings.overwrite)
            write_record(folder, record, film)
            unions = joined_ranges([plan.file.frames for plan in missing])
            total = sum(len(union) for union in unions)
            with _Writing(missing, record, info) as writing:
                frames = shown_frames(reader, unions, facts.shots, renderer, seed=settings.seed) if unions else iter(())
                for done, frame in enumerate(evenly(frames, info), start=1):
                    writing.give(frame, untouched=settings.dials.is_off)
                    on_progress(Progress("rendering", done, total))
    new = {plan.file.path for plan in missing}
    shot_files = tuple(replace(file, is_new=file.path in new) for file in files)
    used = FrameRange(min(file.frames.start for file in files), max(file.frames.stop for file in files))
    of_other_reels = [f"{_wanted_name(event, info)}{ENDING}" for event in placing.foreign]
    left_over = _left_over(record, [*(file.path.name for file in files), *of_other_reels])
    notes = (*placing.notes, *_short_handles(files, handles), *left_over)
    return Delivery(
        folder,
        used,
        (),
        facts.shots,
        renderer.flicker,
        left_out=with_unforeseen(left_out, sorted(writing.lost)),
        num_clipped=writing.num_clipped,
        shot_files=shot_files,
        notes=notes,
        taken=taken,
    )


def joined_ranges(ranges: Sequence[FrameRange]) -> list[FrameRange]:
    """Join ranges that overlap or touch, in order."""
    joined: list[FrameRange] = []
    for part in sorted(ranges):
        if joined and part.start <= joined[-1].stop:
            joined[-1] = FrameRange(joined[-1].start, max(joined[-1].stop, part.stop))
        else:
            joined.append(part)
    return joined


def shot_name(number: str, name: str) -> str:
    """Name a shot's file, without its ending; nothing of a cut list leads out of the folder."""
    safe = re.sub(r"[^\w.-]+", "_", name).strip("._-").encode()[:LONGEST_NAME_BYTES].decode(errors="ignore")
    return f"{number}_{safe}" if safe else number


def _wanted_name(event: Event, info: FilmInfo) -> str:
    return shot_name(event.number, event.name or event.reel or info.path.stem)


def _require_folder(folder: Path) -> None:
    if not folder.is_dir():
        require_place(folder, overwrite=False)
    elif not os.access(folder, os.W_OK | os.X_OK):
        raise UsageError(f"cannot write into {folder}: no permission")


def _files(placed: Sequence[PlacedEvent], folder: Path, facts: FilmFacts, *, handles: int) -> list[ShotFile]:
    """Name the shots, and give each the dissolve that it goes out in, and its handles as far as the film has them."""
    files: list[ShotFile] = []
    taken: set[str] = set()
    for place, following in zip(placed, [*placed[1:], None], strict=True):
        if place.frames is None:
            continue
        event, tail = place.event, place.tail or (following.outgoing if following else None)
        cut = FrameRange(place.frames.start, place.frames.stop + len(tail or ()))
        wanted = _wanted_name(event, facts.info)
        names = chain([wanted], (f"{wanted}_{n}" for n in count(2)))
        name = next(name for name in names if name.lower() not in taken)
        taken.add(name.lower())
        frames = FrameRange(max(cut.start - handles, 0), min(cut.stop + handles, len(facts.frame_hashes)))
        labels = (film_label(facts.info, cut.start), film_label(facts.info, cut.stop))
        files.append(ShotFile(event.number, folder / f"{name}{ENDING}", cut, frames, labels, is_new=True))
    return files


def _short_handles(files: Sequence[ShotFile], handles: int) -> list[str]:
    short = []
    for file in files:
        before, after = file.cut.start - file.frames.start, file.frames.stop - file.cut.stop
        if min(before, after) < handles:
            short.append(f"event {file.event}: handles of {before} and {after} frames, for the film has no more there")
    return short


def _left_over(record: Record, listed: Sequence[str]) -> list[str]:
    left = record.keys() - set(listed)
    return [f"no longer in the list, left where it is: {name}" for name in sorted(left)]


def _told(file: ShotFile) -> dict[str, Any]:
    """Return what the record says of a shot for people and other programs."""
    return {
        "event": file.event,
        "cut": [file.cut.start, file.cut.stop],
        "frames": [file.frames.start, file.frames.stop],
        "cut_timecode": list(file.cut_timecode),
    }


def _settle(plans: Sequence[_Plan], record: Record, film: Path, *, is_saved: bool, overwrite: bool) -> list[_Plan]:
    """Keep and rename what is there already; return the shots that must be rendered.

    Raises:
        UsageError: a file that is not ours stands in the place of a shot.
    """
    folder = plans[0].file.path.parent
    hashes = {name: file_hash(folder / name) for name in record}
    ours = {name for name, entry in record.items() if hashes[name] == entry["sha256"]}
    for plan in plans:
        is_ours = plan.file.path.name in ours or _was_ours(plan.file.path, record)
        if plan.file.path.exists() and not is_ours and not overwrite:
            raise UsageError(
                f"{plan.file.path} is there and is not as relook wrote it; move it away, or give --overwrite to replace it"
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
    """Say whether a file is a film that we made, if under another name: a job may have died before it was on record."""
    is_in_making = record.get(path.name, {}).get("sha256") == _IN_MAKING
    return path.is_file() and (is_in_making or file_hash(path) in {entry["sha256"] for entry in record.values()})


def _rename(moves: Sequence[tuple[str, str]], record: Record, folder: Path) -> None:
    """Give files that an edit numbers anew their new names, all at once: one may take the name of another."""
    entries = [record.pop(old) for old, _ in moves]
    with disk_errors(folder):
        for old, new in moves:
            faults.point("shots.aside")
            os.replace(folder / old, folder / f"{new}.part")
        for _, new in moves:
            faults.point("shots.rename")
            os.replace(folder / f"{new}.part", folder / new)
    record |= {new: entry for (_, new), entry in zip(moves, entries, strict=True)}


def _clear_moves(record: Record, folder: Path) -> None:
    """Remove shots that were broken off on the way to their new names, for the record does not tell these; they are made anew."""
    ours = {entry["sha256"] for entry in record.values()}
    for left in folder.glob(f"*{ENDING}.part"):
        if left.is_file() and file_hash(left) in ours:
            left.unlink()


class _Writing:
    """Films being written side by side from one stream of frames; each is on record as soon as it is whole."""

    def __init__(self, plans: Sequence[_Plan], record: Record, info: FilmInfo) -> None:
        self._waiting = sorted(plans, key=lambda plan: plan.file.frames.start, reverse=True)
        self._open: list[tuple[_Plan, FilmWriter]] = []
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
        """Write a frame to every film that it is in."""
        while self._waiting and self._waiting[-1].file.frames.start == frame.index:
            plan = self._waiting.pop()
            self._record[plan.file.path.name] = _told(plan.file) | {"key": "", "sha256": _IN_MAKING}
            write_record(plan.file.path.parent, self._record, self._info.path)
            self._open.append((plan, FilmWriter(plan.file.path, self._info, overwrite=True, whole=False)))
        for plan, writer in list(self._open):
            (writer.copy if untouched else writer.write)(frame)
            if frame.index + 1 == plan.file.frames.stop:
                self._open.remove((plan, writer))
                self._finish(plan, writer)

    def _finish(self, plan: _Plan, writer: FilmWriter) -> None:
        with writer:
            pass  # leaving it cleanly publishes
        self.num_clipped += writer.num_clipped
        self.lost |= set(writer.lost_layers())
        path = plan.file.path
        self._record[path.name] = _told(plan.file) | {"key": plan.key, "sha256": file_hash(path)}
        write_record(path.parent, self._record, self._info.path)
