"""`relook verify`: a film compared with its receipt."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from relook.cli.arguments import Json
from relook.cli.display import print_json, print_lines

NOT_AS_WRITTEN = 1


def verify(
    output: Annotated[Path, typer.Argument(metavar="OUT", help="A film, sequence or folder that `apply` wrote.")],
    source: Annotated[Path | None, typer.Option(metavar="FILM", help="Also compare the film it was made from.")] = None,
    look: Annotated[
        str | None, typer.Option(metavar="NAME.look", help="Also compare the look it was made with.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Compare a film with its receipt.

    Its source and its look are compared too if they are given. Exits with code 1 if any has changed.
    """
    # late, both: torch takes seconds to import, and `--help` must not wait
    from relook.apply.shot_record import RECORD
    from relook.pipeline import verify as compare

    findings = compare(output, source=source, look=look)
    wrong = [found for found in findings if found.fault]
    lines = [f"{found.what} {found.name}: {found.fault}" for found in wrong]
    for what in ("output", "source", "look"):
        found = [finding for finding in findings if finding.what == what]
        if not found:
            is_told = not (output / RECORD).is_file()
            lines.append(
                f"{what}: not compared; "
                + (f"give --{what}" if is_told else "the record of a folder of shots holds no more")
            )
        elif not any(finding.fault for finding in found):
            files = f"{len(found)} files are" if len(found) > 1 else f"{found[0].name} is"
            lines.append(f"{what}: {files} what the receipt says")
    print_lines(*lines)
    if as_json:
        print_json({"verdict": "fail" if wrong else "pass", "files": [asdict(found) for found in findings]})
    if wrong:
        raise typer.Exit(NOT_AS_WRITTEN)
