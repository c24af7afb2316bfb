"""Look + film -> film: decode, render and encode side by side, in constant memory."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path

import torch

from relook.apply.events import ShotFile
from relook.apply.frame import FrameRenderer, composed
from relook.apply.job import job_key
from relook.apply.passes import PassWriter, require_passes_place
from relook.errors import UsageError
from relook.film.fields import require_progressive
from relook.film.frames import Damage, Frame, Mending, Shot
from relook.film.identity import watch
from relook.film.journal import was_being_shown
from relook.film.pictures.spaces import ColourSpace
from relook.film.pictures.stills import Refused
from relook.film.reader import NO_MENDING, TO_END, FilmReader
from relook.film.shots import find_shots
from relook.film.writer import FilmWriter, Job, check_output
from relook.look import Look
from relook.mechanics.cranking import exposure_of, held_frame
from relook.mechanics.marks import seed_of
from relook.nets.wrap import Wrap
from relook.progress import OnProgress, Progress, ignore
from relook.recipe.dials import Dials
from relook.timing import FrameRange

UNEVEN = "the frames do not lie evenly in time, which numbered pictures do not say: as a film of one rate they will move unevenly"


@dataclass(frozen=True)
class RenderSettings:
    """How a film is rendered; nothing here but the dials, the seed, `allows_flashes`, `wrap` and `colour_space` changes a frame."""

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
    mending: Mending = NO_MENDING
    """What is done about a damaged or interlaced film; both are refused by default."""
    wrap: Wrap | None = None
    """Axes along which pictures wrap, as textures do; see `FrameRenderer`."""
    colour_space: ColourSpace | None = None
    """What the source's pictures are in; without it they are what their files say."""


@dataclass(frozen=True)
class Delivery:
    """A rendered film."""

    output: Path
    frames: FrameRange
    """Which frames of the source it shows; by a cut list, from the first that it uses to the last."""
    frame_hashes: tuple[str, ...]
    """SHA-256 of each rendered frame, float32 before encoding; of a frame handed on untouched, of its decoded pixels."""
    shots: tuple[Shot, ...]
    """The source's shots, where they were needed to seed the texture."""
    flicker: tuple[float, float] = (0.0, 0.0)
    """Of the exposure, as deviations of its logarithm: as rendered, and as it would be if it could not harm the photosensitive."""
    left_out: tuple[str, ...] = ()
    """What the source holds and the output does not, in words."""
    damage: tuple[Damage, ...] = ()
    """Which of these frames are not the film's own; empty unless damage was to be kept."""
    num_lost_packets: int = 0
    """How many packets of its sound and subtitles were damaged and left out."""
    num_clipped: int = 0
    """Frames with values below black or above white that the output cannot hold: they are written as black and white."""
    shot_files: tuple[ShotFile, ...] = ()
    """What a cut list gave as one film a shot, in record order; `frame_hashes` is then empty."""
    notes: tuple[str, ...] = ()
    """What else should be known, in words; of a cut list, what was left out and why."""
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

    A render that was broken off is gone on with behind the last stretch of frames that is safe on disk, and gives the same film.

    Raises:
        UsageError: the output cannot be written, or the range holds no frame.
        InputError: the film cannot be read to its end, or is interlaced; unless `settings.mending` takes care of that.
        InputChangedError: the film was changed while it was read.
    """
    settings = settings or RenderSettings()
    dials, mending, space = settings.dials, settings.mending, settings.colour_space
    with FilmReader(film, mending, space) as reader:
        info = reader.info
        source = watch(info)
        key = job_key(info, source, look, settings)
        replaces = settings.overwrite or was_being_shown(output, key)
        left_out = check_output(output, info, overwrite=replaces, whole=settings.frames is None)
        tell_left_out(left_out, on_progress)
        if settings.passes is not None:
            require_passes_place(settings.passes, beside=output, dials=dials)
        if not mending.deinterlaces:
            require_progressive(film)
        is_marked = bool(dials.of("texture"))
        shots = find_shots(film, mending=mending, space=space, on_progress=on_progress) if is_marked else ()
        renderer = renderer_of(look, settings, info.frame_rate)
        first = settings.frames.start if settings.frames else 0
        total = len(settings.frames) if settings.frames else (shots[-1].frames.stop if shots else info.num_frames)
        job = Job(key, source, frozenset(shot.frames.start for shot in shots), total) if key else None
        passes = nullcontext() if settings.passes is None else PassWriter(settings.passes)
        writing = FilmWriter(
            output,
            info,
            overwrite=settings.overwrite,
            whole=settings.frames is None,
            keeps_damage=mending.keeps_damage,
            job=None if settings.passes else job,
        )
        with passes as layers, writing as writer:
            done, ranges = writer.num_done, None if settings.frames is None else [settings.frames]
            if done:
                on_progress(Progress("going on", done, total))
                ranges = [FrameRange(first + done, settings.frames.stop if settings.frames else TO_END)]
            frames = shown_frames(reader, ranges, shots, renderer, seed=settings.seed, passes=layers)
            for count, frame in enumerate(frames if ranges is None or ranges[0] else (), start=done + 1):
                (writer.copy if dials.is_off else writer.write)(frame)
                on_progress(Progress("rendering", count, total))
        tally = writer.tally
        if not tally.hashes:
            raise UsageError(f"{film} has no frame in the range asked for; it ends before frame {first}")
    lost = writer.lost_layers()
    tell_left_out(lost, on_progress)
    notes = []
    if mending.deinterlaces and not reader.deinterlaces:
        notes.append("no combs are to be seen: the frames were not deinterlaced")
    if writer.forgets_time and tally.is_uneven:
        notes.append(UNEVEN)
    return Delivery(
        output,
        FrameRange(first, first + len(tally.hashes)),
        tuple(tally.hashes),
        shots,
        renderer.flicker,
        left_out=(*left_out, *lost),
        notes=tuple(notes),
        damage=tally.damage,
        num_lost_packets=writer.num_lost_packets,
        num_clipped=tally.num_clipped,
    )


def tell_left_out(left_out: Sequence[str], on_progress: OnProgress) -> None:
    if left_out:
        on_progress(Progress("not kept", 0, 0, detail="; ".join(left_out)))


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


def shown_frames(
    reader: FilmReader,
    ranges: Sequence[FrameRange] | None,
    shots: tuple[Shot, ...],
    renderer: FrameRenderer,
    *,
    seed: int,
    passes: PassWriter | None = None,
) -> Iterator[Frame]:
    """Yield every frame of some ranges, or of all, rendered, in one pass; where the look's cranking holds a frame, the picture before."""
    if renderer.dials.is_off:
        yield from reader.frames() if ranges is None else reader.frames_of(ranges)
        return
    exposure, picture, native, beyond, layers = -1, None, None, None, None
    leads = None if ranges is None else [_with_lead(wanted, shots, renderer) for wanted in ranges]
    for frame in reader.frames() if leads is None else reader.frames_of(leads):
        place = _place(frame.index, shots)
        shown = frame.index - place.frame + held_frame(renderer.mechanics.cranking, place.frame)
        if shown != exposure or picture is None:
            exposure, native, grains = shown, frame.native, seed_of(place.content_hash, seed)
            number = exposure_of(renderer.mechanics.cranking, place.frame)
            beyond = renderer.carried(frame.beyond, seed=grains, number=number)
            if passes is None:
                picture = renderer.render(frame.pixels, seed=grains, number=number)
            else:
                layers = renderer.layers(frame.pixels, seed=grains, number=number)
                picture = composed(layers)
        if ranges is None or any(frame.index in wanted for wanted in ranges):
            if passes is not None and layers is not None:
                passes.add(frame.index, layers, beyond)
            yield replace(frame, pixels=picture, native=native, beyond=beyond)


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


def _with_lead(wanted: FrameRange, shots: tuple[Shot, ...], renderer: FrameRenderer) -> FrameRange:
    """Start a range early enough for the exposure that its first frame holds."""
    frame = _place(wanted.start, shots).frame
    lead = frame - held_frame(renderer.mechanics.cranking, frame)
    return FrameRange(wanted.start - lead, wanted.stop)
