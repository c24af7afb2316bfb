"""What is installed here, what works, and what to do about the rest."""

from __future__ import annotations

from relook.health.gather import gather
from relook.health.rules import Finding, judge


def doctor() -> tuple[Finding, ...]:
    """Examine this machine, and the current folder as the place of outputs.

    Nothing is written but in folders that are removed again, and nothing is asked of any network. Raises nothing: what is
    broken is a finding.
    """
    return judge(gather())
