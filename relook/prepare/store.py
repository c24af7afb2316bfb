"""Write the chosen frames of a film into the arrays of a corpus: native resolution, without borders."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
from einops import rearrange
from torch import Tensor

from relook import faults
from relook.corpus import Pixels, PreparedShot, Side, create_array
from relook.film.overlap import ahead
from relook.film.pictures.spaces import ColourSpace
from relook.film.reader import FilmReader
from relook.prepare.letterbox import Box
from relook.prepare.native import to_rgb
from relook.prepare.survey import SurveyedFilm
from relook.prepare.usable import UsableShot
from relook.progress import OnProgress, Progress
from relook.timing import FrameRange


def describe_shot(film: SurveyedFilm, shot: UsableShot, *, side: Side, number: int) -> PreparedShot:
    """Return the index entry of a shot that is to be stored."""
    box = film.boxes[shot.index]
    stops = np.cumsum([len(run) for run in shot.runs]).tolist()
    return PreparedShot(
        name=f"{side}-{number:04d}",
        side=side,
        origin=film.name,
        height=box.height,
        width=box.width,
        held_out=shot.held_out,
        runs=tuple(FrameRange(stop - len(run), stop) for run, stop in zip(shot.runs, stops, strict=True)),
        film_frames=tuple(frame for run in shot.runs for frame in run),
        bit_depth=film.info.bit_depth,
        seconds=shot.seconds,
    )


def store_film(
    path: Path,
    shots: Sequence[tuple[PreparedShot, Box]],
    root: Path,
    *,
    space: ColourSpace | None = None,
    on_progress: OnProgress,
) -> None:
    """Decode a film, which may be in a colour space, once and fill the arrays of its shots, one open at a time."""
    in_order = sorted(shots, key=lambda entry: entry[0].first_frame)
    wanted = [frame for shot, _ in in_order for frame in shot.film_frames]
    done = 0
    with FilmReader(path, space=space) as reader, closing(ahead(_decode(reader, wanted), depth=2)) as pictures:
        for shot, box in in_order:
            array = create_array(root, shot)
            for position in range(shot.num_frames):
                faults.point("prepare.store")
                picture = next(pictures)
                array[position] = _quantise(picture[:, box.top : box.bottom, box.left : box.right], shot)
                done += 1
                on_progress(Progress("storing frames", done, len(wanted), detail=path.name))


def _decode(reader: FilmReader, wanted: Sequence[int]) -> Generator[Tensor, None, None]:
    """Yield the pixels of the wanted frames, given in ascending order; the others are not turned into RGB."""
    convert = to_rgb(reader.info)
    numbers = set(wanted)
    with closing(reader.native_frames(FrameRange(wanted[0], wanted[-1] + 1))) as natives:
        for native in natives:
            if native.index in numbers:
                yield convert(native)


def _quantise(pixels: Tensor, shot: PreparedShot) -> Pixels:
    """Turn `[c h w]`, 0..1, into stored values `[h w c]`."""
    levels = rearrange(pixels, "c h w -> h w c") * float(np.iinfo(shot.dtype).max)
    return levels.round_().numpy().astype(shot.dtype)
