"""The libraries of the extra `vfx`, which is an optional part of the installation."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from relook.errors import InputError, RelookError, UsageError

NEEDS_VFX: Final = (".exr", ".dpx")
"""Endings that only these libraries read and write; TIFF keeps its tags, and float values, only with them."""


def has_vfx() -> bool:
    """Say whether OpenImageIO and OpenEXR are installed."""
    return find_spec("OpenImageIO") is not None and find_spec("OpenEXR") is not None


def require_vfx(path: Path, error: type[RelookError] = InputError) -> None:
    """Refuse a picture whose library is missing.

    Raises:
        RelookError: of the class given.
    """
    if not has_vfx():
        raise error(
            f"{path.name}: {path.suffix} pictures need OpenImageIO and OpenEXR, which are not installed; "
            f"pip install 'relook[vfx]'"
        )


def image_io() -> Any:
    """Import OpenImageIO."""
    import OpenImageIO  # late: an optional library, and 0.1 s

    return OpenImageIO


def open_colour_io() -> Any:
    """Import OpenColorIO.

    Raises:
        UsageError: it is not installed.
    """
    if find_spec("PyOpenColorIO") is None:
        raise UsageError("--colour-space needs OpenColorIO, which is not installed; pip install 'relook[vfx]'")
    import PyOpenColorIO  # late: an optional library, and 0.1 s

    return PyOpenColorIO


def words_of(source: Any) -> str:
    """Return the first line of OpenImageIO's error in brackets, for a message; "" if it gives none."""
    try:
        lines = source.geterror().strip().splitlines()
    except UnicodeDecodeError:  # it quotes damaged files
        lines = []
    return f" ({lines[0]})" if lines else ""


def open_exr() -> Any:
    """Import OpenEXR."""
    import OpenEXR  # late: an optional library, and 0.3 s

    return OpenEXR
