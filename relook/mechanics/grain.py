"""Measure grain: how strong, coarse, coloured and lasting is what changes between the frames of a film where nothing else does.

All is measured on patches, found again in the next frames at whole pixels: interpolation would soften the grain.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields, replace

import numpy as np

from relook.mechanics.grain_patches import (
    CALMER,
    CALMER_BY,
    CURVED,
    PATCH_PX,
    RING,
    Patches,
    calm_power,
    hats,
    patches_of,
)
from relook.mechanics.reel import Array, Run
from relook.recipe.mechanics import NUM_BANDS, NUM_NODES, Grain

MOST_PAIRS = 32
NO_GRAIN = 0.0005
"""Strength below which a film has no grain."""
FAINT = 0.004
"""Strength, about one step of eight bits, below which grain cannot be told from rounding and coding."""
LEAST_PATCHES = 12
MOST_PERSISTENT = 0.8
"""Beyond, grain can hardly be told from a dirty window."""
DISAGREE = 0.25
"""Two measures of persistence that differ by so much were not taken from grain."""
TEXTURED = 1.6
"""A patch whose variance is so many times the grain's has a texture of its own."""
EXPLAINED, ALIKE = (0.1, 0.6), (0.55, 0.9)
"""Shares of patches without texture, and of patches that change as much as others of their tone: of no grain and of sure grain."""
MOST_UNEVEN = 2.5
"""Strength beyond this many times that of the calmer tones is taken for motion."""
SPECTRUM_ERROR = 0.11
"""What moves makes a spectrum coarser, alike in all blocks."""
NUM_BLOCKS = 8
"""Parts of the material whose differences tell how sure a measure is."""
FIT_ROUNDS = 12


def measure_grain(runs: Sequence[Run]) -> Grain:
    """Measure the grain of a film; what is fainter than `FAINT` is an estimate without confidence."""
    parts = [part for run in runs for part in patches_of(run, max(MOST_PAIRS // len(runs), 2))]
    nothing = dict.fromkeys(("strength", "spectrum", "correlation", "persistence"), 0.0)
    if sum(len(part.luma) for part in parts) < LEAST_PATCHES:
        return Grain(confidence=nothing)
    patches = Patches(*(np.concatenate([getattr(part, item.name) for part in parts]) for item in fields(Patches)))
    sizes = [len(part.luma) for part in parts]
    patches = replace(patches, block=np.repeat(np.arange(len(parts)) * NUM_BLOCKS // len(parts), sizes))
    strength, mass = _strength(patches), hats(patches.luma).sum(axis=0)
    usual = float(np.average(strength.mean(axis=1), weights=mass))
    if usual < NO_GRAIN:
        return Grain(confidence={**nothing, "strength": 1.0})
    alike = _as_expected(patches, strength)
    credibility = _credibility(patches) * float(np.interp(len(alike.luma) / len(patches.luma), ALIKE, (0, 1)))
    credibility *= usual >= FAINT
    if len(alike.luma) < LEAST_PATCHES:
        return Grain(confidence=nothing)
    spectrum, correlation, persistence = _spectrum(alike), _correlation(alike), _persistence(alike)
    errors = {
        "strength": float(np.average((_spread(patches, _strength) / strength.mean()).mean(axis=1), weights=mass)),
        "spectrum": float(_spread(alike, _spectrum).mean()) + SPECTRUM_ERROR,
        "correlation": float(_spread(alike, _correlation).max()),
        "persistence": float(_spread(alike, _persistence)) + 5 * max(float(persistence) - MOST_PERSISTENT, 0),
    }
    return Grain(
        strength=tuple((float(red), float(green), float(blue)) for red, green, blue in strength),
        spectrum=tuple(spectrum.tolist()),
        correlation=(float(correlation[0]), float(correlation[1]), float(correlation[2])),
        persistence=float(persistence),
        confidence={name: credibility * float(np.clip(1 - error, 0, 1)) for name, error in errors.items()},
    )


def _strength(patches: Patches) -> Array:
    """Return the deviation at each node, `[nodes 3]`: straight between nodes, with `CALMER` of the patches below.

    Motion can only add to what changes, so that the calmer patches are the truer; how far below the mean they are by chance
    follows from the spectrum. Nodes that hardly occur take their neighbours' value.
    """
    weights = hats(patches.luma)
    persistence, spectrum = float(_persistence(patches)), _spectrum(patches)
    lasting = (1 - persistence) * (1 - CURVED.shape[1] * min(float(spectrum[0]), 32) / PATCH_PX**2)
    chance = np.sqrt(np.square(spectrum[np.minimum(RING, NUM_BANDS - 1)]).mean() / 2) / PATCH_PX
    lasting *= (1 - CALMER_BY * min(float(chance), 0.2)) ** 2
    columns = [_calmer_line(weights, deviation) for deviation in np.sqrt(patches.variance / lasting).T]
    strength = np.stack(columns, axis=1)
    return np.minimum(strength, MOST_UNEVEN * np.quantile(weights @ strength.mean(axis=1), 0.25))


def _calmer_line(weights: Array, values: Array) -> Array:
    """Return the nodes of the line with `CALMER` of the values `[n]` below; asymmetric least absolute error."""
    steps = np.diff(np.eye(NUM_NODES), axis=0)
    nearly_none, trust = 1e-9 * np.eye(NUM_NODES), np.ones(len(values))
    for _ in range(FIT_ROUNDS):
        normal = weights.T @ (trust[:, None] * weights) + steps.T @ steps + nearly_none
        nodes = np.linalg.solve(normal, weights.T @ (trust * values))
        miss = values - weights @ nodes
        size = np.abs(miss) / (np.median(np.abs(miss)) + 1e-9)
        trust = 2 * np.where(miss > 0, CALMER, 1 - CALMER) / np.maximum(size, 0.1)
    return np.maximum(nodes, 0)


def _as_expected(patches: Patches, strength: Array) -> Patches:
    """Keep the patches whose variance is about that of their tone: the others show motion, dust or compression."""
    deviation = np.sqrt(patches.variance.mean(axis=1))
    expected = hats(patches.luma) @ strength.mean(axis=1)
    usual = deviation / np.maximum(expected, 1e-6)
    near = np.abs(np.log(np.maximum(usual, 1e-6) / np.median(usual))) < 0.4
    return patches.of(near & (deviation > NO_GRAIN))


def _spectrum(patches: Patches) -> Array:
    """Return the power in each ring, of the calmer patches, the corners of the plane like the last ring, its mean over the plane 1."""
    share = patches.power / np.maximum(patches.power.mean(axis=2, keepdims=True), 1e-12)
    ring = np.quantile(share.reshape(-1, NUM_BANDS), CALMER, axis=0) / calm_power()
    return ring / max(ring[np.minimum(RING, NUM_BANDS - 1)].mean(), 1e-12)


def _correlation(patches: Patches) -> Array:
    return np.clip(np.median(patches.correlation, axis=0), -1, 1)


def _persistence(patches: Patches) -> Array:
    """Return the correlation with the frame before, 0 where its two measures do not agree."""
    in_time, in_space = _persistences(patches)
    return np.array(np.clip(min(in_time, in_space), 0, 0.95) if abs(in_time - in_space) < DISAGREE else 0.0)


def _persistences(patches: Patches, calmest: float = 0.25) -> tuple[float, float]:
    """Return what says that grain lasts: how the difference grows with the distance in time, and how far it falls short of the
    variance over the patch. Motion raises the one and texture the other, so that the lower is the truer, and the calmer patch.
    """
    known = patches.later[np.isfinite(patches.later)]
    in_space = 1 - 1 / max(float(np.quantile(patches.spatial, calmest)), 1e-6)
    return float(np.quantile(known, 0.25)) - 1 if len(known) else in_space, in_space


def _credibility(patches: Patches) -> float:
    """Tell grain from moving texture: where grain is all that changes, the variance over a flat patch is the grain's too."""
    in_time, in_space = (float(np.clip(value, 0, 1)) for value in _persistences(patches, 0.1))
    explained = float((patches.spatial * (1 - min(in_time, in_space)) < TEXTURED).mean())
    agreed = np.interp(abs(in_time - in_space), (DISAGREE / 2, DISAGREE), (1, 0))
    return float(np.interp(explained, EXPLAINED, (0, 1)) * agreed)


def _spread(patches: Patches, measure: Callable[[Patches], Array]) -> Array:
    """Return the standard error of a measure: a jackknife over the blocks."""
    blocks = np.unique(patches.block)
    if len(blocks) < 2:
        return np.ones_like(measure(patches))
    without = np.stack([measure(patches.of(patches.block != block)) for block in blocks])
    return np.sqrt((len(blocks) - 1) * without.var(axis=0))
