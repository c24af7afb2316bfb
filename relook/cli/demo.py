"""`relook demo`: two looks on sample footage, one of them trained on the spot."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from relook.cli.arguments import Device, Json
from relook.cli.display import print_json, print_lines, showing_progress


def demo(
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="The folder to write to.")] = Path(
        "demo"
    ),
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Try relook on sample footage.

    Trains one look, applies it and a built-in one, and checks both results: a few minutes on a CPU.
    """
    from relook.pipeline import demo as show  # late: torch takes seconds to import, and `--help` must not wait

    with showing_progress() as on_progress:
        result = show(output, device=device, on_progress=on_progress)
    print_lines("", "Look at these:", f"  the film before          {result.source}")
    for title, film, page, report in zip(
        ("in the silent-film look", "in the look just trained"), result.films, result.pages, result.reports, strict=True
    ):
        print_lines(f"  {title:24} {film}", f"  {'its verdict: ' + report.verdict:24} {page}")
    print_lines(f"  the look just trained    {result.look}")
    if as_json:
        print_json(
            {
                "source": str(result.source),
                "look": str(result.look),
                "films": [str(film) for film in result.films],
                "reports": [str(page) for page in result.pages],
                "verdicts": [report.verdict for report in result.reports],
            }
        )
