"""A verb that is stopped says so by its exit code and leaves nothing half-written; a training goes on where it was."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(
    sys.platform == "win32", reason="signals as a terminal and a farm send them are POSIX's"
)


def command(media: Path, *words: str) -> list[str]:
    paths = ["--source", media / "film.mp4", "--style", media / "style.mp4", "-o", media / "own.look"]
    return [sys.executable, "-m", "relook", "train", *map(str, paths), *words]


def started(words: list[str]) -> subprocess.Popen[str]:
    """Start a command as from a terminal: a runner in the background may ignore Ctrl-C, and its children with it."""

    def mind_interrupts() -> None:
        signal.signal(signal.SIGINT, signal.SIG_DFL)

    return subprocess.Popen(words, stderr=subprocess.PIPE, text=True, preexec_fn=mind_interrupts)


def wait_for(running: subprocess.Popen[str], text: str) -> None:
    assert running.stderr is not None
    while text not in (line := running.stderr.readline()):
        assert line, f"training ended before it said {text!r}"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("sent", "code"), [(signal.SIGINT, 130), pytest.param(signal.SIGTERM, 143, marks=pytest.mark.slow)]
)
def test_TR02_training_that_is_stopped_before_it_begins(sent: signal.Signals, code: int, media: Path) -> None:
    before = {path.name for path in media.iterdir()}
    with started(command(media, "--budget", "60s")) as running:
        wait_for(running, "storing frames")
        running.send_signal(sent)
        assert running.stderr is not None
        rest = running.stderr.read()
    assert running.returncode == code, rest
    assert "Traceback" not in rest
    assert {path.name for path in media.iterdir()} == before


@pytest.mark.slow
@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_TR02_training_that_is_stopped_is_saved_and_goes_on(sent: signal.Signals, code: int, media: Path) -> None:
    with started(command(media, "--budget", "400f")) as running:
        wait_for(running, "training:")
        running.send_signal(sent)
        sent_at = time.monotonic()
        assert running.stderr is not None
        rest = running.stderr.read()
    assert running.returncode == code and "--resume" in rest and "Traceback" not in rest
    assert time.monotonic() - sent_at < 60, "a step and a checkpoint are not long"
    assert (media / "own.run" / "corpus").is_dir() and not (media / "own.look").exists()
    refused = subprocess.run(command(media, "--budget", "400f"), capture_output=True, text=True, check=False)
    assert refused.returncode == 2 and "--resume" in refused.stderr and "--overwrite" in refused.stderr
    changed = subprocess.run(
        command(media, "--budget", "480f", "--resume"), capture_output=True, text=True, check=False
    )
    assert changed.returncode == 2 and "budget_frames was 400 and is now 480" in changed.stderr
    done = subprocess.run(command(media, "--budget", "400f", "--resume"), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (media / "own.look").exists() and not (media / "own.run" / "corpus").exists()
    assert {path.name for path in (media / "own.run").iterdir()} == {"metrics.jsonl", "sheet.jpg", "training.html"}
