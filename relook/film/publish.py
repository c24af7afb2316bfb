"""Make an output beside its final place and show it only when it is whole.

The unfinished file (or folder of pictures) is called `NAME.part`, lies in the same folder, and is locked: a second job
on the same output is refused, and a part left by a killed job is taken over.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import av

from relook.errors import LockedError, ResourceError, UsageError

try:
    import fcntl
except ImportError:  # Windows has no flock; there the second job is not noticed
    fcntl = None  # type: ignore[assignment]

_PART: Final = ".part"
_LONGEST_NAME: Final = 255
"""Bytes that a name may have on the usual file systems."""


def require_place(path: Path, *, overwrite: bool) -> None:
    """Refuse an output place that cannot be used, before any work.

    Raises:
        UsageError: its folder is missing or read-only, it is a folder, or it exists and may not be replaced.
    """
    folder = path.absolute().parent
    if not folder.is_dir():
        raise UsageError(f"cannot write {path}: there is no folder {folder}; make it first")
    if path.is_dir():
        raise UsageError(f"cannot write {path}: it is a folder; give the name of a file in it")
    if not overwrite and (path.exists() or path.is_symlink()):
        raise UsageError(f"{path} exists; give another name, or --overwrite to replace it")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise UsageError(f"cannot write {path}: no permission to write into {folder}")


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turn the system's and FFmpeg's errors of writing into ours."""
    try:
        yield
    except (OSError, av.error.FFmpegError) as error:
        free = ""
        with suppress(OSError):
            free = f" ({shutil.disk_usage(path.absolute().parent).free / 1e9:.1f} GB free)"
        full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        remedy = f"free space on its disk{free}" if full else f"check its disk{free}, or choose another format"
        raise ResourceError(f"cannot write {path}: {error.strerror or error}; {remedy}") from error


@contextmanager
def locked(path: Path, busy: str) -> Iterator[None]:
    """Hold a lock file while the `with` lasts, and remove it then; the system lets go of it when the process dies.

    Raises:
        LockedError: another process holds it; its text is `busy`.
    """
    with disk_errors(path):
        lock = _take(path, os.O_RDWR | os.O_CREAT, busy)
    try:
        yield
    finally:
        with suppress(OSError):
            if _is_there(lock, path):  # while it is held: after that it may be another's
                path.unlink()
        os.close(lock)


def _take(path: Path, flags: int, busy: str, *, is_folder: bool = False) -> int:
    """Open and lock what lies at a path; its last holder may have taken it away between the two, so look again.

    Raises:
        LockedError: another process holds it.
    """
    while True:
        if is_folder:
            path.mkdir(exist_ok=True)
        try:
            lock = os.open(path, flags, 0o666)
        except FileNotFoundError:
            if is_folder:
                continue
            raise
        try:
            _hold(lock, busy)
            if _is_there(lock, path):
                return lock
        except BaseException:
            os.close(lock)
            raise
        os.close(lock)


def _is_there(lock: int, path: Path) -> bool:
    """Say whether what was opened is still what lies at a path."""
    try:
        return os.path.samestat(os.fstat(lock), os.stat(path))
    except FileNotFoundError:
        return False


def _hold(lock: int, busy: str) -> None:
    if fcntl is None:
        return
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise LockedError(busy) from error


def _part_name(name: str) -> str:
    """Give the unfinished file's name: the final one with `.part`, shortened where a file system could not hold that."""
    kept = name
    while len(os.fsencode(kept)) + len(_PART) > _LONGEST_NAME:
        kept = kept[:-1]
    return kept + _PART


class Part:
    """An output in the making: `path` is where to write, until `publish` or `discard`.

    With `folder`, `path` is a folder of files, which go into that folder when they are published.
    """

    def __init__(self, final: Path, *, folder: Path | None = None) -> None:
        self.final = final
        self.path = final.with_name(_part_name(final.name))
        self._folder = folder
        with disk_errors(self.path):
            self._lock = self._take_lock()

    def publish(self) -> None:
        """Put the file, or the folder's files, in their final place, and forget the part."""
        with disk_errors(self.final):
            if self._folder is None:
                os.fsync(self._lock)
                os.replace(self.path, self.final)
            elif self._folder.is_dir():
                for made in sorted(path for path in self.path.rglob("*") if path.is_file()):
                    place = self._folder / made.relative_to(self.path)
                    place.parent.mkdir(parents=True, exist_ok=True)
                    os.replace(made, place)
                shutil.rmtree(self.path)
            else:
                os.replace(self.path, self._folder)
        os.close(self._lock)

    def discard(self) -> None:
        """Remove everything made so far."""
        if self._folder is not None:
            shutil.rmtree(self.path, ignore_errors=True)
        else:
            with suppress(OSError):
                self.path.unlink()
        os.close(self._lock)

    def _take_lock(self) -> int:
        is_folder = self._folder is not None
        flags = os.O_RDONLY if is_folder else os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
        busy = f"another job is writing {self.final}; wait for it, or give another name"
        lock = _take(self.path, flags, busy, is_folder=is_folder)
        if self._folder is not None:
            for left in self.path.iterdir():
                shutil.rmtree(left) if left.is_dir() and not left.is_symlink() else left.unlink()
        return lock
