"""The journal of a run, `metrics.jsonl`: one JSON object a line, an event each."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from relook import faults
from relook.film.publish import disk_errors, write_whole
from relook.strict import parse_json
from relook.train.course import Course
from relook.train.measures import HeldOutMeasures

NAME = "metrics.jsonl"


class Journal:
    """Appends to a run's journal; lines later than the course, of a sitting that was killed, are dropped first."""

    def __init__(self, run: Path | None, course: Course, frames_a_step: int) -> None:
        """`run`: None writes nothing."""
        self._frames_a_step = frames_a_step
        self._path = run / NAME if run else None
        if self._path and self._path.exists():
            lines = self._path.read_text(encoding="utf-8", errors="replace").splitlines()
            kept = [line for line in lines if course.step and step_told(line) <= course.step]
            with disk_errors(self._path):
                write_whole(self._path, "".join(f"{line}\n" for line in kept).encode())

    @property
    def is_kept(self) -> bool:
        """False for the members of a crew that write nothing."""
        return self._path is not None

    def check(self, course: Course, candidate: str, measures: HeldOutMeasures, *, is_kept: bool) -> None:
        """Note what was measured of a candidate."""
        score = measures.score(course.first)
        self.write("check", course, candidate=candidate, **asdict(measures), score=score, kept=is_kept)

    def trouble(self, course: Course, what: str, done: str) -> None:
        """Note what went wrong and what was done about it."""
        self.write("trouble", course, what=what, done=done)

    def write(self, event: str, course: Course, **values: Any) -> None:
        """Append one event."""
        if self._path is None:
            return
        frames = course.step * self._frames_a_step
        line = {"event": event, "step": course.step, "frames": frames, "seconds": round(course.seconds, 3), **values}
        text = json.dumps(line) + "\n"
        with disk_errors(self._path, needed_bytes=len(text)), self._path.open("a", encoding="utf-8") as file:
            faults.point("journal")
            file.write(text)


def step_told(line: str) -> int:
    try:
        return int(parse_json(line, finite=False)["step"])
    except (ValueError, KeyError, TypeError, OverflowError):
        return 1 << 62
