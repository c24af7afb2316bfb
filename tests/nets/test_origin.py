"""The origin of a picture that wraps: moved copies are made as one picture, by whatever depends on a pixel's place."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from relook.nets import origin
from relook.nets.origin import Origin, made_from_origin, origin_of
from relook.nets.wrap import WRAPS, Wrap


def by_place(picture: Tensor) -> Tensor:
    """Add to every pixel its number: the worst that a kernel could do."""
    return picture + torch.arange(picture[0].numel()).reshape(picture.shape[1:])


def moved(picture: Tensor, by: tuple[int, int], wrap: Wrap) -> Tensor:
    return picture.roll((by[0] if "y" in wrap else 0, by[1] if "x" in wrap else 0), (1, 2))


def assert_moves_along(picture: Tensor, by: tuple[int, int], wrap: Wrap) -> None:
    expected = moved(made_from_origin(picture, wrap, by_place), by, wrap)
    assert torch.equal(made_from_origin(moved(picture, by, wrap), wrap, by_place), expected)


@settings(max_examples=200)
@given(
    cell=st.tuples(st.integers(1, 5), st.integers(1, 5)),
    times=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    aside=st.integers(0, 19),
    num_values=st.integers(1, 3),
    by=st.tuples(st.integers(-20, 20), st.integers(-20, 20)),
    wrap=st.sampled_from(WRAPS),
    seed=st.integers(0, 9),
)
def test_a_moved_picture_is_made_the_same_moved(
    cell: tuple[int, int],
    times: tuple[int, int],
    aside: int,
    num_values: int,
    by: tuple[int, int],
    wrap: Wrap,
    seed: int,
) -> None:
    """Few values and repeated cells, each row of them aside of the one above: pictures of many equal views."""
    drawn = np.random.default_rng(seed).integers(0, num_values, (3, *cell)).astype(np.float32)
    row = torch.from_numpy(drawn).repeat(1, 1, times[1])
    assert_moves_along(torch.cat([row.roll(aside * number, 2) for number in range(times[0])], dim=1), by, wrap)


def test_the_origin_by_hand() -> None:
    rows = torch.tensor([[1.0, 0, 0, 0], [0, 0, 1, 0]]).expand(3, 2, 4)
    twice = rows.repeat(1, 2, 1)
    found = origin_of(twice, "xy")
    assert (found.rows, found.columns, found.aside) == (1, 4, 2)
    assert origin_of(twice, "y") == Origin(origin_of(twice, "y").row, 0, 2, 4)
    assert origin_of(twice, "x").rows == 4
    assert origin_of(torch.zeros(3, 5, 7), "xy") == Origin(0, 0, 1, 1)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -0.0])
def test_values_are_told_apart_by_their_bits(value: float) -> None:
    picture = torch.zeros(3, 6, 5)
    picture[1, 2, 3] = value
    found = origin_of(picture, "xy")
    again = origin_of(picture.roll((2, 1), (1, 2)), "xy")
    assert (again.row, again.column) == ((found.row + 2) % 6, (found.column + 1) % 5)


@pytest.mark.parametrize("wrap", WRAPS)
def test_views_that_share_a_key_by_chance_get_others(wrap: Wrap, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = origin._keys
    monkeypatch.setattr(origin, "_keys", lambda bits, salt: drawn(bits, salt) if salt else drawn(bits * 0, 0))
    picture = torch.rand(3, 6, 9, generator=torch.Generator().manual_seed(1))
    assert_moves_along(picture, (4, 5), wrap)
    assert origin_of(picture, wrap).columns == 9
