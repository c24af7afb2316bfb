"""What relook sees of a film: the marks of its stock, camera, printer and handling."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from einops import rearrange

from relook.errors import InputError
from relook.film.frames import Shot
from relook.film.reader import FilmReader
from relook.film.shots import find_shots
from relook.mechanics.measure import LEAST_FRAMES, measure_mechanics
from relook.mechanics.reel import Image, Run
from relook.progress import OnProgress, Progress, ignore
from relook.recipe.mechanics import Mechanics
from relook.timing import FrameRange

RUN_FRAMES = 32
"""Frames of a shot that are looked at, from its middle."""
MOST_SHOTS = 8
MOST_PIXELS = 48_000_000
"""Over all frames that are looked at, for the sake of memory; one shot is looked at however large it is."""


def measure_marks(film: str | Path, *, on_progress: OnProgress = ignore) -> Mechanics:
    """Measure the marks of a film: grain, flicker, weave, dust, scratches and the others of `Mechanics`.

    Args:
        film: a film file, or an image sequence or its folder.
    Raises:
        InputError: the film cannot be read, or is made of stills: what film does shows in movement.
    """
    path = Path(film)
    with FilmReader(path) as reader:
        info = reader.info
        if info.kind == "stills":
            raise InputError(f"{path} holds stills; the marks of film show only in frames that follow each other")
        ranges = chosen_ranges(find_shots(path, on_progress=on_progress), info.width * info.height)
        if not ranges:
            raise InputError(f"no shot of {path} has {LEAST_FRAMES} frames; the marks of film show only in longer ones")
        pictures: dict[FrameRange, list[Image]] = {part: [] for part in ranges}
        for frame in reader.frames_of(ranges):
            part = next(part for part in ranges if frame.index in part)
            pictures[part].append(rearrange(frame.pixels, "c h w -> h w c").numpy())
    on_progress(Progress("measuring marks", 0, None))
    return measure_mechanics([Run(np.stack(pictures[part])) for part in ranges], info.frame_rate)


def chosen_ranges(shots: tuple[Shot, ...], pixels: int) -> list[FrameRange]:
    """Choose what is looked at: the middles of shots spread over the film."""
    lasting = [shot.frames for shot in shots if len(shot.frames) >= LEAST_FRAMES]
    most = int(min(max(MOST_PIXELS // (pixels * RUN_FRAMES), 1), MOST_SHOTS))
    spread = (
        [lasting[(2 * k + 1) * len(lasting) // (2 * most)] for k in range(most)] if len(lasting) > most else lasting
    )
    ranges = []
    for frames in spread:
        spare = max(len(frames) - RUN_FRAMES, 0) // 2
        ranges.append(FrameRange(frames.start + spare, min(frames.start + spare + RUN_FRAMES, frames.stop)))
    return ranges
