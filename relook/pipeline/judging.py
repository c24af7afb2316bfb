"""The verb `check`: film + look -> report."""

from __future__ import annotations

from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path

from pydantic import TypeAdapter

from relook.check.inspect import check_film
from relook.compute import resource_errors
from relook.deliver.page import write_report
from relook.errors import InputError, NoMarksError, UsageError
from relook.film.identity import unchanged, watch
from relook.film.pictures.spaces import ColourSpace, find_space
from relook.film.publish import receipt_of
from relook.film.reader import probe
from relook.film.values import keeps_space
from relook.look import Look
from relook.pipeline.arguments import loaded, named
from relook.pipeline.inspection import measure_marks
from relook.progress import OnProgress, ignore
from relook.receipt import read_receipt
from relook.report import MarksCompared, Report
from relook.strict import validated
from relook.timing import FrameRange

REPORT_PAGE = "report.html"
_RANGE = TypeAdapter(FrameRange)
MARKED_PIXELS = 16_000_000
"""Pixels of the frames whose marks are measured for a report: fewer than for `relook info`, which does nothing else."""


def check(
    film: str | Path,
    look: Look | str | Path,
    *,
    source: str | Path | None = None,
    output: str | Path | None = None,
    overwrite: bool = False,
    colour_space: str | None = None,
    on_progress: OnProgress = ignore,
) -> Report:
    """Judge every shot of a film that a look was applied to.

    Args:
        film: the rendered film.
        look: the look that it was rendered in.
        source: the film before the look; with it content, geometry and steadiness are measured too. If `film` shows only a part of
            it, the receipt says which.
        output: a folder for `report.json` and `report.html`, which also compare the marks of film; None writes nothing.
        overwrite: replace an existing report in `output`.
        colour_space: the colour space of film and source, as given to `apply`. A film of another kind than its source, which `apply` does
            not write in that space, is read by its own tags.
    Raises:
        UsageError: the report cannot be written, or there is no such colour space; nothing was changed.
        InputError: a film or the look cannot be read; nothing was changed.
        InputChangedError: a film was changed in the meantime; no report was written.
        ResourceError: memory or disk is full.
    """
    path, before = named(film), Path(source) if source is not None else None
    folder = Path(output) if output is not None else None
    if folder is not None:
        _check_report_folder(folder, overwrite=overwrite)
    given = loaded(look)
    source_space = None if colour_space is None else find_space(colour_space)
    space = _space_of(path, before, source_space)
    part = part_shown(path) if before is not None else None
    with ExitStack() as read:
        for one in filter(None, (path, before)):
            read.enter_context(unchanged(watch(probe(one))))
        with resource_errors(f"checking {path}"):
            report = check_film(
                path, given, source=before, space=space, source_space=source_space, part=part, on_progress=on_progress
            )
        if folder is not None:
            with suppress(NoMarksError), resource_errors(f"measuring the marks of {path}"):
                found = measure_marks(path, most_pixels=MARKED_PIXELS, space=space, on_progress=on_progress)
                report = replace(report, mechanics=MarksCompared(given.card.mechanics, found))
    if folder is not None:
        write_report(
            report,
            folder,
            film=path,
            source=before,
            space=space,
            source_space=source_space,
            source_first=part.start if part else 0,
            on_progress=on_progress,
        )
    return report


def part_shown(film: Path) -> FrameRange | None:
    """Return which frames of its source a film shows, if its receipt says that it shows only a part.

    Raises:
        InputError: the receipt names impossible frames.
    """
    try:
        frames = read_receipt(film).settings.get("frames")
    except InputError:
        return None
    try:
        return None if frames is None else validated(_RANGE, frames)
    except ValueError as error:
        raise InputError(f"{receipt_of(film)} names frames that cannot be ({error}); move it away") from error


def _space_of(film: Path, source: Path | None, space: ColourSpace | None) -> ColourSpace | None:
    """Return the colour space of a film, by the rule by which it was written; without a source, the given one."""
    if space is None or source is None:
        return space
    made = probe(film)
    ending = made.pictures[0].suffix if made.pictures else film.suffix
    return space if keeps_space(replace(probe(source), space=space), ending) else None


def report_folder(film: Path) -> Path:
    """Return the folder beside a film that holds its report by default."""
    path = named(film)
    return path.with_name(f"{path.stem}.report")


def _check_report_folder(folder: Path, *, overwrite: bool) -> None:
    if not folder.parent.is_dir():
        raise UsageError(f"the folder {folder.parent} does not exist; make it first, or write the report elsewhere")
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is a file; give the report a folder of its own with -o")
    if (folder / REPORT_PAGE).exists() and not overwrite:
        raise UsageError(f"{folder} holds a report; choose another folder, or --overwrite to replace it")
