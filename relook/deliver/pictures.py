"""Frames for a page: taken from a film in one pass, scaled for the screen, as JPEG data URIs."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import cv2
import numpy as np
from torch import Tensor

from relook.film.frames import FilmInfo
from relook.film.pictures.spaces import ColourSpace
from relook.film.reader import FilmReader
from relook.film.values import ToValues
from relook.progress import OnProgress, Progress, ignore

JPEG_QUALITY = 84


def take_pictures(
    film: Path,
    widths: Mapping[int, tuple[int, ...]],
    *,
    space: ColourSpace | None = None,
    first: int = 0,
    on_progress: OnProgress = ignore,
) -> dict[tuple[int, int], str]:
    """Return wanted frames of a film as data URIs by frame number and width; frames it does not have are left out.

    widths: for each wanted frame the widths, in pixels, at which it is needed; a film is never enlarged.
    space: the named colour space of the film, if one was given.
    first: the number of the film's frame that counts as 0.
    """
    if not widths:
        return {}
    found: dict[tuple[int, int], str] = {}
    last = max(widths)
    with FilmReader(film, space=space) as reader, closing(reader.native_frames()) as frames:
        to_values = ToValues(reader.info)
        for native in frames:
            index = native.index - first
            if index in widths:
                pixels = to_values.pixels(native.picture, native.index)
                for width in widths[index]:
                    found[index, width] = _data_uri(pixels, reader.info, width)
                on_progress(Progress("writing the report", index, last + 1))
            if index >= last:
                break
    return found


def _data_uri(pixels: Tensor, info: FilmInfo, width: int) -> str:
    """Encode a frame `[c h w]`, 0..1, with square pixels."""
    shown = round(info.width * info.sample_aspect)
    scale = min(1.0, width / shown)
    size = (max(1, round(shown * scale)), max(1, round(info.height * scale)))
    bgr = np.ascontiguousarray(pixels.clamp(0, 1).numpy()[::-1].transpose(1, 2, 0))
    resized = cv2.resize(bgr, size, interpolation=cv2.INTER_AREA)
    data = cv2.imencode(".jpg", (resized * 255 + 0.5).astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1]
    return "data:image/jpeg;base64," + base64.b64encode(data.tobytes()).decode("ascii")
