"""What preparation takes from a decoded frame: cheap 8-bit luma for looking at it, exact RGB for storing it."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import numpy.typing as npt
from torch import Tensor

from relook.film.colour import luma
from relook.film.frames import FilmInfo
from relook.film.pictures.picture import Picture
from relook.film.pictures.picture_file import picture_codes8
from relook.film.reader import NativeFrame
from relook.film.values import ToValues

Luma = npt.NDArray[np.uint8]
"""`[h w]`, 0 black, 255 white."""


def to_luma8(info: FilmInfo) -> Callable[[NativeFrame], Luma]:
    """Return the function that gives the luma of a film's frames: quick where they are for the display, else by way of RGB."""
    if info.space is None:
        return _quick_luma8
    convert = to_rgb(info)

    def measure(frame: NativeFrame) -> Luma:
        return np.rint(luma(convert(frame))[0].numpy() * 255).astype(np.uint8)

    return measure


def _quick_luma8(frame: NativeFrame) -> Luma:
    """Give luma that is close enough to judge a frame by, without going through RGB."""
    if not isinstance(frame.picture, Picture):
        return np.asarray(frame.picture.to_ndarray(format="gray"), np.uint8)
    eight = picture_codes8(frame.picture)
    return eight if eight.ndim == 2 else np.asarray(cv2.cvtColor(eight, cv2.COLOR_BGR2GRAY), np.uint8)


def to_rgb(info: FilmInfo) -> Callable[[NativeFrame], Tensor]:
    """Return the function that turns a film's frames into `[c h w]`, 0..1, as exactly as rendering does."""
    to_values = ToValues(info)

    def convert(frame: NativeFrame) -> Tensor:
        return to_values.pixels(frame.picture, frame.index)

    return convert
