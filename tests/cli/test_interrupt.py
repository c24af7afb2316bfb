"""A verb that is stopped says so by its exit code and leaves nothing half-written."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.skipif(sys.platform == "win32", reason="signals as a terminal and a farm send them are POSIX's")
@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_training_that_is_stopped(sent: signal.Signals, code: int, media: Path) -> None:
    words = ["--source", media / "film.mp4", "--style", media / "style.mp4", "-o", media / "own.look"]
    command = [sys.executable, "-m", "relook", "train", *map(str, words), "--budget", "10m"]
    before = {path.name for path in media.iterdir()}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as running:
        assert running.stderr is not None
        while "storing frames" not in (line := running.stderr.readline()):
            assert line, "training ended before it stored a frame"
        running.send_signal(sent)
        rest = running.stderr.read()
    assert running.returncode == code, rest
    assert "Traceback" not in rest
    left = {path.name for path in media.iterdir()} - before
    assert left <= {"own.run"}
    assert not (media / "own.run" / "corpus").exists()
