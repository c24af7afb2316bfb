"""A film stock with known properties: its generator is the truth, so a good render and every fault can be made at will."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
import safetensors.torch
import torch
from torch import Tensor

from relook.check.judge import Judge, calibrate
from relook.corpus import Corpus, PreparedShot, Sufficiency, create_array, load_corpus, save_corpus
from relook.look import Card, Look
from relook.mechanics.marks import MarkMaker, lay_marks
from relook.nets.generator import Generator
from relook.recipe.mechanics import WHITE, Breath, Dust, Grain, Mechanics
from relook.recipe.settings import Recipe
from relook.timing import FrameRange

HEIGHT, WIDTH = 128, 160
MECHANICS = Mechanics(
    reference_height=HEIGHT,
    grain=Grain(strength=((0.024,) * 3,) * 8, spectrum=(1.6, 1.5, 1.4, 1.2, 1.0, 0.9, 0.8, 0.7)),
    dust=Dust(dark_per_frame=3.0, bright_per_frame=2.0, radius_px=1.2, opacity=(0.4, 0.4)),
    breath=Breath(exposure=0.02, rhythm=WHITE),
)


def paint_scene(seed: int, frames: int) -> Tensor:
    """Paint a moving scene `[t 3 h w]`: a textured place that the camera pans over, and things that cross it."""
    random = np.random.default_rng(seed)
    size = (HEIGHT + 32, WIDTH + 96)
    place = np.zeros((*size, 3), np.float32) + random.uniform(0.25, 0.6)
    for cells, strength in ((4, 0.22), (12, 0.12), (40, 0.08), (100, 0.05)):
        noise = random.normal(0, strength, (cells, cells * 2, 3)) * random.uniform(0.5, 1.0, 3)
        place += cv2.resize(noise.astype(np.float32), size[::-1], interpolation=cv2.INTER_CUBIC)
    for _ in range(7):
        corner, extent = random.integers(0, size), random.integers(12, 50, 2)
        colour = random.uniform(0.02, 0.95, 3).astype(np.float32)
        place[corner[0] : corner[0] + extent[0], corner[1] : corner[1] + extent[1]] = colour
    thing, speed, pan = random.uniform(0, 1, 3), random.uniform(0.5, 2.0), random.uniform(0.4, 1.6)
    pictures = []
    for t in range(frames):
        picture = place.copy()
        cv2.circle(picture, (int(40 + speed * t), 70), 14, thing.tolist(), -1, cv2.LINE_AA)
        shift = np.array([[1, 0, -pan * t], [0, 1, -8]], np.float32)
        shown = cv2.warpAffine(cv2.GaussianBlur(picture, (0, 0), 0.7), shift, (WIDTH, HEIGHT), flags=cv2.INTER_LINEAR)
        pictures.append(shown + random.normal(0, 0.003, shown.shape))
    return torch.from_numpy(np.stack(pictures)).float().permute(0, 3, 1, 2).clamp(0, 1).contiguous()


def film_stock() -> Generator:
    """Return a generator that is an old film stock: an S-curve, a warm tint, little colour and a vignette."""
    torch.manual_seed(0)
    generator = Generator(Recipe().generator)
    tone = torch.tensor([0.04, 0.10, 0.20, 0.37, 0.56, 0.73, 0.86, 0.93])
    colour = torch.eye(3) - torch.tensor([[0.2126, 0.7152, 0.0722]]).expand(3, 3)
    tint = torch.tensor([0.035, 0.0, -0.05])
    with torch.no_grad():
        generator.grade.base[:, :, :3] = 0.25 * colour
        generator.grade.base[:, :, 3] = tone[:, None] + tint * (4 * tone * (1 - tone))[:, None]
        rows = torch.linspace(-1, 1, generator.spatial.map.shape[-2])[:, None] ** 2
        columns = torch.linspace(-1, 1, generator.spatial.map.shape[-1])[None, :] ** 2
        generator.spatial.map[..., :3, :, :] = -0.12 * (rows + columns)
    return generator.eval().requires_grad_(False)


@torch.no_grad()
def develop(stock: Generator, frames: Tensor, *, seed: int, grain: float = 1.0) -> Tensor:
    """Render a scene `[t 3 h w]` on the stock, with fresh marks in every frame."""
    strength = tuple((grain * red, grain * green, grain * blue) for red, green, blue in MECHANICS.grain.strength)
    mechanics = replace(MECHANICS, grain=replace(MECHANICS.grain, strength=strength))
    maker = MarkMaker(mechanics, (HEIGHT, WIDTH), seed=seed)
    shown = [lay_marks(stock.deterministic(frame[None]), maker.draw(t)) for t, frame in enumerate(frames)]
    return torch.cat(shown).clamp(0, 1)


def write_film(path: Path, frames: Tensor) -> Path:
    """Write `[t 3 h w]` as a lossless film of 24 frames a second."""
    codes = (frames.permute(0, 2, 3, 1).numpy() * 255 + 0.5).astype(np.uint8)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=24)
        stream.width, stream.height, stream.pix_fmt = frames.shape[3], frames.shape[2], "bgr0"
        for picture in codes:
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
            container.mux(stream.encode(frame.reformat(format="bgr0")))
        container.mux(stream.encode(None))
    return path


def make_corpus(root: Path, style: Mapping[str, Tensor], source: Mapping[str, Tensor]) -> Corpus:
    """Lay scenes down as a corpus; the last of each side are held out."""
    root.mkdir()
    shots = []
    for side, scenes in (("source", source), ("style", style)):
        for k, (origin, frames) in enumerate(scenes.items()):
            shot = PreparedShot(
                name=f"{side}-{k:04d}",
                side="source" if side == "source" else "style",
                origin=origin,
                height=HEIGHT,
                width=WIDTH,
                held_out=k >= len(scenes) - max(1, len(scenes) // 3),
                runs=(FrameRange(0, len(frames)),),
                film_frames=tuple(range(len(frames))),
                bit_depth=8,
                seconds=len(frames) / 24,
            )
            array = create_array(root, shot)
            array[:] = (frames.permute(0, 2, 3, 1).numpy() * 255 + 0.5).astype(np.uint8)
            shots.append(shot)
    save_corpus(Corpus(root, tuple(shots), (), Sufficiency("good", "painted")))
    return load_corpus(root)


@dataclass(frozen=True)
class Stock:
    """The stock as a look, with a judge calibrated on it."""

    look: Look
    judge: Judge

    def render(self, scene: Tensor, *, seed: int = 0, grain: float = 1.0) -> Tensor:
        """Render a scene `[t 3 h w]` with `grain` times its grain."""
        return develop(self.look.generator, scene, seed=seed, grain=grain)


def calibrated_judge(generator: Generator, root: Path) -> Judge:
    """Calibrate a judge on five painted scenes of the stock."""
    style = {f"reel{k}": develop(generator, paint_scene(100 + k, 10), seed=k) for k in range(5)}
    source = {f"film{k}": paint_scene(200 + k, 10) for k in range(5)}
    return calibrate(generator, make_corpus(root / "corpus", style, source), seed=0, mechanics=MECHANICS)


@pytest.fixture(scope="session")
def stock(tmp_path_factory: pytest.TempPathFactory, testrun_uid: str) -> Stock:
    """Return the stock and its judge, which the first worker of a run calibrates for all."""
    own = tmp_path_factory.getbasetemp()
    generator, folder = film_stock(), own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    shared = folder / f"judge-{testrun_uid}.safetensors"
    try:
        shared.with_suffix(".taken").touch(exist_ok=False)
    except FileExistsError:
        deadline = time.monotonic() + 120
        while not shared.exists() and time.monotonic() < deadline:
            time.sleep(0.1)
    else:
        judge = calibrated_judge(generator, tmp_path_factory.mktemp("stock"))
        part = shared.with_suffix(".part")
        safetensors.torch.save_file(judge.to_tensors(), part)
        part.replace(shared)
    judge = Judge.from_tensors(safetensors.torch.load(shared.read_bytes()))
    return Stock(Look(Card("painted", Recipe(), MECHANICS, reach_px=32), generator, judge.to_tensors()), judge)


@pytest.fixture(scope="session")
def paint() -> Callable[[int, int], Tensor]:
    """Return the painter of scenes, so that every test file can call it."""
    return paint_scene


@pytest.fixture(scope="session")
def save_film() -> Callable[[Path, Tensor], Path]:
    """Return the writer of lossless films."""
    return write_film
