"""Look + film -> film: decode, render and encode side by side, in constant memory."""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path

import torch

from relook.apply.frame import FrameRenderer, composed
from relook.apply.passes import PassWriter, require_passes_place
from relook.errors import UsageError
from relook.film.frames import Frame, Shot
from relook.film.reader import FilmReader
from relook.film.shots import find_shots
from relook.film.stills import Refused
from relook.film.writer import FilmWriter, check_output
from relook.look import Look
from relook.mechanics.cranking import exposure_of, held_frame
from relook.mechanics.marks import seed_of
from relook.nets.wrap import Wrap
from relook.progress import OnProgress, Progress, ignore
from relook.recipe.dials import Dials
from relook.timing import FrameRange


@dataclass(frozen=True)
class RenderSettings:
    """How a film is rendered; nothing here but the dials, the seed, `allows_flashes` and `wrap` changes a frame."""

    dials: Dials = field(default_factory=Dials)
    seed: int = 0
    frames: FrameRange | None = None
    """Which frames of the film; all by default."""
    tile_rows: int | None = None
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    overwrite: bool = False
    passes: Path | None = None
    """A folder to be made for the layers of every frame apart."""
    allows_flashes: bool = False
    """True where flicker may be stronger than is safe for photosensitive viewers."""
    wrap: Wrap | None = None
    """Axes along which pictures wrap, as textures do; see `FrameRenderer`."""


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
    flicker: tuple[float, float] = (0.0, 0.0)
    """Of the exposure, as deviations of its logarithm: as rendered, and as it would be if it could not harm the photosensitive."""
    stills: tuple[Path, ...] = ()
    """Of a folder of stills, where each lies in it, in the order of the frames."""
    refused: tuple[Refused, ...] = ()
    """Stills, and sub-folders of them, that could not be read or written, and why; everything else was done."""
    others: tuple[Path, ...] = ()
    """Files of other kinds in a folder of stills; they are left where they are."""


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
        if settings.passes is not None:
            require_passes_place(settings.passes, beside=output, dials=dials)
        shots = find_shots(film, on_progress=on_progress) if dials.of("texture") else ()
        renderer = renderer_of(look, settings, info.frame_rate)
        hashes: list[str] = []
        first = settings.frames.start if settings.frames else 0
        total = len(settings.frames) if settings.frames else (shots[-1].frames.stop if shots else info.num_frames)
        passes = nullcontext() if settings.passes is None else PassWriter(settings.passes)
        writing = FilmWriter(output, info, overwrite=settings.overwrite, whole=settings.frames is None)
        with passes as layers, writing as writer:
            for frame in _shown(reader, settings, shots, renderer, layers):
                (writer.copy if dials.is_off else writer.write)(frame)
                hashes.append(hashlib.sha256(frame.pixels.numpy().tobytes()).hexdigest())
                on_progress(Progress("rendering", len(hashes), total))
            if not hashes:
                raise UsageError(f"{film} has no frame in the range asked for; it ends before frame {first}")
    return Delivery(output, FrameRange(first, first + len(hashes)), tuple(hashes), shots, renderer.flicker)


def renderer_of(look: Look, settings: RenderSettings, frame_rate: Fraction) -> FrameRenderer:
    """Prepare the renderer of a film that is shown at a frame rate."""
    return FrameRenderer(
        look,
        settings.dials,
        device=settings.device,
        tile_rows=settings.tile_rows,
        safe_at=None if settings.allows_flashes else frame_rate,
        wrap=settings.wrap,
    )


def _shown(
    reader: FilmReader,
    settings: RenderSettings,
    shots: tuple[Shot, ...],
    renderer: FrameRenderer,
    passes: PassWriter | None,
) -> Iterator[Frame]:
    """Yield every frame that is wanted, rendered; where the look's cranking holds a frame, the picture before once more."""
    wanted = settings.frames
    if renderer.dials.is_off:
        yield from reader.frames(wanted)
        return
    exposure, picture, layers = -1, None, None
    for frame in reader.frames(_with_lead(wanted, shots, renderer)):
        place = _place(frame.index, shots)
        shown = frame.index - place.frame + held_frame(renderer.mechanics.cranking, place.frame)
        if shown != exposure or picture is None:
            exposure, seed = shown, seed_of(place.content_hash, settings.seed)
            number = exposure_of(renderer.mechanics.cranking, place.frame)
            if passes is None:
                picture = renderer.render(frame.pixels, seed=seed, number=number)
            else:
                layers = renderer.layers(frame.pixels, seed=seed, number=number)
                picture = composed(layers)
        if wanted is None or frame.index in wanted:
            if passes is not None and layers is not None:
                passes.add(frame.index, layers)
            yield replace(frame, pixels=picture)


@dataclass(frozen=True)
class _Place:
    """Where a frame stands."""

    frame: int
    """Its number in its shot."""
    content_hash: str


def _place(index: int, shots: tuple[Shot, ...]) -> _Place:
    if not shots:
        return _Place(index, "0")
    shot = shots[bisect_right(shots, index, key=lambda shot: shot.frames.start) - 1]
    return _Place(index - shot.frames.start, shot.content_hash)


def _with_lead(wanted: FrameRange | None, shots: tuple[Shot, ...], renderer: FrameRenderer) -> FrameRange | None:
    """Start a range early enough for the exposure that its first frame holds."""
    if wanted is None:
        return None
    frame = _place(wanted.start, shots).frame
    lead = frame - held_frame(renderer.mechanics.cranking, frame)
    return FrameRange(wanted.start - lead, wanted.stop)
