"""`relook train`: two sets of footage in, a look out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from relook.cli.arguments import Device, Json, Overwrite, Seed, parse_budget
from relook.cli.display import print_json, print_lines, showing_progress


def train(
    source: Annotated[
        list[Path],
        typer.Option(metavar="PATH..", help="Footage to be changed: films, image sequences, folders of stills."),
    ],
    style: Annotated[
        list[Path], typer.Option(metavar="PATH..", help="Footage whose look is learned, of the same kinds.")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="NAME.look", help="The look file to write.")],
    preset: Annotated[str, typer.Option(metavar="NAME", help="The recipe: film, for a change of film stock.")] = "film",
    budget: Annotated[str, typer.Option(metavar="TIME", help="How long to refine: 90s, 3m, 10m, 1h.")] = "10m",
    seed: Seed = 0,
    overwrite: Overwrite = False,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Learn a look: the style footage's, for footage like the source."""
    seconds = parse_budget(budget)
    from relook.pipeline import run_folder  # late: torch takes seconds to import, and `--help` must not wait
    from relook.pipeline import train as learn

    with showing_progress() as on_progress:
        look = learn(
            source,
            style,
            output,
            preset=preset,
            budget_seconds=seconds,
            seed=seed,
            overwrite=overwrite,
            device=device,
            on_progress=on_progress,
        )
    print_lines(
        look.card.sufficiency,
        f"the look: {output}",
        f"its contact sheet and measures: {run_folder(output)}",
        f"next: relook apply FILM --look {output} -o OUT.mp4",
    )
    if as_json:
        print_json(
            {
                "look": str(output),
                "name": look.name,
                "sha256": look.sha256,
                "sufficiency": look.card.sufficiency,
                "measures": look.card.measures,
            }
        )
