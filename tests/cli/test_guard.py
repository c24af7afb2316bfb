"""From exceptions to exit codes."""

from __future__ import annotations

import errno

import pytest
import typer

from relook import errors
from relook.cli.guard import guarded


def outcome(error: BaseException, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    def verb() -> None:
        raise error

    with pytest.raises(typer.Exit) as left:
        guarded(verb)()
    return left.value.exit_code, capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.UsageError("why"), 2),
        (errors.InputError("why"), 3),
        (errors.DivergedError("why"), 5),
        (errors.ResourceError("why"), 6),
        (errors.LockedError("why"), 7),
        (errors.InputChangedError("why"), 8),
        (OSError(errno.ENOSPC, "why"), 6),
        (PermissionError(errno.EACCES, "why", "film.mp4"), 2),
        (OSError(errno.ENAMETOOLONG, "why", "film.mp4"), 2),
        (MemoryError("why"), 6),
        (OSError(errno.ENOMEM, "why"), 6),
        (OSError(errno.EMFILE, "why"), 6),
        (ImportError("libtorch_cpu.so: failed to map segment from shared object"), 6),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), 6),
        (RuntimeError("CUDA error: unspecified launch failure"), 6),
        (ZeroDivisionError("why"), 9),
        (KeyboardInterrupt("why"), 130),
    ],
)
def test_every_error_has_its_exit_code(error: BaseException, code: int, capsys: pytest.CaptureFixture[str]) -> None:
    found, text = outcome(error, capsys)
    assert found == code
    assert text.startswith("relook: ")
    assert "Traceback" not in text


def test_the_traceback_is_there_on_request(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("RELOOK_DEBUG", "1")
    code, text = outcome(ZeroDivisionError("why"), capsys)
    assert code == 9
    assert "Traceback" in text
