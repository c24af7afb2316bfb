"""A render that is stopped, suspended, or met by a second one, as processes of their own (AP02, AP07, AP19)."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from relook.errors import LockedError
from relook.film.writer import STRETCH_FRAMES
from tests.apply.in_child import Running

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="signals as a terminal and a farm send them are POSIX's"),
    pytest.mark.usefixtures("short_stretches"),
]

SIGNALS = [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
MOST_SECONDS = 10.0
SLOW = "journal.line:slow:2"
"""The render pauses when its second stretch is done and not yet on record."""


def lines(output: Path) -> int:
    """Count what is on record of an output in the making."""
    journal = output.with_name(f"{output.name}.part") / "journal.jsonl"
    return len(journal.read_bytes().splitlines()) if journal.exists() else 0


@pytest.mark.parametrize("real", [False, pytest.param(True, marks=pytest.mark.slow)], ids=["forked", "program"])
@pytest.mark.parametrize(
    ("sent", "code"), [SIGNALS[1], *(pytest.param(*pair, marks=pytest.mark.slow) for pair in SIGNALS[::2])]
)
def test_AP02_stopped_by_a_signal(
    sent: signal.Signals,
    code: int,
    real: bool,
    output: Path,
    start: Any,
    finish: Any,
    uninterrupted: Any,
    assert_world: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A program has stretches of the usual length, which the film's one cut ends once; a forked one has short ones."""
    stretch = STRETCH_FRAMES if real else 7
    files = uninterrupted("o.mov", stretch)[1]
    running: Running = start(output, fault=SLOW, real=real)
    running.until(lambda: lines(output) == 2)
    os.kill(running.pid, sent)
    sent_at = time.monotonic()
    assert running.wait() == code, running.log.read_text()
    assert time.monotonic() - sent_at < MOST_SECONDS
    told = running.log.read_text()
    assert "continues where it can" in told and "Traceback" not in told
    assert not output.exists()
    assert_world(output.parent, files, is_done=False)
    monkeypatch.setattr("relook.film.writer.STRETCH_FRAMES", stretch)
    _, num_done = finish(output)
    assert num_done == (50 if real else 7)
    assert_world(output.parent, files)


def test_AP02_a_signal_while_the_program_starts() -> None:
    """An exception that comes while a library is imported is lost, or comes out as another error."""
    code = "import sys, relook.cli as c; sys.meta_path.insert(0, c); c.find_spec = lambda name, *_: find(name); c.main(['looks'])"
    for sent, exit_code in SIGNALS:
        find = f"import os, signal\nsignal.signal({int(sent)}, signal.SIG_DFL if {int(sent)} != 2 else signal.default_int_handler)\n"
        find += f"def find(name):\n  try:\n    if name == 'torch': os.kill(os.getpid(), {int(sent)})\n"
        find += "  except BaseException: pass\n"
        done = subprocess.run([sys.executable, "-c", find + code], capture_output=True, text=True, check=False)
        assert done.returncode == exit_code and done.stderr.endswith("continues where it can\n"), done.stderr
        assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("sent", [signal.SIGHUP, signal.SIGINT], ids=lambda sent: sent.name)
def test_AP02_what_was_switched_off_stays_so(sent: signal.Signals) -> None:
    """As `nohup` and a shell's `&` do it."""
    code = f"import signal, os; signal.signal({int(sent)}, signal.SIG_IGN)\nfrom relook.cli.stopping import begin_work, heeded"
    code += f"\nfrom relook.train.interrupt import holding_signals\nassert {int(sent)} not in heeded()\nbegin_work()"
    code += f"\nwith holding_signals() as came:\n    os.kill(os.getpid(), {int(sent)})\n    assert not came()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_AP02_the_terminal_is_closed(
    output: Path,
    film: Path,
    look_file: Path,
    finish: Any,
    uninterrupted: Any,
    assert_world: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A terminal that goes away sends SIGHUP, and there is nobody left to talk to."""
    files = uninterrupted("o.mov", STRETCH_FRAMES)[1]
    process, terminal = pty.fork()
    if process == 0:
        words = ["relook", "apply", str(film), "--look", str(look_file), "-o", str(output)]
        os.execve(sys.executable, [sys.executable, "-m", *words], os.environ | {"RELOOK_FAIL": SLOW})
    while lines(output) < 2:
        os.set_blocking(terminal, False)
        try:
            os.read(terminal, 1 << 16)
        except BlockingIOError:
            time.sleep(0.01)
    os.close(terminal)
    assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 128 + signal.SIGHUP
    assert_world(output.parent, files, is_done=False)
    monkeypatch.setattr("relook.film.writer.STRETCH_FRAMES", STRETCH_FRAMES)
    finish(output)
    assert_world(output.parent, files)


@pytest.mark.slow
def test_AP07_a_second_job_is_refused_and_the_first_is_unharmed(
    output: Path, start: Any, finish: Any, uninterrupted: Any, assert_world: Any
) -> None:
    files = uninterrupted("o.mov")[1]
    running: Running = start(output, fault=SLOW)
    running.until(lambda: lines(output) == 2)
    with pytest.raises(LockedError, match=r"another job is writing .*o\.mov") as refused:
        finish(output)
    assert refused.value.exit_code == 7
    assert running.wait() == 0, running.log.read_text()
    assert_world(output.parent, files)


@pytest.mark.slow
def test_AP07_the_lock_of_a_job_that_was_killed_is_taken_over(
    output: Path, broken_off: Any, finish: Any, uninterrupted: Any, assert_world: Any, short_stretches: int
) -> None:
    files = uninterrupted("o.mov")[1]
    assert broken_off(output, "stretch.sync:kill:3")
    assert_world(output.parent, files, is_done=False)
    _, num_done = finish(output)
    assert num_done == 2 * short_stretches
    assert_world(output.parent, files)


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [1.5, pytest.param(120, marks=pytest.mark.slow)])
def test_AP19_suspended_and_woken(
    seconds: float, output: Path, start: Any, uninterrupted: Any, assert_world: Any
) -> None:
    running: Running = start(output, fault=SLOW)
    running.until(lambda: lines(output) == 2)
    os.kill(running.pid, signal.SIGSTOP)
    time.sleep(seconds)
    there = lines(output)
    time.sleep(0.2)
    assert lines(output) == there, "it is suspended"
    os.kill(running.pid, signal.SIGCONT)
    assert running.wait() == 0, running.log.read_text()
    assert_world(output.parent, uninterrupted("o.mov")[1])
