"""Parse what people type: lists of paths, budgets, and the options that several verbs share."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, cast

import typer

from relook.errors import UsageError
from relook.recipe.dials import MarkDials

SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0}

Device = Annotated[str, typer.Option(metavar="DEVICE", help="Device to compute on: auto, cpu, cuda or cuda:0.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object as the last line on standard output.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace the output if it exists.")]
Seed = Annotated[int, typer.Option(min=0, metavar="NUMBER", help="The same seed gives the same result.")]
LookName = Annotated[
    str, typer.Option("--look", metavar="NAME.look", help="A look file, or the name of a built-in look.")
]
Film = Annotated[Path, typer.Argument(metavar="FILM", help="A film file, an image sequence, or a folder of pictures.")]


def mark_dial(what: str) -> Any:
    """Return the option for a dial from 0 (none) to 2, where 1 is as measured."""
    return typer.Option(min=0, max=2, metavar="0..2", help=f"{what} 1 is as measured.")


def colour_space_option(footage: str, *, more: str = "") -> Any:
    """Return the option that says which colour space some footage is in."""
    return typer.Option(
        metavar="NAME",
        help=f"Colour space of {footage}: a name, alias or role from $OCIO or, if unset, the built-in config.{more}",
    )


def given_dials(**dials: float | None) -> MarkDials:
    """Keep the dials that were given; the condition sets the others."""
    return cast(MarkDials, {mark: value for mark, value in dials.items() if value is not None})


def spread_paths(words: list[str]) -> list[str]:
    """Repeat `train`'s `--source` and `--style` before each of the paths that follow them.

    `--style a b c` becomes `--style a --style b --style c`, so that a shell's `reels/*` works. A path that starts
    with a dash must be written `./-name`.
    """
    if words[:1] != ["train"]:
        return words
    spread: list[str] = []
    flag, is_first = "", False
    for word in words:
        if word.startswith("-"):
            flag, is_first = (word if word in ("--source", "--style") else ""), True
            spread.append(word)
            continue
        spread += [word] if is_first or not flag else [flag, word]
        is_first = False
    return spread


def parse_budget(text: str) -> tuple[float | None, int | None]:
    """Return the seconds or the frames of a budget: "90s", "3m", "1.5h", "20000f"; a bare number means seconds."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smh]?)|(\d+)f", text.strip())
    seconds = float(found.group(1)) * SECONDS[found.group(2) or "s"] if found and found.group(1) else None
    frames = int(found.group(3)) if found and found.group(3) else None
    if not seconds and not frames:
        raise UsageError(
            f"--budget {text!r} is not a budget; give a time such as 90s, 3m or 1h, or a number of frames seen such as 20000f"
        )
    return seconds, frames


def parse_pair(text: str) -> tuple[Path, Path]:
    """Return the two pictures of "SOURCE_FRAME=TARGET_FRAME"."""
    parts = text.split("=")
    splits = [("=".join(parts[:n]), "=".join(parts[n:])) for n in range(1, len(parts))]
    there = [split for split in splits if all(Path(path).exists() for path in split)]
    source, target = (there or splits or [("", "")])[0]
    if not source or not target:
        raise UsageError(f"--pair {text!r} is not a pair; write --pair frame.png=painted.png")
    return Path(source), Path(target)
