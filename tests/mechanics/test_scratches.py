"""Scratches: what is drawn has the numbers that it was asked for, and is measured back; upright things are no scratches."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relook.mechanics.reel import Run
from relook.mechanics.scratch_plate import draw_scratches, scratch_lines
from relook.mechanics.scratches import measure_scratches
from relook.recipe.mechanics import Scratches

from .conftest import Film, PaintScene

SIZE = (240, 320)
SCRATCHES = Scratches(3.0, 2.0, 0.15, 0.7, 8.0, 0.4)


def scratched(clean: Film, scratches: Scratches, *, grain: float = 0.0, seed: int = 5) -> tuple[Run, float]:
    """Lay scratches and grain over footage, in eight bits; also return how many lines there are in a frame."""
    rng = np.random.default_rng(seed)
    frames, lines = [], 0
    for number, frame in enumerate(clean):
        size = (frame.shape[0], frame.shape[1])
        plate = draw_scratches(scratches, size, scale=1, seed=seed, frame=number)
        lines += len(scratch_lines(scratches, size, scale=1, seed=seed, frame=number))
        laid = frame + scratches.contrast * plate[..., None] + grain * rng.standard_normal((*size, 1))
        frames.append(np.round(np.clip(laid, 0, 1) * 255) / 255)
    return Run(np.stack(frames).astype(np.float32)), lines / len(clean)


def test_counts_and_contrasts_are_right_on_average() -> None:
    lines = [scratch_lines(SCRATCHES, SIZE, scale=1, seed=seed, frame=7) for seed in range(600)]
    every = [line for frame in lines for line in frame]
    assert len(every) / 600 == pytest.approx(3, rel=0.08)
    assert np.median([abs(line.amount) for line in every]) == pytest.approx(1, rel=0.05)
    assert np.mean([line.amount > 0 for line in every]) == pytest.approx(0.7, rel=0.08)
    assert np.median([line.width for line in every]) == pytest.approx(2, rel=0.05)


def test_a_scratch_lives_on_and_drifts() -> None:
    lives, steps = {}, []
    for frame in range(400):
        now = {line.width: line for line in scratch_lines(SCRATCHES, SIZE, scale=1, seed=1, frame=frame)}
        before = {line.width: line for line in scratch_lines(SCRATCHES, SIZE, scale=1, seed=1, frame=frame - 1)}
        steps += [now[width].column - before[width].column for width in now.keys() & before.keys()]
        for width in now:
            lives[width] = lives.get(width, 0) + 1
    assert np.mean(list(lives.values())) == pytest.approx(8, rel=0.2)
    assert np.std(steps) == pytest.approx(0.4, rel=0.1)


@settings(max_examples=12)
@given(seed=st.integers(0, 2**62), frame=st.integers(0, 10**6))
def test_a_frame_can_be_drawn_alone_at_any_size(seed: int, frame: int) -> None:
    small, large = (draw_scratches(SCRATCHES, (120 * k, 160 * k), scale=k, seed=seed, frame=frame) for k in (1, 3))
    assert np.array_equal(small, draw_scratches(SCRATCHES, (120, 160), scale=1, seed=seed, frame=frame))
    shrunk = large.reshape(120, 3, 160, 3).mean(axis=(1, 3))
    assert np.abs(shrunk).sum() == pytest.approx(np.abs(small).sum(), rel=0.08, abs=0.5)


@pytest.mark.slow
def test_known_scratches_are_measured_back(paint_scene: PaintScene) -> None:
    faint = replace(SCRATCHES, contrast=0.1)
    made = [
        scratched(paint_scene(seed, num_frames=24, pan_px=0.3 * seed), faint, grain=0.03, seed=seed)
        for seed in range(3)
    ]
    found = measure_scratches([run for run, _ in made])
    assert found.per_frame == pytest.approx(np.mean([lines for _, lines in made]), rel=0.25)
    assert found.width_px == pytest.approx(2, rel=0.15)
    assert found.contrast == pytest.approx(0.1, rel=0.2)
    assert found.bright_share == pytest.approx(0.7, rel=0.25)
    assert found.drift_px == pytest.approx(0.4, rel=0.25)
    assert min(found.confidence[name] for name in ("width_px", "contrast")) > 0.5
    assert found.confidence["per_frame"] > 0.2


@pytest.mark.parametrize("pan_px", [0.0, 0.4, 2.0])
def test_posts_in_the_scene_are_no_scratches(paint_scene: PaintScene, pan_px: float) -> None:
    clean = paint_scene(2, num_frames=20, pan_px=pan_px)
    for number, frame in enumerate(clean):
        for column in (60.0, 171.0, 250.0):
            across = np.arange(SIZE[1]) - column - pan_px * number
            frame[:200] += (0.2 * np.exp(-0.5 * (across / 1.2) ** 2))[None, :, None].astype(np.float32)
    found = measure_scratches([Run(np.clip(clean, 0, 1))])
    assert found.per_frame == 0


@pytest.mark.slow
def test_a_line_that_never_ends_before_a_still_camera_leaves_a_doubt(paint_scene: PaintScene) -> None:
    clean = paint_scene(2, num_frames=20, pan_px=0.0)
    still = measure_scratches([Run(clean.copy())])
    clean[:, :, 170:172] += 0.2
    lined = measure_scratches([Run(np.clip(clean, 0, 1))])
    assert still.per_frame == 0 and still.confidence["per_frame"] > 0.9
    assert lined.per_frame == 0 and lined.confidence["per_frame"] < 0.5
