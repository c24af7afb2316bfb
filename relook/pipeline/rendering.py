"""The verb `apply`: film + look -> film."""

from __future__ import annotations

from pathlib import Path

from relook.apply.render import Delivery, RenderSettings, render_film
from relook.compute import choose_device
from relook.errors import UsageError
from relook.film.frames import FilmInfo
from relook.film.reader import probe
from relook.look import Look
from relook.pipeline.arguments import loaded, refusing_wrong_settings
from relook.progress import OnProgress, ignore
from relook.recipe.settings import Dials
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
    seed: int = 0,
    frames: FrameRange | str | None = None,
    tile_rows: int | None = None,
    overwrite: bool = False,
    device: str = "auto",
    on_progress: OnProgress = ignore,
) -> Delivery:
    """Render a film in a look.

    Args:
        film: a film file, or an image sequence or its folder.
        look: a look, its file, or the name of one that ships with relook.
        output: the film or sequence to write; its ending chooses the container.
        strength, grade, detail, texture: the dials, 0 to 1; all at 0 give the source back bit for bit.
        seed: chooses grain, dust and scratches.
        frames: only this part: a range of frame numbers, or text such as "00:00:02:00-00:00:04:12" (the end is not
            in it) in the film's own timecode. A part keeps the sound that goes with it.
        tile_rows: work in tiles of so many rows; the frames come out the same.
        overwrite: replace `output` where it exists.
        device: "auto", "cpu", "cuda" or "cuda:n".
    Raises:
        UsageError: the output cannot be written or is the film itself; nothing was changed.
        InputError: the film or the look cannot be read; nothing was changed.
    """
    path = Path(film)
    with refusing_wrong_settings():
        dials = Dials(strength=strength, grade=grade, detail=detail, texture=texture)
    settings = RenderSettings(
        dials=dials,
        seed=seed,
        frames=parse_range(frames, probe(path)) if isinstance(frames, str) else frames,
        tile_rows=tile_rows,
        device=choose_device(device),
        overwrite=overwrite,
    )
    return render_film(path, loaded(look), Path(output), settings=settings, on_progress=on_progress)


def parse_range(text: str, film: FilmInfo) -> FrameRange:
    """Return the frames of "TC-TC", in the timecode that the film counts in (from zero where it carries none)."""
    first = film.timecode or "00:00:00:00"
    ends = text.replace(";", ":").split("-")
    if is_drop_frame(first):
        ends = [";".join(end.rsplit(":", 1)) for end in ends]
    try:
        start, stop = (parse_timecode(end.strip(), film.frame_rate) for end in ends)
        zero = parse_timecode(first, film.frame_rate)
        return FrameRange(start - zero, stop - zero)
    except (ValueError, UsageError) as error:
        raise UsageError(
            f"{text!r} is no range of {film.path.name}, which starts at {first} ({error}); "
            "write for example 00:00:02:00-00:00:04:12, the end not included"
        ) from error
