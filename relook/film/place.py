"""Try in a folder what an output needs: creating files, locking them, making hard links."""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from relook.errors import LockedError
from relook.film.publish import locked

_MOUNTS: Final = Path("/proc/self/mountinfo")


@dataclass(frozen=True)
class Footing:
    """What a folder's file system can do."""

    free_bytes: int
    has_locks: bool
    has_links: bool
    file_system: str
    """As the system names it; "" if it does not say."""


def try_place(folder: Path) -> Footing:
    """Create a folder in a folder, try it out, and remove it.

    Raises:
        OSError: nothing can be created there.
    """
    with tempfile.TemporaryDirectory(prefix=".relook-doctor-", dir=folder) as made:
        file = Path(made) / "file"
        file.write_bytes(b"relook")
        return Footing(shutil.disk_usage(made).free, _locks(file.with_name("lock")), _links(file), file_system(folder))


def _locks(file: Path) -> bool:
    """Say whether a lock keeps a second holder out."""
    try:
        with locked(file, ""), locked(file, ""):
            return False
    except LockedError:
        return True
    except OSError:
        return False


def _links(file: Path) -> bool:
    try:
        os.link(file, file.with_name("link"))
    except OSError:
        return False
    return True


def file_system(folder: Path, mounts: Path = _MOUNTS) -> str:
    """Return the type of file system that a folder is on; "" if the system does not say (only Linux does)."""
    try:
        lines = mounts.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return ""
    place, found = Path(os.path.realpath(folder)), (0, "")
    for line in lines:
        fields, _, kind = line.partition(" - ")
        root = Path(fields.split()[4].replace("\\040", " "))
        if (
            place.is_relative_to(root) and len(root.parts) >= found[0]
        ):  # of two in one place, the later covers the other
            found = (len(root.parts), kind.split()[0])
    return found[1]
