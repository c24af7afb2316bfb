"""Train on little style footage of the hidden truth, and with an artist's pairs: does the word on sufficiency hold?

    python benchmarks/little_footage.py FOOTAGE_FOLDER [--cpu-seconds 60] [--draws 4] [--processes 2]

Of each size, several draws of style shots are prepared and trained as `relook train` does it, with held-out tails and a verdict
on sufficiency. Scarce ones are trained twice: the critic is shown both sides as they are, or under random tones, shifts and
holes. A row is the median over the draws; "worst" is the lowest PSNR of them, and "closer" says how many came closer to the
truth than the untouched source is. "trained" is the distance of textures of the last weights, whatever the held-out frames said.

Below, the artist's pairs: one and three frames of source shots with their truth, and what they do to held-out clips (error is
the mean absolute difference to the truth in 8-bit levels, warp the steadiness, 1 as the source).
"""

from __future__ import annotations

import argparse
import pickle
import statistics
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np
import torch
from hidden_truth import Clip, Score, both_sides, develop, frames, one_thread, play, rendering, score, test_clips

from relook.corpus import SIDES, AnchorPair, Corpus, save_anchor
from relook.nets.generator import Generator
from relook.prepare.footage import prepare_corpus
from relook.recipe.mechanics import Mechanics
from relook.recipe.settings import Recipe
from relook.train.state import SCARCE_SHOTS

SIZES = (1, 2, 3, 5, 10)
NUM_PAIRS = (0, 1, 3)
MEASURES = ("psnr", "ssim", "patch", "colour", "warp")
HEAD = f"{'style shots':16}" + "".join(
    f"{name:>9}" for name in (MEASURES[0], "worst", *MEASURES[1:], "trained", "closer")
)


@dataclass(frozen=True)
class Job:
    """One training run."""

    root: Path
    """Holds the clips of both sides as folders of frames, and the test clips."""
    cpu_seconds: float
    shots: int
    """Of the style."""
    draw: int
    is_augmented: bool = False
    pairs: int = 0


@dataclass(frozen=True)
class Result:
    """What a run came to."""

    score: Score
    error: float
    trained_patch: float
    level: str


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("footage", type=Path)
    parser.add_argument("--cpu-seconds", type=float, default=60)
    parser.add_argument("--draws", type=int, default=4)
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for side, clips in both_sides(options.footage).items():
            for number, clip in enumerate(clips):
                write_frames(root / side / f"{number:02d}", clip)
        tests = test_clips(options.footage)
        (root / "tests.pickle").write_bytes(pickle.dumps(tests))
        untouched = score("", rendering(Generator(Recipe().generator), Mechanics()), tests)
        sys.stdout.write(f"untouched source: {untouched.psnr:.2f} dB\n{HEAD}\n")
        jobs = list(planned(root, options.cpu_seconds, options.draws))
        results: list[tuple[Job, Result]] = []
        with ProcessPoolExecutor(options.processes, get_context("spawn"), initializer=one_thread) as pool:
            for job, result in zip(jobs, pool.map(run, jobs), strict=True):
                results.append((job, result))
                if not job.pairs and job.draw == options.draws - 1:
                    print_size([found for other, found in results if alike(job, other)], job, untouched)
        print_pairs([(job, found) for job, found in results if job.shots == max(SIZES) and job.draw == 0])


def write_frames(folder: Path, clip: Clip) -> None:
    folder.mkdir(parents=True)
    for number, frame in enumerate(clip):
        cv2.imwrite(str(folder / f"{number:04d}.png"), np.rint(frame[..., ::-1] * 255).astype(np.uint8))


def planned(root: Path, cpu_seconds: float, draws: int) -> Iterator[Job]:
    for shots in SIZES:
        for is_augmented in (False, True)[: 2 if shots <= SCARCE_SHOTS else 1]:
            for draw in range(draws):
                yield Job(root, cpu_seconds, shots, draw, is_augmented)
    for pairs in NUM_PAIRS[1:]:
        yield Job(root, cpu_seconds, max(SIZES), 0, pairs=pairs)


def alike(job: Job, other: Job) -> bool:
    return replace(other, draw=job.draw) == job


def print_size(found: list[Result], job: Job, untouched: Score) -> None:
    """Print the row of one size: medians over its draws."""
    values = [statistics.median(getattr(one.score, name) for one in found) for name in MEASURES]
    psnr = [one.score.psnr for one in found]
    trained = statistics.median(one.trained_patch for one in found)
    closer = f"{sum(value > untouched.psnr for value in psnr)} of {len(psnr)}"
    shown = "".join(f"{value:9.3f}" for value in (values[0], min(psnr), *values[1:], trained))
    name = f"{job.shots}{', augmented' if job.is_augmented else ''}"
    sys.stdout.write(f"{name:16}{shown}{closer:>9}  {', '.join(sorted({one.level for one in found}))}\n")
    sys.stdout.flush()


def print_pairs(results: list[tuple[Job, Result]]) -> None:
    sys.stdout.write(f"\n{'pairs':16}{'psnr':>9}{'error':>9}{'warp':>9}\n")
    for job, found in results:
        sys.stdout.write(f"{job.pairs:<16}{found.score.psnr:9.3f}{found.error:9.3f}{found.score.warp:9.3f}\n")


def run(job: Job) -> Result:
    """Prepare and train on a draw of the style's shots, and score the look."""
    tests = pickle.loads((job.root / "tests.pickle").read_bytes())
    clips = {side: sorted((job.root / side).iterdir()) for side in SIDES}
    chosen = np.random.default_rng(job.draw).permutation(len(clips["style"]))[: job.shots]
    with tempfile.TemporaryDirectory() as folder:
        corpus = prepare_corpus(clips["source"], [clips["style"][k] for k in chosen], Path(folder) / "corpus")
        corpus = with_pairs(corpus, job.pairs)
        recipe = Recipe(budget_seconds=job.cpu_seconds, seed=job.draw, augment=job.is_augmented)
        game = play(corpus, recipe)
    render, last = rendering(game.kept, game.mechanics), rendering(game.last, game.mechanics)
    with torch.no_grad():
        errors = [(render(clip, n)[0] - frames(develop(clip))).abs().mean() for n, clip in enumerate(tests)]
    error = 255 * float(torch.stack(errors).mean())
    return Result(score("", render, tests), error, score("", last, tests).patch, corpus.sufficiency.level)


def with_pairs(corpus: Corpus, count: int) -> Corpus:
    """Give a corpus frames of its source shots with their truth."""
    pairs = []
    for number, shot in enumerate(corpus.side("source")[:count]):
        frame = corpus.frames(shot)[5:6].astype(np.float32) / 255
        pair = AnchorPair(f"pair-{number:04d}", shot.name, "truth", shot.height, shot.width)
        save_anchor(corpus.root, pair, frames(np.concatenate((frame, develop(frame)))))
        pairs.append(pair)
    return replace(corpus, anchors=tuple(pairs))


if __name__ == "__main__":
    main()
