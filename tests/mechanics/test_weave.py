from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from relook.mechanics.reel import Run, moved
from relook.mechanics.weave import measure_weave, weave_of
from relook.recipe.mechanics import Weave

PaintScene = Callable[..., Any]
TRUTH = Weave(
    across_px=0.5,
    down_px=0.8,
    rotation_degrees=0.08,
    rhythm_across=(0.3, 0.2, 0.14, 0.1, 0.08, 0.07, 0.06, 0.05),
)


def woven(film: Any, weave: Weave, seed: int) -> tuple[Any, Any]:
    places = np.array([weave_of(weave, seed=seed, frame=frame) for frame in range(len(film))])
    rng = np.random.default_rng(seed)
    grain = rng.normal(0, 0.02, film.shape).astype(np.float32)
    return np.stack([moved(frame, place) for frame, place in zip(film, places, strict=True)]) + grain, places


@pytest.mark.slow
def test_weave_is_measured_as_it_was_drawn(paint_scene: PaintScene) -> None:
    films = [woven(paint_scene(seed, num_frames=32, pan_px=0.5), TRUTH, seed) for seed in range(3)]
    found = measure_weave([Run(film) for film, _ in films], reference_height=240)
    drawn = np.sqrt(np.mean([places.var(axis=0) for _, places in films], axis=0))
    assert found.across_px == pytest.approx(drawn[0], rel=0.2)
    assert found.down_px == pytest.approx(drawn[1], rel=0.15)
    assert found.rotation_degrees == pytest.approx(np.degrees(drawn[2]), rel=0.2)
    assert min(found.confidence[name] for name in ("across_px", "down_px", "rotation_degrees")) > 0.7
    assert sum(found.rhythm_across[:3]) > sum(found.rhythm_down[:3])


def test_sizes_are_those_of_the_reference_height(paint_scene: PaintScene) -> None:
    run = Run(woven(paint_scene(1), TRUTH, 1)[0])
    small, large = (measure_weave([run], reference_height=height) for height in (240, 480))
    assert large.down_px == pytest.approx(2 * small.down_px)
    assert large.rotation_degrees == pytest.approx(small.rotation_degrees)


@pytest.mark.parametrize("pan_px", [0.0, 0.5, 2.5])
def test_a_camera_on_a_tripod_has_no_weave(paint_scene: PaintScene, pan_px: float) -> None:
    found = measure_weave([Run(paint_scene(2, pan_px=pan_px))], reference_height=240)
    assert (found.across_px, found.down_px, found.rotation_degrees) == (0, 0, 0)
    assert found.confidence["across_px"] == found.confidence["down_px"] == 1


def test_a_camera_held_by_hand_has_no_weave(paint_scene: PaintScene) -> None:
    scene = paint_scene(3, num_frames=48, pan_px=0)
    path = np.random.default_rng(3).normal(0, 0.5, (48, 2)).cumsum(axis=0).cumsum(axis=0)
    path -= np.linspace(0, 1, 48)[:, None] * path[-1]
    shaken = [moved(frame, np.array([*place, 0])) for frame, place in zip(scene, path, strict=True)]
    found = measure_weave([Run(np.stack(shaken))], reference_height=240)
    assert (found.across_px, found.down_px) == (0, 0)


def test_little_or_nothing_is_not_measurable(paint_scene: PaintScene) -> None:
    for runs in ([], [Run(paint_scene(0, num_frames=5))]):
        assert set(measure_weave(runs, reference_height=240).confidence.values()) == {0.0}


def test_the_three_ways_are_independent_and_repeat() -> None:
    places = np.array([weave_of(TRUTH, seed=9, frame=frame) for frame in range(200)])
    assert np.abs(np.corrcoef(places.T) - np.eye(3)).max() < 0.25
    assert weave_of(TRUTH, seed=9, frame=77) == tuple(places[77])
    np.testing.assert_allclose(places.std(axis=0), (0.5, 0.8, np.radians(0.08)), rtol=0.25)
