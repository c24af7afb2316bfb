"""Render a cut list as one film per shot, with handles, in a folder that remembers what each was made from.

Shots are named by event and clip, `003_A012C005.mov`. Those already in the folder that were made from the same stay; if an edit
only renumbers them they are renamed. All others are rendered in one pass over the film, however many they are. Both sides of
a dissolve are complete in their shots: the outgoing one runs on to the dissolve's end.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import chain, count
from pathlib import Path

from relook.apply.delivery import Delivery, RenderSettings
from relook.apply.events import PlacedEvent, Placing, ShotFile, evenly, film_label, place_events
from relook.apply.exposures import renderer_of, shown_frames
from relook.apply.frame import FrameRenderer
from relook.apply.render import tell_before_work, with_unforeseen
from relook.apply.shot_folder import ENDINGS, PART, Record, ShotPlan, ShotWriter, clear_moves, settle
from relook.apply.shot_record import FilmFacts, read_record, shot_keys, write_record
from relook.errors import UsageError
from relook.film.container.fate import require_holdable
from relook.film.cuts.cutlist import CutList, Event
from relook.film.frames import FilmInfo
from relook.film.publish import disk_errors, locked, require_place
from relook.film.reader import FilmReader
from relook.film.shots import shots_and_hashes
from relook.film.words import pictures_words
from relook.look import Look
from relook.progress import OnProgress, Progress, ignore
from relook.timing import FrameRange

LOCK = "relook-shots.lock"
LONGEST_NAME_BYTES = 120


@dataclass(frozen=True)
class _Task:
    """A cut list placed on its film, with all that rendering its shots needs."""

    reader: FilmReader
    facts: FilmFacts
    placing: Placing
    plans: tuple[ShotPlan, ...]
    renderer: FrameRenderer
    settings: RenderSettings
    left_out: tuple[str, ...]

    @property
    def files(self) -> list[ShotFile]:
        return [plan.file for plan in self.plans]


def render_shots(
    film: Path, look: Look, folder: Path, cuts: CutList, *, settings: RenderSettings, on_progress: OnProgress = ignore
) -> Delivery:
    """Render the events of a cut list into a folder, one film per shot, with `settings.handles` on both sides.

    Raises:
        UsageError: the folder cannot be written, or a file that is not ours has the name of a shot.
        InputError: the film cannot be read, or an event cannot be rendered: see `place_events`.
        LockedError: another job is writing into the folder.
    """
    with FilmReader(film, space=settings.colour_space) as reader:
        info = reader.info
        _require_folder(folder)
        ending, left_out = _ending_for(info, folder, settings)
        tell_before_work(pictures_words(info), left_out, on_progress)
        facts = FilmFacts(info, *shots_and_hashes(film, space=settings.colour_space, on_progress=on_progress))
        placing = place_events(cuts, info, len(facts.frame_hashes))
        files = _files(placing.placed, folder, facts, ending=ending, handles=settings.handles)
        keys = shot_keys(facts, [file.frames for file in files], look, settings)
        plans = tuple(ShotPlan(file, key) for file, key in zip(files, keys, strict=True))
        task = _Task(reader, facts, placing, plans, renderer_of(look, settings, info.frame_rate), settings, left_out)
        with disk_errors(folder):
            folder.mkdir(exist_ok=True)
        with locked(folder / LOCK, f"another job is writing shots into {folder}; wait for it, or give another folder"):
            record = read_record(folder)
            clear_moves(record, folder)
            missing = settle(plans, record, film, is_saved=bool(look.sha256), overwrite=settings.overwrite)
            write_record(folder, record, film)
            written = _written(task, missing, record, on_progress)
    return _delivery(task, folder, missing, record, written)


def _written(task: _Task, missing: Sequence[ShotPlan], record: Record, on_progress: OnProgress) -> ShotWriter:
    """Render the shots that are missing, in one pass over the film."""
    info, shots = task.reader.info, task.facts.shots
    unions = joined_ranges([plan.file.frames for plan in missing])
    total = sum(len(union) for union in unions)
    with ShotWriter(missing, record, info) as writing:
        frames = (
            shown_frames(task.reader, unions, shots, task.renderer, seed=task.settings.seed) if unions else iter(())
        )
        for done, frame in enumerate(evenly(frames, info), start=1):
            writing.give(frame, untouched=task.settings.dials.is_off)
            on_progress(Progress("rendering", done, total))
    return writing


def _delivery(task: _Task, folder: Path, missing: Sequence[ShotPlan], record: Record, written: ShotWriter) -> Delivery:
    """Describe the result."""
    files, new = task.files, {plan.file.path for plan in missing}
    wanted = [_wanted_name(event, task.reader.info) for event in task.placing.foreign]
    of_other_reels = [f"{name}{ending}" for name in wanted for ending in ENDINGS]
    left_over = _left_over(record, [*(file.path.name for file in files), *of_other_reels])
    return Delivery(
        folder,
        FrameRange(min(file.frames.start for file in files), max(file.frames.stop for file in files)),
        (),
        task.facts.shots,
        task.renderer.flicker,
        left_out=with_unforeseen(task.left_out, sorted(written.lost)),
        num_clipped=written.num_clipped,
        shot_files=tuple(replace(file, is_new=file.path in new) for file in files),
        notes=(*task.placing.notes, *_short_handles(files, task.settings.handles), *left_over),
        taken=pictures_words(task.reader.info),
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
    """Return the name of a shot's file, without its ending; nothing in a cut list can lead out of the folder."""
    safe = re.sub(r"[^\w.-]+", "_", name).strip("._-").encode()[:LONGEST_NAME_BYTES].decode(errors="ignore")
    return f"{number}_{safe}" if safe else number


def _wanted_name(event: Event, info: FilmInfo) -> str:
    return shot_name(event.number, event.name or event.reel or info.path.stem)


def _ending_for(info: FilmInfo, folder: Path, settings: RenderSettings) -> tuple[str, tuple[str, ...]]:
    """Choose the ending of the shots, and list in words what of the film they will not hold.

    Raises:
        UsageError: none of the endings can hold what must not be lost.
    """
    part, (*better, last) = replace(PART, untouched=settings.dials.is_off), ENDINGS
    for ending in better:
        with suppress(UsageError):
            return ending, require_holdable(folder / f"shot{ending}", info, part)
    return last, require_holdable(folder / f"shot{last}", info, part)


def _require_folder(folder: Path) -> None:
    if not folder.is_dir():
        require_place(folder, overwrite=False)
    elif not os.access(folder, os.W_OK | os.X_OK):
        raise UsageError(f"cannot write into {folder}: no permission")


def _files(
    placed: Sequence[PlacedEvent], folder: Path, facts: FilmFacts, *, ending: str, handles: int
) -> list[ShotFile]:
    """Name the shots, and extend each by its outgoing dissolve and by as much of its handles as the film has."""
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
        files.append(ShotFile(event.number, folder / f"{name}{ending}", cut, frames, labels, is_new=True))
    return files


def _short_handles(files: Sequence[ShotFile], handles: int) -> list[str]:
    short = []
    for file in files:
        before, after = file.cut.start - file.frames.start, file.frames.stop - file.cut.stop
        if min(before, after) < handles:
            short.append(f"event {file.event}: handles of only {before} and {after} frames: the film has no more there")
    return short


def _left_over(record: Record, listed: Sequence[str]) -> list[str]:
    left = record.keys() - set(listed)
    return [f"no longer in the list, left where it is: {name}" for name in sorted(left)]
