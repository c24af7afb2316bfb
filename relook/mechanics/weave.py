"""Gate weave: how the whole picture wanders about its place; measured apart from the camera's own path, and drawn again."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from relook.mechanics.chance import course_of, wander
from relook.mechanics.reel import Run
from relook.recipe.mechanics import Weave

Array = NDArray[np.float64]

FLOOR_PX = 0.06
"""Less than this, in the run's own pixels, is none: compression moves a still picture by as much."""
TURN_FLOOR_PX = 0.075
"""The same of a rotation, at the left and right edge."""

LEAST_UPPER_SHARE = 0.15
"""Of a random walk's power, which falls with the square of the frequency: the stickiest gate. A hand's has less."""


def measure_weave(runs: Sequence[Run], *, reference_height: int) -> Weave:
    """Measure gate weave in pixels of a frame `reference_height` rows high.

    A camera's path is slow: even a hand's power falls over frequency with the cube and more, where a gate's falls with the square at
    most (`course_of` has the rule). What repeats the frame before is left out.
    """
    if not runs:
        return Weave(confidence=dict.fromkeys(_FIELDS, 0.0))
    rows, columns = (float(np.median([run.size[side] for run in runs])) for side in (0, 1))
    floor_px = FLOOR_PX * reference_height / rows
    steps = [_steps(run, reference_height) for run in runs]
    across, down, turn = (
        course_of(
            [(halves[:, 0, axis], halves[:, 1, axis]) for halves in steps],
            floor=floor,
            least_upper_share=LEAST_UPPER_SHARE,
        )
        for axis, floor in enumerate((floor_px, floor_px, TURN_FLOOR_PX * 2 / columns))
    )
    confidences = (
        across.confidence,
        down.confidence,
        turn.confidence,
        across.rhythm_confidence,
        down.rhythm_confidence,
    )
    return Weave(
        across_px=across.deviation,
        down_px=down.deviation,
        rotation_degrees=float(np.degrees(turn.deviation)),
        rhythm_across=across.rhythm,
        rhythm_down=down.rhythm,
        confidence=dict(zip(_FIELDS, confidences, strict=True)),
    )


_FIELDS = ("across_px", "down_px", "rotation_degrees", "rhythm_across", "rhythm_down")


def _steps(run: Run, reference_height: int) -> Array:
    """Return the steps of both halves of the picture, brought to the reference height, `[t-1 2 3]`."""
    zoom = reference_height / run.size[0]
    halves = np.array([step.halves for step in run.registrations]).reshape(-1, 2, 3)
    return np.asarray(halves[~run.held] * (zoom, zoom, 1))


def weave_of(weave: Weave, *, seed: int, frame: int) -> tuple[float, float, float]:
    """Draw where a frame lies: pixels across and down at the reference height, and radians clockwise; for `reel.moved`.

    The rotation has the rhythm of the way across.
    """
    along = wander(weave.rhythm_across, 3, seed=seed, frame=frame, mark="weave")
    down = wander(weave.rhythm_down, 3, seed=seed, frame=frame, mark="weave")
    return (
        float(weave.across_px * along[0]),
        float(weave.down_px * down[1]),
        float(np.radians(weave.rotation_degrees) * along[2]),
    )
