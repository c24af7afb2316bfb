"""`relook doctor`: whether this machine is fit for relook, and what to do if it is not."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict

import typer

from relook.cli.arguments import Json
from relook.cli.display import print_json, print_lines
from relook.cli.stopping import begin_work
from relook.errors import ResourceError


def doctor(as_json: Json = False) -> None:
    """Check this machine, and say what to do about problems.

    Exits with code 6 if there is a problem.
    """
    from relook.health.doctor import (
        doctor as examine,
    )  # late: torch takes seconds to import, and `--help` must not wait

    begin_work()
    findings = examine()
    counts = Counter(finding.state for finding in findings)
    width = max(len(finding.subject) for finding in findings)
    for finding in findings:
        remedy = f"; do: {finding.remedy}" if finding.remedy else ""
        print_lines(f"{finding.state:8} {finding.subject:{width}}  {finding.text}{remedy}")
    print_lines(f"problems: {counts['problem']}, warnings: {counts['warning']}")
    if as_json:
        print_json({"problems": counts["problem"], "warnings": counts["warning"], "findings": [*map(asdict, findings)]})
    if counts["problem"]:
        raise typer.Exit(ResourceError.exit_code)
