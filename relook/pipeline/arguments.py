"""Argument handling that several verbs share."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from relook.errors import UsageError
from relook.look import Look, load_look

Paths = str | Path | Sequence[str | Path]


def paths(value: Paths) -> tuple[Path, ...]:
    """Return one path or several as a tuple."""
    return (Path(value),) if isinstance(value, str | Path) else tuple(Path(item) for item in value)


def named(path: str | Path) -> Path:
    """Return a path that ends in a name, so that other names can be formed from it: `.` and `..` are resolved.

    Raises:
        UsageError: it is the root of a file system.
    """
    given = Path(path)
    spelt = given if given.name not in ("", "..") else Path(os.path.abspath(given))
    if not spelt.name:
        raise UsageError(f"{given} is the root of a disk; give a file or a folder on it")
    return spelt


def loaded(look: Look | str | Path) -> Look:
    """Return a look that is given as a `Look`, a file or a name."""
    return look if isinstance(look, Look) else load_look(look)


@contextmanager
def refusing_wrong_settings() -> Iterator[None]:
    """Turn a settings class's complaint about a value into an error for the user."""
    try:
        yield
    except ValueError as error:
        raise UsageError(str(error)) from error
