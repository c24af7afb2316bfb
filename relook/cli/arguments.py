"""Reading what people type: lists of paths, budgets, and the options that several verbs share."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from relook.errors import UsageError

SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0}

Device = Annotated[str, typer.Option(metavar="DEVICE", help="Where to compute: auto, cpu, cuda or cuda:0.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object as the last line on standard output.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace an output that exists.")]
Seed = Annotated[int, typer.Option(min=0, metavar="NUMBER", help="The same seed gives the same result.")]
LookName = Annotated[
    str, typer.Option("--look", metavar="NAME.look", help="A look file, or the name of a built-in look.")
]
Film = Annotated[Path, typer.Argument(metavar="FILM", help="A film file, or an image sequence or its folder.")]


def spread_paths(words: list[str]) -> list[str]:
    """Repeat `--source` and `--style` of `train` before each of the paths that follow them.

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


def parse_budget(text: str) -> float:
    """Return the seconds of a budget such as "90s", "3m", "1.5h"; a bare number counts seconds."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smh]?)", text.strip())
    seconds = float(found.group(1)) * SECONDS[found.group(2) or "s"] if found else 0.0
    if seconds <= 0:
        raise UsageError(f"--budget {text!r} is no length of time; write for example 90s, 3m, 10m or 1h")
    return seconds
