"""The journal of a training run, `metrics.jsonl`, read for a page."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from relook.strict import parse_json

LARGEST = 1e12
"""What is beyond it is no measure."""
FIRST_PASS_SCORE = 2.0
FIRST_PASS = "first pass"


@dataclass(frozen=True)
class Moment:
    step: int = 0
    frames: int = 0
    seconds: float = 0.0


@dataclass(frozen=True)
class Check:
    """A candidate measured on held-out footage."""

    at: Moment
    candidate: str
    is_kept: bool
    values: dict[str, float]


@dataclass(frozen=True)
class Terms:
    """The terms of both objectives on one batch."""

    at: Moment
    values: dict[str, float]


@dataclass(frozen=True)
class Trouble:
    at: Moment
    text: str


@dataclass(frozen=True)
class TrainingLog:
    """What `metrics.jsonl` tells."""

    now: Moment
    right: int
    """Frames seen at the right edge of the curves, 1 before there are any."""
    checks: tuple[Check, ...]
    terms: tuple[Terms, ...]
    troubles: tuple[Trouble, ...]
    reason: str
    """Why the training ended; empty while it runs, or runs again."""

    @property
    def first(self) -> Check | None:
        return next((check for check in reversed(self.checks) if check.candidate == FIRST_PASS), None)

    @property
    def kept(self) -> Check | None:
        """Return the check of what is the look now."""
        return next((check for check in reversed(self.checks) if check.is_kept), self.first)


def read_log(path: Path) -> TrainingLog:
    """Read what has been logged so far: nothing before the first line."""
    now, right, reason = Moment(), 1, ""
    checks: list[Check] = []
    terms: list[Terms] = []
    troubles: list[Trouble] = []
    for line in _lines(path):
        now = _moment(line, now)
        right, reason = max(right, now.frames), ""
        values = {key: number for key, value in line.items() if (number := _number(value)) is not None}
        match line.get("event"):
            case "check":
                if "score" in values:
                    values["closeness"] = 1 - values["score"] / FIRST_PASS_SCORE
                checks.append(Check(now, str(line.get("candidate")), line.get("kept") is True, values))
            case "terms":
                terms.append(Terms(now, values))
            case "trouble":
                said = [str(line[key]) for key in ("what", "done") if line.get(key)]
                troubles.append(Trouble(now, sentence("; ".join(said) or "something went wrong")))
            case "end":
                reason = str(line.get("reason") or "")
    return TrainingLog(now, right, tuple(checks), tuple(terms), tuple(troubles), reason)


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the events of a log; a line that a kill has cut off is none."""
    if not path.exists():
        return
    with path.open(encoding="utf-8", errors="replace") as log:
        for text in log:
            try:
                line = parse_json(text, finite=False)
            except ValueError:
                continue
            if isinstance(line, dict):
                yield line


def _moment(line: dict[str, Any], before: Moment) -> Moment:
    step, frames, seconds = (_number(line.get(key)) for key in ("step", "frames", "seconds"))
    return Moment(
        before.step if step is None else int(step),
        before.frames if frames is None else max(int(frames), 0),
        before.seconds if seconds is None else seconds,
    )


def _number(value: object) -> float | None:
    """Return a number that can be drawn; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if abs(value) < LARGEST else None


def sentence(text: str) -> str:
    """Write a remark as a sentence."""
    return text[:1].upper() + text[1:].rstrip(".") + "."
