"""What relook says about a folder of stills: `apply` what was written, `info` what is there, and both what cannot be read and why."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from relook.cli.display import print_json, print_lines, showing_progress
from relook.errors import DAMAGE_DECLARED, InputError
from relook.progress import Progress

if TYPE_CHECKING:
    from relook.apply.delivery import Delivery

MOST_LISTED = 20


def end_stills(delivery: Delivery, *, as_json: bool) -> None:
    """Print the result for a folder of stills; exit with the code for reported damage if some were refused."""
    print_lines(f"{len(delivery.stills)} stills written to {delivery.output}")
    if delivery.num_clipped:
        print_lines(
            f"{delivery.num_clipped} of them have values that their colour space cannot encode; these are clipped"
        )
    _print_list("not kept", delivery.left_out)
    if delivery.notes:
        print_lines(*delivery.notes)
    _print_list("skipped, not pictures", [str(path) for path in delivery.others])
    _print_list("NOT DONE", [f"{path}: {reason}" for path, reason in delivery.refused], most=len(delivery.refused))
    if as_json:
        print_json(stills_json(delivery))
    if delivery.refused:
        raise typer.Exit(DAMAGE_DECLARED)


def stills_json(delivery: Delivery) -> dict[str, Any]:
    """Lay out the result as `--json` has it; paths are relative to the folder."""
    return {
        "output": str(delivery.output),
        "stills": [
            {"path": str(path), "frame_hash": digest}
            for path, digest in zip(delivery.stills, delivery.frame_hashes, strict=True)
        ],
        "refused": [{"path": str(path), "reason": reason} for path, reason in delivery.refused],
        "num_clipped": delivery.num_clipped,
        "left_out": delivery.left_out,
        "notes": delivery.notes,
        "others": [str(path) for path in delivery.others],
    }


def stills_facts(folder: Path) -> dict[str, Any]:
    """Return the facts about the stills in a folder and its sub-folders, and which cannot be read; paths are relative to the folder.

    Raises:
        InputError: there are no stills, or none can be read.
    """
    from relook.film.pictures.stills import Refused, find_stills, read_stills  # late: OpenCV is slow to import

    found = find_stills(folder)
    stills, refused = [], list(found.closed)
    with showing_progress() as on_progress:
        for number, (name, read) in enumerate(read_stills(found), 1):
            on_progress(Progress("reading", number, len(found.stills), unit="stills"))
            if isinstance(read, Refused):
                refused.append(read)
                continue
            try:
                stills.append(_still_facts(name, read.picture))
            except InputError as error:
                refused.append(Refused(name, str(error)))
    if not stills:
        raise InputError(f"no picture in {folder} can be read; the first: {refused[0].reason}")
    return {
        "path": str(folder),
        "kind": "stills",
        "stills": stills,
        "refused": [{"path": str(path), "reason": reason} for path, reason in refused],
        "others": [str(path) for path in found.others],
    }


def _still_facts(name: Path, picture: Any) -> dict[str, Any]:
    """Return the facts about a still.

    Raises:
        InputError: its profile is damaged or not for RGB.
    """
    from relook.film.pictures.profile import profile_for_rgb

    height, width = picture.codes.shape[:2]
    return {
        "path": str(name),
        "size": f"{width}x{height}",
        "bit_depth": picture.bit_depth,
        "is_float": picture.is_float,
        "is_grey": picture.is_grey,
        "is_linear": picture.is_linear,
        "has_alpha": picture.alpha is not None,
        "has_profile": profile_for_rgb(picture.path) is not None,
        "channels": sorted(picture.layers),
    }


def stills_lines(facts: dict[str, Any]) -> list[str]:
    """Write the facts of a folder of stills for people."""
    lines = [f"{'path':18} {facts['path']}", f"{'kind':18} stills, each rendered by itself: {len(facts['stills'])}"]
    lines += [f"  {_still_words(still)}" for still in facts["stills"]]
    lines += _list("skipped, not pictures", facts["others"])
    refused = [f"{still['path']}: {still['reason']}" for still in facts["refused"]]
    return lines + _list("CANNOT BE READ", refused, most=len(refused))


def _still_words(still: dict[str, Any]) -> str:
    depth = f"{still['bit_depth']}-bit float" if still["is_float"] else f"{still['bit_depth']} bit"
    parts = [
        still["size"],
        depth,
        "grey" if still["is_grey"] else "RGB",
        "scene-linear light" if still["is_linear"] else "",
        "transparency" if still["has_alpha"] else "",
        "ICC profile" if still["has_profile"] else "",
        *(f"channel {name}" for name in still["channels"]),
    ]
    return f"{still['path']}: {', '.join(part for part in parts if part)}"


def _print_list(head: str, items: Sequence[str], *, most: int = MOST_LISTED) -> None:
    if items:
        print_lines(*_list(head, items, most=most))


def _list(head: str, items: Sequence[str], *, most: int = MOST_LISTED) -> list[str]:
    rest = [f"  and {len(items) - most} more; --json lists them all"] if len(items) > most else []
    return [f"{head} ({len(items)}):", *(f"  {item}" for item in items[:most]), *rest] if items else []
