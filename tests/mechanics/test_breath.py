from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from relook.mechanics.breath import (
    breath_of,
    lay_breath,
    limit_flashes,
    luminance,
    measure_breath,
    most_flashes,
    safe_share,
)
from relook.mechanics.reel import Run
from relook.recipe.mechanics import WHITE, Breath

PaintScene = Callable[..., Any]
TRUTH = Breath(exposure=0.04, contrast=0.03, colour=(0.015, 0.02))


def breathing(film: Any, breath: Breath, seed: int) -> tuple[Any, Any]:
    """Lay drawn light and a little grain; also return its logarithms: green, slope, red and blue beside green."""
    drawn = [breath_of(breath, seed=seed, frame=frame) for frame in range(len(film))]
    pictures = torch.from_numpy(film.transpose(0, 3, 1, 2).copy())
    light = torch.tensor(drawn)
    laid = lay_breath(pictures, light[:, :3], light[:, 3])
    red, green, blue, slope = np.log(drawn).T
    grain = np.random.default_rng(seed).normal(0, 0.02, film.shape)
    frames = np.clip(laid.numpy().transpose(0, 2, 3, 1) + grain, 0, 1).astype(np.float32)
    return frames, np.stack((green, slope, red - green, blue - green))


@pytest.mark.slow
def test_breath_is_measured_as_it_was_drawn(paint_scene: PaintScene) -> None:
    films = [breathing(paint_scene(seed, num_frames=28), TRUTH, seed) for seed in range(3)]
    found = measure_breath([Run(film) for film, _ in films])
    drawn = np.sqrt(np.mean([light.var(axis=1) for _, light in films], axis=0))
    np.testing.assert_allclose((found.exposure, found.contrast, *found.colour), drawn, rtol=0.15)
    assert min(found.confidence[name] for name in ("exposure", "contrast", "colour")) > 0.8


def test_clean_film_does_not_breathe_even_where_the_light_fades(paint_scene: PaintScene) -> None:
    fade = np.linspace(1, 0.85, 24, dtype=np.float32)[:, None, None, None]
    for film in (paint_scene(1), paint_scene(1) * fade):
        found = measure_breath([Run(film)])
        assert (found.exposure, found.contrast, found.colour) == (0, 0, (0, 0))
        assert found.confidence["exposure"] == 1


def test_grey_film_has_no_colour(paint_scene: PaintScene) -> None:
    grey = np.repeat(paint_scene(2).mean(axis=-1, keepdims=True), 3, axis=-1)
    found = measure_breath(
        [Run(breathing(grey, replace(TRUTH, colour=(0, 0)), 2)[0].mean(-1, keepdims=True).repeat(3, -1))]
    )
    assert (found.colour, found.confidence["colour"]) == ((0, 0), 1)
    assert found.exposure > 0.02


def test_little_is_not_measurable(paint_scene: PaintScene) -> None:
    assert set(measure_breath([Run(paint_scene(0, num_frames=4))]).confidence.values()) == {0.0}
    assert set(measure_breath([]).confidence.values()) == {0.0}


def test_light_is_laid_about_mid_grey() -> None:
    picture = torch.tensor([0.0, 0.5, 1.0])[None, :, None, None]
    laid = lay_breath(picture, torch.tensor([[1.0, 1.1, 2.0]]), torch.tensor([0.8]))[0, :, 0, 0]
    torch.testing.assert_close(laid, torch.tensor([0.1, 0.55, 1.8]))
    torch.testing.assert_close(lay_breath(picture, torch.ones(1, 3), torch.ones(1)), picture)


def test_flashes_are_counted() -> None:
    square = np.tile([0.2, 0.2, 0.4, 0.4], 30)
    assert most_flashes(square, 24) == 6
    assert most_flashes(square, 12) == 3
    assert most_flashes(np.tile([0.2, 0.29], 60), 24) == 0
    assert most_flashes(np.tile([0.81, 0.95], 60), 24) == 0
    assert most_flashes(np.linspace(0, 1, 48), 24) == 1


@settings(max_examples=6)
@given(
    exposure=st.floats(0.001, 0.2),
    contrast=st.floats(0.001, 0.1),
    rhythm=st.sampled_from([WHITE, (0.4, 0.2, 0.12, 0.1, 0.08, 0.05, 0.03, 0.02)]),
    frame_rate=st.sampled_from([16.0, 24.0, 60.0]),
)
def test_limited_flicker_does_not_flash(exposure: float, contrast: float, rhythm: Any, frame_rate: float) -> None:
    wanted = Breath(exposure=exposure, contrast=contrast, rhythm=rhythm)
    breath = limit_flashes(wanted, frame_rate=frame_rate)
    assert 0 < breath.exposure <= exposure and breath.contrast / contrast == pytest.approx(breath.exposure / exposure)
    for seed in (11, 12):
        drawn = np.array([breath_of(breath, seed=seed, frame=frame) for frame in range(120)])
        for level in (0.5, 0.75, 0.87):
            course = luminance(((level - 0.5) * drawn[:, 3] + 0.5) * drawn[:, 1])
            assert most_flashes(course, frame_rate) <= 3


def test_weak_flicker_is_let_be_and_strong_is_not() -> None:
    assert safe_share(Breath(exposure=0.005, contrast=0.005), 24) == 1
    assert safe_share(Breath(exposure=0.1), 24) < 0.3
    assert safe_share(Breath(contrast=0.08), 24) < 0.7, "contrast flashes where the picture is bright"
