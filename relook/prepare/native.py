"""What preparation takes from a decoded frame: cheap 8-bit luma for looking at it, exact RGB for storing it."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import numpy.typing as npt
from torch import Tensor

from relook.film.frames import FilmInfo
from relook.film.pictures.picture_file import Picture, picture_codes8, picture_pixels
from relook.film.pixels import ToPixels
from relook.film.reader import NativeFrame

Luma = npt.NDArray[np.uint8]
"""`[h w]`, 0 black, 255 white."""


def luma8(frame: NativeFrame) -> Luma:
    """Return the luma of a frame; close enough to judge it by, without going through RGB."""
    if not isinstance(frame.picture, Picture):
        return np.asarray(frame.picture.to_ndarray(format="gray"), np.uint8)
    eight = picture_codes8(frame.picture)
    return eight if eight.ndim == 2 else np.asarray(cv2.cvtColor(eight, cv2.COLOR_BGR2GRAY), np.uint8)


def to_rgb(info: FilmInfo) -> Callable[[NativeFrame], Tensor]:
    """Return the function that turns a film's frames into `[c h w]`, 0..1, as exactly as rendering does."""
    from_film = ToPixels(info)

    def convert(frame: NativeFrame) -> Tensor:
        return picture_pixels(frame.picture) if isinstance(frame.picture, Picture) else from_film(frame.picture)

    return convert
