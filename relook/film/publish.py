"""Write small files atomically, hold locks, and turn the disk's errors into relook's own."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import av

from relook import faults
from relook.errors import LockedError, ResourceError, UsageError
from relook.strict import open_regular

try:
    import fcntl
except ImportError:  # Windows has no flock; there a second job is not noticed
    fcntl = None  # type: ignore[assignment]

_PART: Final = ".part"
RECEIPT: Final = "receipt.json"
"""The ending of an output's receipt, and the whole name of one that is kept ready."""
_LONGEST_NAME: Final = 255
"""Most bytes in a name on the usual file systems."""


def require_place(path: Path, *, overwrite: bool) -> None:
    """Refuse an unusable output place before any work.

    Raises:
        UsageError: its folder is missing or read-only, it is a folder, or it exists and may not be replaced.
    """
    folder = path.absolute().parent
    if not folder.is_dir():
        raise UsageError(f"cannot write {path}: there is no folder {folder}; make it first")
    if path.is_dir():
        raise UsageError(f"cannot write {path}: it is a folder; give the name of a file in it")
    if not overwrite and (path.exists() or path.is_symlink()):
        raise exists_already(path)
    if not os.access(folder, os.W_OK | os.X_OK):
        raise UsageError(f"cannot write {path}: no permission to write into {folder}")


def exists_already(path: Path) -> UsageError:
    """Return the error for an output whose place is taken by something that it may not replace."""
    return UsageError(f"{path} exists; give another name, or --overwrite to replace it")


@contextmanager
def disk_errors(path: Path, *, needed_bytes: int = 0) -> Iterator[None]:
    """Turn the system's and FFmpeg's write errors into ours; `needed_bytes`: how much is to be written, if known."""
    try:
        yield
    except (OSError, av.error.FFmpegError) as error:
        free, needed = "", f"{needed_bytes / 1e6:.3f} MB needed, " if needed_bytes else ""
        with suppress(OSError):
            free = f" ({needed}{room_text(shutil.disk_usage(path.absolute().parent).free)} free)"
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            remedy = f"free space on its disk{free}"
        elif error.errno == errno.EFBIG:
            remedy = "lift the limit of file sizes (`ulimit -f unlimited`), or write to a disk that holds larger files"
        else:
            remedy = f"check its disk{free}, or choose another format"
        raise ResourceError(f"cannot write {path}: {error.strerror or error}; {remedy}") from error


def room_text(num_bytes: float) -> str:
    """Describe disk space in decimal units, as disks are sold."""
    return f"{num_bytes / 1e9:.1f} GB" if num_bytes >= 1e9 else f"{num_bytes / 1e6:.1f} MB"


def write_whole(path: Path, data: bytes) -> None:
    """Write a small file in one step; it is on disk when this returns."""
    part = path.with_name(part_name(path.name))
    try:
        part.unlink(missing_ok=True)
        with part.open("xb") as file:  # never through a link
            file.write(data)
            file.flush()
            faults.point("whole.sync")
            os.fsync(file.fileno())
        faults.point("whole.replace")
        os.replace(part, path)
        sync_folder(path.parent)
    finally:
        part.unlink(missing_ok=True)


def sync(path: Path) -> None:
    """Force a file to disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_folder(folder: Path) -> None:
    """Force a folder's entries to disk, where the system can."""
    if os.name == "posix":
        sync(folder)


def file_hash(path: Path) -> str | None:
    """Digest a file with SHA-256 (hex); None where there is no such regular file."""
    try:
        with os.fdopen(open_regular(path), "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None


@contextmanager
def locked(path: Path, busy: str) -> Iterator[None]:
    """Hold a lock file for the duration of the `with`, then remove it; the system releases it if the process dies.

    Raises:
        LockedError: another process holds it; `busy` is the message.
    """
    with disk_errors(path):
        lock = take_lock(path, os.O_RDWR | os.O_CREAT, busy)
    try:
        yield
    finally:
        with suppress(OSError):
            if is_there(lock, path):  # while it is held: after that it may be another's
                path.unlink()
        os.close(lock)


def take_lock(path: Path, flags: int, busy: str, *, is_folder: bool = False) -> int:
    """Open and lock what is at a path, again if its last holder removed it between the two.

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
            if is_there(lock, path):
                return lock
        except BaseException:
            os.close(lock)
            raise
        os.close(lock)


def is_there(lock: int, path: Path) -> bool:
    """Say whether what was opened is still what is at a path."""
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


def part_name(name: str) -> str:
    """Return the name of an unfinished output: the final name with `.part`, shortened if too long for file systems."""
    return _longer(name, _PART)


def receipt_of(output: Path) -> Path:
    """Return the path of an output's receipt."""
    return output.with_name(_longer(output.name, f".{RECEIPT}"))


def _longer(name: str, ending: str) -> str:
    kept = name
    while len(os.fsencode(kept)) + len(ending) > _LONGEST_NAME:
        kept = kept[:-1]
    return kept + ending
