"""Locks: one holder at a time, and no file left when it lets go; names: what has come to one meanwhile stays."""

from __future__ import annotations

import errno
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest

from relook.errors import LockedError, ResourceError, UsageError
from relook.film import publish
from relook.film.part import Part
from relook.film.publish import disk_errors, locked


def test_a_lock_is_removed_when_it_is_let_go_and_not_by_who_is_refused(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    with locked(lock, "busy"):
        with pytest.raises(LockedError, match="busy"), locked(lock, "busy"):
            pass
        assert lock.exists()
    assert not lock.exists()
    with pytest.raises(ZeroDivisionError), locked(lock, "busy"):
        _ = 1 / 0
    assert not lock.exists()


def test_a_lock_of_another_is_not_removed(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    with locked(lock, "busy"):
        lock.unlink()
        lock.write_text("somebody else's")
    assert lock.read_text() == "somebody else's"


@pytest.mark.parametrize("kind", ["lock", "film", "folder"])
def test_a_file_that_is_taken_away_before_it_is_locked_is_not_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """The holder before removes what was opened, and a third makes and holds a new one: that one is met."""
    path, hold, thirds = tmp_path / ("lock" if kind == "lock" else "o.part"), publish._hold, []

    def late(lock: int, busy: str) -> None:
        if not thirds:
            path.rename(tmp_path / "published")
            path.touch() if kind == "lock" else path.mkdir()
            thirds.append(os.open(path, os.O_RDONLY))
            hold(thirds[0], "")
        hold(lock, busy)

    monkeypatch.setattr(publish, "_hold", late)
    with pytest.raises(LockedError):
        if kind == "lock":
            with locked(path, "busy"):
                pass
        else:
            Part(tmp_path / "o", folder=tmp_path / "o" if kind == "folder" else None)
    os.close(thirds[0])


def test_never_two_hold_a_lock_however_often_it_comes_and_goes(tmp_path: Path) -> None:
    inside, most, count = [0], [0], [0]

    def work(_: int) -> None:
        for _ in range(200):
            try:
                with locked(tmp_path / "lock", "busy"):
                    inside[0] += 1
                    most[0], count[0] = max(most[0], inside[0]), count[0] + 1
                    inside[0] -= 1
            except LockedError:
                pass

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    assert most == [1] and count[0] > 0
    assert not (tmp_path / "lock").exists()


def test_what_came_to_a_name_meanwhile_stays(tmp_path: Path) -> None:
    part = Part(tmp_path / "o.mov")
    part.made.write_bytes(b"ours")
    (tmp_path / "o.mov").write_bytes(b"theirs")
    with pytest.raises(UsageError, match="exists"):
        part.publish(overwrite=False)
    part.clear()
    assert (tmp_path / "o.mov").read_bytes() == b"theirs"


@pytest.mark.parametrize(
    ("number", "free", "told"),
    [
        (errno.ENOSPC, 300_000, r"free space on its disk \(0\.3 MB free\)"),
        (errno.ENOSPC, 54 * 10**9, r"free space on its disk \(54\.0 GB free\)"),
        (errno.EFBIG, 54 * 10**9, "lift the limit of file sizes"),
    ],
)
def test_AP03_what_the_disk_refuses_is_told_with_what_helps(
    number: int, free: int, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda path: SimpleNamespace(free=free))
    with pytest.raises(ResourceError, match=told), disk_errors(tmp_path / "o.mov"):
        raise OSError(number, os.strerror(number))
