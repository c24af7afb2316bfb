"""Nothing is told to anybody: no socket, no file but the output's, and no name in a log that is to hide them."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

Tree = Callable[[Path], dict[str, str]]

WATCHED = """
import json, os, socket, sys
seen = []
def is_local(details):  # between relook's own processes
    return details[1] == socket.AF_UNIX if len(details) == 4 else getattr(details[0], "family", None) == socket.AF_UNIX
ASKING = ("__new__", "connect", "bind", "sendto", "sendmsg", "getaddrinfo", "gethostbyname", "gethostbyaddr")
def watch(event, details):
    if event in ["socket." + name for name in ASKING] and not is_local(details):
        seen.append(["socket", repr(details)])
    elif event == "open" and not isinstance(details[0], int) and details[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
        seen.append(["write", os.path.abspath(os.fsdecode(details[0]))])
    elif event in ("os.remove", "os.rmdir", "os.mkdir", "os.link", "os.rename", "os.truncate"):
        folder = os.readlink(f"/proc/self/fd/{details[-1]}") if details[-1] not in (-1, None) else ""
        paths = [path for path in details[:2] if isinstance(path, (str, bytes, os.PathLike))]
        seen.extend(["write", os.path.abspath(os.path.join(folder, os.fsdecode(path)))] for path in paths)
sys.addaudithook(watch)
from relook.cli import main
codes = []
for line in json.loads(sys.argv[1]):
    try:
        main(line)
    except SystemExit as left:
        codes.append(left.code or 0)
print(json.dumps({"codes": codes, "seen": seen}))
"""
"""Runs command lines and prints, last, their exit codes with every socket and everything written that Python knows of."""


LINUX = sys.platform == "linux"


@dataclass(frozen=True)
class Seen:
    """What four verbs did in a child process: by Python's own account, and by the system's."""

    root: Path
    told: dict[str, Any]
    calls: list[str] | None
    """System calls that make sockets or open files; None where they cannot be traced here."""
    is_apart: bool
    """True where the process had no network at all."""
    media_before: dict[str, str]

    def is_allowed(self, path: str) -> bool:
        """Say whether a file may be written: the output's folder, the temporary one, and what swallows everything."""
        places = (self.root / "out", self.root / "tmp")
        return path == "/dev/null" or any(Path(path).is_relative_to(place) for place in places)


def usable(*words: str) -> list[str]:
    """Return a command that goes before another one; empty where it is not there or may not be used."""
    if shutil.which(words[0]) is None or subprocess.run([*words, "true"], capture_output=True, check=False).returncode:
        return []
    return list(words)


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory, tree: Tree) -> Seen:
    """Apply, info, check and doctor, once for all tests: it takes seconds."""
    root = tmp_path_factory.mktemp("privacy")
    media, out, home, temporary = (root / name for name in ("media", "out", "home", "tmp"))
    for folder in (media, out, home, temporary):
        folder.mkdir()
    film, made, log = media / "film.mp4", out / "new.mp4", root / "calls"
    write_film(film)
    lines = [
        ["apply", film, "--look", "silent", "-o", made],
        ["info", made, "--for", "mov", "--shots"],
        ["check", made, "--look", "silent", "--source", film],
        ["doctor"],
    ]
    calls = "--trace=socket,connect,bind,openat,creat"
    apart = usable("unshare", "--map-root-user", "--net")
    tracer = usable("strace", "--follow-forks", "--seccomp-bpf", "--quiet=all", calls, f"--output={log}")
    variables = {"HOME": home, "TMPDIR": temporary, "PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1"}
    before = tree(media)
    done = subprocess.run(
        [*apart, *tracer, sys.executable, "-c", WATCHED, json.dumps(lines, default=str)],
        cwd=out,
        env=os.environ | {name: str(value) for name, value in variables.items()},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    applied, informed, checked, examined = told["codes"]
    assert applied == informed == 0 and checked in (0, 1) and examined in (0, 6), done.stderr
    return Seen(root, told, log.read_text(errors="replace").splitlines() if tracer else None, bool(apart), before)


def write_film(path: Path) -> None:
    """Write two still shots of 96x64, eight frames each."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=24)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        for index in range(16):
            picture = np.random.default_rng(index // 8).integers(0, 255, (8, 12, 3)).astype(np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture.repeat(8, 0).repeat(8, 1), format="rgb24")))
        container.mux(stream.encode(None))


@pytest.mark.skipif(not LINUX, reason="names of open folders are read from /proc")
def test_T17_no_socket_and_nothing_written_but_the_output(seen: Seen, tree: Tree) -> None:
    written = [path for kind, path in seen.told["seen"] if kind == "write"]
    assert [details for kind, details in seen.told["seen"] if kind == "socket"] == []
    assert str(seen.root / "out" / "new.mp4") in written, "the watch sees nothing"
    assert [path for path in written if not seen.is_allowed(path)] == []
    assert tree(seen.root / "media") == seen.media_before
    assert tree(seen.root / "home") == tree(seen.root / "tmp") == {}


def test_T17_all_works_without_a_network(seen: Seen) -> None:
    if not seen.is_apart:
        pytest.skip("`unshare --net` cannot be used here")
    assert (seen.root / "out" / "new.mp4").exists() and (seen.root / "out" / "new.report").is_dir()


def test_T17_the_system_sees_no_socket_either(seen: Seen) -> None:
    """What C libraries do is hidden from Python: FFmpeg opens its files, and could open sockets, by itself."""
    if seen.calls is None:
        pytest.skip("`strace` cannot be used here")
    opened = [call for call in seen.calls if "openat(" in call and re.search(r"O_WRONLY|O_RDWR|O_CREAT", call)]
    paths = [found[1] for call in opened if " = -1 " not in call and (found := re.search(r'"((?:[^"\\]|\\.)*)"', call))]
    assert any(path.endswith("new.mp4.part/film.mp4") for path in paths), "the trace sees nothing"
    assert [path for path in paths if not seen.is_allowed(os.path.abspath(seen.root / "out" / path))] == []
    assert [
        call for call in seen.calls if re.search(r"\b(socket|connect|bind)\(", call) and "AF_UNIX" not in call
    ] == []


def test_T18_the_guard_of_every_test_has_teeth(sockets: Any) -> None:
    with pytest.raises(PermissionError, match="opens no socket"):
        socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    with pytest.raises(PermissionError, match="opens no socket"):
        socket.getaddrinfo("example.org", 443)
    assert len(sockets.seen) == 2
    sockets.seen.clear()
    for end in socket.socketpair():
        end.close()
    assert sockets.seen == []
