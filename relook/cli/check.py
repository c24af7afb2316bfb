"""`relook check`: a verdict on every shot of a film that a look was applied to."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from relook.cli.arguments import Film, Json, LookName, Overwrite, colour_space_option
from relook.cli.display import print_json, print_lines, showing_progress

SHOT_REFUSED = 1


def check(
    film: Film,
    look: LookName,
    source: Annotated[
        Path | None, typer.Option(metavar="FILM", help="The film before the look was applied, to compare with.")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="REPORT_DIR", help="Folder for the report; by default FILM.report."),
    ] = None,
    colour_space: Annotated[str | None, colour_space_option("FILM and --source, as given to relook apply")] = None,
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Judge every shot of a film; exit with code 1 if one fails."""
    from relook.pipeline import (
        REPORT_PAGE,
        report_folder,
    )  # late: torch takes seconds to import, and `--help` must not wait
    from relook.pipeline import check as judge

    folder = output or report_folder(film)
    with showing_progress() as on_progress:
        report = judge(
            film,
            look,
            source=source,
            output=folder,
            overwrite=overwrite,
            colour_space=colour_space,
            on_progress=on_progress,
        )
    print_lines(*report.lines(), f"the report: {folder / REPORT_PAGE}")
    if as_json:
        print_json(report.to_dict())
    if report.verdict == "fail":
        raise typer.Exit(SHOT_REFUSED)
