"""Tell whether a file that is drawn from again and again is still what it was."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

SAMPLE_BYTES = 1 << 16
"""So much is read at the beginning, the middle and the end."""


@dataclass(frozen=True)
class Stamp:
    """What a file was; one that was only touched, or given another time, is still the same."""

    state: tuple[int, int, int]
    """Inode, size in bytes and time of the last change in nanoseconds."""
    samples: str
    """SHA-256 of samples of its bytes."""

    def still_fits(self, path: Path) -> bool:
        """Look at the file again; its bytes are sampled only where the file system says that it changed."""
        now = _state(path)
        return now == self.state or (now[1] == self.state[1] and _samples(path, now[1]) == self.samples)


def stamp_of(path: Path) -> Stamp:
    """Look at a file."""
    state = _state(path)
    return Stamp(state, _samples(path, state[1]))


def _state(path: Path) -> tuple[int, int, int]:
    found = path.stat()
    return found.st_ino, found.st_size, found.st_mtime_ns


def _samples(path: Path, size_bytes: int) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        for place in (0, size_bytes // 2, max(0, size_bytes - SAMPLE_BYTES)):
            file.seek(place)
            digest.update(file.read(SAMPLE_BYTES))
    return digest.hexdigest()
