"""Record on disk what of an output is done: a line for each stretch of frames, written once those are safe.

The journal lies in the folder of the unfinished output. A job that is started again continues after the last stretch whose files
are still what was written; a different job, by the digest of all that its frames depend on, begins anew. Where one stretch
ends and the next begins depends only on the film and the settings, so that a film comes out the same however often its making
was interrupted.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from pydantic import TypeAdapter

from relook import faults
from relook.errors import LockedError, UsageError
from relook.film.part import Part
from relook.film.publish import disk_errors, file_hash, part_name, write_whole
from relook.strict import parsed, read_regular

SCHEMA: Final = 1
_NAME: Final = "journal.jsonl"
_PICTURES: Final = "pictures/"
_MOST_BYTES: Final = 256 << 20
_MOST_FRAMES: Final = 1_000_000_000


@dataclass(frozen=True)
class Stretch:
    """Consecutive frames of an output that are done."""

    start: int
    """Number of the first one in the output, from 0."""
    stop: int
    files: dict[str, str] = field(default_factory=dict)
    """The files that hold them, by name in the folder, with their SHA-256 (hex)."""
    facts: dict[str, Any] = field(default_factory=dict)
    """What the output's writers need to know when they continue."""


@dataclass(frozen=True)
class _Announced:
    announced: str


_STRETCH: Final = TypeAdapter(Stretch)
_ANNOUNCED: Final = TypeAdapter(_Announced)


class Journal:
    """The stretches of one output, read and written."""

    def __init__(
        self, part: Part, job: str | None, *, understands: Callable[[Stretch], bool] = lambda stretch: True
    ) -> None:
        """Read what is done of a job; clear away what belongs to another job or to none.

        Args:
            job: a digest of all that the frames depend on; None if the job cannot be resumed.
            understands: says whether the writers can continue from a stretch's facts.
        """
        self._part, self._understands = part, understands
        self._path = part.path / _NAME
        self.stretches: list[Stretch] = []
        lines = _lines(self._path)
        if not lines or job is None or lines[0] != _heading(job):
            part.clear_but(())
            lines = []
        announced = _announced(lines[1:])
        self.is_announced = announced is not None
        """True if the finished output was about to get its final name."""
        self.made = announced or ""
        """SHA-256 (hex) of the finished film; any text for pictures, whose own are in the stretches."""
        self._take_over(lines[1:])
        self._begin(job)
        kept = {name for done in self.stretches for name in done.files}
        part.clear_but({_NAME, *kept})

    @property
    def num_frames(self) -> int:
        """Count the frames that are done."""
        return self.stretches[-1].stop if self.stretches else 0

    def commit(self, stretch: Stretch) -> None:
        """Add a stretch whose files are on disk."""
        assert stretch.start == self.num_frames
        with disk_errors(self._path):
            faults.point("journal.line")
            self._append(asdict(stretch))
        self.stretches.append(stretch)

    def announce(self) -> None:
        """Record that the output is about to get its final name, so that it is recognised as ours if we die in between."""
        with disk_errors(self._path):
            faults.point("journal.announce")
            self._append({"announced": self.made})
        self.is_announced = True

    def _take_over(self, lines: list[str]) -> None:
        """Accept lines up to the first that is cut off or damaged, or whose files are not what was written."""
        for line in lines:
            try:
                stretch = parsed(_STRETCH, line)
                is_next = stretch.start == self.num_frames < stretch.stop <= _MOST_FRAMES
                is_next = is_next and self._understands(stretch)
                is_whole = is_next and all(self._is_there(name, digest) for name, digest in stretch.files.items())
            except (ValueError, OSError):
                return
            if not is_whole:
                return
            self.stretches.append(stretch)

    def _is_there(self, name: str, digest: str) -> bool:
        """Say whether a file is what was written, in the folder or, if files were being published, in its final place."""
        path = Path(name)
        if path.is_absolute() or ".." in path.parts:
            return False
        shown = self._part.place_of(path) if self.is_announced else None
        return digest in (file_hash(self._part.path / path), file_hash(shown) if shown else None)

    def _begin(self, job: str | None) -> None:
        """Write the accepted lines, in one step."""
        told = [_line(asdict(stretch)) for stretch in self.stretches]
        if self.is_announced:
            told.append(_line({"announced": self.made}))
        with disk_errors(self._path):
            write_whole(self._path, "".join(f"{line}\n" for line in [_heading(job), *told]).encode())

    def _append(self, told: dict[str, Any]) -> None:
        with self._path.open("a", encoding="utf-8") as file:
            file.write(f"{_line(told)}\n")
            file.flush()
            faults.point("journal.sync")
            os.fsync(file.fileno())


def was_being_shown(final: Path, job: str | None) -> bool:
    """Say whether this job died while publishing its finished output, and what is in the output's place is its own."""
    lines = _lines(final.with_name(part_name(final.name)) / _NAME)
    made = _announced(lines[1:])
    if job is None or made is None or lines[0] != _heading(job):
        return False
    folder = final if final.is_dir() else final.parent
    places: dict[Path, str] = {}
    for line in lines[1:]:
        with suppress(ValueError):
            files = parsed(_STRETCH, line).files
            places |= {folder / name[len(_PICTURES) :]: files[name] for name in files if name.startswith(_PICTURES)}
    places = places or {final: made}
    return all(not os.path.lexists(place) or file_hash(place) == digest for place, digest in places.items())


def clear_leftover(final: Path, job: str) -> None:
    """Remove what is left of a job that died after everything was published."""
    path = final.with_name(part_name(final.name))
    if path.is_dir() and _lines(path / _NAME)[:1] in ([], [_heading(job)]):
        with suppress(LockedError, UsageError):
            Part(final).clear()


def _lines(path: Path) -> list[str]:
    try:
        return read_regular(path, _MOST_BYTES).decode("utf-8", errors="replace").splitlines()
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return []


def _announced(lines: list[str]) -> str | None:
    for line in lines:
        with suppress(ValueError):
            return parsed(_ANNOUNCED, line).announced
    return None


def _heading(job: str | None) -> str:
    return _line({"schema": SCHEMA, "job": job})


def _line(told: dict[str, Any]) -> str:
    return json.dumps(told, sort_keys=True)
