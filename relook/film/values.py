"""Convert decoded frames to the display-referred values that looks work on, from whatever colour space was named."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from av import VideoFrame
from numpy.typing import NDArray
from torch import Tensor

from relook.film.container.ledger import timecode_of
from relook.film.frames import FilmInfo
from relook.film.hdr_light import codes_to_display, is_hdr
from relook.film.pictures.picture import Picture
from relook.film.pictures.picture_file import picture_values, same_kind
from relook.film.pictures.scene_light import apart
from relook.film.pixels import ToPixels
from relook.film.sequence import PICTURE_ENDINGS


class ToValues:
    """Turns decoded frames of a film or of pictures into float RGB; keeps the tables of `ToPixels` between frames."""

    def __init__(self, info: FilmInfo) -> None:
        self._info = info
        self._to_pixels = ToPixels(info)

    def __call__(self, picture: VideoFrame | Picture, index: int) -> tuple[Tensor, Tensor | None]:
        """Return `[c h w]` within 0..1 and the values beyond (None if there are none) of the frame with this number.

        Raises:
            InputError: a value does not come back from the display to the space that the film is in.
        """
        if isinstance(picture, Picture):
            return picture_values(picture)
        (pixels, beyond), space = self._to_pixels.apart(picture), self._info.space
        if space is None and not is_hdr(self._info):
            return pixels, beyond
        if space is None:
            whole = pixels if beyond is None else pixels + beyond
            return apart(torch.from_numpy(codes_to_display(whole.numpy(), self._info.colour.transfer)))
        place = f"frame {index} ({timecode_of(index, self._info)}) of {self._info.path}"
        if beyond is not None:  # of what no camera's codes mean, only what comes back is taken
            whole = pixels + beyond
            pixels = torch.where(torch.from_numpy(space.comes_back(whole.numpy())), whole, pixels)
        return apart(torch.from_numpy(space.to_display_and_back(pixels.numpy(), place)))

    def pixels(self, picture: VideoFrame | Picture, index: int) -> Tensor:
        """Return `[c h w]` within 0..1, without the values beyond."""
        return self(picture, index)[0]

    def thumbnail(self, frame: VideoFrame, *, width: int, height: int) -> NDArray[np.uint8]:
        """Scale a film's frame down for a quick look at it as it is shown: `[3 h w]`, luma and two colour differences, 8 bit."""
        small = cv2.resize(
            self._to_pixels(frame).numpy().transpose(1, 2, 0), (width, height), interpolation=cv2.INTER_AREA
        )
        space = self._info.space
        shown = small if space is None else space.to_display(small.transpose(2, 0, 1)).transpose(1, 2, 0)
        codes = np.rint(np.clip(shown, 0, 1) * 255).astype(np.uint8)
        return np.asarray(cv2.cvtColor(codes, cv2.COLOR_RGB2YCrCb), np.uint8).transpose(2, 0, 1)


def keeps_space(source: FilmInfo, ending: str | None) -> bool:
    """Say whether an output is in the colour space that was named for its source.

    A film made from a film is, whatever its ending, and so are pictures made from pictures of the same kind.

    Args:
        ending: of the output (`.mov`); None if pictures keep their names.
    """
    if source.space is None:
        return False
    if source.kind == "film":
        return ending is not None and ending.lower() not in PICTURE_ENDINGS
    return ending is None or same_kind(source.pictures[0].suffix, ending)
