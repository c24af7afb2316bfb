"""A look with every mark of film, a film to render in it, cut lists of that film, and renders that are broken off."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import opentimelineio as otio
import pytest
import torch

from relook.apply.delivery import Delivery, RenderSettings
from relook.apply.render import render_film
from relook.film.reader import FilmReader
from relook.look import Card, Look, load_look, save_look
from relook.nets.generator import Generator
from relook.progress import Progress
from relook.recipe.mechanics import (
    Aperture,
    Breath,
    Cranking,
    Dust,
    Grain,
    Halation,
    Mechanics,
    Scratches,
    Unevenness,
    Weave,
)
from relook.recipe.settings import Recipe
from relook.timing import format_timecode, parse_timecode
from tests.apply.painted_stills import three_deep

RATE, START = Fraction(30000, 1001), "00:59:59;20"
NUM_FRAMES, SIZE = 90, (72, 96)
STRETCH = 7
"""Frames of a stretch where renders are broken off, so that the film has some thirteen."""
PATIENCE_SECONDS = 120.0
Cut = tuple[int, int]
"""First frame of the film, and the one after the last."""
WORN = Mechanics(
    reference_height=144,
    grain=Grain(strength=((0.05, 0.04, 0.06),) * 8, correlation=(0.5, 0.5, 0.4)),
    breath=Breath(exposure=0.03, contrast=0.02, colour=(0.01, 0.01)),
    weave=Weave(across_px=0.5, down_px=0.8, rotation_degrees=0.05),
    dust=Dust(dark_per_frame=4.0, bright_per_frame=4.0, opacity=(0.5, 0.5), hairs_per_frame=1.0),
    scratches=Scratches(per_frame=2.0, contrast=0.1),
    unevenness=Unevenness(strength=0.02),
    cranking=Cranking(held_share=0.25),
    halation=Halation(radius_px=4.0, strength=(0.2, 0.1, 0.1)),
    aperture=Aperture(inset_px=(2.0, 2.0, 2.0, 2.0), corner_radius_px=12.0),
    softness_px=0.8,
)


@pytest.fixture(scope="session")
def worn() -> Look:
    """Return a look whose grade, vignette and detail are as if learned, with all marks."""
    torch.manual_seed(1)
    generator = Generator(Recipe().generator)
    with torch.no_grad():
        for parameter in generator.parameters():
            parameter.add_(0.02 * torch.randn(parameter.shape))
        generator.spatial.map.zero_()
        generator.spatial.darken_corners(-0.3)
    return Look(Card(name="worn", recipe=Recipe(), mechanics=WORN, reach_px=32), generator.requires_grad_(False))


@pytest.fixture(scope="session")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Paint a film whose name is its reel."""
    return _paint(tmp_path_factory.mktemp("film") / "A012C005_240101_R1AB.mov")


def _paint(path: Path, *, dark: Sequence[int] = (), loudness: int = 1) -> Path:
    """Paint a lossless film of two shots, 50 and 40 frames, drop-frame, with sound; some of its frames may be darker."""
    random = np.random.default_rng(0)
    scenes = [random.uniform(0.3, 1, (9, 30, 3)), random.uniform(0, 0.4, (9, 30, 3))]
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=RATE, options={"qp": "0"})
        stream.height, stream.width, stream.pix_fmt = *SIZE, "yuv420p"
        stream.metadata["timecode"] = START
        sound = container.add_stream("pcm_s16le", rate=48000)
        for index in range(NUM_FRAMES):
            wide = np.kron(scenes[index >= 50], np.ones((8, 8, 1)))[:, index : index + SIZE[1]]
            codes = np.ascontiguousarray((wide * (250 if index in dark else 255)).astype(np.uint8))
            container.mux(stream.encode(av.VideoFrame.from_ndarray(codes, format="rgb24")))
        container.mux(stream.encode(None))
        samples = np.full((1, 2 * 144_000), loudness, np.int16)
        tone = av.AudioFrame.from_ndarray(samples, format="s16", layout="stereo")
        tone.sample_rate = 48000
        container.mux(sound.encode(tone))
    return path


@pytest.fixture(scope="session")
def look_file(worn: Look, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("look") / "worn.look"
    save_look(worn, path)
    return path


@pytest.fixture(scope="session")
def look(look_file: Path) -> Look:
    """Return a look with a file, and so with a hash."""
    return load_look(look_file)


@pytest.fixture(scope="session")
def whole(film: Path, look: Look, tmp_path_factory: pytest.TempPathFactory) -> tuple[Delivery, list[bytes]]:
    """Render the whole film."""
    output = tmp_path_factory.mktemp("whole") / "whole.mov"
    return render_film(film, look, output, settings=RenderSettings()), _pictures(output)


def _pictures(path: Path) -> list[bytes]:
    with FilmReader(path) as reader:
        return [frame.pixels.numpy().tobytes() for frame in reader.frames()]


def _source_label(frame: int) -> str:
    return format_timecode(parse_timecode(START, RATE) + frame, RATE, drop=True)


def _written(
    path: Path, cuts: Sequence[Cut], *, reels: Sequence[str] = (), notes: dict[int, str] | None = None
) -> Path:
    """Write an EDL of cuts, its record time from 10:00:00;00."""
    lines, record = ["TITLE: test"], parse_timecode("10:00:00;00", RATE)
    for number, (start, stop) in enumerate(cuts, start=1):
        reel = reels[number - 1] if reels else "A012C005_240101_R1AB"
        ends = [_source_label(start), _source_label(stop)]
        ends += [format_timecode(record + frames, RATE, drop=True) for frames in (0, stop - start)]
        lines += [f"{number:03d} {reel} V C {' '.join(ends)}", *filter(None, [(notes or {}).get(number)])]
        record += stop - start
    path.write_text("\n".join(lines))
    return path


def _dissolving(path: Path) -> Path:
    """Write a timeline that fades in, dissolves over eight frames, has a gap, and fades out."""

    def time(frames: int) -> otio.opentime.RationalTime:
        return otio.opentime.RationalTime(frames, 30000 / 1001)

    def clip(start: int, length: int) -> otio.schema.Clip:
        media = otio.schema.ExternalReference(
            "A012C005_240101_R1AB.mov", otio.opentime.TimeRange(time(0), time(NUM_FRAMES))
        )
        return otio.schema.Clip("c", media, otio.opentime.TimeRange(time(start), time(length)))

    def cross(before: int, after: int) -> otio.schema.Transition:
        return otio.schema.Transition("", "SMPTE_Dissolve", time(before), time(after))

    gap = otio.schema.Gap(duration=time(3))
    children = [cross(0, 2), clip(60, 10), cross(4, 4), clip(20, 12), gap, clip(5, 6), cross(3, 0)]
    track = otio.schema.Track(kind=otio.schema.TrackKind.Video, children=children)
    otio.adapters.write_to_file(otio.schema.Timeline("t", tracks=[track]), str(path))
    return path


@pytest.fixture(scope="session")
def pictures() -> Callable[[Path], list[bytes]]:
    """Return `_pictures`."""
    return _pictures


@pytest.fixture(scope="session")
def source_label() -> Callable[[int], str]:
    """Return `_source_label`."""
    return _source_label


@pytest.fixture(scope="session")
def written() -> Callable[..., Path]:
    """Return `_written`."""
    return _written


@pytest.fixture(scope="session")
def dissolving() -> Callable[[Path], Path]:
    """Return `_dissolving`."""
    return _dissolving


@pytest.fixture(scope="session")
def paint() -> Callable[..., Path]:
    """Return `_paint`."""
    return _paint


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder of stills: see `three_deep`."""
    return three_deep(tmp_path / "in")


@pytest.fixture
def short_stretches(monkeypatch: pytest.MonkeyPatch) -> int:
    """Make stretches short; return how many frames they have."""
    monkeypatch.setattr("relook.film.writer.STRETCH_FRAMES", STRETCH)
    return STRETCH


@pytest.fixture(scope="session")
def starter() -> Any:
    """Return a server that forks children which have torch already."""
    context = multiprocessing.get_context("forkserver")
    slow_to_import = ("pytest", "opentimelineio", "relook.pipeline", "relook.cli", "scenedetect.detectors")
    context.set_forkserver_preload([*slow_to_import, "relook.film.container.encoder"])
    child = context.Process(target=os.getpid)
    child.start()
    child.join()
    return context


@pytest.fixture(scope="session")
def uninterrupted(
    film: Path, look_file: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], tuple[Delivery, dict[str, bytes]]]:
    """Return a function that tells what an output comes to in one go, by stretches of a length: what is delivered, and all files."""
    made: dict[tuple[str, int], tuple[Delivery, dict[str, bytes]]] = {}

    def render(name: str, stretch: int = STRETCH) -> tuple[Delivery, dict[str, bytes]]:
        if (name, stretch) not in made:
            folder = tmp_path_factory.mktemp("uninterrupted")
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr("relook.film.writer.STRETCH_FRAMES", stretch)
                delivery = render_film(film, load_look(look_file), folder / name)
            made[name, stretch] = delivery, {path.name: path.read_bytes() for path in folder.iterdir()}
            shutil.rmtree(folder)
        return made[name, stretch]

    return render


def render_in_child(film: Path, look: Path, output: Path, fault: str, settings: RenderSettings | None) -> None:
    """Render as a process of its own that may be killed."""
    os.environ["RELOOK_FAIL"] = fault
    torch.set_num_threads(1)
    sys.modules["relook.film.writer"].STRETCH_FRAMES = STRETCH  # type: ignore[attr-defined]
    render_film(film, load_look(look), output, settings=settings)


@pytest.fixture
def broken_off(starter: Any, film: Path, look_file: Path) -> Callable[..., bool]:
    """Return a function that renders in a child which dies by a fault, or is killed; it says whether the child died."""

    def render(
        output: Path, fault: str, *, seconds: float | None = None, settings: RenderSettings | None = None
    ) -> bool:
        child = starter.Process(target=render_in_child, args=(film, look_file, output, fault, settings))
        child.start()
        child.join(timeout=seconds)
        child.kill()
        child.join()
        return bool(child.exitcode == -signal.SIGKILL)

    return render


@dataclass(frozen=True)
class Running:
    """A command at work in a process of its own."""

    pid: int
    log: Path
    """What it says on standard output and standard error."""
    wait: Callable[[], int]
    """Returns the exit code, below 0 the signal that ended it."""

    def until(self, happens: Callable[[], object]) -> None:
        """Wait until something happens; it must, while the command is at work."""
        last = time.monotonic() + PATIENCE_SECONDS
        while not happens():
            assert time.monotonic() < last, self.log.read_text()
            time.sleep(0.01)


def command_in_child(words: list[str], environment: dict[str, str], log: Path, prepare: Callable[[], None]) -> None:
    """Run a command line in a forked process, with short stretches."""
    from relook.cli import main

    for number in (1, 2):
        os.dup2(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND), number)
    os.environ.update(environment)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    torch.set_num_threads(1)
    sys.modules["relook.film.writer"].STRETCH_FRAMES = STRETCH  # type: ignore[attr-defined]
    prepare()
    main(words)


@pytest.fixture
def start(starter: Any, film: Path, look_file: Path, tmp_path: Path) -> Callable[..., Running]:
    """Return a function that starts `relook apply` of the film to an output, forked or, slower, as a program of its own."""

    def run(
        output: Path, *more: str, fault: str = "", prepare: Callable[[], None] = os.getpid, real: bool = False
    ) -> Running:
        words = ["apply", str(film), "--look", str(look_file), "-o", str(output), *more]
        log, environment = tmp_path / "log", {"RELOOK_FAIL": fault}
        log.touch()
        if not real:
            environment |= {name: os.environ[name] for name in ("HOME", "TMPDIR") if name in os.environ}
            child = starter.Process(target=command_in_child, args=(words, environment, log, prepare))
            child.start()
            return Running(child.pid, log, lambda: child.join(PATIENCE_SECONDS) or child.exitcode)
        with log.open("ab") as written:
            program = subprocess.Popen(
                [sys.executable, "-m", "relook", *words],
                stdout=written,
                stderr=written,
                env=os.environ | environment,
                preexec_fn=prepare_program,
            )
        return Running(program.pid, log, lambda: program.wait(PATIENCE_SECONDS))

    return run


def prepare_program() -> None:
    """Heed Ctrl-C as in a terminal: a runner in the background may ignore it, and its children with it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.fixture
def finish(film: Path, look_file: Path, short_stretches: int) -> Callable[..., tuple[Delivery, int]]:
    """Return a function that gives the same command again: what came of it, and how many frames it found done."""

    def render(output: Path, settings: RenderSettings | None = None) -> tuple[Delivery, int]:
        found: list[float] = [0]

        def note(progress: Progress) -> None:
            if progress.stage == "going on":
                found[0] = progress.done

        done = render_film(film, load_look(look_file), output, settings=settings, on_progress=note)
        return done, int(found[0])

    return render
