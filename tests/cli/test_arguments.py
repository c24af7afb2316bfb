"""What people type: lists of paths and lengths of time."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relook.cli.arguments import parse_budget, parse_pair, spread_paths
from relook.errors import UsageError

PATHS = st.lists(st.text(min_size=1).filter(lambda text: not text.startswith("-")), min_size=1, max_size=4)


def test_a_flag_takes_every_path_that_follows_it() -> None:
    typed = ["train", "--source", "a", "--style", "b", "c", "d", "--budget", "3m", "--style=e", "-o", "x.look"]
    style = ["--style", "b", "--style", "c", "--style", "d"]
    assert spread_paths(typed) == ["train", "--source", "a", *style, "--budget", "3m", "--style=e", "-o", "x.look"]


@given(source=PATHS, style=PATHS)
def test_together_or_one_by_one_is_the_same(source: list[str], style: list[str]) -> None:
    together = ["train", "--source", *source, "--style", *style, "-o", "x.look"]
    one_by_one = ["train"]
    for flag, paths in (("--source", source), ("--style", style)):
        for path in paths:
            one_by_one += [flag, path]
    assert spread_paths(together) == [*one_by_one, "-o", "x.look"]
    assert spread_paths(one_by_one) == one_by_one


def test_another_verb_is_left_alone() -> None:
    typed = ["check", "--source", "film.mp4", "out.mp4", "--look", "x.look"]
    assert spread_paths(typed) == typed


@pytest.mark.parametrize(
    ("text", "budget"),
    [
        ("90s", (90, None)),
        ("3m", (180, None)),
        ("1h", (3600, None)),
        ("1.5m", (90, None)),
        ("45", (45, None)),
        ("20000f", (None, 20000)),
    ],
)
def test_budgets(text: str, budget: tuple[float | None, int | None]) -> None:
    assert parse_budget(text) == budget


@pytest.mark.parametrize("text", ["", "0", "0s", "0f", "-3m", "3 minutes", "m", "nan", "1e3s", "1.5f"])
def test_what_is_no_budget_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="such as 90s"):
        parse_budget(text)


def test_pairs() -> None:
    assert parse_pair("a/frame.png=b/painted=1.png") == (Path("a/frame.png"), Path("b/painted=1.png"))
    for text in ("frame.png", "=painted.png", "frame.png="):
        with pytest.raises(UsageError, match="--pair"):
            parse_pair(text)
