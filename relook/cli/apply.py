"""`relook apply`: a film re-rendered in a look."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from relook.cli.arguments import (
    Device,
    Film,
    Json,
    LookName,
    Overwrite,
    Seed,
    colour_space_option,
    given_dials,
    mark_dial,
)
from relook.cli.delivered import tell
from relook.cli.display import showing_progress


def apply(
    film: Film,
    look: LookName,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="OUT", help="The film, or image sequence, to write.")
    ],
    strength: Annotated[float, typer.Option(min=0, max=1, metavar="0..1", help="The whole look, 0 to 1.")] = 1.0,
    grade: Annotated[float, typer.Option(min=0, max=1, metavar="0..1", help="Colour, tone, uneven light.")] = 1.0,
    detail: Annotated[float, typer.Option(min=0, max=1, metavar="0..1", help="Softness, halation, edges.")] = 1.0,
    texture: Annotated[
        float, typer.Option(min=0, max=1, metavar="0..1", help="All marks from --grain to --aperture.")
    ] = 1.0,
    vignette: Annotated[float | None, mark_dial("Darker corners and uneven light of the frame; in --grade.")] = None,
    softness: Annotated[float | None, mark_dial("Blur of the lens; in --detail.")] = None,
    halation: Annotated[float | None, mark_dial("Glow around lights; in --detail.")] = None,
    grain: Annotated[float | None, mark_dial("Grain.")] = None,
    flicker: Annotated[float | None, mark_dial("Breathing of exposure, contrast and colour.")] = None,
    weave: Annotated[float | None, mark_dial("Unsteady gate.")] = None,
    dust: Annotated[float | None, mark_dial("Dust and hairs.")] = None,
    scratches: Annotated[float | None, mark_dial("Scratches.")] = None,
    unevenness: Annotated[float | None, mark_dial("Clouds of uneven development.")] = None,
    cranking: Annotated[float | None, mark_dial("Repeated frames of a slower camera.")] = None,
    aperture: Annotated[float | None, mark_dial("The gate's mask with its round corners.")] = None,
    condition: Annotated[
        str,
        typer.Option(metavar="new|surviving", help="The stock as new, without wear, or a surviving print."),
    ] = "surviving",
    seed: Seed = 0,
    frames: Annotated[
        str | None,
        typer.Option(
            "--range",
            metavar="TC-TC",
            help="Only what is shown in this time, in the film's timecode: 00:00:02:00-00:00:04:12.",
        ),
    ] = None,
    tile_rows: Annotated[
        int | None,
        typer.Option(min=64, metavar="ROWS", help="Work in tiles of so many rows, for little memory; the same frames."),
    ] = None,
    passes: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Write the layers too: look, grain, damage, matte, weave, breath."),
    ] = None,
    allow_flashes: Annotated[
        bool, typer.Option("--allow-flashes", help="Let flicker exceed what is safe for photosensitive viewers.")
    ] = False,
    on_damage: Annotated[
        str,
        typer.Option(metavar="strict|keep", help="Refuse a damaged film, or repeat the last good frame; exit code 4."),
    ] = "strict",
    deinterlace: Annotated[
        bool, typer.Option("--deinterlace", help="Make whole frames of an interlaced film's.")
    ] = False,
    edl: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Only what an EDL or OTIO uses: one film, or a film a shot where OUT is a folder."
        ),
    ] = None,
    handles: Annotated[int, typer.Option(min=0, metavar="FRAMES", help="More frames before and after each shot.")] = 0,
    tile: Annotated[
        str | None,
        typer.Option(
            metavar="x|y|xy",
            help="For textures: the look wraps along these axes, marks go on at the opposite side; vignette along "
            "them, weave and aperture are off.",
        ),
    ] = None,
    colour_space: Annotated[
        str | None,
        colour_space_option(
            "What FILM is in, and what a film made of a film, and pictures of the same kind, come out in; all else comes out "
            "display-referred"
        ),
    ] = None,
    overwrite: Overwrite = False,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Render a film in a look; sound and timing stay as they are.

    A folder of stills, with its sub-folders, becomes a folder of the same names: each still is a shot of its own.
    """
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
            condition=condition,  # type: ignore[arg-type]  # checked there
            seed=seed,
            frames=frames,
            tile_rows=tile_rows,
            passes=passes,
            allow_flashes=allow_flashes,
            on_damage=on_damage,  # type: ignore[arg-type]  # checked there
            deinterlace=deinterlace,
            edl=edl,
            handles=handles,
            tile=tile,
            colour_space=colour_space,
            overwrite=overwrite,
            device=device,
            on_progress=on_progress,
            **given_dials(
                vignette=vignette,
                softness=softness,
                halation=halation,
                grain=grain,
                flicker=flicker,
                weave=weave,
                dust=dust,
                scratches=scratches,
                unevenness=unevenness,
                cranking=cranking,
                aperture=aperture,
            ),
        )
    tell(delivery, film, look, colour_space=colour_space, as_json=as_json)
