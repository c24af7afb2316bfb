"""Plates are pure functions of seed and frame, new in each frame, and as frequent as they are told to be."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from relook.nets.plates import draw_dust, draw_plates, drift, seed_of, weave
from relook.recipe.wear import Wear

WORN = Wear(
    reference_height=96,
    dust_per_frame=(6.0, 9.0),
    scratches_per_frame=3.0,
    flicker_persistence=0.5,
    weave_px=(0.8, 1.2),
    weave_persistence=0.4,
)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**63 - 1), frame=st.integers(0, 10**6))
def test_the_same_seed_and_frame_give_the_same_plates(seed: int, frame: int) -> None:
    first, second = (draw_plates((96, 128), WORN, seed=seed, frame=frame) for _ in range(2))
    for name in ("grain", "dust", "scratch", "blotch", "flicker"):
        assert torch.equal(getattr(first, name), getattr(second, name)), name
        assert torch.isfinite(getattr(first, name)).all(), name


def test_every_frame_has_grain_of_its_own() -> None:
    first, second = (draw_plates((96, 128), WORN, seed=5, frame=frame).grain.flatten() for frame in (7, 8))
    assert abs(torch.corrcoef(torch.stack((first, second)))[0, 1]) < 0.03


def test_dust_is_as_frequent_as_told() -> None:
    import cv2

    counts = []
    for frame in range(60):
        dark = draw_dust((96, 128), WORN, share=1.0, seed=1, frame=frame)[0]
        counts.append(cv2.connectedComponents((dark > 0.1).astype(np.uint8))[0] - 1)
    assert np.mean(counts) == pytest.approx(6, rel=0.25)


def test_no_wear_leaves_no_marks() -> None:
    plates = draw_plates((64, 64), Wear(), seed=0, frame=3)
    assert not plates.dust.any() and not plates.scratch.any() and weave(Wear(), seed=0, frame=3) == (0, 0)


@settings(max_examples=6, deadline=None)
@given(persistence=st.sampled_from([0.0, 0.3, 0.6]), seed=st.integers(0, 1000))
def test_drift_has_unit_variance_and_its_persistence(persistence: float, seed: int) -> None:
    values = np.array([drift(1, persistence, seed=seed, frame=frame, kind=3)[0] for frame in range(1500)])
    assert values.std() == pytest.approx(1, abs=0.12)
    assert np.corrcoef(values[1:], values[:-1])[0, 1] == pytest.approx(persistence, abs=0.12)


def test_another_shot_or_seed_gives_other_plates() -> None:
    assert len({seed_of("ab" * 32, 0), seed_of("ab" * 32, 1), seed_of("cd" * 32, 0)}) == 3
