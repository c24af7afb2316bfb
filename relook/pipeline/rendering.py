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

    Stills keep sub-folder, name, ending, transparency and ICC profile; each is a shot of its own, and its marks are seeded by its
    content. One that cannot be read is named in `Delivery.refused`, and the rest is done. A folder is taken for stills where its
    pictures are not numbered as one take, where it holds sub-folders alone, and always with `tile`; all its sub-folders' pictures
    are stills then.

    Args:
        film: a film file, or an image sequence or its folder, or a folder of stills.
        look: a look, its file, or the name of one that ships with relook.
        output: the film or sequence to write; its ending chooses the container. For stills, a folder.
        strength, grade, detail, texture: the dials of the stages, 0 to 1; all at 0 give the source back bit for bit.
        condition: "surviving" for a print with all that was measured, "new" for the same stock without wear; a mark whose dial is
            given goes by that.
        seed: chooses grain, dust and scratches.
        frames: only this part: a range of frame numbers, or text such as "00:00:02:00-00:00:04:12" (the end is not
            in it) in the film's own timecode, which means time: where the frames do not lie evenly, those that are shown
            then, from the one on screen at the start. A part keeps the sound that goes with it.
        tile_rows: work in tiles of so many rows; the frames come out the same.
        overwrite: replace `output` where it exists.
        passes: a folder to be made with the layers of every frame apart: look, grain, damage, matte, and what moves and
            breathes in `frames.json`.
        allow_flashes: let flicker be stronger than is safe for photosensitive viewers, if the style's is.
        on_damage: "strict" refuses a film with damaged or missing frames; "keep" lets the last good frame stand in for
            each, so that the count and the sound stay right, and lists them in `Delivery.damage`.
        deinterlace: make whole frames of an interlaced film's; without it such a film is refused.
        edl: render only what a cut list of the film uses, an EDL or an OpenTimelineIO timeline. With a film as `output` its events
            are joined, without sound; with a folder, or a name without ending, each becomes a film there, and those that are there
            already, made of the same, stay.
        handles: so many more frames before and after each shot, in a folder.
        tile: "x", "y" or "xy": the look wraps from left to right, from top to bottom, or both, so that textures lie side by side
            without a seam. At `texture=0` a picture moved round by any number of pixels gives exactly the same result moved round.
            Grain, clouds, dust and scratches lie where the seed puts them, and go on at the opposite side. Vignette (along the axes
            that wrap), weave and the gate's mask are off; flicker only changes the light of the whole.
        colour_space: what the source is in, film or pictures: a name, alias or role ("acescct", "scene_linear") of the OpenColorIO
            config of `$OCIO`, or where that is not set of the ACES config built into OpenColorIO. The R'G'B' of a film, 0 to 1
            after its matrix and range, are values of that space, whatever its tags say. The look works in that config's sRGB;
            what lies below black and above white there is carried round it and comes back. A film made of a film, with its tags,
            and pictures of the source's kind are written in that space again; pictures of a film, a film of pictures, passes and
            another kind of picture as from a source without a space. Without `colour_space`, and whatever `$OCIO` is, EXR is
            linear in the chromaticities that it names, films of PQ and HLG are taken by their light, with reference white (203
            nits) as 1, and written in their own codes again, and others are display-referred.
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
    with refusing_wrong_settings():
        stages = {"strength": strength, "grade": grade, "detail": detail, "texture": texture}
        dials = replace(in_condition(condition), **stages, **marks)
    mending = Mending(keeps_damage=on_damage == "keep", deinterlaces=deinterlace)
    settings = RenderSettings(
        dials=dials,
        seed=seed,
        frames=frames_shown(path, parse_range(frames, probe(path)), mending) if isinstance(frames, str) else frames,
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
        return render_cut_list(
            path, loaded(look), target, Path(edl), handles=handles, settings=settings, on_progress=on_progress
        )
    if handles:
        raise UsageError("--handles is for the shots of a cut list; give --edl too, or leave it out")
    render = render_stills if are_stills else render_film
    return render(path, loaded(look), target, settings=settings, on_progress=on_progress)


def parse_range(text: str, film: FilmInfo) -> FrameRange:
    """Return the span of "TC-TC" in the timecode that the film counts in (from zero where it carries none).

    It counts frames at the film's rate from its first one: time, where the frames do not lie evenly (`frames_shown`).
    """
    first = film.timecode or "00:00:00:00"
    ends = text.replace(";", ":").split("-")
    if is_drop_frame(first):
        ends = [";".join(end.rsplit(":", 1)) for end in ends]
    try:
        start, stop = (parse_timecode(end.strip(), film.frame_rate) for end in ends)
        zero = parse_timecode(first, film.frame_rate)
        if start < zero:
            raise UsageError("the range begins before the film does")
        return FrameRange(start - zero, stop - zero)
    except (ValueError, UsageError) as error:
        raise UsageError(
            f"{text!r} is no range of {film.path.name}, which starts at {first} ({error}); "
            "write for example 00:00:02:00-00:00:04:12, the end not included"
        ) from error
