"""Look + film -> film: decode, render and encode side by side, in constant memory."""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import partial
from pathlib import Path

import torch

from relook.apply.events import ShotFile
from relook.apply.frame import FrameRenderer, composed
from relook.apply.passes import PassWriter, require_passes_place
from relook.errors import UsageError
from relook.film.fields import require_progressive
from relook.film.frames import Damage, Frame, Mending, Shot, follows_evenly
from relook.film.pictures.spaces import ColourSpace
from relook.film.pictures.stills import Refused
from relook.film.reader import NO_MENDING, FilmReader
from relook.film.shots import find_shots
from relook.film.words import pictures_words
from relook.film.writer import FilmWriter, check_output
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
    """What the source's values are in; without it they are what it says itself."""


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
    """What the source holds and the output does not hold, or not as it was, in words: what `relook info --for` foresees."""
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
    colour_space: str = ""
    """The space that the output is in, by its config's name; empty where it is what its files say."""
    others: tuple[Path, ...] = ()
    """Files of other kinds in a folder of stills; they are left where they are."""
    taken: str = ""
    """Which pictures the path stood for, in words; empty for a film and for a folder of stills."""


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
        InputError: the film cannot be read to its end, or is interlaced; unless `settings.mending` takes care of that.
    """
    settings = settings or RenderSettings()
    dials, mending, space = settings.dials, settings.mending, settings.colour_space
    with FilmReader(film, mending, space) as reader:
        info = reader.info
        is_whole, in_space = settings.frames is None, space is not None
        left_out = check_output(output, info, overwrite=settings.overwrite, whole=is_whole, in_space=in_space)
        taken = pictures_words(info, settings.frames)
        tell_before_work(taken, left_out, on_progress)
        if settings.passes is not None:
            require_passes_place(settings.passes, beside=output, dials=dials)
        if not mending.deinterlaces:
            require_progressive(film)
        is_marked = bool(dials.of("texture"))
        shots = find_shots(film, mending=mending, space=space, on_progress=on_progress) if is_marked else ()
        renderer = renderer_of(look, settings, info.frame_rate)
        hashes: list[str] = []
        damage: list[Damage] = []
        first = settings.frames.start if settings.frames else 0
        total = len(settings.frames) if settings.frames else (shots[-1].frames.stop if shots else info.num_frames)
        passes = nullcontext() if settings.passes is None else PassWriter(settings.passes)
        writing = partial(
            FilmWriter,
            output,
            info,
            overwrite=settings.overwrite,
            whole=is_whole,
            keeps_damage=mending.keeps_damage,
            in_space=in_space,
        )
        notes: list[str] = []
        if mending.deinterlaces and not reader.deinterlaces:
            notes.append("no combs are to be seen: the frames were not deinterlaced")
        last: Frame | None = None
        with passes as layers, writing() as writer:
            ranges = None if settings.frames is None else [settings.frames]
            for frame in shown_frames(reader, ranges, shots, renderer, seed=settings.seed, passes=layers):
                (writer.copy if dials.is_off else writer.write)(frame)
                note_damage(damage, frame)
                if UNEVEN not in notes and writer.forgets_time and last and not follows_evenly(last, frame, info):
                    notes.append(UNEVEN)
                last = frame
                hashes.append(frame_hash(frame))
                on_progress(Progress("rendering", len(hashes), total))
            if not hashes:
                raise UsageError(f"{film} has no frame in the range asked for; it ends before frame {first}")
    return Delivery(
        output,
        FrameRange(first, first + len(hashes)),
        tuple(hashes),
        shots,
        renderer.flicker,
        left_out=with_unforeseen(left_out, writer.lost_layers()),
        notes=tuple(notes),
        damage=tuple(damage),
        num_lost_packets=writer.num_lost_packets,
        num_clipped=writer.num_clipped,
        colour_space=space_name(writer, space),
        taken=taken,
    )


def space_name(writer: FilmWriter, space: ColourSpace | None) -> str:
    """Return for `Delivery.colour_space` what was written."""
    return space.name if space is not None and writer.keeps_space else ""


def tell_before_work(taken: str, left_out: Sequence[str], on_progress: OnProgress) -> None:
    """Say which pictures are rendered, where they are pictures, and what of them the output will not hold as it is."""
    for stage, words in (("taken", taken), ("changed or left out", "; ".join(left_out))):
        if words:
            on_progress(Progress(stage, 0, 0, detail=words))


def with_unforeseen(left_out: Sequence[str], lost: Iterable[str]) -> tuple[str, ...]:
    """Add what only later pictures of a take held to what was foreseen by the first."""
    return tuple(dict.fromkeys((*left_out, *lost)))


def note_damage(damage: list[Damage], frame: Frame) -> None:
    """Add a frame to the list of damaged ranges, where it is not the film's own."""
    if not frame.fault:
        return
    last = damage[-1] if damage else None
    if last is not None and (last.reason, last.frames.stop) == (frame.fault, frame.index):
        damage[-1] = Damage(FrameRange(last.frames.start, frame.index + 1), last.reason)
    else:
        damage.append(Damage(FrameRange(frame.index, frame.index + 1), frame.fault))


def frame_hash(frame: Frame) -> str:
    digest = hashlib.sha256(frame.pixels.numpy().tobytes())
    if frame.beyond is not None:
        digest.update(frame.beyond.numpy().tobytes())
    return digest.hexdigest()


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
