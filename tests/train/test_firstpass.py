"""The closed-form grade finds the colours that it is given."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from relook.nets.blocks import LUMA
from relook.train.firstpass import first_pass, tone_curve

NODES = np.linspace(0, 1, 8)


def colours(seed: int, count: int = 4000) -> NDArray[np.float64]:
    rng = np.random.default_rng(seed)
    luma = rng.beta(2, 2, (count, 1))
    return np.clip(luma + rng.normal(0, 0.06, (count, 3)), 0, 1)


def graded(pixels: NDArray[np.float64], affine: NDArray[np.float64]) -> NDArray[np.float64]:
    position = (pixels @ np.array(LUMA)) * (len(affine) - 1)
    weights = np.maximum(1 - np.abs(position[:, None] - np.arange(len(affine))), 0)
    maps = np.einsum("nk,kij->nij", weights, affine)
    return np.einsum("nij,nj->ni", maps, np.concatenate((pixels, np.ones((len(pixels), 1))), axis=1))


def test_no_difference_gives_the_identity() -> None:
    shots = [colours(seed) for seed in range(5)]
    found = first_pass(shots, [colours(seed) for seed in range(10, 15)], 8)
    pixels = colours(99)
    assert np.abs(graded(pixels, found.affine) - pixels).mean() < 0.02
    assert not found.is_monochrome


def test_a_warm_source_in_its_own_style_gets_no_warmer() -> None:
    def warm(seed: int) -> NDArray[np.float64]:
        return np.clip(colours(seed) + np.array([0.06, 0.0, -0.08]), 0, 1)

    found = first_pass([warm(seed) for seed in range(5)], [warm(seed) for seed in range(10, 15)], 8)
    assert np.abs(graded(warm(99), found.affine) - warm(99)).mean() < 0.01


def test_a_toned_style_is_found_again() -> None:
    def develop(pixels: NDArray[np.float64]) -> NDArray[np.float64]:
        luma = pixels @ np.array(LUMA)
        tone = 0.1 + 0.7 * luma
        return tone[:, None] * np.array([1.08, 0.99, 0.85]) + 0.3 * (pixels - luma[:, None])

    found = first_pass([colours(s) for s in range(8)], [develop(colours(s)) for s in range(10, 18)], 8)
    pixels = colours(99)
    assert np.abs(graded(pixels, found.affine) - develop(pixels)).mean() < 0.02


def test_a_black_and_white_style_is_locked() -> None:
    grey = [np.repeat(colours(s) @ np.array(LUMA)[:, None], 3, axis=1) for s in range(3)]
    found = first_pass([colours(s) for s in range(5)], grey, 8)
    assert found.is_monochrome
    assert np.ptp(graded(colours(99), found.affine), axis=1).max() < 0.01


def test_shots_that_disagree_are_believed_less() -> None:
    source = [np.clip(colours(s) * 0.6, 0, 1) for s in range(6)]
    agreed = [np.clip(colours(s) * 0.6 + 0.15, 0, 1) for s in range(6)]
    torn = [np.clip(colours(s) * 0.6 + lift, 0, 1) for s, lift in enumerate((0.0, 0.1, 0.35, 0.0, 0.1, 0.35))]
    shares = []
    for style in (agreed, torn):
        luma_x, luma_y = (np.concatenate(shots) @ np.array(LUMA) for shots in (source, style))
        matched = float(np.quantile(luma_y, (luma_x < NODES[3]).mean()))
        shares.append((tone_curve(source, style, NODES)[0][3] - NODES[3]) / (matched - NODES[3]))
    assert shares[0] == pytest.approx(1, abs=0.1)
    assert shares[1] < 0.85


@settings(max_examples=20)
@given(lift=st.floats(0.05, 0.3), seed=st.integers(0, 50))
def test_the_more_shots_agree_the_more_they_are_believed(lift: float, seed: int) -> None:
    source = [np.clip(colours(seed + s) * 0.6, 0, 1) for s in range(6)]
    found = [
        tone_curve(source, [np.clip(colours(seed + 10 + s) * 0.6 + lift, 0, 1) for s in range(count)], NODES)[0][3]
        for count in (1, 2, 3, 12)
    ]
    assert NODES[3] < found[0] < found[1] < found[2] < found[3]


@settings(max_examples=25)
@given(gamma=st.floats(0.2, 5), lift=st.floats(0, 0.4), seed=st.integers(0, 50))
def test_curves_rise_and_stay_in_range(gamma: float, lift: float, seed: int) -> None:
    style = [lift + (1 - lift) * colours(seed + k) ** gamma for k in range(3)]
    tone, _ = tone_curve([colours(seed + k) for k in range(10, 13)], style, NODES)
    assert (np.diff(tone) >= 0).all() and tone.min() >= 0 and tone.max() <= 1
    assert np.diff(tone).max() <= 4 / 7 + 1e-9


def test_what_is_not_believed_is_told() -> None:
    source = [np.clip(colours(s) * 0.6, 0, 1) for s in range(6)]
    lifted = [np.clip(colours(s) * 0.6 + 0.2, 0, 1) for s in range(12)]
    assert tone_curve(source, source, NODES)[1] < 0.01, "nothing differs, so nothing is kept back"
    assert tone_curve(source, lifted[:1], NODES)[1] > 0.04 > 0.02 > tone_curve(source, lifted, NODES)[1]
