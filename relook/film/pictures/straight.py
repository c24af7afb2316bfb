"""Read straight alpha from every TIFF: colours not multiplied by the alpha."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from relook.errors import InputError
from relook.film.pictures.tiff import (
    EXTRA_SAMPLES,
    PHOTOMETRIC,
    PREMULTIPLIED,
    SAMPLES_PER_PIXEL,
    SEPARATED,
    STRAIGHT,
    first_directory,
)
from relook.film.pixels import Codes


def mark_as_multiplied(data: NDArray[np.uint8], path: Path) -> int | None:
    """Make OpenCV return the colours of a TIFF as they are stored; return whether its alpha is straight, premultiplied or neither.

    OpenCV (libtiff's TIFFReadRGBA) multiplies 8-bit colours by a straight alpha. It leaves them alone if the file says
    that they are multiplied already, so `data` is changed to say that.

    Raises:
        InputError: it is CMYK, or grey with alpha, of which OpenCV would drop the alpha.
    """
    directory = first_directory(data.data)
    if directory is None:
        return None
    if directory.number(PHOTOMETRIC, data.data) == SEPARATED:
        raise InputError(f"{path} is CMYK; relook renders RGB: convert it first")
    if directory.number(SAMPLES_PER_PIXEL, data.data) == 2:
        raise InputError(f"{path} is grey with transparency, which is not read from TIFF; save it as RGBA or as PNG")
    kind = directory.number(EXTRA_SAMPLES, data.data)
    if kind == STRAIGHT:
        struct.pack_into(directory.order + "H", data.data, directory.entries[EXTRA_SAMPLES].start, PREMULTIPLIED)
    return kind


def unmultiplied(codes: Codes, white: float) -> Codes:
    """Divide the colours `[h w 4]` by the alpha, where `white` is opaque; colours with alpha 0 stay as they are."""
    if codes.ndim != 3 or codes.shape[2] != 4:
        return codes
    alpha = codes[..., 3:].astype(np.float64)
    colours = codes[..., :3] * (white / np.where(alpha > 0, alpha, white))
    if codes.dtype.kind != "f":
        colours = np.rint(colours).clip(0, white)
    return np.concatenate((colours, alpha), axis=-1).astype(codes.dtype)
