"""`relook apply`: a film re-rendered in a look."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from relook.cli.arguments import Device, Film, Json, LookName, Overwrite, Seed, given_dials, mark_dial
from relook.cli.display import print_json, print_lines, showing_progress
from relook.errors import DAMAGE_DECLARED

if TYPE_CHECKING:
    from relook.apply.events import ShotFile
    from relook.film.frames import Damage


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
        typer.Option("--range", metavar="TC-TC", help="Only this part: 00:00:02:00-00:00:04:12."),
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
    given, wanted = delivery.flicker
    if given < wanted:
        print_lines(
            f"flicker is held at {given:.1%} of the light, where the look has {wanted:.1%}: more would harm photosensitive viewers;",
            "--allow-flashes gives it all",
        )
    damage = damage_facts(delivery.damage, film) if delivery.damage else []
    if damage:
        print_lines(*map(damage_line, damage))
    if delivery.num_lost_packets:
        print_lines(f"damaged: {delivery.num_lost_packets} packets of the sound and subtitles are left out")
    if delivery.num_clipped:
        print_lines(
            f"{delivery.num_clipped} frames have values below black or above white, which {output.suffix or output} "
            "cannot hold: they are written as black and white; .exr holds them",
        )
    if delivery.notes:
        print_lines(*delivery.notes)
    if delivery.shot_files:
        new = sum(shot.is_new for shot in delivery.shot_files)
        print_lines(
            f"{len(delivery.shot_files)} shots in {output}: {new} rendered, {len(delivery.shot_files) - new} as they were"
        )
    else:
        print_lines(
            f"{len(delivery.frame_hashes)} frames written to {output}", f"next: relook check {output} --look {look}"
        )
    if as_json:
        print_json(
            {
                "output": str(output),
                "start_frame": delivery.frames.start,
                "stop_frame": delivery.frames.stop,
                "frame_hashes": delivery.frame_hashes,
                "left_out": delivery.left_out,
                "num_clipped": delivery.num_clipped,
                "damage": damage,
                "lost_packets": delivery.num_lost_packets,
                "shots": [shot_facts(shot) for shot in delivery.shot_files],
                "notes": delivery.notes,
            }
        )
    if damage or delivery.num_lost_packets:
        raise typer.Exit(DAMAGE_DECLARED)


def damage_facts(damage: Sequence[Damage], film: Path) -> list[dict[str, Any]]:
    """Lay the damaged ranges of a film out as `--json` has them; timecodes name the first and the last frame."""
    from relook.film.ledger import timecode_of  # late: PyAV is slow to import, and `--help` must not wait
    from relook.film.reader import probe

    info = probe(film)
    return [
        {
            "start_frame": found.frames.start,
            "stop_frame": found.frames.stop,
            "first_timecode": timecode_of(found.frames.start, info),
            "last_timecode": timecode_of(found.frames.stop - 1, info),
            "reason": found.reason,
        }
        for found in damage
    ]


def damage_line(found: dict[str, Any]) -> str:
    first, last = found["start_frame"], found["stop_frame"] - 1
    which = f"frame {first} ({found['first_timecode']}) repeats"
    if last > first:
        which = f"frames {first} to {last} ({found['first_timecode']} to {found['last_timecode']}) repeat"
    return f"{found['reason']}: {which} the last good frame"


def shot_facts(shot: ShotFile) -> dict[str, Any]:
    return {
        "event": shot.event,
        "file": shot.path.name,
        "start_frame": shot.frames.start,
        "stop_frame": shot.frames.stop,
        "cut_start_frame": shot.cut.start,
        "cut_stop_frame": shot.cut.stop,
        "is_new": shot.is_new,
    }
