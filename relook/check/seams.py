"""Find straight seams: columns or rows where a film steps against its source, as tiles and unrendered halves do."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from relook.check.picture import Plane

BANDS = 4
"""A step is the median over a quarter of the frame's length: tiles do not span it all, things rarely follow it straight."""
_AWAY = 7
"""A seam still stands between columns so many pixels apart; a scratch does not."""
_TONES = 64
_NOISE_SIGMAS = 2.5

Profile = npt.NDArray[np.float32]
Steps = tuple[Profile, Profile]
"""For columns `[3 bands w]` and rows `[3 bands h]`: steps to the next, steps some pixels on, and the source's edges nearby."""


def seam_steps(source: Plane, film: Plane) -> Steps:
    """Measure the steps in what is left of a film's plane `[h w]`, 0..1, when its source, at the film's tones, is taken away."""
    tone = np.clip(source * _TONES, 0, _TONES - 1).astype(np.int32)
    counts = np.bincount(tone.ravel(), minlength=_TONES)
    means = np.bincount(tone.ravel(), weights=film.ravel(), minlength=_TONES) / np.maximum(counts, 1)
    known = np.flatnonzero(counts)
    toned = np.interp(source, (known + 0.5) / _TONES, means[known]).astype(np.float32)
    rest = film - toned
    return _steps(rest, toned), _steps(np.ascontiguousarray(rest.T), np.ascontiguousarray(toned.T))


def seam_strength(frames: Sequence[Steps]) -> float:
    """Return how far the strongest lasting step exceeds the noise, in 8-bit levels, at least 0.

    The median over the frames leaves out scratches, which come and go, and edges that the gate weave moves to and fro.
    """
    worst = 0.0
    for direction in (0, 1):
        steps = np.median([frame[direction] for frame in frames], axis=0)
        steps, edges = steps[:2], steps[2]
        noise = 1.4826 * np.median(np.abs(steps), axis=(1, 2), keepdims=True)
        beyond = (np.abs(steps) - _NOISE_SIGMAS * noise).min(axis=0) - edges
        worst = max(worst, float((beyond * (np.sign(steps[0]) == np.sign(steps[1]))).max()))
    return worst * 255


def _steps(rest: Plane, toned: Plane) -> Profile:
    """Return `[3 bands w]`: the step at each column beyond those beside it, the one over a few pixels, and edges nearby.

    Softness and halation leave steps where the source has edges; such a step counts by what exceeds the edge.
    """
    bands = np.array_split(rest, BANDS, axis=0)
    sharp = np.stack([np.median(np.diff(band, axis=1), axis=0) for band in bands])
    wide = np.stack([np.median(band[:, _AWAY:] - band[:, :-_AWAY], axis=0) for band in bands])
    around = np.pad(sharp, ((0, 0), (2, 2)), mode="edge")
    sharp -= np.median([around[:, :-4], around[:, 1:-3], around[:, 3:-1], around[:, 4:]], axis=0)
    given = [np.median(np.abs(np.diff(band, axis=1)), axis=0) for band in np.array_split(toned, BANDS, axis=0)]
    side = _AWAY // 2
    near = sliding_window_view(np.pad(given, ((0, 0), (_AWAY, _AWAY + 1))), 2 * _AWAY + 1, axis=1).max(axis=-1)
    rows = np.pad(sharp, ((0, 0), (0, 1))), np.pad(wide, ((0, 0), (side, _AWAY - side))), near
    return np.stack(rows).astype(np.float32)
