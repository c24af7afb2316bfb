"""Notice when a file changes while it is in use, by the file system's facts about it and samples of its bytes."""

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
"""How much is read at the beginning, in the middle and at the end."""
_MOST_SAMPLED: Final = 16
"""Of many files, bytes are sampled from this many, spread over them; the file system is asked about all."""

_REMEDY: Final = "nothing was published; run the command again once nothing is writing to it"

State = tuple[int, int, int, int]
"""What the file system says about a file: device, inode, size in bytes and time of the last change in nanoseconds."""


@dataclass(frozen=True)
class Stamp:
    """The state of a file that is read again and again; one that was only touched still counts as the same."""

    state: State
    samples: str
    """SHA-256 of samples of its bytes."""

    def still_fits(self, path: Path) -> bool:
        """Check the file again; its bytes are sampled only if the file system says that it changed."""
        now = _state(path)
        return now == self.state or (now[2] == self.state[2] and _digest(_samples(path)) == self.samples)


def stamp_of(path: Path) -> Stamp:
    """Note a file's present state."""
    return Stamp(_state(path), _digest(_samples(path)))


class Watched:
    """The files of a source, as they were when work began; one that was only touched counts as changed."""

    def __init__(self, files: Sequence[Path], *, are_opened: bool = True, pattern: Path | None = None) -> None:
        """Note the files' present states; a file that cannot be reached must stay out of reach.

        Args:
            are_opened: False if some may not be regular files or may not be readable; then no bytes are sampled.
            pattern: the name pattern of a take's pictures; a picture that appears later is a change too.

        Raises:
            InputError: one that is opened cannot be read.
        """
        self._files, self._pattern = files, pattern
        self._states = [self._look(path) for path in files]
        step = max(1, len(files) // _MOST_SAMPLED)
        self._sampled = range(0, len(files) if are_opened else 0, step)
        self._samples = self._read()
        self.digest = _digest(f"{self._states} {self._samples}".encode())
        """SHA-256 (hex) of the files' states and samples; other files have another."""

    def require_unchanged(self) -> None:
        """Check all the files again.

        Raises:
            InputChangedError: one has changed or is gone, or there are more pictures of the take.
        """
        self._compare(range(len(self._files)))
        late = unlisted(self._pattern, {path.name for path in self._files}) if self._pattern else []
        if late:
            raise InputChangedError(f"{late[0]} appeared while the pictures beside it were being read; {_REMEDY}")

    def look_again(self) -> None:
        """Check the sampled files again, which takes no longer when there are many files.

        Raises:
            InputChangedError: one has changed or is gone.
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
    """Refuse a film that changes while it is read: what was read may mix two films, or look damaged.

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
    """Note the state of a film's file, or of all pictures of a sequence."""
    return Watched(source.pictures or (source.path,), pattern=_pattern_of(source))


def _pattern_of(source: FilmInfo) -> Path | None:
    """Return the name pattern of a take's pictures; None for a film or for stills."""
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
