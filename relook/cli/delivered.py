"""What `relook apply` says when it is done: what was written and what differs from the source; and its exit code."""

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
    """Print what was delivered; exit with the code for reported damage if there is any."""
    _tell_flicker(delivery)
    if delivery.stills:
        end_stills(delivery, as_json=as_json)
        return
    damage = damage_facts(delivery.damage, film) if delivery.damage else []
    print_lines(*map(damage_line, damage), *_loss_lines(delivery), *_result_lines(delivery, film, look, colour_space))
    if as_json:
        print_json(delivery_facts(delivery) | {"damage": damage})
    if damage or delivery.num_lost_packets:
        raise typer.Exit(DAMAGE_DECLARED)


def _tell_flicker(delivery: Delivery) -> None:
    given, wanted = delivery.flicker
    if given < wanted:
        print_lines(
            f"flicker is held to {given:.1%} of the light, where the look has {wanted:.1%}: more could harm photosensitive viewers;",
            "--allow-flashes lets all of it through",
        )


def _loss_lines(delivery: Delivery) -> list[str]:
    """Describe what differs from the source."""
    lines = []
    if delivery.num_lost_packets:
        lines.append(f"damaged packets of sound and subtitles, left out: {delivery.num_lost_packets}")
    if delivery.num_clipped:
        lines.append(
            "frames with values below black or above white, clipped because "
            f"{delivery.output.suffix or delivery.output} cannot hold them: {delivery.num_clipped}; linear .exr can"
        )
    lines += delivery.notes
    if delivery.taken:
        lines.append(f"taken: {delivery.taken}")
    if delivery.left_out:
        lines += ["changed or left out:", *(f"  {words}" for words in delivery.left_out)]
    return lines


def _result_lines(delivery: Delivery, film: Path, look: str, colour_space: str | None) -> list[str]:
    """Say what was written, and what to type next."""
    output, shots = delivery.output, delivery.shot_files
    if shots:
        num_new = sum(shot.is_new for shot in shots)
        return [f"{len(shots)} shots in {output}: {num_new} rendered, {len(shots) - num_new} as they were"]
    space = f" --colour-space {shlex.quote(colour_space)}" if colour_space else ""
    return [
        f"{len(delivery.frame_hashes)} frames written to {output}",
        f"next: relook check {_typed(output)} --look {shlex.quote(look)} --source {_typed(film)}{space}",
    ]


def delivery_facts(delivery: Delivery) -> dict[str, Any]:
    """Lay a delivery out as `--json` has it, but for its damage."""
    return {
        "output": str(delivery.output),
        "taken": delivery.taken,
        "start_frame": delivery.frames.start,
        "stop_frame": delivery.frames.stop,
        "frame_hashes": delivery.frame_hashes,
        "left_out": delivery.left_out,
        "num_clipped": delivery.num_clipped,
        "lost_packets": delivery.num_lost_packets,
        "shots": [shot_facts(shot) for shot in delivery.shot_files],
        "notes": delivery.notes,
    }


def damage_facts(damage: Sequence[Damage], film: Path) -> list[dict[str, Any]]:
    """Lay out the damaged ranges of a film as `--json` has them; timecodes name the first and the last frame."""
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
    """Write a path so that it can be typed: quoted for a shell, and never taken for an option."""
    return shlex.quote(f"./{path}" if str(path).startswith("-") else str(path))
