"""The training loop: the same seed gives the same look, held-out frames decide, what is not finite stops it."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from pathlib import Path

import cv2
import pytest
import torch

from relook.corpus import Corpus
from relook.errors import DivergedError
from relook.nets.generator import Generator
from relook.progress import Progress
from relook.recipe.settings import Rates, Recipe
from relook.train.heldout import LEAST_GAIN, HeldOut, HeldOutMeasures
from relook.train.loop import equivariance, train_look
from relook.train.start import start_generator

CPU = torch.device("cpu")
SHORT = Recipe(budget_steps=6, num_checks=2, batch_pairs=2, crop_px=64)


def weights(corpus: Corpus, recipe: Recipe, run_dir: Path) -> dict[str, torch.Tensor]:
    return train_look(corpus, recipe, name="toy", run_dir=run_dir, device=CPU).generator.state_dict()


def test_the_same_seed_gives_the_same_look(corpus: Corpus, tmp_path: Path) -> None:
    first, again = (weights(corpus, SHORT, tmp_path) for _ in range(2))
    other = weights(corpus, replace(SHORT, seed=1), tmp_path)
    assert all(torch.equal(first[key], again[key]) for key in first)
    assert any(not torch.equal(first[key], other[key]) for key in first)


def test_a_run_leaves_its_sheet_its_measures_and_a_card(corpus: Corpus, tmp_path: Path) -> None:
    seen: list[Progress] = []
    look = train_look(corpus, SHORT, name="toy", run_dir=tmp_path, device=CPU, on_progress=seen.append)
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [0, 3, 3, 6, 6]
    assert cv2.imread(str(tmp_path / "sheet.jpg")) is not None
    assert look.card.name == "toy" and look.card.measures["steps"] == 6 and look.card.wear.reference_height == 128
    assert {film.side for film in look.card.footage} == {"source", "style"}
    assert seen[-1].stage == "training" and seen[-1].done == 6


def test_the_first_pass_alone_takes_the_style(corpus: Corpus) -> None:
    generator, marks = start_generator(corpus, SHORT)
    source, style = (torch.cat([corpus.clip(shot, 0, 2) for shot in corpus.side(side)]) for side in ("source", "style"))
    with torch.no_grad():
        rendered = generator.deterministic(source)
    assert generator.is_monochrome
    assert (rendered.mean() - style.mean()).abs() < 0.03 and (rendered.std() - style.std()).abs() < 0.05
    assert generator.texture.response.max() > 0.01
    assert sum(marks.wear.dust_per_frame) < 3


def test_the_light_of_the_frame_does_not_count_as_structure_that_sticks(corpus: Corpus) -> None:
    frames = torch.cat([corpus.clip(shot, 0, 2) for shot in corpus.side("source")])
    window = torch.tensor([0.0, 0.0, 1.0, 1.0]).expand(len(frames), 4)
    generator = Generator(SHORT.generator).requires_grad_(False)
    plain = equivariance(generator, frames, frames, window, seed=0)
    generator.spatial.darken_corners(-0.8)
    vignetted = equivariance(generator, frames, generator.deterministic(frames), window, seed=0)
    assert float(vignetted) < float(plain)


def test_a_rate_that_explodes_is_noticed(corpus: Corpus, tmp_path: Path) -> None:
    wild = replace(SHORT, budget_steps=40, rates=Rates(generator=1e20, critic=1e20))
    with pytest.raises(DivergedError, match="not finite"):
        train_look(corpus, wild, name="wild", run_dir=tmp_path, device=CPU)


@pytest.mark.slow
def test_the_best_by_held_out_style_is_kept(corpus: Corpus, tmp_path: Path) -> None:
    recipe = replace(SHORT, budget_steps=200, num_checks=4, batch_pairs=4)
    look = train_look(corpus, recipe, name="toy", run_dir=tmp_path, device=CPU)
    names = [field.name for field in fields(HeldOutMeasures)]
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    logged = [HeldOutMeasures(*(line[name] for name in names)) for line in lines]
    kept = HeldOutMeasures(*(look.card.measures[name] for name in names))
    assert kept.score(logged[0]) <= min(measures.score(logged[0]) for measures in logged) + LEAST_GAIN
    start, marks = start_generator(corpus, recipe)
    assert HeldOut(corpus, marks.wear, start).measure(look.generator) == kept, "what is saved is what was measured"
