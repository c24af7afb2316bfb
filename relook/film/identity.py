"""Notice a file that changes while it is in use: what it is for the file system, and samples of its bytes."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from relook.errors import InputChangedError, InputError
from relook.film.frames import FilmInfo
from relook.film.sequence import are_one_take, is_pattern, pattern_of, unlisted

_SAMPLE_BYTES: Final = 1 << 16
"""So much is read at the beginning, the middle and the end."""
_MOST_SAMPLED: Final = 16
"""Of many files, so many are looked into, spread over them; all are looked at."""

_REMEDY: Final = "nothing was published; run the command again once nothing is writing to it"

State = tuple[int, int, int, int]
"""What a file is for the file system: device, inode, size in bytes and time of the last change in nanoseconds."""


@dataclass(frozen=True)
class Stamp:
    """What a file was that is drawn from again and again; one that was only touched is still the same."""

    state: State
    samples: str
    """SHA-256 of samples of its bytes."""

    def still_fits(self, path: Path) -> bool:
        """Look at the file again; its bytes are sampled only where the file system says that it changed."""
        now = _state(path)
        return now == self.state or (now[2] == self.state[2] and _digest(_samples(path)) == self.samples)


def stamp_of(path: Path) -> Stamp:
    """Look at a file."""
    return Stamp(_state(path), _digest(_samples(path)))


class Watched:
    """The files of a source, as they were when work began; one that was only touched has changed."""

    def __init__(self, files: Sequence[Path], *, are_opened: bool = True, pattern: Path | None = None) -> None:
        """Look at the files; one that is out of reach is to stay so.

        Args:
            are_opened: False where some may be no files at all, or closed; then no bytes are sampled.
            pattern: what the pictures of a take are named like; one that comes late is a change too.

        Raises:
            InputError: one that is opened cannot be read.
        """
        self._files, self._pattern = files, pattern
        self._states = [self._look(path) for path in files]
        step = max(1, len(files) // _MOST_SAMPLED)
        self._sampled = range(0, len(files) if are_opened else 0, step)
        self._samples = self._read()
        self.digest = _digest(f"{self._states} {self._samples}".encode())
        """SHA-256 (hex) of what the files are; another one for other files."""

    def require_unchanged(self) -> None:
        """Look at all the files again.

        Raises:
            InputChangedError: one is not what it was, or is gone, or there are more pictures of the take.
        """
        self._compare(range(len(self._files)))
        late = unlisted(self._pattern, {path.name for path in self._files}) if self._pattern else []
        if late:
            raise InputChangedError(f"{late[0]} appeared while the pictures beside it were being read; {_REMEDY}")

    def look_again(self) -> None:
        """Look at the files that are sampled, which takes no longer the more there are.

        Raises:
            InputChangedError: one is not what it was, or is gone.
        """
        self._compare(self._sampled)

    def _compare(self, numbers: range) -> None:
        for number in numbers:
            path, before = self._files[number], self._states[number]
            now = self._look(path)
            if now != before:
                raise InputChangedError(
                    f"{path} {'was changed while it was being read' if now else 'is gone'}; {_REMEDY}"
                )
        if self._read() != self._samples:
            raise InputChangedError(f"{self._files[0]} was changed while it was being read; {_REMEDY}")

    def _look(self, path: Path) -> State | None:
        with suppress(OSError):
            return _state(path)
        return None

    def _read(self) -> str:
        digest = hashlib.sha256()
        for path in (self._files[number] for number in self._sampled):
            try:
                digest.update(_samples(path))
            except OSError as error:
                raise InputError(f"cannot read {path}: {error.strerror}; check the path and its disk") from error
        return digest.hexdigest()


@contextmanager
def unchanged(watched: Watched) -> Iterator[None]:
    """Refuse a film that changes while it is read: what was read of it may be of two films, or seem damaged.

    Raises:
        InputChangedError: it did.
    """
    try:
        yield
    except InputError:
        watched.require_unchanged()
        raise
    watched.require_unchanged()


def watch(source: FilmInfo) -> Watched:
    """Look at a film's file, or at all pictures of a sequence."""
    return Watched(source.pictures or (source.path,), pattern=_pattern_of(source))


def _pattern_of(source: FilmInfo) -> Path | None:
    """Say what the pictures of a take are named like; None of a film, or of stills."""
    if is_pattern(source.path):
        return source.path
    if len(source.pictures) < 2 or not are_one_take(source.pictures):
        return None
    return source.pictures[0].parent / pattern_of(source.pictures)


def _state(path: Path) -> State:
    found = path.stat()
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def _samples(path: Path) -> bytes:
    with path.open("rb") as file:
        size, samples = os.fstat(file.fileno()).st_size, []
        for place in (0, size // 2, max(0, size - _SAMPLE_BYTES)):
            file.seek(place)
            samples.append(file.read(_SAMPLE_BYTES))
    return b"".join(samples)


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
