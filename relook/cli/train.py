"""`relook train`: two sets of footage in, a look out."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from relook.cli.arguments import Device, Json, Overwrite, colour_space_option, parse_budget, parse_pair
from relook.cli.display import print_json, print_lines, showing_progress


def train(
    source: Annotated[
        list[Path],
        typer.Option(
            metavar="PATH..", help="Footage like that you will change: films, image sequences, folders of stills."
        ),
    ],
    style: Annotated[
        list[Path], typer.Option(metavar="PATH..", help="Footage whose look to learn, of the same kinds.")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="NAME.look", help="The look file to write.")],
    preset: Annotated[
        str,
        typer.Option(
            metavar="NAME|FILE.toml", help="The recipe: film, for a change of film stock, or a file of your own."
        ),
    ] = "film",
    budget: Annotated[
        str | None,
        typer.Option(
            metavar="AMOUNT",
            help="How long to train: 90s, 3m, 1h, or frames seen such as 20000f; by default until nothing improves.",
            show_default=False,
        ),
    ] = None,
    pair: Annotated[
        list[str] | None,
        typer.Option(metavar="FRAME=PAINTED", help="A source frame and the picture it should become; may be repeated."),
    ] = None,
    colour_space: Annotated[
        str | None,
        colour_space_option("the source", more=" Style footage and pairs are read by their own tags."),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, metavar="NUMBER", help="The same seed gives the same result.", show_default="0")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue a run that was stopped, or begin if there is none.")
    ] = False,
    fork: Annotated[
        bool, typer.Option("--fork", help="Continue a stopped run even if settings or footage have changed.")
    ] = False,
    overwrite: Overwrite = False,
    device: Device = "auto",
    processes: Annotated[
        int, typer.Option(min=1, metavar="NUMBER", help="How many processes train together; with GPUs, one each.")
    ] = 1,
    as_json: Json = False,
) -> None:
    """Learn the look of the style footage, for footage like the source."""
    seconds, frames = parse_budget(budget) if budget else (None, None)
    pairs = [parse_pair(text) for text in pair or ()]
    from relook.pipeline import train as learn  # late: torch takes seconds to import, and `--help` must not wait
    from relook.train.folder import run_folder

    with showing_progress() as on_progress:
        look = learn(
            source,
            style,
            output,
            preset=preset,
            budget_seconds=seconds,
            budget_frames=frames,
            pairs=pairs,
            colour_space=colour_space,
            seed=seed,
            resume=resume,
            fork=fork,
            overwrite=overwrite,
            device=device,
            processes=processes,
            on_progress=on_progress,
        )
    space = f" --colour-space {shlex.quote(colour_space)}" if colour_space else ""
    print_lines(
        look.card.sufficiency,
        f"the look: {output}",
        f"how its training went: {run_folder(output) / 'training.html'}",
        f"next: relook apply FILM --look {output} -o OUT.mp4{space}",
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
