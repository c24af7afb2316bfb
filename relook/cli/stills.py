"""What `relook apply` says of a folder of stills: what was written, what could not be, and what was left."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import typer

from relook.cli.display import print_json, print_lines
from relook.errors import DAMAGE_DECLARED

if TYPE_CHECKING:
    from relook.apply.delivery import Delivery

MOST_LISTED = 20


def end_stills(delivery: Delivery, *, as_json: bool) -> None:
    """Print the result of a folder of stills, and leave with the exit code for declared damage where some were refused."""
    print_lines(f"{len(delivery.stills)} stills written to {delivery.output}")
    if delivery.num_clipped:
        print_lines(
            f"{delivery.num_clipped} of them have values that their colour space has no code for: these are clipped"
        )
    _print_list("left, of another kind", [str(path) for path in delivery.others])
    _print_list("NOT DONE", [f"{path}: {reason}" for path, reason in delivery.refused], most=len(delivery.refused))
    if as_json:
        print_json(stills_json(delivery))
    if delivery.refused:
        raise typer.Exit(DAMAGE_DECLARED)


def stills_json(delivery: Delivery) -> dict[str, Any]:
    """Return what is told to machines; paths are those within the folder."""
    return {
        "output": str(delivery.output),
        "stills": [
            {"path": str(path), "frame_hash": digest}
            for path, digest in zip(delivery.stills, delivery.frame_hashes, strict=True)
        ],
        "refused": [{"path": str(path), "reason": reason} for path, reason in delivery.refused],
        "num_clipped": delivery.num_clipped,
        "others": [str(path) for path in delivery.others],
    }


def _print_list(head: str, items: Sequence[str], *, most: int = MOST_LISTED) -> None:
    if items:
        rest = f"  and {len(items) - most} more; --json lists them all"
        print_lines(
            f"{head} ({len(items)}):", *(f"  {item}" for item in items[:most]), *([rest] if len(items) > most else [])
        )
