"""Look + film -> film: decode, render and encode side by side, in constant memory."""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch

from relook.apply.frame import FrameRenderer
from relook.errors import UsageError
from relook.film.frames import Frame, Shot
from relook.film.reader import FilmReader
from relook.film.shots import find_shots
from relook.film.writer import FilmWriter, check_output
from relook.look import Look
from relook.nets.plates import seed_of
from relook.progress import OnProgress, Progress, ignore
from relook.recipe.settings import Dials
from relook.timing import FrameRange


@dataclass(frozen=True)
class RenderSettings:
    """How a film is rendered; nothing here but the dials and the seed changes a frame."""

    dials: Dials = field(default_factory=Dials)
    seed: int = 0
    frames: FrameRange | None = None
    """Which frames of the film; all by default."""
    tile_rows: int | None = None
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    overwrite: bool = False


@dataclass(frozen=True)
class Delivery:
    """A rendered film."""

    output: Path
    frames: FrameRange
    """Which frames of the source it shows."""
    frame_hashes: tuple[str, ...]
    """SHA-256 of each rendered frame, float32 before encoding; of a frame handed on untouched, of its decoded pixels."""
    shots: tuple[Shot, ...]
    """The source's shots, where they were needed to seed the texture."""


def render_film(
    film: Path,
    look: Look,
    output: Path,
    *,
    settings: RenderSettings | None = None,
    on_progress: OnProgress = ignore,
) -> Delivery:
    """Render a film in a look: one frame out for every frame in, with its pts; sound and tags are kept.

    Raises:
        UsageError: the output cannot be written, or the range holds no frame.
        InputError: the film cannot be read to its end.
    """
    settings = settings or RenderSettings()
    dials = settings.dials
    with FilmReader(film) as reader:
        info = reader.info
        check_output(output, info, overwrite=settings.overwrite)
        shots = find_shots(film, on_progress=on_progress) if dials.of("texture") else ()
        renderer = FrameRenderer(look, dials, device=settings.device, tile_rows=settings.tile_rows)
        hashes: list[str] = []
        first = settings.frames.start if settings.frames else 0
        total = len(settings.frames) if settings.frames else (shots[-1].frames.stop if shots else info.num_frames)
        with FilmWriter(output, info, overwrite=settings.overwrite, whole=settings.frames is None) as writer:
            for frame in reader.frames(settings.frames):
                rendered = frame if dials.is_off else _render(frame, shots, renderer, settings.seed)
                (writer.copy if dials.is_off else writer.write)(rendered)
                hashes.append(hashlib.sha256(rendered.pixels.numpy().tobytes()).hexdigest())
                on_progress(Progress("rendering", len(hashes), total))
            if not hashes:
                raise UsageError(f"{film} has no frame in the range asked for; it ends before frame {first}")
    return Delivery(output, FrameRange(first, first + len(hashes)), tuple(hashes), shots)


def _render(frame: Frame, shots: tuple[Shot, ...], renderer: FrameRenderer, seed: int) -> Frame:
    shot_seed, frame_in_shot = 0, 0
    if shots:
        shot = shots[bisect_right(shots, frame.index, key=lambda shot: shot.frames.start) - 1]
        shot_seed, frame_in_shot = seed_of(shot.content_hash, seed), frame.index - shot.frames.start
    return replace(
        frame, pixels=renderer.render(frame.pixels, seed=shot_seed, frame_in_shot=frame_in_shot), native=None
    )
