"""Train on little style footage of the hidden truth: 1, 3 and 10 shots, with and without augmentation, and with pairs.

    python benchmarks/little_footage.py FOOTAGE_FOLDER [--cpu-seconds 60] [--draws 3] [--processes 2]

Of each size, several draws of shots are trained; a row is the median over them. "spread" is the largest less the smallest PSNR
of the draws: how much depends on which shots one happens to have. The verdict on sufficiency is what `relook train` says of so
much footage. Below, the artist's pairs: one and three frames of source shots with their truth, and what they do to held-out
clips (error is the mean absolute difference to the truth in 8-bit levels, warp the steadiness, 1 as the source).
"""

from __future__ import annotations

import argparse
import pickle
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch
from hidden_truth import Score, build_corpus, develop, frames, rendering, score, test_clips
from objectives import one_thread

from relook.compute import alone
from relook.corpus import AnchorPair, Corpus, load_corpus, save_anchor
from relook.prepare.sufficiency import SideFacts, judge_sufficiency
from relook.recipe.settings import Recipe
from relook.train.loop import Run, train_look

SIZES = (1, 3, 10)
NUM_PAIRS = (0, 1, 3)


@dataclass(frozen=True)
class Job:
    """One training run."""

    root: Path
    cpu_seconds: float
    shots: int
    """Of the style, held-out ones included."""
    draw: int
    is_augmented: bool = False
    pairs: int = 0


@dataclass(frozen=True)
class Result:
    """What a run came to."""

    score: Score
    error: float
    level: str


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("footage", type=Path)
    parser.add_argument("--cpu-seconds", type=float, default=60)
    parser.add_argument("--draws", type=int, default=3)
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "corpus").mkdir()
        build_corpus(options.footage, root / "corpus")
        (root / "tests.pickle").write_bytes(pickle.dumps(test_clips(options.footage)))
        jobs = list(planned(root, options.cpu_seconds, options.draws))
        with ProcessPoolExecutor(options.processes, get_context("spawn"), initializer=one_thread) as pool:
            print_results(list(zip(jobs, pool.map(run, jobs), strict=True)))


def planned(root: Path, cpu_seconds: float, draws: int) -> Iterator[Job]:
    for shots in SIZES:
        for is_augmented in (False, True):
            for draw in range(1 if shots == max(SIZES) else draws):
                yield Job(root, cpu_seconds, shots, draw, is_augmented)
    for pairs in NUM_PAIRS[1:]:
        yield Job(root, cpu_seconds, max(SIZES), 0, pairs=pairs)


def print_results(results: list[tuple[Job, Result]]) -> None:
    write = sys.stdout.write
    write(f"{'style shots':28}{'psnr':>8}{'spread':>8}{'ssim':>8}{'patch':>8}{'colour':>8}{'warp':>8}  sufficiency\n")
    for key in dict.fromkeys((job.shots, job.is_augmented) for job, _ in results):
        same = [found for job, found in results if (job.shots, job.is_augmented) == key and not job.pairs]
        values = [statistics.median(getattr(found.score, name) for found in same) for name in MEASURES]
        psnr = [found.score.psnr for found in same]
        shown = (values[0], max(psnr) - min(psnr), *values[1:])
        name = f"{key[0]}{', augmented' if key[1] else ''} ({len(same)} draws)"
        write(f"{name:28}" + "".join(f"{value:8.3f}" for value in shown) + f"  {same[0].level}\n")
    write(f"\n{'pairs':28}{'psnr':>8}{'error':>8}{'warp':>8}\n")
    for job, found in results:
        if job.shots == max(SIZES) and not job.is_augmented:
            write(f"{job.pairs:<28}{found.score.psnr:8.3f}{found.error:8.3f}{found.score.warp:8.3f}\n")


MEASURES = ("psnr", "ssim", "patch", "colour", "warp")


def run(job: Job) -> Result:
    """Train on a draw of the style's shots and score the look."""
    tests = pickle.loads((job.root / "tests.pickle").read_bytes())
    corpus = with_pairs(drawn(load_corpus(job.root / "corpus"), job.shots, job.draw), job.pairs)
    recipe = Recipe(budget_seconds=job.cpu_seconds, seed=job.draw, augment=job.is_augmented)
    with tempfile.TemporaryDirectory() as folder:
        settings = Run("little", Path(folder), now=time.process_time)
        look = train_look(corpus, recipe, settings, alone(torch.device("cpu"))).look
    render = rendering(look.generator, look.card.wear)
    with torch.no_grad():
        errors = [(render(clip, n)[0] - frames(develop(clip))).abs().mean() for n, clip in enumerate(tests)]
    return Result(score(str(job), render, tests), 255 * float(torch.stack(errors).mean()), level_of(corpus))


def drawn(corpus: Corpus, count: int, draw: int) -> Corpus:
    """Keep `count` of the style's shots; the last frames of a shot are held out where no shot can be."""
    style = [shot for shot in corpus.shots if shot.side == "style"]
    chosen = np.random.default_rng(draw).permutation(len(style))[:count]
    kept = [replace(style[k], held_out=n == 0 and count > 2) for n, k in enumerate(chosen)]
    if count <= 2:
        kept += [replace(shot, held_out=True) for shot in kept[:1]]
    return replace(corpus, shots=(*(shot for shot in corpus.shots if shot.side == "source"), *kept))


def with_pairs(corpus: Corpus, count: int) -> Corpus:
    """Give a corpus frames of its source shots with their truth."""
    pairs = []
    for number, shot in enumerate(corpus.side("source")[:count]):
        frame = corpus.frames(shot)[5:6].astype(np.float32) / 255
        pair = AnchorPair(f"pair-{count}{number}", shot.name, "truth", shot.height, shot.width)
        save_anchor(corpus.root, pair, frames(np.concatenate((frame, develop(frame)))))
        pairs.append(pair)
    return replace(corpus, anchors=tuple(pairs))


def level_of(corpus: Corpus) -> str:
    """Return what relook says of the style footage."""
    shots = [shot for shot in corpus.shots if shot.side == "style"]
    facts = SideFacts(
        side="style",
        seconds=sum(shot.seconds for shot in shots),
        num_shots=len({shot.name for shot in shots}),
        num_frames=sum(shot.num_frames for shot in shots),
        num_pairs=sum(shot.num_pairs for shot in shots),
        height=min(shot.height for shot in shots),
    )
    return judge_sufficiency([facts], []).level


if __name__ == "__main__":
    main()
