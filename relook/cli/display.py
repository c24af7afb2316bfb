"""Show a verb's progress on standard error: bars with an ETA on a terminal, a few plain lines elsewhere."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TextIO

from relook.cli.hiding import Hiding
from relook.cli.stopping import begin_work
from relook.progress import OnProgress, Progress

QUIET_SECONDS = 15.0
_CONTROLS = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160)) if chr(code) not in "\t\n"}
_COMMANDS = _CONTROLS | {code: f"\\u{code:04x}" for code in (*range(0x202A, 0x202F), *range(0x2066, 0x206A))}


@contextmanager
def showing_progress() -> Iterator[OnProgress]:
    """Provide a callback that shows progress during the `with`; from here on, signals end work with care."""
    begin_work()
    if not sys.stderr.isatty():
        yield PlainLines()
        return
    from rich.console import Console  # late: a terminal's bars alone need it, and it slows `relook --help`
    from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    columns = (
        TextColumn("{task.description:>22}", markup=False),
        BarColumn(),
        TextColumn("{task.fields[count]}", markup=False),
        TimeRemainingColumn(),
        TextColumn("{task.fields[detail]}", markup=False),
    )
    with Bars(*columns, console=Console(stderr=True)) as bars:
        yield TerminalBars(bars)


class TerminalBars:
    """One bar per stage."""

    def __init__(self, bars: Any) -> None:
        self._bars = bars
        self._last: Progress | None = None
        self._task: Any = None

    def __call__(self, progress: Progress) -> None:
        if _begins_stage(progress, self._last):
            self._task = self._bars.add_task(progress.stage, total=progress.total, count="", detail="")
        self._last = progress
        self._bars.update(
            self._task, completed=progress.done, total=progress.total, count=_count(progress), detail=progress.detail
        )


class PlainLines:
    """A line when a stage begins and when it ends, and one every 15 seconds in between."""

    def __init__(self) -> None:
        self._last: Progress | None = None
        self._written = 0.0

    def __call__(self, progress: Progress) -> None:
        begins, self._last = _begins_stage(progress, self._last), progress
        ends = progress.total is not None and progress.done >= progress.total
        if begins or ends or time.monotonic() - self._written > QUIET_SECONDS:
            self._written = time.monotonic()
            words = (f"{progress.stage}:", _count(progress), progress.detail)
            say_aside(" ".join(filter(None, words)))


def _begins_stage(progress: Progress, last: Progress | None) -> bool:
    return last is None or progress.stage != last.stage or progress.done < last.done


def _count(progress: Progress) -> str:
    if progress.total == 0:
        return ""
    total = "" if progress.total is None else f"/{progress.total:.0f}"
    return f"{progress.done:.0f}{total} {progress.unit}"


def harmless(text: str) -> str:
    """Escape characters by which a name from a file could control the terminal or reverse its text."""
    return text.translate(_COMMANDS)


def print_lines(*lines: str) -> None:
    """Write a verb's result for people to standard output."""
    text, encoding = harmless("\n".join(lines)) + "\n", sys.stdout.encoding or "utf-8"
    _say(text.encode(encoding, "backslashreplace").decode(encoding))  # a file's name may be any bytes


def print_json(values: Mapping[str, Any]) -> None:
    """Write a verb's result for machines: one JSON object in one line on standard output."""
    if isinstance(sys.stdout, Hiding):
        sys.stdout.write_json(values)
    else:
        _say(json.dumps(values, default=str, allow_nan=False) + "\n")


def say_aside(line: str) -> None:
    """Write a line to standard error; if nobody can read it, work continues all the same."""
    try:
        sys.stderr.write(f"{line}\n")
        sys.stderr.flush()
    except BlockingIOError:
        pass  # it stays in the buffer and goes out with the next
    except OSError:
        _close_off(sys.stderr)


def _say(text: str) -> None:
    """Write to standard output; it is no error if the reader has left, as in `relook .. | head`."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        _close_off(sys.stdout)


def _close_off(stream: TextIO) -> None:
    """Send everything still written to a stream nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
