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
        Path, typer.Option("--output", "-o", metavar="OUT", help="The film, sequence or folder to write.")
    ],
    strength: Annotated[
        float, typer.Option(min=0, max=1, metavar="0..1", help="How much of the whole look to apply.")
    ] = 1.0,
    grade: Annotated[float, typer.Option(min=0, max=1, metavar="0..1", help="Colour, tone and vignette.")] = 1.0,
    detail: Annotated[float, typer.Option(min=0, max=1, metavar="0..1", help="Softness, halation and edges.")] = 1.0,
    texture: Annotated[
        float, typer.Option(min=0, max=1, metavar="0..1", help="All marks from --grain to --aperture.")
    ] = 1.0,
    vignette: Annotated[float | None, mark_dial("Darker corners and uneven light, part of --grade.")] = None,
    softness: Annotated[float | None, mark_dial("Lens blur, part of --detail.")] = None,
    halation: Annotated[float | None, mark_dial("Glow around lights, part of --detail.")] = None,
    grain: Annotated[float | None, mark_dial("Grain.")] = None,
    flicker: Annotated[float | None, mark_dial("Breathing of exposure, contrast and colour.")] = None,
    weave: Annotated[float | None, mark_dial("Unsteadiness of the gate.")] = None,
    dust: Annotated[float | None, mark_dial("Dust and hairs.")] = None,
    scratches: Annotated[float | None, mark_dial("Scratches.")] = None,
    unevenness: Annotated[float | None, mark_dial("Clouds left by uneven development.")] = None,
    cranking: Annotated[float | None, mark_dial("Repeated frames, as from a slower camera.")] = None,
    aperture: Annotated[float | None, mark_dial("The gate's mask with its rounded corners.")] = None,
    condition: Annotated[
        str,
        typer.Option(metavar="new|surviving", help="The stock as new, without wear, or the print as it survives."),
    ] = "surviving",
    seed: Seed = 0,
    frames: Annotated[
        str | None,
        typer.Option(
            "--range",
            metavar="TC-TC",
            help="Only this part, in the film's timecode, end not included: 00:00:02:00-00:00:04:12.",
        ),
    ] = None,
    tile_rows: Annotated[
        int | None,
        typer.Option(
            min=64, metavar="ROWS", help="Work in tiles of this many rows to save memory; the frames are the same."
        ),
    ] = None,
    passes: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Also write each layer: look, grain, damage, matte, weave, flicker."),
    ] = None,
    allow_flashes: Annotated[
        bool, typer.Option("--allow-flashes", help="Let flicker exceed what is safe for photosensitive viewers.")
    ] = False,
    on_damage: Annotated[
        str,
        typer.Option(
            metavar="strict|keep", help="Refuse a damaged film, or repeat the last good frame and exit with code 4."
        ),
    ] = "strict",
    deinterlace: Annotated[
        bool, typer.Option("--deinterlace", help="Make whole frames of an interlaced film's fields.")
    ] = False,
    edl: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Only what an EDL or OTIO uses, as one film; if OUT is a folder, one film per shot."
        ),
    ] = None,
    handles: Annotated[
        int,
        typer.Option(min=0, metavar="FRAMES", help="With --edl and a folder: extra frames before and after each shot."),
    ] = 0,
    tile: Annotated[
        str | None,
        typer.Option(
            metavar="x|y|xy",
            help="For textures: wrap the look along these axes, so that copies meet without a seam. Turns off weave, "
            "aperture, and vignette along these axes.",
        ),
    ] = None,
    colour_space: Annotated[
        str | None,
        colour_space_option(
            "FILM",
            more=" The output is in it too if both are films, or pictures of the same kind; if not, it is display-referred.",
        ),
    ] = None,
    overwrite: Overwrite = False,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Render a film in a look; sound and timing stay as they are.

    A folder of stills and its sub-folders become a folder with the same names; each still is a shot of its own.
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
