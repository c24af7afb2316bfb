"""Recipes as files: what is written is what is read, and what is no setting is refused by name."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relook.errors import UsageError
from relook.recipe.files import read_recipe
from relook.recipe.settings import Recipe, Weights

RECIPES = st.builds(
    Recipe,
    seed=st.integers(0, 2**31),
    budget_frames=st.none() | st.integers(1, 10**6),
    objective=st.sampled_from(["hinge", "minimax", "relativistic"]),
    augment=st.none() | st.booleans(),
    weights=st.builds(Weights, adversarial=st.floats(0, 10), cycle=st.floats(0, 10)),
)


@given(recipe=RECIPES)
def test_what_is_written_is_read(recipe: Recipe, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.getbasetemp() / "recipe.toml"
    plain = {name: value for name, value in asdict(recipe).items() if value is not None}
    tables = {name: plain.pop(name) for name in ("generator", "rates", "weights")}
    lines = [f"{name} = {json.dumps(value)}" for name, value in plain.items()]
    for name, table in tables.items():
        lines += [f"[{name}]", *(f"{key} = {json.dumps(value)}" for key, value in table.items())]
    path.write_text("\n".join(lines))
    assert read_recipe(path) == recipe


def test_a_file_changes_what_it_names(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text('objective = "hinge"\nbudget_frames = 4000\n[weights]\nadversarial = 1\n')
    weights = replace(Weights(), adversarial=1.0)
    assert read_recipe(path) == Recipe(objective="hinge", budget_frames=4000, weights=weights)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("objektive = 'hinge'", "objektive"),
        ("objective = 'hinged'", "hinged"),
        ("[weights]\nadversary = 1.0", "weights.*adversary"),
        ("weights = 3", "weights"),
        ("seed = 'seven'", "seed"),
        ("crop_px = 100", "crop_px"),
        ("seed = -1", "seed"),
        ("budget_seconds = true", "budget_seconds takes float"),
        ("budget_frames = 20000.5", "budget_frames takes int"),
        ("budget_seconds = nan", "positive"),
        ("augment = 3", "augment takes bool"),
        ("penalty_every = 0", "penalty_every"),
        ("preset = ['film']", "preset"),
        ("[weights]\ncycle = -1.0", "cycle"),
        ("preset = 'cartoon'", "cartoon"),
        ("seed = ", "TOML"),
        pytest.param(
            f"[rates]\ngenerator = 1{400 * '0'}", "rates.generator .*401 digits", id="more than a float holds"
        ),
    ],
)
def test_what_is_no_recipe_is_refused(text: str, named: str, tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text(text)
    with pytest.raises(UsageError, match=named):
        read_recipe(path)
    with pytest.raises(UsageError, match=r"absent\.toml"):
        read_recipe(tmp_path / "absent.toml")
