"""A look with every mark of film, a film to render in it, cut lists of that film, and renders that are interrupted."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

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
from tests.apply import painted_film
from tests.apply.in_child import PATIENCE_SECONDS, STRETCH, Running, command_in_child, prepare_program, render_in_child
from tests.apply.painted_stills import three_deep

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
    return painted_film.paint_film(tmp_path_factory.mktemp("film") / "A012C005_240101_R1AB.mov")


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


@pytest.fixture(scope="session")
def pictures() -> Callable[[Path], list[bytes]]:
    """Return `_pictures`."""
    return _pictures


@pytest.fixture(scope="session")
def source_label() -> Callable[[int], str]:
    """Return `painted_film.source_label`."""
    return painted_film.source_label


@pytest.fixture(scope="session")
def written() -> Callable[..., Path]:
    """Return `painted_film.write_edl`."""
    return painted_film.write_edl


@pytest.fixture(scope="session")
def dissolving() -> Callable[[Path], Path]:
    """Return `painted_film.write_dissolving`."""
    return painted_film.write_dissolving


@pytest.fixture(scope="session")
def paint() -> Callable[..., Path]:
    """Return `painted_film.paint_film`."""
    return painted_film.paint_film


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder of stills: see `three_deep`."""
    return three_deep(tmp_path / "in")


@pytest.fixture
def output(tmp_path: Path) -> Path:
    """Return the place of a film in a folder of its own."""
    (tmp_path / "out").mkdir()
    return tmp_path / "out" / "o.mov"


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
