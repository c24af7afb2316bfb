"""Films are decoded in a process of their own: it gives what FFmpeg gives, and its death costs one packet, not the film."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from relook.errors import InputError
from relook.film.container import decoder, decoders, film_pass
from relook.film.container.inventory import inventory
from relook.film.container.rehearsal import can_begin
from relook.film.fields import look_at_fields
from relook.film.frames import Mending
from relook.film.pixels import rows
from relook.film.reader import FilmReader, probe

pytestmark = pytest.mark.skipif(not decoders.CAN_FORK, reason="films are decoded in relook's own process here")

MakeFilm = Callable[..., Path]
Draw = Callable[..., list[Any]]
KEEPING = Mending(keeps_damage=True)
ROOT = Path(__file__).parents[3]


@pytest.fixture
def film(make_film: MakeFilm, draw: Draw) -> Path:
    """24 frames in four groups of six, each beginning with a key frame."""
    options = {"g": "6", "bf": "0", "keyint_min": "6", "sc_threshold": "0", "crf": "12"}
    return make_film("a.mkv", draw(24, 64, 48), encoder="libx264", pixel_format="yuv420p", options=options)


@pytest.fixture
def plant(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    return lambda fault: monkeypatch.setenv("RELOOK_FAIL", fault)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoder, "SILENT_SECONDS", 1.0)


def natives(path: Path, mending: Mending = Mending()) -> list[tuple[int, str, bytes]]:  # noqa: B008
    """Give stamp, fault and samples of every frame."""
    with FilmReader(path, mending) as reader:
        return [(n.pts, n.fault, b"".join(part.tobytes() for part in rows(n.picture))) for n in reader.native_frames()]


def faulty(path: Path) -> list[int]:
    return [number for number, (_, fault, _) in enumerate(natives(path, KEEPING)) if fault]


def test_films_decode_alike_with_and_without_a_process_of_their_own(
    film: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    apart = [natives(film), natives(film, KEEPING)]
    monkeypatch.setattr(film_pass, "CAN_FORK", False)
    assert [natives(film), natives(film, KEEPING)] == apart


def test_the_helping_process_stays_small() -> None:
    code = "import relook.film.container.decoders, sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert {"torch", "cv2", "PyOpenColorIO", "OpenImageIO", "pydantic"}.isdisjoint(done.stdout.split())
    assert "av" in done.stdout.split()


# Deaths


def test_AP04_a_decoder_that_dies_once_costs_nothing(film: Path, plant: Callable[[str], None]) -> None:
    whole = natives(film)
    for fault in ("packet 9 try 1:segv:1", "packet 0 try 1:kill:1", "packet 24 try 1:hog:1"):
        plant(fault)
        assert natives(film) == whole
        assert natives(film, KEEPING) == whole


@pytest.mark.slow
@pytest.mark.parametrize(
    ("action", "words"),
    [
        ("segv", "the decoder crashed"),
        ("kill", r"the decoder was killed \(perhaps for lack of memory\)"),
        ("hog", "the decoder asked for too much memory"),
        ("spin", "the decoder hung"),
    ],
)
def test_AP04_a_decoder_that_dies_again_is_named_with_its_frame(
    film: Path, plant: Callable[[str], None], impatient: None, action: str, words: str
) -> None:
    plant(f"packet 9:{action}:1")
    with pytest.raises(InputError, match=rf"{words} at frame 9 \(0\.4 s, 00:00:00:09\), twice; .*--on-damage keep"):
        natives(film)


def test_AP04_damage_that_is_kept_ends_with_the_next_key_frame(film: Path, plant: Callable[[str], None]) -> None:
    whole = natives(film)
    plant("packet 8:segv:1,packet 15:segv:1,packet 16:segv:1")
    kept = natives(film, KEEPING)
    lost = [8, 9, 10, 11, 15, 16, 17]
    assert [number for number, frame in enumerate(kept) if frame[1]] == lost
    assert [frame for number, frame in enumerate(kept) if number not in lost] == [
        frame for number, frame in enumerate(whole) if number not in lost
    ]


def test_AP04_a_decoder_that_crashes_all_over_loses_the_rest_only(film: Path, plant: Callable[[str], None]) -> None:
    plant(",".join(f"packet {number}:segv:1" for number in range(6, 25)))
    assert faulty(film) == list(range(6, 24))


def test_T1_a_crash_at_opening_is_no_frame_s_fault(film: Path, plant: Callable[[str], None]) -> None:
    plant("frames:segv:1")
    for mending in (Mending(), KEEPING):
        with pytest.raises(InputError, match="the decoder crashed twice while it was being opened"):
            natives(film, mending)


@pytest.mark.slow
def test_T1_what_crashes_at_the_header_is_refused_before_relook_reads_it(
    film: Path, plant: Callable[[str], None], impatient: None
) -> None:
    for action, words in (("segv", "crashed"), ("spin", "hung"), ("hog", "asked for too much memory")):
        plant(f"opening:{action}:1")
        with pytest.raises(InputError, match=f"the decoder {words} twice while it was being opened"):
            probe(film)


def test_T1_first_frames_that_crash_are_not_looked_at(film: Path, plant: Callable[[str], None]) -> None:
    plant("beginning:segv:1,combs:segv:1")
    assert not can_begin(film)
    assert inventory(probe(film)).tracks
    assert look_at_fields(film).scan == "progressive"


# The process and its end


def running(number: int) -> bool:
    """Say whether a process is there, and no zombie that nobody has fetched yet."""
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_until(claim: Callable[[], bool], seconds: float = 5) -> bool:
    until = time.monotonic() + seconds
    while not claim() and time.monotonic() < until:
        time.sleep(0.02)
    return claim()


def children_of(number: int) -> set[int]:
    return {int(n) for n in Path(f"/proc/{number}/task/{number}/children").read_text().split()}


needs_proc = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="processes are counted in /proc")


@needs_proc
def test_no_process_is_left_when_a_pass_is_given_up(film: Path, plant: Callable[[str], None]) -> None:
    natives(film)
    helper = decoders._starters[0].process.pid
    before = children_of(helper)
    plant("packet 12:spin:1")
    with FilmReader(film) as reader:
        going = reader.native_frames()
        next(going)
        assert children_of(helper) > before
        going.close()
    assert children_of(helper) == before


@needs_proc
def test_the_helping_process_outlives_the_signals_of_a_terminal(film: Path) -> None:
    whole = natives(film)
    helper = decoders._starters[0].process.pid
    for sent in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        os.kill(helper, sent)
    assert natives(film) == whole and decoders._starters[0].process.pid == helper


def test_another_helping_process_follows_one_that_was_killed(film: Path) -> None:
    whole = natives(film)
    decoders._starters[0].process.kill()
    decoders._starters[0].process.wait()
    assert natives(film) == whole


def test_a_process_forked_of_relook_has_a_helping_process_of_its_own(film: Path) -> None:
    whole = natives(film)
    child = os.fork()
    if not child:
        os._exit(0 if not decoders._starters and natives(film) == whole else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert natives(film) == whole


SCRIPT = """
import sys
from pathlib import Path
from relook.film.container import decoder, decoders, film_pass
from relook.film.reader import FilmReader, probe
decoder.SILENT_SECONDS, decoder._TICK_SECONDS = float(sys.argv[2]), 0.25
with FilmReader(Path(sys.argv[1])) as reader:
    for native in reader.native_frames():
        if native.index == 2:
            print(decoders._starters[0].process.pid, flush=True)
print(native.index, flush=True)
"""


@pytest.fixture
def script(film: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start a process, in a group of its own, that reads the film."""
    started: list[subprocess.Popen[str]] = []

    def start(*words: str, fault: str = "") -> subprocess.Popen[str]:
        env = {**os.environ, "PYTHONPATH": str(ROOT), "RELOOK_FAIL": fault}
        command = [sys.executable, "-c", SCRIPT, str(film), *words]
        started.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env, start_new_session=True))
        return started[-1]

    yield start
    for process in started:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


@needs_proc
def test_AP01_nothing_runs_on_when_relook_is_killed(script: Callable[..., subprocess.Popen[str]]) -> None:
    process = script("60", fault="packet 9:spin:1")
    assert process.stdout is not None
    helper = int(process.stdout.readline())
    assert wait_until(lambda: bool(children_of(helper)))
    others = {helper, *children_of(helper)}
    process.kill()
    process.wait()
    assert wait_until(lambda: not any(running(number) for number in others))


@pytest.mark.slow
def test_AP19_a_pause_of_the_whole_group_is_no_hang(script: Callable[..., subprocess.Popen[str]]) -> None:
    process = script("2", fault="packet 9:sleep:1,packet 9 try 2:segv:1")
    assert process.stdout is not None
    process.stdout.readline()
    os.killpg(process.pid, signal.SIGSTOP)
    time.sleep(3)
    os.killpg(process.pid, signal.SIGCONT)
    assert process.stdout.readline().strip() == "23"
    assert process.wait() == 0
