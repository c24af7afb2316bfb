"""How far a run is: shares, rates and checks of a budget, for any length of step."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from relook.compute import Crew
from relook.recipe.settings import Recipe
from relook.train.clock import COOLINGS, DECAY_SHARE, Clock
from relook.train.course import Course
from relook.train.measures import HeldOutMeasures


def course(**values: float) -> Course:
    measures = HeldOutMeasures(1.0, 1.0, 1.0)
    return replace(Course(first=measures, kept=measures), **values)


@settings(max_examples=50)
@given(st.lists(st.floats(0.1, 40), min_size=5, max_size=60), st.integers(1, 12), st.floats(0, 50))
def test_every_check_of_a_budget_comes_once(crew: Crew, lengths: list[float], num_checks: int, before: float) -> None:
    """Steps of any length, of a run that was stopped before or not; the readings jump, and never back."""
    times = iter([0.0] + [sum(lengths[:n]) for n in range(len(lengths) + 1)])
    recipe = Recipe(budget_seconds=sum(lengths) + before, num_checks=num_checks)
    run = course(seconds=before)
    clock = Clock(recipe, run, lambda: next(times))
    moment, checks = clock.tick(run, crew), 0
    first = moment.share
    assert first == pytest.approx(before / (sum(lengths) + before))
    for _ in lengths:
        after = clock.tick(run, crew)
        checks += clock.is_check(moment, after, run)
        assert after.share is not None and moment.share is not None and after.share >= moment.share
        assert 0 <= after.rate_factor <= moment.rate_factor <= 1
        moment = after
    assert moment.share == pytest.approx(1) and 1 <= checks <= num_checks


def test_rates_go_down_over_the_last_part_of_a_budget() -> None:
    clock = Clock(Recipe(budget_frames=800), course())
    factors = [clock.read(course(step=step)).rate_factor for step in (0, 50, 60, 80, 100)]
    assert factors == pytest.approx([1, 1, 1, 0.2 / DECAY_SHARE, 0])
    assert clock.read(course(step=100)).is_over and not clock.read(course(step=99)).is_over


def test_without_a_budget_rates_cool_and_the_run_ends() -> None:
    clock = Clock(Recipe(), course())
    moments = [clock.read(course(coolings=n)) for n in range(len(COOLINGS) + 1)]
    assert [moment.rate_factor for moment in moments[:-1]] == list(COOLINGS)
    assert [moment.is_over for moment in moments] == [False, False, False, True]
    assert clock.total is None and clock.seconds_left(course(step=5, seconds=9)) is None


def test_time_left_is_told_in_seconds_whatever_the_budget() -> None:
    for recipe, run in (
        (Recipe(budget_frames=800), course(step=25, seconds=30)),
        (Recipe(budget_seconds=120), course(seconds=30)),
    ):
        assert Clock(recipe, run).seconds_left(run) == pytest.approx(90)
    assert Clock(Recipe(budget_seconds=120), course()).seconds_left(course()) is None


def test_seconds_of_an_earlier_sitting_count(crew: Crew) -> None:
    times = iter([1000.0, 1005.0])
    run = course(seconds=30)
    Clock(Recipe(budget_seconds=120), run, lambda: next(times)).tick(run, crew)
    assert run.seconds == pytest.approx(35) and torch.device("cpu") == crew.device
