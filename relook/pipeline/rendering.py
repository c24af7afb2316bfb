"""The verb `apply`: film + look -> film."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Literal, Unpack

from relook.apply.delivery import Delivery, RenderSettings
from relook.apply.edited import render_cut_list
from relook.apply.render import render_film
from relook.apply.stills import render_stills
from relook.compute import choose_device
from relook.errors import UsageError
from relook.film.frames import FilmInfo, Mending
from relook.film.pictures.spaces import find_space
from relook.film.pictures.stills import holds_stills, names_folder
from relook.film.reader import probe
from relook.film.sequence import is_pictures
from relook.film.spans import frames_shown
from relook.look import Look
from relook.nets.wrap import WRAPS
from relook.pipeline.arguments import loaded, named, refusing_wrong_settings
from relook.progress import OnProgress, ignore
from relook.recipe.dials import Condition, MarkDials, in_condition
from relook.recipe.settings import MOST_SEED
from relook.timing import FrameRange, is_drop_frame, parse_timecode


def apply(
    film: str | Path,
    look: Look | str | Path,
    output: str | Path,
    *,
    strength: float = 1.0,
    grade: float = 1.0,
    detail: float = 1.0,
    texture: float = 1.0,
    condition: Condition = "surviving",
    seed: int = 0,
    frames: FrameRange | str | None = None,
    tile_rows: int | None = None,
    overwrite: bool = False,
    passes: str | Path | None = None,
    allow_flashes: bool = False,
    on_damage: Literal["strict", "keep"] = "strict",
    deinterlace: bool = False,
    edl: str | Path | None = None,
    handles: int = 0,
    tile: str | None = None,
    colour_space: str | None = None,
    device: str = "auto",
    on_progress: OnProgress = ignore,
    **marks: Unpack[MarkDials],
) -> Delivery:
    """Render a film, or every picture in a folder of stills and its sub-folders, in a look.

    Stills keep sub-folder, name, ending, transparency and ICC profile; each is a shot of its own, with marks seeded by its
    content. Those that cannot be read are listed in `Delivery.refused`, and the rest is done. A folder counts as one of stills if
    its pictures are not numbered as one take, if it holds only sub-folders, and always with `tile`; the pictures in all its
    sub-folders are stills then.

    Args:
        film: a film file, an image sequence or its folder, or a folder of stills.
        look: a look, its file, or the name of one that ships with relook.
        output: the film or sequence to write; its ending chooses the container. For stills, a folder.
        strength, grade, detail, texture: the dials of the stages, 0 to 1; with all at 0 the source's own frames come back, as exactly as
            the output can hold them.
        condition: "surviving" for a print with all that was measured, "new" for the same stock without wear; dials of single
            marks override it.
        seed: chooses grain, dust and scratches.
        frames: only this part: a range of frame numbers, or text such as "00:00:02:00-00:00:04:12" (end not included) in the
            film's own timecode. Text means time: if frames are unevenly spaced, it selects those shown during it, from the one on
            screen at its start. A part keeps the sound that goes with it.
        tile_rows: work in tiles of this many rows, to save memory; the frames come out the same.
        overwrite: replace an existing `output`.
        passes: a new folder for each frame's separate layers: look, grain, damage, matte and, in `frames.json`, its movements and
            flicker.
        allow_flashes: let flicker be stronger than is safe for photosensitive viewers, if the style's is.
        on_damage: "strict" refuses a film with damaged or missing frames; "keep" repeats the last good frame for each, so that
            the number of frames and the sound stay right, and lists them in `Delivery.damage`.
        deinterlace: make whole frames from the fields of an interlaced film; without it such a film is refused.
        edl: render only what a cut list of the film uses, an EDL or an OpenTimelineIO timeline. If `output` is a film, its events
            are joined, without sound; if it is a folder, or a name without ending, each event becomes a film there, and films
            already there with the same content are kept.
        handles: how many extra frames to render before and after each shot, with `edl` and a folder.
        tile: "x", "y" or "xy": the look wraps from left to right, from top to bottom, or both, so that copies of a texture meet
            without a seam. Shifting a still by any number of pixels shifts the result and changes nothing else: its grain, clouds,
            dust and scratches lie where seed and content put them, and continue at the opposite side. (With the frames of a film, and
            stills that repeat themselves, that holds at `texture=0`.) Vignette (along the axes that wrap), weave and the gate's mask
            are off; flicker only changes the light of the whole.
        colour_space: the colour space of the source, film or pictures: a name, alias or role ("acescct", "scene_linear") of the
            OpenColorIO config of `$OCIO` or, if that is not set, of the ACES config built into OpenColorIO. A film's R'G'B', 0 to 1
            after its matrix and range, are values of that space, whatever its tags say. The look works in that config's sRGB;
            values below black and above white there bypass it and come back. A film made from a film, with its tags, and pictures
            of the source's kind are written in that space again; pictures made from a film, a film made from pictures, passes and
            other kinds of picture are written as from a source without a named space. Without `colour_space`, whatever `$OCIO`
            is, EXR is linear with the chromaticities that it names, PQ and HLG films are read by their light, with reference white
            (203 nits) as 1, and written in their own codes again, and everything else is display-referred.
        device: "auto", "cpu", "cuda" or "cuda:n".
        marks: dials of single marks of film, 0 to 2, 1 as measured, such as `grain=0.5`; see `MarkDials`.
    Raises:
        UsageError: the output cannot be written or is the film itself, or there is no such colour space; nothing was changed.
        InputError: the film, the look or the cut list cannot be read, or an event cannot be rendered; nothing was changed.
    """
    path, target = Path(film), named(output)
    if on_damage not in ("strict", "keep"):
        raise UsageError(f"on_damage {on_damage!r} is neither strict nor keep")
    if tile is not None and tile not in WRAPS:
        raise UsageError(f"tile={tile!r} names no axes; use {', '.join(WRAPS)}")
    if not 0 <= seed <= MOST_SEED:
        raise UsageError(f"seed {seed} is not from 0 to {MOST_SEED}")
    are_stills = edl is None and path.is_dir() and names_folder(target) and (tile is not None or holds_stills(path))
    if are_stills and frames is not None:
        raise UsageError(f"{path} holds stills, which have no range of frames; leave the range out")
    if (on_damage == "keep" or deinterlace) and is_pictures(path):
        raise UsageError("--on-damage keep and --deinterlace are for film files; leave them out for pictures")
    if handles and edl is None:
        raise UsageError("--handles is for the shots of a cut list; give --edl too, or leave it out")
    with refusing_wrong_settings():
        stages = {"strength": strength, "grade": grade, "detail": detail, "texture": texture}
        dials = replace(in_condition(condition), **stages, **marks)
    mending = Mending(keeps_damage=on_damage == "keep", deinterlaces=deinterlace)
    settings = RenderSettings(
        dials=dials,
        seed=seed,
        frames=frames_shown(path, parse_range(frames, probe(path)), mending) if isinstance(frames, str) else frames,
        handles=handles,
        tile_rows=tile_rows,
        device=choose_device(device),
        overwrite=overwrite,
        passes=Path(passes) if passes is not None else None,
        allows_flashes=allow_flashes,
        mending=mending,
        wrap=tile,
        colour_space=None if colour_space is None else find_space(colour_space),
    )
    if edl is not None:
        return render_cut_list(path, loaded(look), target, Path(edl), settings=settings, on_progress=on_progress)
    render = render_stills if are_stills else render_film
    return render(path, loaded(look), target, settings=settings, on_progress=on_progress)


def parse_range(text: str, film: FilmInfo) -> FrameRange:
    """Return the span of "TC-TC" in the film's timecode (from zero if it has none).

    It counts frames at the film's rate from its first one, which is time if frames are unevenly spaced: see `frames_shown`.
    """
    first = film.timecode or "00:00:00:00"
    ends = text.replace(";", ":").split("-")
    if is_drop_frame(first):
        ends = [";".join(end.rsplit(":", 1)) for end in ends]
    try:
        if len(ends) != 2:
            raise UsageError("two timecodes are wanted, with a dash between them")
        start, stop = (parse_timecode(end.strip(), film.frame_rate) for end in ends)
        zero = parse_timecode(first, film.frame_rate)
        if start < zero:
            raise UsageError("the range begins before the film does")
        if stop < start:
            raise UsageError("the range ends before it begins")
        return FrameRange(start - zero, stop - zero)
    except UsageError as error:
        raise UsageError(
            f"{text!r} is not a range of {film.path.name}, which starts at {first} ({error}); "
            "write for example 00:00:02:00-00:00:04:12, the end not included"
        ) from error
