"""Where a render is at work: languages, time zones, rights, limits, and streams that nobody reads (AP15, AP16, AP17)."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from relook.film.writer import STRETCH_FRAMES
from tests.apply.in_child import Running

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="locales, rights and limits as POSIX has them")

FIRST_NINE = ("--range", "00:59:59;20-00:59:59;29")
LANGUAGES = {
    "no language": {"LANG": "C", "TZ": "UTC"},
    "POSIX": {"LC_ALL": "POSIX", "TZ": "Asia/Kathmandu"},
    "Turkish": {"LC_ALL": "tr_TR.UTF-8", "TZ": "America/St_Johns"},
    "Arabic": {"LC_ALL": "ar_EG.UTF-8"},
    "comma decimals": {"LC_ALL": "de_DE.UTF-8"},
}


@pytest.mark.slow
@pytest.mark.parametrize(
    "language",
    [name if name == "POSIX" else pytest.param(name, marks=pytest.mark.slow) for name in LANGUAGES],
)
def test_AP15_languages_and_time_zones_change_nothing(
    language: str,
    output: Path,
    film: Path,
    look_file: Path,
    start: Any,
    uninterrupted: Any,
    assert_world: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Every byte of the film and of the receipt is the same; a receipt has no time stamp."""
    settings = LANGUAGES[language]
    wanted = settings.get("LC_ALL", "C")
    listed = subprocess.run(["locale", "-a"], capture_output=True, text=True, check=False).stdout.split()
    if wanted not in ("C", "POSIX") and wanted.replace("UTF-8", "utf8") not in listed:
        pytest.skip(f"the language {wanted} is not installed here")
    files = uninterrupted("d\u00e9j\u00e0 \u0131.mov", STRETCH_FRAMES)[1]
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    running: Running = start(output.with_name("d\u00e9j\u00e0 \u0131.mov"), real=True)
    assert running.wait() == 0, running.log.read_text(errors="replace")
    assert "Traceback" not in running.log.read_text(errors="replace")
    assert_world(output.parent, files)


def bare() -> None:
    """Be a user without a home, who may open few files and shares nothing."""
    os.umask(0o077)
    os.environ.pop("HOME", None)
    os.environ["TMPDIR"] = "/nonexistent"
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))


def open_to_all() -> None:
    """Be a user whose home cannot be written to, and who shares everything."""
    os.umask(0)
    os.environ["HOME"] = "/proc"


@pytest.mark.slow
@pytest.mark.parametrize(("prepare", "mode"), [(bare, 0o600), pytest.param(open_to_all, 0o666, marks=pytest.mark.slow)])
def test_AP16_rights_homes_and_limits(
    prepare: Any, mode: int, output: Path, start: Any, uninterrupted: Any, assert_world: Any
) -> None:
    running: Running = start(output, prepare=prepare)
    assert running.wait() == 0, running.log.read_text()
    assert_world(output.parent, uninterrupted("o.mov")[1])
    assert {path.stat().st_mode & 0o777 for path in output.parent.iterdir()} == {mode}


@pytest.mark.slow
def test_AP16_a_program_of_a_bare_user(
    output: Path, film: Path, look_file: Path, uninterrupted: Any, assert_world: Any
) -> None:
    script = 'umask 077; ulimit -n 64; unset HOME; export TMPDIR=/nonexistent; exec "$0" -m relook apply "$1" --look "$2" -o "$3"'
    words = ["sh", "-c", script, sys.executable, str(film), str(look_file), str(output)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert_world(output.parent, uninterrupted("o.mov", STRETCH_FRAMES)[1])


def nobody_reads_output() -> None:
    _pipe_without_reader(1)


def nobody_reads_errors() -> None:
    _pipe_without_reader(2)


def nobody_reads_either() -> None:
    _pipe_without_reader(1)
    os.dup2(1, 2)


def _pipe_without_reader(number: int) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    os.dup2(writing, number)
    os.close(writing)


def full_pipe() -> None:
    """Let a reader that reads nothing have a full pipe."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    try:
        while True:
            os.write(writing, bytes(1 << 12))
    except BlockingIOError:
        pass
    os.dup2(writing, 2)
    os.set_inheritable(reading, True)


def all_closed() -> None:
    """Close the standard streams, as `<&- >&- 2>&-` does before a program begins."""
    for number in range(3):
        os.close(number)
    sys.stdin = sys.stdout = sys.stderr = None  # type: ignore[assignment]


def full_output() -> None:
    os.dup2(os.open("/dev/full", os.O_WRONLY), 1)


def full_errors() -> None:
    os.dup2(os.open("/dev/full", os.O_WRONLY), 2)


@pytest.mark.parametrize(
    ("prepare", "code"),
    [
        pytest.param(nobody_reads_output, 0, marks=pytest.mark.slow),
        (nobody_reads_errors, 0),
        (nobody_reads_either, 0),
        (full_pipe, 0),
        (all_closed, 0),
        (full_errors, 0),
        (full_output, 6),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_AP17_what_is_told_and_nobody_hears(
    prepare: Any, code: int, output: Path, start: Any, assert_world: Any
) -> None:
    """The film is made all the same; only a result that a full disk does not take is an error (AP03)."""
    running: Running = start(output, *FIRST_NINE, "--json", prepare=prepare)
    assert running.wait() == code, running.log.read_text()
    assert "Traceback" not in running.log.read_text() and "Exception ignored" not in running.log.read_text()
    made = {path.name: path.read_bytes() for path in output.parent.iterdir() if path.is_file()}
    assert made.keys() == {"o.mov", "o.mov.receipt.json"}
    assert_world(output.parent, made)


@pytest.mark.slow
@pytest.mark.parametrize(
    "tail", ['| true; exit "${PIPESTATUS[0]}"', "<&- >&- 2>&-", "2>&1 | head -c 1 >/dev/null; exit ${PIPESTATUS[0]}"]
)
def test_AP17_a_program_in_a_shell(tail: str, output: Path, film: Path, look_file: Path, assert_world: Any) -> None:
    """`relook apply .. | true` does not say that a shot failed the check."""
    if shutil.which("bash") is None:
        pytest.skip("there is no bash here, which tells how the first of two commands ended")
    script = f'"$0" -m relook apply "$1" --look "$2" -o "$3" {tail}'
    words = ["bash", "-c", script, sys.executable, str(film), str(look_file), str(output)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr and "Exception ignored" not in done.stderr
    assert output.exists()
