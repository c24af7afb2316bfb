"""Score training against a truth that it never sees: an old-film process of our own, applied to other shots.

    python benchmarks/hidden_truth.py FOOTAGE_FOLDER [--budget-seconds 120] [--seeds 0]

Source shots and style shots are different shots; the style's went through `old_film.py`. Held-out clips of a third film are
rendered without texture and compared with the deterministic truth (PSNR, SSIM) and along the source's motion (warp error, 1 is
the source's own), and with texture against the worn truth (distances of patches and colours). All clips are brought to 240
rows, so that their own softness does not confuse the answer. Prints one row each for the untouched source, the closed-form
first pass, and relook. `objectives.py` compares games and published recipes on the same truth.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import torch
from einops import rearrange
from numpy.typing import NDArray
from old_film import develop, wear
from torch import Tensor

from relook.compute import alone
from relook.corpus import Corpus, PreparedShot, Side, Sufficiency, create_array, save_corpus
from relook.film.reader import FilmReader
from relook.film.shots import find_shots
from relook.mechanics.halation import lay_halation
from relook.mechanics.marks import MarkMaker, lay_marks
from relook.nets.generator import Generator
from relook.nets.motion import dense_motion
from relook.objectives.colour import colour_distance, patch_distance
from relook.recipe.mechanics import Mechanics
from relook.recipe.settings import Recipe
from relook.timing import FrameRange
from relook.train.checkpoint import read_checkpoint
from relook.train.loop import Run, train_look
from relook.train.start import start_generator

ROWS = 240
CLIP_FRAMES = 32
TEST_FRAMES = 8
TEARS = "live-action/tears_of_steel_shots01-11.webm"
SOURCE = ("davis/breakdance", "davis/dance-twirl", "davis/horsejump-high")
STYLE = ("davis/car-roundabout", "davis/parkour", "davis/kite-surf", "cityCC0.mpg", "flower.mp4")
TEST = "live-action/bikes_6shots.mp4"

COLUMNS = ("psnr", "ssim", "patch", "colour", "warp")

Clip = NDArray[np.float32]
Render = Callable[[Clip, int], tuple[Tensor, Tensor]]
"""From a clip and its number to its clean and its textured frames."""


@dataclass(frozen=True)
class Score:
    """One row of the table."""

    name: str
    psnr: float
    ssim: float
    patch: float
    colour: float
    warp: float
    cpu_seconds: float = 0.0
    note: str = ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("footage", type=Path)
    parser.add_argument("--budget-seconds", type=float, default=120)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        corpus = build_corpus(options.footage, Path(folder))
        tests = test_clips(options.footage)
        print_row(None)
        for row in starts(corpus, tests):
            print_row(row)
        for seed in options.seeds:
            print_row(trained(corpus, tests, options.budget_seconds, seed, Path(folder) / f"{seed}"))
        print_row(floor(tests))


def one_thread() -> None:
    torch.set_num_threads(1)
    cv2.setNumThreads(1)


def print_row(row: Score | None) -> None:
    """Print a row of the table as soon as it is known; None prints the head."""
    if row is None:
        line = f"{'':44}" + "".join(f"{name:>9}" for name in COLUMNS) + f"{'cpu s':>8}"
    else:
        values = "".join(f"{getattr(row, name):9.3f}" for name in COLUMNS)
        line = f"{row.name:44}{values}{row.cpu_seconds:8.0f}  {row.note}".rstrip()
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def starts(corpus: Corpus, tests: list[Clip]) -> Iterator[Score]:
    """Yield the rows of the untouched source and of the first pass."""
    recipe = Recipe()
    yield score("untouched source", rendering(Generator(recipe.generator), Mechanics()), tests)
    started = time.process_time()
    start = start_generator(corpus, recipe)
    spent = time.process_time() - started
    render = rendering(start.generator, start.mechanics)
    yield replace(score("first pass, closed form", render, tests), cpu_seconds=spent)


def trained(corpus: Corpus, tests: list[Clip], budget: float, seed: int, folder: Path) -> Score:
    """Return the row of relook as it ships."""
    folder.mkdir()
    started = time.process_time()
    crew = alone(torch.device("cpu"))
    look = train_look(corpus, Recipe(budget_seconds=budget, seed=seed), Run("truth", folder), crew).look
    row = score(f"relook, seed {seed}", rendering(look.generator, look.card.mechanics), tests)
    return replace(row, cpu_seconds=time.process_time() - started)


@dataclass(frozen=True)
class Game:
    """What training came to, on a clock of CPU-seconds."""

    last: Generator
    """Of the last weights, whatever the held-out frames said."""
    kept: Generator
    """What `relook train` would deliver."""
    mechanics: Mechanics
    steps: int
    diverged: str


def play(corpus: Corpus, recipe: Recipe) -> Game:
    """Train on one thread's CPU-seconds."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Run("benchmark", Path(folder), now=time.process_time)
        trained = train_look(corpus, recipe, settings, alone(torch.device("cpu")))
        saved, tensors, _ = read_checkpoint(Path(folder))
    assert saved is not None
    last = Generator(recipe.generator)
    last.load_state_dict({k.removeprefix("average."): v for k, v in tensors.items() if k.startswith("average.")})
    return Game(last, trained.look.generator, trained.look.card.mechanics, saved.course.step, trained.diverged)


def floor(tests: list[Clip]) -> Score:
    """Return the distances between two prints of the truth."""

    def printed(clip: Clip, index: int) -> tuple[Tensor, Tensor]:
        return frames(develop(clip)), frames(wear(develop(clip), 500 + index))

    return score("truth against truth", printed, tests)


def rendering(generator: Generator, mechanics: Mechanics) -> Render:
    """Return what a look makes of a clip; the gate is held still."""

    def render(clip: Clip, index: int) -> tuple[Tensor, Tensor]:
        clean = generator.deterministic(frames(clip))
        maker = MarkMaker(mechanics, (clean.shape[-2], clean.shape[-1]), seed=index)
        clean = lay_halation(clean, mechanics.halation, scale=maker.scale).clamp(0, 1)
        marked = [lay_marks(frame[None], maker.draw(t)) for t, frame in enumerate(clean)]
        return clean, torch.cat(marked).clamp(0, 1)

    return render


@torch.no_grad()
def score(name: str, render: Render, tests: list[Clip]) -> Score:
    """Score what makes clean and textured frames of the test clips."""
    psnr, ssim, warps, patches, colours = [], [], [], [], []
    for index, clip in enumerate(tests):
        clean, textured = render(clip, index)
        truth, worn = frames(develop(clip)), frames(wear(develop(clip), 900 + index))
        for mine, wanted in zip(clean, truth, strict=True):
            psnr.append(-10 * float(torch.log10((mine - wanted).square().mean())) if mine is not wanted else 99.0)
            ssim.append(structural_similarity(mine.mean(0).numpy(), wanted.mean(0).numpy()))
        warps.append(warp_error(clip, clean))
        patches.append(patch_distance(textured, worn))
        colours.append(colour_distance(textured, worn))
    means = [float(np.mean(values)) for values in (psnr, ssim, patches, colours, warps)]
    return Score(name, *means)


def warp_error(clip: Clip, rendered: Tensor) -> float:
    """Return how far frames differ from the frame before, moved along the source's motion; 1 is as far as the source's do."""
    ours = rearrange(rendered, "t c h w -> t h w c").numpy()
    errors = []
    for t in range(len(clip) - 1):
        codes = [(clip[n].mean(axis=2) * 255).astype(np.uint8) for n in (t, t + 1)]
        flow = dense_motion(codes[0], codes[1])
        rows, columns = np.mgrid[0 : flow.shape[0], 0 : flow.shape[1]].astype(np.float32)
        reach = columns + flow[..., 0], rows + flow[..., 1]
        pairs = [cv2.remap(film[t + 1], *reach, cv2.INTER_LINEAR) - film[t] for film in (clip, ours)]
        seen = np.abs(pairs[0]).mean(axis=2) < 0.1
        errors.append([float(np.square(pair[seen]).mean()) for pair in pairs])
    source, mine = np.sqrt(np.mean(errors, axis=0))
    return float(mine / source)


def structural_similarity(first: NDArray[np.float32], second: NDArray[np.float32]) -> float:
    """Return the mean SSIM of two luma pictures, 0..1. Source: Wang et al. 2004, equation 13; Gaussian window of 1.5 px."""

    def mean(picture: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(cv2.GaussianBlur(picture, (11, 11), 1.5))

    mean_a, mean_b = mean(first), mean(second)
    var_a, var_b = mean(first * first) - mean_a**2, mean(second * second) - mean_b**2
    covariance = mean(first * second) - mean_a * mean_b
    top = (2 * mean_a * mean_b + 0.01**2) * (2 * covariance + 0.03**2)
    return float((top / ((mean_a**2 + mean_b**2 + 0.01**2) * (var_a + var_b + 0.03**2))).mean())


def build_corpus(footage: Path, root: Path) -> Corpus:
    """Prepare both sides, every fifth shot held out."""
    shots = []
    for side, clips in both_sides(footage).items():
        for index, clip in enumerate(clips):
            codes = np.rint(clip * 255).astype(np.uint8)
            shot = describe(side, index, codes, held_out=index % 5 == 2)
            create_array(root, shot)[:] = codes
            shots.append(shot)
    corpus = Corpus(root, tuple(shots), (), Sufficiency("good", "made for a benchmark"))
    save_corpus(corpus)
    return corpus


def both_sides(footage: Path) -> dict[Side, list[Clip]]:
    """Return every other shot of one film and different clips beside them; the style's are developed and worn."""
    tears, live = list(clips_of(footage / TEARS)), footage / "live-action"
    source = tears[0::2] + [clip for name in SOURCE for clip in clips_of(live / name)]
    style = tears[1::2] + [clip for name in STYLE for clip in clips_of(live / name)]
    return {"source": source, "style": [wear(develop(clip), index) for index, clip in enumerate(style)]}


def describe(side: Side, index: int, codes: NDArray[np.uint8], *, held_out: bool) -> PreparedShot:
    return PreparedShot(
        name=f"{side}-{index:04d}",
        side=side,
        origin=f"{side} clip {index}",
        height=codes.shape[1],
        width=codes.shape[2],
        held_out=held_out,
        runs=(FrameRange(0, len(codes)),),
        film_frames=tuple(range(len(codes))),
        bit_depth=8,
        seconds=len(codes) / 24,
    )


def test_clips(footage: Path) -> list[Clip]:
    """Return the clips that are scored: of a film that neither side has."""
    return [clip[:TEST_FRAMES] for clip in clips_of(footage / TEST)]


def clips_of(film: Path) -> Iterator[Clip]:
    """Yield the middle of every shot of a film as `[t h w 3]`, 240 rows high."""
    ranges = []
    for shot in find_shots(film):
        spare = max(len(shot.frames) - CLIP_FRAMES, 0) // 2
        ranges.append(range(shot.frames.start + spare, min(shot.frames.start + spare + CLIP_FRAMES, shot.frames.stop)))
    wanted: list[list[NDArray[np.float32]]] = [[] for _ in ranges]
    with FilmReader(film) as reader:
        for frame in reader.frames():
            for clip, numbers in zip(wanted, ranges, strict=True):
                if frame.index in numbers:
                    clip.append(small(frame.pixels))
    yield from (np.stack(clip) for clip in wanted if len(clip) >= TEST_FRAMES)


def small(pixels: Tensor) -> NDArray[np.float32]:
    picture = rearrange(pixels, "c h w -> h w c").numpy()
    width = round(picture.shape[1] * ROWS / picture.shape[0] / 4) * 4
    return np.asarray(cv2.resize(picture, (width, ROWS), interpolation=cv2.INTER_AREA))


def frames(clip: Clip) -> Tensor:
    return rearrange(torch.from_numpy(clip), "t h w c -> t c h w").contiguous()


if __name__ == "__main__":
    main()
