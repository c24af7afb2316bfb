"""Compare the games and terms a recipe can name, and the published recipes, on the hidden truth at one CPU budget.

    python benchmarks/objectives.py FOOTAGE_FOLDER [--cpu-seconds 90] [--seeds 0 1 2] [--processes 2]

Every row of ours starts from the same first pass and takes CPU-seconds of one thread, checks on held-out frames included;
"last" is what the game alone made of it, whatever the held-out frames said; "kept" is what `relook train` would deliver.
CycleGAN and CUT as published (`cyclegan.py`, `cut.py`) have the same seconds, at their own learning rate and at ours: such a
budget buys them some forty to eighty steps of the hundreds of thousands that their authors took. Scores are those of
`hidden_truth.py`; "diverged" stands behind a row where a value was not finite or training was given up.
"""

from __future__ import annotations

import argparse
import pickle
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Literal

import cut
import cyclegan
import torch
from hidden_truth import (
    Clip,
    Score,
    build_corpus,
    floor,
    frames,
    one_thread,
    play,
    print_row,
    rendering,
    score,
    starts,
    test_clips,
)
from torch import Tensor

from relook.corpus import load_corpus
from relook.recipe.settings import Rates, Recipe, Weights

OURS = Recipe()
LIPSCHITZ = Weights(gradient_penalty=10.0)
FREE = Weights(gradient_penalty=0.0)
GAMES: dict[str, Recipe] = {
    "relativistic, R1+R2 (default)": OURS,
    "minimax, R1+R2": replace(OURS, objective="minimax"),
    "non-saturating, R1": replace(OURS, objective="non_saturating", penalty="r1"),
    "least squares, no penalty": replace(OURS, objective="least_squares", weights=FREE),
    "least squares, R1+R2": replace(OURS, objective="least_squares"),
    "Wasserstein, gradient penalty 10": replace(OURS, objective="wasserstein", penalty="wgan_gp", weights=LIPSCHITZ),
    "hinge, R1+R2": replace(OURS, objective="hinge"),
    "relativistic, PatchNCE for structure": replace(OURS, weights=Weights(content=0.0, patch_nce=0.1)),
    "relativistic, cycle 10 and identity 5": replace(OURS, weights=Weights(content=0.0, cycle=10.0, identity=5.0)),
    "relativistic, sliced anchors": replace(OURS, weights=Weights(colour_anchor=1.0, patch_anchor=1.0)),
}
PUBLISHED = {"CycleGAN": cyclegan.train, "CUT": cut.train}
PUBLISHED_RATE = 2e-4


@dataclass(frozen=True)
class Job:
    """One training run of the table."""

    kind: Literal["ours", "published"]
    name: str
    seed: int
    cpu_seconds: float
    root: Path
    """Holds the corpus and the test clips."""
    rate: float = 0.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("footage", type=Path)
    parser.add_argument("--cpu-seconds", type=float, default=90)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "corpus").mkdir()
        corpus, tests = build_corpus(options.footage, root / "corpus"), test_clips(options.footage)
        (root / "tests.pickle").write_bytes(pickle.dumps(tests))
        jobs = list(planned(root, options.cpu_seconds, options.seeds))
        print_row(None)
        with ProcessPoolExecutor(options.processes, get_context("spawn"), initializer=one_thread) as pool:
            for rows in pool.map(run, jobs):
                for row in rows:
                    print_row(row)
        one_thread()
        for row in (*starts(corpus, tests), floor(tests)):
            print_row(row)


def planned(root: Path, cpu_seconds: float, seeds: list[int]) -> Iterator[Job]:
    """Yield every run of the table."""
    for name in GAMES:
        for seed in seeds:
            yield Job("ours", name, seed, cpu_seconds, root)
    for name in PUBLISHED:
        for rate in (PUBLISHED_RATE, Rates().generator):
            yield Job("published", name, seeds[0], cpu_seconds, root, rate)


def run(job: Job) -> list[Score]:
    """Train one row, or the two of a run of ours, and score it."""
    tests = pickle.loads((job.root / "tests.pickle").read_bytes())
    return our_rows(job, tests) if job.kind == "ours" else [published_row(job, tests)]


def our_rows(job: Job, tests: list[Clip]) -> list[Score]:
    """Return the rows of the last weights and of the look that was kept."""
    started = time.process_time()
    recipe = replace(GAMES[job.name], seed=job.seed, budget_seconds=job.cpu_seconds)
    game = play(load_corpus(job.root / "corpus"), recipe)
    spent = time.process_time() - started
    note = f"{game.steps} steps" + (", diverged" if game.diverged else "")
    return [
        replace(
            score(f"{job.name}, {job.seed}: {which}", rendering(generator, game.mechanics), tests),
            cpu_seconds=spent,
            note=note,
        )
        for which, generator in (("last", game.last), ("kept", game.kept))
    ]


def published_row(job: Job, tests: list[Clip]) -> Score:
    """Return the row of a published recipe; it knows no texture, so its frames stand for both."""
    started = time.process_time()
    corpus = load_corpus(job.root / "corpus")
    trained = PUBLISHED[job.name](corpus, cpu_seconds=job.cpu_seconds, rate=job.rate, seed=job.seed)
    spent = time.process_time() - started

    def render(clip: Clip, index: int) -> tuple[Tensor, Tensor]:
        rendered = torch.cat([trained.render(frame[None]) for frame in frames(clip)])
        return rendered, rendered

    row = score(f"{job.name}, rate {job.rate:g}", render, tests)
    return replace(row, cpu_seconds=spent, note=f"{trained.steps} steps" + (", diverged" if trained.diverged else ""))


if __name__ == "__main__":
    main()
