"""Planted faults: noticed at the step they happen, skipped or rolled back, and the best look survives each."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from hypothesis import given
from hypothesis import strategies as st

from relook.compute import Crew
from relook.corpus import Corpus
from relook.recipe.settings import Rates, Recipe
from relook.train.checkpoint import TENSORS, checkpoints
from relook.train.course import Course
from relook.train.loop import Run, Trained, train_look
from relook.train.measures import HeldOutMeasures
from relook.train.remark import doubt_of_tone
from relook.train.watch import (
    MOST_ROLL_BACKS,
    MOST_SKIPS,
    WARM_UP_STEPS,
    Unsound,
    check_sound,
    find_trouble,
)

SHORT = Recipe(budget_frames=24, num_checks=2, batch_pairs=2, crop_px=64)
PLACES = ("critic.loss", "critic.gradient", "generator.loss", "generator.gradient", "frame")

Train = Callable[..., Trained]
Faults = Callable[[str], None]


def troubles(folder: Path) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [line for line in lines if line["event"] == "trouble"]


def assert_no_checkpoint_is_unsound(folder: Path) -> None:
    for path in checkpoints(folder):
        tensors = safetensors.torch.load((path / TENSORS).read_bytes())
        assert all(tensor.isfinite().all() for tensor in tensors.values()), path.name


def is_finite(trained: Trained) -> bool:
    return all(tensor.isfinite().all() for tensor in trained.look.generator.state_dict().values())


@pytest.mark.slow
@pytest.mark.parametrize(
    "place", [PLACES[1], *(pytest.param(p, marks=pytest.mark.slow) for p in PLACES if p != PLACES[1])]
)
def test_TR04_one_value_that_is_not_finite_is_skipped(place: str, train: Train, faults: Faults, tmp_path: Path) -> None:
    faults(f"{place}:spoil:2")
    trained = train(SHORT, folder=tmp_path)
    assert not trained.diverged and is_finite(trained)
    (noted,) = troubles(tmp_path)
    assert noted["step"] == 2 and "not finite" in noted["what"] and noted["done"] == "this batch was skipped"
    assert trained.look.card.measures["steps"] == 6 and checkpoints(tmp_path)
    assert_no_checkpoint_is_unsound(tmp_path)


@pytest.mark.slow
def test_TR04_a_fault_that_stays_is_rolled_back_and_then_given_up(train: Train, faults: Faults, tmp_path: Path) -> None:
    faults("generator.loss:spoil:4+")
    trained = train(replace(SHORT, budget_frames=400, num_checks=50), folder=tmp_path)
    assert "not finite" in trained.diverged and is_finite(trained)
    noted = [line["done"] for line in troubles(tmp_path)]
    skipped = ["this batch was skipped"] * MOST_SKIPS
    back = [f"back to the nets of the last check, with lower rates (no. {n})" for n in range(1, MOST_ROLL_BACKS + 1)]
    given_up = "training was given up, and the best look so far is kept"
    assert noted == [*(line for one in back for line in (*skipped, one)), *skipped, given_up]
    assert trained.look.card.measures["steps"] == 3 + (MOST_SKIPS + 1) * (MOST_ROLL_BACKS + 1)


@pytest.mark.slow
def test_TR04_what_was_rolled_back_goes_on_with_lower_rates(train: Train, faults: Faults, tmp_path: Path) -> None:
    faults(",".join(f"critic.loss:spoil:{n}" for n in (3, 4, 5, 6)))
    trained = train(replace(SHORT, budget_frames=48), folder=tmp_path)
    assert not trained.diverged and is_finite(trained)
    assert [line["done"] for line in troubles(tmp_path)][-1].startswith("back to")
    assert trained.look.card.measures["steps"] == 12


@pytest.mark.slow
def test_TR05_a_critic_that_learns_a_hundred_times_too_fast(train: Train, tmp_path: Path) -> None:
    wild = replace(SHORT, budget_frames=1600, num_checks=8, rates=Rates(critic=5e-2))
    trained = train(wild, folder=tmp_path)
    assert troubles(tmp_path), "nothing was noticed"
    assert is_finite(trained)
    measures = trained.look.card.measures
    first = next(line for line in map(json.loads, (tmp_path / "metrics.jsonl").read_text().splitlines()))
    assert measures["patch_distance"] <= 1.02 * first["patch_distance"]
    assert measures["structure_kept"] > first["structure_kept"] - 0.05


@pytest.mark.slow
def test_TR04_rates_that_explode_are_given_up(train: Train, tmp_path: Path) -> None:
    wild = replace(SHORT, budget_frames=400, rates=Rates(generator=1e20, critic=1e20))
    trained = train(wild, folder=tmp_path)
    assert trained.diverged and is_finite(trained)
    assert trained.look.card.measures["kept_step"] == 0, "the first pass is the best look there was"
    assert_no_checkpoint_is_unsound(tmp_path)


def course() -> Course:
    measures = HeldOutMeasures(1.0, 1.0, 1.0)
    return Course(first=measures, kept=measures, sound_steps=WARM_UP_STEPS + 1)


@pytest.mark.parametrize("loss", [math.nan, math.inf, -math.inf, 1e9])
def test_TR04_losses_that_are_refused(loss: float) -> None:
    with pytest.raises(Unsound):
        check_sound(course(), "critic", loss=loss, gradient=1.0)


@given(st.floats(1e-6, 1e3), st.floats(0.1, 10))
def test_TR04_a_gradient_is_judged_by_its_usual_size(usual: float, factor: float) -> None:
    seen = course()
    for _ in range(200):
        check_sound(seen, "generator", loss=0.0, gradient=usual)
    check_sound(seen, "generator", loss=0.0, gradient=usual * factor)
    with pytest.raises(Unsound, match="times its usual size"):
        check_sound(seen, "generator", loss=0.0, gradient=usual * 1e4)


def test_TR05_a_critic_that_always_wins_is_noticed_and_a_good_one_is_not() -> None:
    for accuracy, text in ((0.9, ""), (1.0, "the critic has won")):
        seen = course()
        said = [find_trouble(seen, {"accuracy": accuracy, "spread": 1.0}) for _ in range(400)]
        assert said[-1].startswith(text) and bool(said[-1]) == bool(text)
        assert not said[10], "one sure step is no victory"


def test_TR05_a_picture_that_goes_grey_is_noticed() -> None:
    seen = course()
    said = [find_trouble(seen, {"accuracy": 0.6, "spread": 0.2}) for _ in range(50)]
    assert said[-1].startswith("the picture collapses")


@pytest.mark.slow
def test_TR14_a_style_that_is_the_source_changes_nothing_and_says_so(
    corpus: Corpus, crew: Crew, small: None, tmp_path: Path
) -> None:
    source = [shot for shot in corpus.shots if shot.side == "source"]
    same = replace(corpus, shots=(*source, *(replace(shot, side="style") for shot in source)))
    trained = train_look(same, SHORT, Run("same", tmp_path), crew)
    assert not trained.diverged
    assert "in this style already" in trained.look.card.sufficiency
    frames = torch.stack(corpus.sample_frames("source", 4, held_out=True))
    assert float((trained.look.generator.deterministic(frames) - frames).abs().mean()) < 2 / 255


@pytest.mark.slow
def test_TR14_a_style_that_differs_is_not_said_to_be_the_same(train: Train) -> None:
    assert "already" not in train(SHORT).look.card.sufficiency


@pytest.mark.slow
def test_a_look_that_is_gentler_than_its_style_says_so(train: Train) -> None:
    seen = course()
    assert doubt_of_tone(seen) == ""
    seen.withheld = 0.05
    assert "gentler in tone than its style, by 5%" in doubt_of_tone(seen)
    withheld = train(SHORT).look.card.sufficiency
    assert "gentler" in withheld, "three painted shots cannot prove that they are dim by their look"
