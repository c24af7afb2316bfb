"""Check an output's place: what its name stands for, and whether it can hold all that the source does."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path

from relook.errors import UsageError
from relook.film.container.codecs import film_endings, plan_film
from relook.film.container.fate import require_holdable
from relook.film.frames import WHOLE, FilmInfo, WriteSettings
from relook.film.part import require_ours
from relook.film.pictures.alpha import has_alpha
from relook.film.pictures.picture_files import require_free_names, takes_pictures
from relook.film.publish import require_place
from relook.film.sequence import PICTURE_ENDINGS, is_pattern


def check_output(
    path: Path,
    source: FilmInfo,
    settings: WriteSettings = WHOLE,
    *,
    overwrite: bool,
    beside: Collection[str] = frozenset(),
) -> tuple[str, ...]:
    """Refuse an output that cannot be written before any work; nothing is created or changed.

    Pictures with the names `beside` may already be in place; these are not replaced.

    Returns in words what of the source is changed or left out.

    Raises:
        UsageError: the place, the ending, the codec or a stream of the source does not fit, or the output is the input.
    """
    _require_other_place(path, source)
    require_ours(path)
    if path.suffix.lower() in film_endings():
        require_place(path, overwrite=overwrite)
        return require_holdable(path, source, settings)
    if takes_pictures(path, source):
        if settings.codec is not None:
            raise UsageError(f"{path} means pictures, which take no codec; leave '{settings.codec}' out")
        require_free_names(path, source, overwrite=overwrite, beside=beside)
        return require_holdable(path, source, settings, in_space=source.space is not None)
    if path.suffix.lower() in PICTURE_ENDINGS and len(source.pictures) > 1:
        raise UsageError(
            f"{source.path} stands for {len(source.pictures)} pictures, and '{path.name}' for one; write "
            f"'{path.stem}.####{path.suffix}' or a folder (to render one alone, copy it to where it has no neighbours)"
        )
    folder = ", or a new folder" if source.pictures else ""
    raise UsageError(
        f"cannot write '{path}': end the name in {', '.join(film_endings())}, or give numbered pictures such as "
        f"'{path.stem or 'out'}.####.png'{folder}"
    )


def holds_alpha(path: Path, source: FilmInfo) -> bool:
    """Say whether a film at a path will hold transparency: the source has it, and the ending takes it."""
    return has_alpha(source.pixel_format) and has_alpha(plan_film(path, source).pixel_format)


def is_folder(path: Path) -> bool:
    """Say whether a name means a folder, in which pictures keep their own names."""
    return not is_pattern(path) and path.suffix.lower() not in (*PICTURE_ENDINGS, *film_endings())


def _require_other_place(path: Path, source: FilmInfo) -> None:
    """Refuse to write over the source, by whatever name."""
    exists = path.exists() and source.path.exists()
    if path.absolute() == source.path.absolute() or (exists and os.path.samefile(path, source.path)):
        raise UsageError(f"{path} is the film that is being read; give the output another name")
    if not source.pictures or path.suffix.lower() in film_endings():
        return
    names_folder = path.is_dir() or not path.suffix
    folder, read = (path if names_folder else path.absolute().parent), source.pictures[0].absolute().parent
    single = len(source.pictures) == 1 and not names_folder
    if folder.is_dir() and os.path.samefile(folder, read) and not single:
        raise UsageError(f"{folder} holds the pictures that are being read; write into another folder")
