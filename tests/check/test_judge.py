"""The two voices: a render on the right stock passes, every way to spoil it does not, and the reasons are the true ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import safetensors.torch
import torch
from torch import Tensor

from relook.check.judge import Judge, StyleVerdict
from relook.check.style import StyleModel, chi_limit, fit_style
from relook.check.voice import DAMAGES
from relook.errors import InputError
from relook.objectives.descriptor import DESCRIPTOR_NAMES, NUMBERS

Painter = Callable[[int, int], Tensor]
SEEN = {"_swapped", "_tint", "_exposure"}
"""Damage that a stock of five shots and little colour may bear when it is mild."""


def judged(judge: Judge, frames: Tensor) -> StyleVerdict:
    pairs = torch.stack([frames[k : k + 2] for k in (0, len(frames) // 2 - 1, len(frames) - 2)])
    return judge.verdict(judge.describe(pairs), judge.score(pairs))


def test_renders_of_scenes_never_seen_pass_and_their_sources_fail(stock: Any, paint: Painter) -> None:
    bands = []
    for seed in range(301, 307):
        scene = paint(seed, 6)
        bands.append(judged(stock.judge, stock.render(scene, seed=seed)).band)
        assert judged(stock.judge, scene).band == "fail"
    assert "fail" not in bands and bands.count("pass") >= 5, bands


@pytest.mark.parametrize("damage", [d for d in DAMAGES if d.__name__ not in SEEN], ids=lambda d: d.__name__)
def test_every_damage_is_noticed(stock: Any, paint: Painter, damage: Callable[..., Tensor]) -> None:
    good = stock.render(paint(311, 6), seed=5)
    random = torch.Generator().manual_seed(3)
    spoilt = torch.cat([damage(good[k : k + 2], random) for k in (0, 2, 4)]).clamp(0, 1)
    assert judged(stock.judge, spoilt).band != "pass"


@pytest.mark.parametrize(("grain", "words"), [(0.0, "grain too weak"), (3.0, "grain too strong")])
def test_wrong_grain_is_named(stock: Any, paint: Painter, grain: float, words: str) -> None:
    verdict = judged(stock.judge, stock.render(paint(312, 6), grain=grain))
    assert verdict.band == "fail"
    assert any(words in fault for fault in verdict.faults), verdict.faults


def test_lifted_blacks_are_named(stock: Any, paint: Painter) -> None:
    verdict = judged(stock.judge, 0.35 + 0.65 * stock.render(paint(313, 6)))
    assert any("blacks lifted" in fault for fault in verdict.faults), verdict.faults


def test_the_style_is_nearer_than_its_percentiles_say(stock: Any) -> None:
    """Each calibration distance was taken without its own shot, so most lie inside the limit and none is zero."""
    distances = stock.judge.distances
    assert distances.min() > 0.5 and distances.max() < 1.5 * stock.judge.limit
    assert (distances.diff() >= 0).all()


def test_a_judge_survives_the_look_file(stock: Any, paint: Painter) -> None:
    tensors = safetensors.torch.load(safetensors.torch.save(stock.judge.to_tensors()))
    again, frames = Judge.from_tensors(tensors), stock.render(paint(314, 6))
    assert judged(again, frames) == judged(stock.judge, frames)
    assert again.standing == stock.judge.standing == "calibrated on 5 style shots"


def test_a_look_without_a_judge_says_so(stock: Any) -> None:
    tensors = stock.judge.to_tensors()
    for broken in ({}, {k: v for k, v in tensors.items() if k != "mean"}, tensors | {"figures": torch.zeros(3)}):
        with pytest.raises(InputError, match="train it again"):
            Judge.from_tensors(broken)


def test_taller_films_are_measured_at_the_scale_of_the_style(stock: Any, paint: Painter) -> None:
    """Grain keeps its size on the screen: a render enlarged twice has the style's texture numbers again."""
    frames = stock.render(paint(315, 6))
    large = torch.nn.functional.interpolate(frames, scale_factor=2, mode="nearest")
    texture = [k for k, number in enumerate(NUMBERS) if number.group == "texture" and number.name != "flicker"]
    small, tall = (stock.judge.describe(f[None, :2])[0, texture] for f in (frames, large))
    assert torch.allclose(small, tall, atol=1e-4)


def random_shots(count: int, seed: int, spread: float = 0.05, saturation: float = 0.01) -> list[Tensor]:
    random = torch.Generator().manual_seed(seed)
    shots = [torch.randn(4, len(NUMBERS), generator=random) * spread for _ in range(count)]
    for shot in shots:
        shot[:, DESCRIPTOR_NAMES.index("saturation")] += saturation
    return shots


def test_one_shot_of_style_is_enough_for_finite_numbers() -> None:
    model = fit_style(random_shots(1, 0), random_shots(3, 1))
    assert model.precision.isfinite().all() and model.scale.min() > 0
    assert model.distance(torch.zeros(len(NUMBERS))) < chi_limit(model)


def test_more_content_makes_tone_looser_and_grain_hardly() -> None:
    """Content may widen each number's spread by a few of its floors and no further."""
    tight, wide = (fit_style(random_shots(2, 0, 0.001), random_shots(6, 1, spread)) for spread in (0.001, 50.0))
    floors = torch.tensor([number.floor for number in NUMBERS])
    assert torch.allclose(tight.scale, floors)
    growth = wide.scale / floors
    texture = torch.tensor([number.group == "texture" for number in NUMBERS])
    assert 1 < growth[texture].max() < 4 < growth[~texture].max() < 7


def test_stills_leave_the_temporal_numbers_out() -> None:
    model = fit_style(random_shots(3, 0), random_shots(3, 1), with_motion=False)
    off = torch.tensor([1e3 if number.temporal else 0.0 for number in NUMBERS])
    assert model.distance(off + model.mean) == 0
    assert model.deviations(off)[torch.tensor([number.temporal for number in NUMBERS])].abs().max() == 0


def test_the_largest_deviation_is_named_first() -> None:
    size = len(NUMBERS)
    model = StyleModel(torch.zeros(size), torch.ones(size), torch.eye(size))
    descriptor = torch.zeros(size)
    descriptor[DESCRIPTOR_NAMES.index("grain")] = -3.0
    descriptor[DESCRIPTOR_NAMES.index("black_level")] = 2.5
    assert model.faults(descriptor) == ("grain too weak (3.0 sigma)", "blacks lifted (2.5 sigma)")
    assert model.distance(descriptor) == pytest.approx((9 + 6.25) ** 0.5)
    assert chi_limit(model) == pytest.approx(38.93**0.5, abs=0.02)


def test_in_black_and_white_the_least_hue_shows() -> None:
    column = DESCRIPTOR_NAMES.index("saturation")
    grey, colourful = (
        float(fit_style(random_shots(6, 3, spread=1e-4, saturation=mean), []).scale[column]) for mean in (0.0, 0.05)
    )
    assert grey == pytest.approx(0.5 * NUMBERS[column].floor)
    assert colourful > NUMBERS[column].floor
