"""Refuse anything but regular files: reading a pipe, a socket or a device might never end."""

from __future__ import annotations

import stat
from pathlib import Path

from relook.errors import InputError


def require_regular(path: Path, wanted: str) -> None:
    """Refuse what is not a regular file, or a link that leads to none, without opening it.

    Args:
        wanted: what to give instead, in words.
    """
    try:
        mode = path.stat().st_mode
    except OSError as error:
        raise InputError(f"cannot open {path}: {error.strerror}; check the path") from error
    if not stat.S_ISREG(mode):
        raise InputError(f"{path} is not a regular file; give {wanted}")
