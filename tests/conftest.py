"""What every test shares: one thread a worker, the real footage where a checkout has it, and what must be so after any fault."""

from __future__ import annotations

import ctypes
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")

ROOT = Path(__file__).parents[1]
FOOTAGE = Path(os.environ.get("RELOOK_FOOTAGE", Path(__file__).parents[2] / "shared" / "footage"))
ADOPTS_ORPHANS = 36
"""PR_SET_CHILD_SUBREAPER of Linux: processes that lost their parent become children of this one, and are found."""
SERVERS = ("multiprocessing.forkserver", "multiprocessing.resource_tracker")
LAST_BREATH_SECONDS = 3.0


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    """Keep torch and OpenCV to one thread a worker: two workers fill two cores."""
    import cv2
    import torch

    torch.set_num_threads(1)
    cv2.setNumThreads(1)


@pytest.fixture(scope="session")
def footage() -> Callable[[str], Path]:
    """Return a function from a name such as "live-action/flower.mp4" to its path; skips where it is absent."""

    def find(name: str) -> Path:
        path = FOOTAGE / name
        if not path.exists():
            pytest.skip(f"no real footage {name} here; set RELOOK_FOOTAGE to a folder that has it")
        return path

    return find


@pytest.fixture
def assert_world(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., None]]:
    """Return the function that says whether the world is as it must be after a fault, or after the end.

    `assert_world(folder, files)`: the folder holds these files, by name with their bytes, and nothing else: no unfinished
    output, no lock. With `is_done=False` some of them, each whole, and beside them unfinished outputs, `NAME.part`, that nobody
    holds. Either way nothing outside of the test's own folder was made or changed, in the home folder, the temporary one and
    the current one least of all, and no process is left. The test's end checks the last two once more.
    """
    around, apart = tmp_path_factory.getbasetemp(), tmp_path_factory.mktemp("world")
    for name, place in (("HOME", "home"), ("TMPDIR", "temporary"), ("XDG_CACHE_HOME", "cache")):
        (apart / place).mkdir()
        monkeypatch.setenv(name, str(apart / place))
    monkeypatch.setenv("PYTHONPATH", str(ROOT), prepend=os.pathsep)
    monkeypatch.setattr(tempfile, "tempdir", str(apart / "temporary"))
    monkeypatch.chdir(apart)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(ADOPTS_ORPHANS, 1, 0, 0, 0)
    before, processes = _files_around(around, tmp_path), _descendants()

    def nothing_outside_and_nobody_left() -> None:
        assert _files_around(around, tmp_path) == before, "a file outside of the work and output folders"
        last = time.monotonic() + LAST_BREATH_SECONDS
        while (left := _descendants().items() - processes.items()) and time.monotonic() < last:
            time.sleep(0.05)
        assert not left, "a process is left"

    def check(folder: Path, files: Mapping[str, bytes], *, is_done: bool = True) -> None:
        found = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if not path.is_dir()}
        final = {name: path for name, path in found.items() if not _is_in_part(Path(name))}
        assert final.keys() <= files.keys(), "a name that was not asked for"
        assert all(path.read_bytes() == files[name] for name, path in final.items()), "what has a final name is whole"
        parts = [path for path in folder.rglob("*.part") if not _is_in_part(path.relative_to(folder).parent)]
        assert not [str(path) for path in parts if _is_held(path)], "a lock is held"
        if is_done:
            assert found.keys() == files.keys() and not parts, "all of the files, and nothing beside them"
        nothing_outside_and_nobody_left()

    yield check
    nothing_outside_and_nobody_left()


def _files_around(folder: Path, own: Path) -> dict[str, tuple[int, int]]:
    """Return all files of a folder but those of a test's own, with size and time of change."""
    found = {}
    for at, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if Path(at, name) != own]
        for name in names:
            if name.endswith("current"):
                continue  # pytest's own link to the newest folder of a name
            with suppress(FileNotFoundError):
                there = os.lstat(os.path.join(at, name))
                found[os.path.join(at, name)] = there.st_size, there.st_mtime_ns
    return found


def _is_in_part(path: Path) -> bool:
    return any(part.endswith(".part") for part in path.parts)


def _is_held(path: Path) -> bool:
    import fcntl

    handle = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False


def _descendants() -> dict[int, str]:
    """Return the processes that stem from this one, with their command lines, where the system lists them; not the servers of tests."""
    parents = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            state, parent, *_ = (folder / "stat").read_text().rpartition(")")[2].split()
            if state != "Z":
                parents[int(folder.name)] = int(parent)
    ours = {os.getpid()}
    while more := {child for child, parent in parents.items() if parent in ours} - ours:
        ours |= more
    found = {}
    for child in ours - {os.getpid()}:
        with suppress(OSError):
            words = Path(f"/proc/{child}/cmdline").read_text(errors="replace").replace("\0", " ")
            if not (any(server in words for server in SERVERS) and parents[child] == os.getpid()):
                found[child] = words
    return found
