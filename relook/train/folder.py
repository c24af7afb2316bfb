"""The folder of a training run, `NAME.run`: what was asked, the corpus, checkpoints, the journal, the contact sheet.

Locked while a run uses it. When the look is done the corpus and the checkpoints go; a run that was stopped keeps them.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from pydantic import TypeAdapter

from relook import faults
from relook.errors import InputChangedError, UsageError
from relook.film.publish import disk_errors, file_hash, locked, write_whole
from relook.look import Footage
from relook.recipe.settings import Recipe
from relook.strict import parsed, read_regular
from relook.train.checkpoint import checkpoints, step_of
from relook.train.journal import NAME as JOURNAL

ASKED, LOCK, CORPUS, MADE = "run.json", "lock", "corpus", "look.sha256"
_MOST_ASKED_BYTES, _HASH_BYTES = 64 << 20, 64


@dataclass(frozen=True)
class Asked:
    """What a run was asked for."""

    name: str
    recipe: Recipe
    source: tuple[str, ...]
    style: tuple[str, ...]
    pairs: tuple[tuple[str, str], ...] = ()
    colour_space: str | None = None
    """What the source is in, by `ColourSpace.fingerprint`; None where it is what it says itself."""
    footage: tuple[Footage, ...] = ()
    """What was found there."""
    is_fork: bool = False
    """True where an earlier run was gone on with by other settings or on other footage."""


_ASKED = TypeAdapter(Asked)


def run_folder(look: Path) -> Path:
    """Return the folder beside a look where training keeps what belongs to the run."""
    return look.with_suffix(".run")


@contextmanager
def opened_run(look: Path, *, resume: bool, overwrite: bool) -> Iterator[Path]:
    """Provide the folder of a run, locked; cleared first unless an earlier run is continued.

    Raises:
        LockedError: another training uses it.
        UsageError: it holds an unfinished run, and neither `resume` nor `overwrite` says what to do with it; or it is somebody
            else's folder.
    """
    run = run_folder(look)
    with disk_errors(run):
        run.mkdir(exist_ok=True)
    if (there := {path.name for path in run.iterdir()}) and not there & {LOCK, ASKED, JOURNAL}:
        raise UsageError(f"{run} was not made by relook; give the look another name, or move that folder")
    with _held(run):
        if checkpoints(run) and not (resume or overwrite):
            raise UsageError(
                f"{run} holds a run that was stopped after step {step_of(checkpoints(run)[-1])}; "
                "--resume continues it, --overwrite starts again"
            )
        if not resume:
            clear(run)
        try:
            yield run
        except BaseException:
            if not checkpoints(run):
                clear(run)
                remove_if_empty(run)
            raise
        clear(run)


def _held(run: Path) -> AbstractContextManager[None]:
    return locked(run / LOCK, f"another training is at work in {run}; wait for it, or give the look another name")


def clear(run: Path) -> None:
    """Remove what a run would go on from, and last of all what it came to."""
    faults.point("run.clear")
    for path in (run / CORPUS, run / f"{CORPUS}.part", *run.glob("ckpt-*")):
        shutil.rmtree(path, ignore_errors=True)
    for left in (run / ASKED, *run.glob("*.part"), run / MADE):
        left.unlink(missing_ok=True)


def note_made(run: Path, sha256: str) -> None:
    """Note the hash of the look that a run has come to, before it is put in its place."""
    with disk_errors(run / MADE):
        write_whole(run / MADE, sha256.encode())


def was_made(look: Path, asked: Asked) -> bool:
    """Say whether a look is what its run came to, killed before the run's folder was cleared; clear it then.

    A run that was asked something else made another look.

    Raises:
        LockedError: another training uses the folder.
    """
    run = run_folder(look)
    try:
        noted = read_regular(run / MADE, _HASH_BYTES).decode("ascii")
    except (OSError, ValueError):
        return False
    if noted != file_hash(look):
        return False
    with _held(run):
        before = read_asked(run)
        if before is not None and before != replace(asked, is_fork=before.is_fork, footage=before.footage):
            return False
        clear(run)
    return True


def remove_if_empty(run: Path) -> None:
    """Remove a run's folder where nothing but its lock is in it."""
    if {path.name for path in run.iterdir()} <= {LOCK}:
        (run / LOCK).unlink(missing_ok=True)
        run.rmdir()


def write_asked(run: Path, asked: Asked) -> None:
    """Note in the run's folder what was asked."""
    with disk_errors(run / ASKED):
        write_whole(run / ASKED, _ASKED.dump_json(asked, indent=1))


def read_asked(run: Path) -> Asked | None:
    """Return what a run was asked; None where that was not noted, or is damaged."""
    try:
        return parsed(_ASKED, read_regular(run / ASKED, _MOST_ASKED_BYTES))
    except (OSError, ValueError):
        return None


def refuse_changes(before: Asked, now: Asked) -> None:
    """Refuse to go on with a run whose settings or footage are no longer what they were.

    Raises:
        UsageError: settings or the lists of footage differ.
        InputChangedError: a film has other bytes than it had.
    """
    remedy = "--fork continues all the same, without promising the same look; --overwrite starts again"
    differing = list(_differences(asdict(before), asdict(replace(now, is_fork=before.is_fork))))
    settings = [text for name, text in differing if name != "footage"]
    if settings:
        raise UsageError(f"this run was begun with other settings: {'; '.join(settings)}. {remedy}")
    if differing:
        changed = sorted(set(before.footage) ^ set(now.footage), key=lambda film: film.name)
        names = ", ".join(dict.fromkeys(film.name for film in changed))
        raise InputChangedError(f"footage changed since this run was begun: {names}. {remedy}")


def _differences(before: dict[str, object], now: dict[str, object], path: str = "") -> Iterator[tuple[str, str]]:
    """Yield the top name and a sentence for every setting that differs."""
    for name, old in before.items():
        new, shown = now[name], f"{path}{name}"
        if isinstance(old, dict) and isinstance(new, dict):
            yield from _differences(old, new, f"{shown}.")
        elif old != new:
            yield shown.split(".")[0], f"{shown} was {old} and is now {new}"
