"""Score training against a truth that it never sees: an old-film process of our own, applied to other shots.

    python benchmarks/hidden_truth.py FOOTAGE_FOLDER [--budget-seconds 120] [--seeds 0]

Source shots and style shots are different shots; the style's went through `old_film.py`. Held-out clips of a third film are
rendered without texture and compared with the deterministic truth (PSNR, SSIM), and with texture against the worn truth
(distances of patches and colours). All clips are brought to 240 rows, so that their own softness does not confuse the answer.
Prints one row each for the untouched source, the closed-form first pass, relook, and relook with the least-squares game and no
gradient penalty at the same budget.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import torch
from einops import rearrange
from numpy.typing import NDArray
from old_film import develop, wear
from torch import Tensor

from relook.corpus import Corpus, PreparedShot, Side, Sufficiency, create_array, save_corpus
from relook.film.reader import FilmReader
from relook.film.shots import find_shots
from relook.look import Look
from relook.nets.generator import Generator
from relook.nets.plates import draw_plates
from relook.objectives.colour import colour_distance, patch_distance
from relook.recipe.settings import Recipe, Weights
from relook.recipe.wear import Wear
from relook.timing import FrameRange
from relook.train.batches import draw_batch
from relook.train.loop import Clock, train_look, train_step
from relook.train.matching import Matcher
from relook.train.start import start_generator
from relook.train.state import set_rates, start_state

ROWS = 240
CLIP_FRAMES = 32
TEST_FRAMES = 8
TEARS = "live-action/tears_of_steel_shots01-11.webm"
SOURCE = ("davis/breakdance", "davis/dance-twirl", "davis/horsejump-high")
STYLE = ("davis/car-roundabout", "davis/parkour", "davis/kite-surf", "cityCC0.mpg", "flower.mp4")
TEST = "live-action/bikes_6shots.mp4"

Clip = NDArray[np.float32]


@dataclass(frozen=True)
class Score:
    """One row of the table."""

    name: str
    psnr: float
    ssim: float
    patch: float
    colour: float
    seconds: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("footage", type=Path)
    parser.add_argument("--budget-seconds", type=float, default=120)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        corpus = build_corpus(options.footage, Path(folder))
        tests = [clip[:TEST_FRAMES] for clip in clips_of(options.footage / TEST)]
        rows = list(scores(corpus, tests, options.budget_seconds, options.seeds, Path(folder)))
    floor = distances(tests, lambda clip, index: frames(wear(develop(clip), 500 + index)))
    sys.stdout.write(f"{'':28} {'PSNR':>6} {'SSIM':>6} {'patch':>6} {'colour':>7} {'seconds':>8}\n")
    for row in rows:
        sys.stdout.write(
            f"{row.name:28} {row.psnr:6.2f} {row.ssim:6.3f} {row.patch:6.3f} {row.colour:7.2f} {row.seconds:8.1f}\n"
        )
    sys.stdout.write(f"{'truth against truth':28} {'':6} {'':6} {floor[0]:6.3f} {floor[1]:7.2f}\n")


def scores(corpus: Corpus, tests: list[Clip], budget: float, seeds: list[int], folder: Path) -> Iterator[Score]:
    """Yield the rows of the table."""
    recipe = Recipe(budget_seconds=budget)
    yield score("untouched source", Generator(recipe.generator), Wear(), tests, 0)
    started = time.monotonic()
    generator, marks = start_generator(corpus, recipe)
    yield score("first pass, closed form", generator, marks.wear, tests, time.monotonic() - started)
    for seed in seeds:
        look, seconds = trained(corpus, replace(recipe, seed=seed), folder)
        yield score(f"relook, seed {seed}", look.generator, look.card.wear, tests, seconds)
    least = replace(
        recipe, objective="least_squares", weights=replace(Weights(), adversarial=1.0, gradient_penalty=0.0)
    )
    generator, worn, seconds = last_weights(corpus, least)
    yield score("least squares, last weights", generator, worn, tests, seconds)


def last_weights(corpus: Corpus, recipe: Recipe) -> tuple[Generator, Wear, float]:
    """Train without looking at held-out frames: what the game alone makes of the first pass."""
    started = time.monotonic()
    generator, marks = start_generator(corpus, recipe)
    matcher = Matcher(corpus, generator, seed=recipe.seed, crop_px=recipe.crop_px, held_out=False)
    state, clock = start_state(generator, recipe), Clock(recipe)
    while (share := clock.share(state.step)) < 1:
        set_rates(state, recipe, share)
        train_step(state, recipe, draw_batch(corpus, recipe, marks.wear, matcher, state.step * recipe.batch_pairs))
        state.step += 1
    return state.average, marks.wear, time.monotonic() - started


def trained(corpus: Corpus, recipe: Recipe, folder: Path) -> tuple[Look, float]:
    started = time.monotonic()
    look = train_look(corpus, recipe, name="truth", run_dir=folder, device=torch.device("cpu"))
    return look, time.monotonic() - started


@torch.no_grad()
def score(name: str, generator: Generator, worn: Wear, tests: list[Clip], seconds: float) -> Score:
    """Score a generator on the test clips."""
    psnr, ssim = [], []
    for clip in tests:
        ours = generator.deterministic(frames(clip))
        for mine, truth in zip(ours, frames(develop(clip)), strict=True):
            psnr.append(-10 * float(torch.log10((mine - truth).square().mean())))
            ssim.append(structural_similarity(mine.mean(0).numpy(), truth.mean(0).numpy()))

    def textured(clip: Clip, index: int) -> Tensor:
        clean = generator.deterministic(frames(clip))
        size = (clean.shape[-2], clean.shape[-1])
        return torch.cat(
            [
                generator.textured(clean[t : t + 1], draw_plates(size, worn, seed=index, frame=t))
                for t in range(len(clean))
            ]
        )

    patch, colour = distances(tests, textured)
    return Score(name, float(np.mean(psnr)), float(np.mean(ssim)), patch, colour, seconds)


def distances(tests: list[Clip], render) -> tuple[float, float]:  # type: ignore[no-untyped-def]
    """Return the mean distances, of patches and of colours, of renders to the worn truth."""
    pairs = [(render(clip, index), frames(wear(develop(clip), 900 + index))) for index, clip in enumerate(tests)]
    patch = float(np.mean([patch_distance(mine, truth) for mine, truth in pairs]))
    return patch, float(np.mean([colour_distance(mine, truth) for mine, truth in pairs]))


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
    """Prepare both sides: every other shot of one film and different clips beside them; the style's shots are developed and worn."""
    tears = list(clips_of(footage / TEARS))
    live = footage / "live-action"
    sides: dict[Side, list[Clip]] = {
        "source": tears[0::2] + [clip for name in SOURCE for clip in clips_of(live / name)],
        "style": tears[1::2] + [clip for name in STYLE for clip in clips_of(live / name)],
    }
    shots = []
    for side, clips in sides.items():
        for index, clip in enumerate(clips):
            picture = wear(develop(clip), index) if side == "style" else clip
            codes = np.rint(picture * 255).astype(np.uint8)
            shot = describe(side, index, codes, held_out=index % 5 == 2)
            create_array(root, shot)[:] = codes
            shots.append(shot)
    corpus = Corpus(root, tuple(shots), (), Sufficiency("good", "made for a benchmark"))
    save_corpus(corpus)
    return corpus


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
