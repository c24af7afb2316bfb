"""Deep pictures for tests: EXR made and read without relook, and pictures read and written again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import OpenEXR

from relook.film.frames import Frame
from relook.film.pictures.alpha import picture_alpha
from relook.film.pictures.picture import Picture
from relook.film.pictures.picture_file import picture_values, read_picture, write_picture
from relook.film.pictures.profile import carry_profile
from relook.film.reader import FilmReader
from relook.film.writer import FilmWriter
from relook.timing import FrameRange

MakeFilm = Callable[..., Path]


def write_exr(path: Path, channels: dict[str, np.ndarray], **entries: Any) -> Path:
    header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage, **entries}
    with OpenEXR.File(header, {name: np.ascontiguousarray(values) for name, values in channels.items()}) as file:
        file.write(str(path))
    return path


def exr(path: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    with OpenEXR.File(str(path), separate_channels=True) as file:
        channels = file.channels()
        return dict(file.header()), {name: np.array(channel.pixels) for name, channel in channels.items()}


def frame_of(picture: Picture) -> Frame:
    pixels, beyond = picture_values(picture)
    assert pixels.min() >= 0 and pixels.max() <= 1
    return Frame(0, 0, 1, pixels, picture, beyond=beyond)


def through(path: Path, target: Path) -> Path:
    """Read a picture and write its pixels."""
    picture = read_picture(path)
    alpha, facts = picture_alpha(picture), picture.facts
    write_picture(target, frame_of(picture), bit_depth=picture.bit_depth, source=picture, alpha=alpha, facts=facts)
    carry_profile(path, target)
    return target


def written_again(source: Path, target: Path, *, copied: bool = False, wanted: FrameRange | None = None) -> None:
    with FilmReader(source) as reader, FilmWriter(target, reader.info) as writer:
        for frame in reader.frames(wanted):
            (writer.copy if copied else writer.write)(frame)


def light(dtype: type, *, seed: int = 0, channels: str = "RGB") -> dict[str, np.ndarray]:
    """Draw linear values of all sizes and both signs, with 4.0, -0.1 and the ends of half among them."""
    rng = np.random.default_rng(seed)
    found = {name: (rng.normal(0, 1, (9, 7)) * 10.0 ** rng.integers(-6, 4, (9, 7))).astype(dtype) for name in channels}
    found["R"][0, :4] = 4.0, -0.1, 65504.0, 6e-8
    return found
