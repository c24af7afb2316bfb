"""`relook apply`: a film re-rendered in a look."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from relook.cli.arguments import Device, Film, Json, LookName, Overwrite, Seed
from relook.cli.display import print_json, print_lines, showing_progress


def apply(
    film: Film,
    look: LookName,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="OUT", help="The film, or image sequence, to write.")
    ],
    strength: Annotated[float, typer.Option(min=0, max=1, metavar="0..1", help="The whole look, 0 to 1.")] = 1.0,
    grade: Annotated[float, typer.Option(min=0, max=1, metavar="0..1", help="Colour and tone.")] = 1.0,
    detail: Annotated[float, typer.Option(min=0, max=1, metavar="0..1", help="Softness, halation, edges.")] = 1.0,
    texture: Annotated[
        float, typer.Option(min=0, max=1, metavar="0..1", help="Grain, dust, scratches, flicker, weave.")
    ] = 1.0,
    seed: Seed = 0,
    frames: Annotated[
        str | None,
        typer.Option("--range", metavar="TC-TC", help="Only this part: 00:00:02:00-00:00:04:12."),
    ] = None,
    tile_rows: Annotated[
        int | None,
        typer.Option(min=64, metavar="ROWS", help="Work in tiles of so many rows, for little memory; the same frames."),
    ] = None,
    overwrite: Overwrite = False,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Render a film in a look; sound and timing stay as they are."""
    from relook.pipeline import apply as render  # late: torch takes seconds to import, and `--help` must not wait

    with showing_progress() as on_progress:
        delivery = render(
            film,
            look,
            output,
            strength=strength,
            grade=grade,
            detail=detail,
            texture=texture,
            seed=seed,
            frames=frames,
            tile_rows=tile_rows,
            overwrite=overwrite,
            device=device,
            on_progress=on_progress,
        )
    print_lines(f"{len(delivery.frames)} frames written to {output}", f"next: relook check {output} --look {look}")
    if as_json:
        print_json(
            {
                "output": str(output),
                "start_frame": delivery.frames.start,
                "stop_frame": delivery.frames.stop,
                "frame_hashes": delivery.frame_hashes,
            }
        )
