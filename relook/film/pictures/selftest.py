"""Try the libraries of the extra `vfx` for real: write a small picture of each kind, read it back, compare every value."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from relook.errors import RelookError
from relook.film.pictures.spaces import usable_config
from relook.film.pictures.vfx import image_io, open_exr, words_of

_SIZE: Final = (8, 16)
"""Height and width in pixels."""


def exr_fault(folder: Path, kind: type[np.float16] | type[np.float32]) -> str | None:
    """Write an EXR and read it back; say what went wrong."""
    exr, path, values = open_exr(), folder / f"{kind.__name__}.exr", _values().astype(kind)
    try:
        with exr.File({"compression": exr.ZIP_COMPRESSION}, {"RGB": values}) as file:
            file.write(str(path))
        with exr.File(str(path)) as file:
            found = file.channels()["RGB"].pixels
    except (RuntimeError, ValueError, OSError, KeyError) as error:
        return str(error)
    return None if found.dtype == kind and np.array_equal(found, values) else "values came back changed"


def dpx_fault(folder: Path) -> str | None:
    """Write a DPX of 10 bits by OpenImageIO and read it back; say what went wrong."""
    io, path = image_io(), str(folder / "trial.dpx")
    form = io.ImageSpec(_SIZE[1], _SIZE[0], 3, "uint16")
    form.attribute("oiio:BitsPerSample", 10)
    made = io.ImageOutput.create(path)
    if made is None or not made.open(path, form):
        return f"it cannot be written{words_of(io if made is None else made)}"
    codes = (_values().clip(0, 1) * 1023).round().astype(np.uint16) * 64
    written = made.write_image(codes)
    if not made.close() or not written:
        return f"it cannot be written{words_of(made)}"
    found: Any = io.ImageBuf(path).get_pixels("uint16")
    return None if np.abs(found.astype(int) - codes).max() <= 64 else "values came back changed"


def config_fault() -> tuple[str, str | None]:
    """Return the name of the OpenColorIO config in use, and why it cannot be used; None if it can."""
    try:
        return usable_config(), None
    except RelookError as error:
        return "", str(error)


def _values() -> NDArray[np.float32]:
    """Return `[h w 3]` with values below black and far above white, all exact in half precision."""
    return np.linspace(-0.5, 4, _SIZE[0] * _SIZE[1] * 3).astype(np.float16).astype(np.float32).reshape(*_SIZE, 3)
