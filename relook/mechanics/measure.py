"""All marks that show in the pictures of a film, measured."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from operator import attrgetter
from typing import Any

import numpy as np

from relook.mechanics.aperture import measure_aperture
from relook.mechanics.breath import measure_breath
from relook.mechanics.dust import measure_dust
from relook.mechanics.grain import measure_grain
from relook.mechanics.halation import measure_halation
from relook.mechanics.reel import Run
from relook.mechanics.scratches import measure_scratches
from relook.mechanics.unevenness import measure_unevenness
from relook.mechanics.weave import measure_weave
from relook.recipe.mechanics import Aperture, Mechanics

LEAST_PX = 64
"""Smaller frames have no room for what is looked for."""
LEAST_FRAMES = 6
"""A shorter run says nothing of what changes in time."""
APERTURE_FRAMES = 24
EDGE_PX = 2
"""So much of the picture beside a border is left out too."""


def measure_mechanics(runs: Sequence[Run]) -> Mechanics:
    """Measure the marks of a film, but for its pace, from runs of its frames, each of one shot, with their borders.

    The frame size that most frames have is the reference; runs of other sizes are left out.
    """
    if not runs:
        return Mechanics()
    frames: Counter[tuple[int, int]] = Counter()
    for run in runs:
        frames[run.size] += len(run.frames)
    size = frames.most_common(1)[0][0]
    if min(size) < LEAST_PX:
        return Mechanics(*size)
    alike = [run for run in runs if run.size == size]
    every = max(frames[size] // APERTURE_FRAMES, 1)
    spread = np.concatenate([run.frames[::every] for run in alike])
    aperture = measure_aperture(spread, reference_height=size[0])
    inside = [_inside(run, aperture) for run in alike]
    made = Mechanics(
        reference_height=size[0],
        reference_width=size[1],
        halation=measure_halation(inside, reference_height=inside[0].size[0]),
        aperture=aperture,
    )
    lasting = [run for run in inside if len(run.frames) >= LEAST_FRAMES]
    if not lasting:
        return made
    rows = lasting[0].size[0]
    with ThreadPoolExecutor() as pool:
        list(pool.map(attrgetter("moves"), lasting))
        found: dict[str, Future[Any]] = {
            "grain": pool.submit(measure_grain, lasting),
            "dust": pool.submit(measure_dust, lasting),
            "scratches": pool.submit(measure_scratches, lasting),
            "breath": pool.submit(measure_breath, lasting),
            "weave": pool.submit(measure_weave, lasting, reference_height=rows),
            "unevenness": pool.submit(measure_unevenness, lasting, reference_height=rows),
        }
        marks = {name: measure.result() for name, measure in found.items()}
    return replace(made, **marks)


def _inside(run: Run, aperture: Aperture) -> Run:
    """Cut a run to the picture inside its borders."""
    if not any(aperture.inset_px):
        return run
    top, right, bottom, left = (round(inset) + EDGE_PX if inset else 0 for inset in aperture.inset_px)
    height, width = run.size
    return Run(np.ascontiguousarray(run.frames[:, top : height - bottom, left : width - right]))
