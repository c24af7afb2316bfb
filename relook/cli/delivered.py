"""What `relook apply` says when it is done: what was written, what is not as it was in the source, and the exit code."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from relook.cli.display import print_json, print_lines
from relook.cli.stills import end_stills
from relook.errors import DAMAGE_DECLARED

if TYPE_CHECKING:
    from relook.apply.delivery import Delivery
    from relook.apply.events import ShotFile
    from relook.film.frames import Damage


def tell(delivery: Delivery, film: Path, look: str, *, colour_space: str | None = None, as_json: bool) -> None:
    """Print what was delivered; leave with the exit code for declared damage where there is any."""
    output = delivery.output
    given, wanted = delivery.flicker
    if given < wanted:
        print_lines(
            f"flicker is held to {given:.1%} of the light, where the look has {wanted:.1%}: more could harm photosensitive viewers;",
            "--allow-flashes lets all of it through",
        )
    if delivery.stills:
        end_stills(delivery, as_json=as_json)
        return
    damage = damage_facts(delivery.damage, film) if delivery.damage else []
    if damage:
        print_lines(*map(damage_line, damage))
    if delivery.num_lost_packets:
        print_lines(f"damaged packets of sound and subtitles, left out: {delivery.num_lost_packets}")
    if delivery.num_clipped:
        print_lines(
            f"frames with values below black or above white, clipped because {output.suffix or output} cannot hold them: "
            f"{delivery.num_clipped}; linear .exr can",
        )
    if delivery.notes:
        print_lines(*delivery.notes)
    if delivery.taken:
        print_lines(f"taken: {delivery.taken}")
    if delivery.left_out:
        print_lines("changed or left out:", *(f"  {words}" for words in delivery.left_out))
    if delivery.shot_files:
        new = sum(shot.is_new for shot in delivery.shot_files)
        print_lines(
            f"{len(delivery.shot_files)} shots in {output}: {new} rendered, {len(delivery.shot_files) - new} as they were"
        )
    else:
        space = f" --colour-space {shlex.quote(colour_space)}" if colour_space else ""
        print_lines(
            f"{len(delivery.frame_hashes)} frames written to {output}",
            f"next: relook check {_typed(output)} --look {shlex.quote(look)} --source {_typed(film)}{space}",
        )
    if as_json:
        print_json(
            {
                "output": str(output),
                "taken": delivery.taken,
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
    from relook.film.container.ledger import timecode_of  # late: PyAV is slow to import, and `--help` must not wait
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


def _typed(path: Path) -> str:
    """Give a path as it is typed, in a shell and where a word that begins with a dash is an option."""
    return shlex.quote(f"./{path}" if str(path).startswith("-") else str(path))
