"""What every test shares: one thread a worker, no socket, the real footage where a checkout has it, what must be so after a fault."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from relook.cli.stopping import heeded

os.environ.setdefault("OMP_NUM_THREADS", "1")

ROOT = Path(__file__).parents[1]
FOOTAGE = Path(os.environ.get("RELOOK_FOOTAGE", Path(__file__).parents[2] / "shared" / "footage"))
ADOPTS_ORPHANS = 36
"""PR_SET_CHILD_SUBREAPER of Linux: processes that lost their parent become children of this one, and are found."""
SERVERS = ("multiprocessing.forkserver", "multiprocessing.resource_tracker", "relook.film.container.decoders")
LAST_BREATH_SECONDS = 3.0


def pytest_configure(config: pytest.Config) -> None:
    """Try properties less often where slow tests are left out; how long an example takes is never held against it."""
    hypothesis.settings.register_profile("quick", deadline=None, max_examples=40)
    hypothesis.settings.register_profile("thorough", deadline=None)
    hypothesis.settings.load_profile("quick" if config.option.markexpr else "thorough")


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    """Keep torch and OpenCV to one thread a worker: two workers fill two cores."""
    import cv2
    import torch

    torch.set_num_threads(1)
    cv2.setNumThreads(1)


@pytest.fixture(autouse=True)
def signals_as_they_were() -> Iterator[None]:
    """A command line that runs in this process takes signals over, as it does in its own."""
    before = {number: signal.getsignal(number) for number in heeded()}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


NAME_QUESTIONS = ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr", "socket.getnameinfo")


class SocketGuard:
    """Refuses and notes every socket that this process makes by way of Python, but those that have no address (AF_UNIX).

    The processes that train one look together make theirs in torch's own C++: `tests/train/test_processes.py` sees that they
    listen on 127.0.0.1 alone.
    """

    def __init__(self) -> None:
        self.seen: list[str] = []

    def __call__(self, event: str, details: tuple[Any, ...]) -> None:
        if event.startswith("socket.") and self._is_refused(event, details):
            self.seen.append(f"{event} {details[1:] if isinstance(details[0], socket.socket) else details}")
            raise PermissionError(f"relook opens no socket: {self.seen[-1]}")

    def _is_refused(self, event: str, details: tuple[Any, ...]) -> bool:
        if event == "socket.__new__":
            return details[1] not in (getattr(socket, "AF_UNIX", None), -1)  # -1: a handle that was there before
        if event in ("socket.connect", "socket.bind", "socket.sendto", "socket.sendmsg"):
            return isinstance(details[1], tuple)
        return event in NAME_QUESTIONS


GUARD = SocketGuard()
sys.addaudithook(GUARD)


@pytest.fixture(autouse=True)
def sockets() -> Iterator[SocketGuard]:
    """Fail a test in which a socket is made or a name is looked up."""
    yield GUARD
    seen, GUARD.seen = GUARD.seen, []
    assert seen == [], f"relook opens no socket: {seen}"


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
