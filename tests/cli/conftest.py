"""Small real media, and a way to run a command line in this process."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import torch

from relook.cli import main
from relook.look import Card, Look, save_look
from relook.nets.generator import Generator
from relook.recipe.mechanics import Mechanics
from relook.recipe.settings import Recipe

Run = Callable[[str], tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Return a function that runs a line of `relook` and gives its exit code, standard output and standard error."""

    def run_line(line: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as left:
            main(line.split())
        written = capsys.readouterr()
        return int(left.value.code or 0), written.out, written.err

    return run_line


def paint_film(path: Path, *, num_frames: int = 24, seed: int = 0, black: bool = False, tint: float = 0.0) -> Path:
    """Write a film of 128x96, 24 frames a second: two shots of soft shapes that the camera pans over, or black."""
    random = np.random.default_rng(seed)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=24, options={"crf": "12", "threads": "1"})
        stream.width, stream.height, stream.pix_fmt = 128, 96, "yuv420p"
        for index in range(num_frames):
            if index % max(num_frames // 2, 1) == 0:
                scene = random.random((12, 24, 3), np.float32)
                scene[..., 0] = np.clip(scene[..., 0] + tint, 0, 1)
            wide = np.kron(scene, np.ones((8, 8, 1), np.float32))
            shown = wide[:, index % 24 : index % 24 + 128] * 235 + random.normal(0, 6, (96, 128, 3))
            pixels = np.zeros_like(shown) if black else shown
            frame = av.VideoFrame.from_ndarray(np.clip(pixels, 0, 255).astype(np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def record_sound(path: Path) -> Path:
    """Write a file with sound and no picture."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=48000)
        for index in range(20):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = 48000, index * 1024, Fraction(1, 48000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def save_plain_look(path: Path) -> Path:
    """Write a look whose generator is as it is before any training."""
    torch.manual_seed(0)
    recipe = Recipe()
    generator = Generator(recipe.generator)
    card = Card(name=path.stem, recipe=recipe, mechanics=Mechanics(), reach_px=generator.detail.reach)
    save_look(Look(card=card, generator=generator), path)
    return path


@pytest.fixture
def media(tmp_path: Path) -> Path:
    """A folder with two films, a plain look, and most of what can be wrong with an input."""
    folder = tmp_path / "media"
    (folder / "empty").mkdir(parents=True)
    paint_film(folder / "film.mp4", seed=1)
    paint_film(folder / "style.mp4", seed=2, tint=0.3)
    paint_film(folder / "black.mp4", num_frames=1, black=True)
    record_sound(folder / "sound.mp4")
    look = save_plain_look(folder / "plain.look").read_bytes()
    (folder / "text.mp4").write_text("this is not a film\n" * 20)
    (folder / "text.look").write_text("this is not a look\n" * 20)
    (folder / "short.look").write_bytes(look[: len(look) // 2])
    (folder / "damaged.look").write_bytes(look[:-5] + bytes([look[-5] ^ 1]) + look[-4:])
    (folder / "taken.mp4").write_bytes(b"somebody's film")
    (folder / "taken.look").write_bytes(b"somebody's look")
    return folder


def tree_of(folder: Path) -> dict[str, str]:
    """Return every path under a folder with the hash of what it holds."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "folder"
        for path in sorted(folder.rglob("*"))
    }


@pytest.fixture(scope="session")
def tree() -> Callable[[Path], dict[str, str]]:
    """Return the function `tree_of`."""
    return tree_of
