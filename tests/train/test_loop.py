"""The training loop: the same seed gives the same look, held-out frames decide, a run stops itself."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import fields, replace
from itertools import count
from pathlib import Path
from typing import Any

import cv2
import pytest
import torch

from relook.compute import Crew
from relook.corpus import Corpus
from relook.progress import Progress
from relook.recipe.settings import Recipe
from relook.train.clock import COOLINGS
from relook.train.heldout import HeldOut
from relook.train.loop import Run, Trained, train_look
from relook.train.measures import LEAST_GAIN, HeldOutMeasures
from relook.train.start import start_generator

SHORT = Recipe(budget_frames=24, num_checks=2, batch_pairs=2, crop_px=64)

Train = Callable[..., Trained]


def journal(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


@pytest.mark.slow
def test_the_same_seed_gives_the_same_look(train: Train) -> None:
    first, again = (train(SHORT).look.generator.state_dict() for _ in range(2))
    other = train(replace(SHORT, seed=1)).look.generator.state_dict()
    assert all(torch.equal(first[key], again[key]) for key in first)
    assert any(not torch.equal(first[key], other[key]) for key in first)


@pytest.mark.slow
def test_a_run_leaves_its_sheet_its_journal_and_a_card(corpus: Corpus, crew: Crew, tmp_path: Path, small: None) -> None:
    seen: list[Progress] = []
    shown: list[str] = []
    run = Run("toy", tmp_path, on_check=lambda: shown.append((tmp_path / "metrics.jsonl").read_text()))
    look = train_look(corpus, SHORT, run, crew, on_progress=seen.append).look
    checks = [(line["step"], line["candidate"]) for line in journal(tmp_path) if line["event"] == "check"]
    assert checks == [(0, "first pass"), (3, "as learned"), (6, "as learned")]
    assert journal(tmp_path)[-1]["event"] == "end" and journal(tmp_path)[-1]["frames"] == 24
    assert cv2.imread(str(tmp_path / "sheet.jpg")) is not None and len(shown) == 4
    assert look.card.name == "toy" and look.card.measures["steps"] == 6 and look.card.mechanics.reference_height == 128
    assert (seen[-1].stage, seen[-1].done, seen[-1].total) == ("training", 24, 24)
    assert "closer" in seen[-1].detail or "close" in seen[-1].detail
    assert "structure is kept" in seen[-1].detail and "left" in seen[-1].detail


@pytest.mark.slow
def test_without_a_budget_a_run_stops_itself(train: Train, tmp_path: Path) -> None:
    recipe = replace(SHORT, budget_frames=None, check_steps=1, patience=1)
    trained = train(recipe, folder=tmp_path)
    gains = {line["step"] for line in journal(tmp_path) if line["event"] == "check" and line["kept"]}
    vain = [line["step"] for line in journal(tmp_path) if line["event"] == "check" and line["step"] not in gains]
    assert len(set(vain)) == len(COOLINGS), "every check in vain lowers the rates, and the last one ends the run"
    assert trained.look.card.measures["steps"] == max(vain)


@pytest.mark.slow
def test_a_budget_of_seconds_is_checked_as_evenly(train: Train, tmp_path: Path) -> None:
    """The clock here goes on by a second whenever it is read: once before the first step and once after each."""
    trained = train(replace(SHORT, budget_frames=None, budget_seconds=9.0), folder=tmp_path, now=count().__next__)
    steps = [line["step"] for line in journal(tmp_path) if line["event"] == "check"]
    assert len(steps) == 1 + SHORT.num_checks and trained.look.card.measures["steps"] == steps[-1]
    assert sorted(set(steps)) == [0, 4, 8]


@pytest.mark.slow
def test_the_first_pass_alone_takes_the_style(corpus: Corpus) -> None:
    start = start_generator(corpus, SHORT)
    generator, mechanics = start.generator, start.mechanics
    source, style = (torch.cat([corpus.clip(shot, 0, 2) for shot in corpus.side(side)]) for side in ("source", "style"))
    with torch.no_grad():
        rendered = generator.deterministic(source)
    assert generator.is_monochrome
    assert (rendered.mean() - style.mean()).abs() < 0.03 and (rendered.std() - style.std()).abs() < 0.05
    assert max(max(node) for node in mechanics.grain.strength) > 0.01
    assert mechanics.dust.dark_per_frame + mechanics.dust.bright_per_frame < 3


@pytest.mark.slow
def test_the_best_by_held_out_style_is_kept(corpus: Corpus, small: None, train: Train, tmp_path: Path) -> None:
    recipe = replace(SHORT, budget_frames=1600, num_checks=4, batch_pairs=4)
    look = train(recipe, folder=tmp_path).look
    names = [field.name for field in fields(HeldOutMeasures)]
    lines = [line for line in journal(tmp_path) if line["event"] == "check"]
    logged = [HeldOutMeasures(*(line[name] for name in names)) for line in lines]
    kept = HeldOutMeasures(*(look.card.measures[name] for name in names))
    assert kept.score(logged[0]) <= min(measures.score(logged[0]) for measures in logged) + LEAST_GAIN
    start = start_generator(corpus, recipe)
    assert HeldOut(corpus, start.mechanics, start.generator).measure(look.generator) == kept, (
        "what is saved is what was measured"
    )
