"""Measure the marks that stock, camera, printer and handling left on a film."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
from einops import rearrange

from relook.errors import NoMarksError
from relook.film.frames import Shot
from relook.film.pictures.spaces import ColourSpace
from relook.film.reader import FilmReader
from relook.film.shots import find_shots
from relook.mechanics.cranking import measure_cranking
from relook.mechanics.measure import LEAST_FRAMES, measure_mechanics
from relook.mechanics.reel import Image, Run
from relook.progress import OnProgress, Progress, ignore
from relook.recipe.mechanics import Mechanics
from relook.timing import FrameRange

RUN_FRAMES, FEWEST_FRAMES = 32, 12
"""Frames that are measured in one place, and the fewest if memory is short."""
MOST_PLACES = 8
APART = 4
"""A shot is measured again after this many times `RUN_FRAMES`."""
MOST_PIXELS = 48_000_000


def measure_marks(
    film: str | Path,
    *,
    most_pixels: int = MOST_PIXELS,
    space: ColourSpace | None = None,
    on_progress: OnProgress = ignore,
) -> Mechanics:
    """Measure the marks of a film: grain, flicker, weave, dust, scratches and the others of `Mechanics`.

    Args:
        film: a film file, or an image sequence or its folder.
        most_pixels: the most pixels in all measured frames together; one place is measured however large it is.
        space: the named colour space of the film, if one was given.
    Raises:
        InputError: the film cannot be read.
        NoMarksError: it consists of stills or very short shots; the marks of film only show over time.
    """
    path = Path(film)
    with FilmReader(path, space=space) as reader:
        info = reader.info
        if info.kind == "stills":
            raise NoMarksError(f"{path} holds stills; the marks of film show only in frames that follow each other")
        shots = find_shots(path, space=space, on_progress=on_progress)
        ranges = chosen_ranges(shots, info.width * info.height, most_pixels=most_pixels)
        if not ranges:
            raise NoMarksError(
                f"no shot of {path} has {LEAST_FRAMES} frames; the marks of film show only in longer ones"
            )
        pictures: dict[FrameRange, list[Image]] = {part: [] for part in ranges}
        for frame in reader.frames_of(ranges):
            part = next(part for part in ranges if frame.index in part)
            pictures[part].append(rearrange(frame.pixels, "c h w -> h w c").numpy())
    on_progress(Progress("measuring marks", 0, None))
    runs = [Run(np.stack(pictures[part])) for part in ranges]
    return replace(measure_mechanics(runs), cranking=measure_cranking(runs, info.frame_rate))


def chosen_ranges(shots: tuple[Shot, ...], pixels: int, *, most_pixels: int = MOST_PIXELS) -> list[FrameRange]:
    """Choose what to measure: the middles of shots, and of parts of long ones, spread over the film."""
    parts = [part for shot in shots if len(shot.frames) >= LEAST_FRAMES for part in _parts(shot.frames)]
    length = min(max(most_pixels // pixels, FEWEST_FRAMES), RUN_FRAMES)
    most = min(max(most_pixels // (pixels * length), 1), MOST_PLACES)
    spread = [parts[(2 * k + 1) * len(parts) // (2 * most)] for k in range(most)] if len(parts) > most else parts
    ranges = []
    for part in spread:
        start = part.start + max(len(part) - length, 0) // 2
        ranges.append(FrameRange(start, min(start + length, part.stop)))
    return ranges


def _parts(frames: FrameRange) -> list[FrameRange]:
    """Divide a long shot into equal parts."""
    num = max(len(frames) // (APART * RUN_FRAMES), 1)
    bounds = [frames.start + k * len(frames) // num for k in range(num + 1)]
    return [FrameRange(*ends) for ends in pairwise(bounds)]
