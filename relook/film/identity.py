"""Notice a file that changes while it is in use: what it is for the file system, and samples of its bytes."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from relook.errors import InputChangedError, InputError
from relook.film.frames import FilmInfo

_SAMPLE_BYTES: Final = 1 << 16
_MOST_SAMPLED: Final = 16
"""Of many files, so many are looked into, spread over them; all are looked at."""


class Watched:
    """The files of a source, as they were when work began."""

    def __init__(self, files: Sequence[Path]) -> None:
        """Look at the files.

        Raises:
            InputError: one cannot be read.
        """
        self._files = files
        self._stats = [_stat(path) for path in files]
        step = max(1, len(files) // _MOST_SAMPLED)
        self._sampled = range(0, len(files), step)
        self._samples = self._read()
        self.digest = hashlib.sha256(f"{self._stats} {self._samples}".encode()).hexdigest()
        """SHA-256 (hex) of what the files are; another one for other files."""

    def require_unchanged(self) -> None:
        """Look at all the files again.

        Raises:
            InputChangedError: one is not what it was, or is gone.
        """
        self._compare(range(len(self._files)))

    def look_again(self) -> None:
        """Look at the files that are sampled, which takes no longer the more there are.

        Raises:
            InputChangedError: one is not what it was, or is gone.
        """
        self._compare(self._sampled)

    def _compare(self, numbers: range) -> None:
        for number in numbers:
            path = self._files[number]
            try:
                now = _stat(path)
            except InputError as error:
                raise InputChangedError(f"{path} is gone; {_REMEDY}") from error
            if now != self._stats[number]:
                raise InputChangedError(f"{path} was changed while it was being read; {_REMEDY}")
        if self._read() != self._samples:
            raise InputChangedError(f"{self._files[0]} was changed while it was being read; {_REMEDY}")

    def _read(self) -> str:
        digest = hashlib.sha256()
        for path in (self._files[number] for number in self._sampled):
            try:
                with path.open("rb") as file:
                    size = os.fstat(file.fileno()).st_size
                    for place in (0, size // 2, max(0, size - _SAMPLE_BYTES)):
                        file.seek(place)
                        digest.update(file.read(_SAMPLE_BYTES))
            except OSError as error:
                raise InputError(f"cannot read {path}: {error.strerror}; check the path and its disk") from error
        return digest.hexdigest()


_REMEDY: Final = "nothing was published; run the command again when nobody writes it any more"


def watch(source: FilmInfo) -> Watched:
    """Look at a film's file, or at all pictures of a sequence."""
    return Watched(source.pictures or (source.path,))


def _stat(path: Path) -> tuple[int, int, int, int]:
    try:
        found = path.stat()
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}; check the path and its disk") from error
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns
