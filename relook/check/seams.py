"""Find straight seams: columns or rows where the picture steps although the source does not."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from relook.check.picture import Plane

BANDS = 4
"""A step is the median over a quarter of the frame's length: tiles do not span it all, things rarely follow it straight."""
_NEAR = 3
_AWAY = 7
"""A step still stands between columns so many pixels apart."""
_SOURCE_SHARE = 1.5
"""How much stronger than in the source a step may be: looks raise contrast."""
_NOISE_SIGMAS = 5.0

Profile = npt.NDArray[np.float32]


def step_profiles(luma: Plane) -> tuple[Profile, Profile]:
    """Measure the steps between columns `[bands w-1]` and between rows `[bands h-1]` of a plane `[h w]`."""
    return _steps(luma), _steps(luma.T)


def seam_strength(
    film: Sequence[tuple[Profile, Profile]], source: Sequence[tuple[Profile, Profile]]
) -> float:
    """Return how far the strongest lasting step exceeds grain and the source's own steps, in 8-bit levels; at least 0.

    The median over the frames leaves scratches out, which come and go.
    """
    worst = 0.0
    for direction in (0, 1):
        own = np.median([profiles[direction] for profiles in film], axis=0)
        given = np.median([profiles[direction] for profiles in source], axis=0)
        padded = np.pad(given, ((0, 0), (_NEAR, _NEAR)))
        nearby = np.lib.stride_tricks.sliding_window_view(padded, 2 * _NEAR + 1, axis=1).max(axis=-1)
        usual = float(np.median(own))
        noise = 1.4826 * float(np.median(np.abs(own - usual)))
        worst = max(worst, float((own - _SOURCE_SHARE * nearby).max()) - usual - _NOISE_SIGMAS * noise)
    return worst * 255


def _steps(luma: Plane) -> Profile:
    """Return the median step at each column within each band of rows.

    A seam steps from one column to the next, more than around it, and stays so some columns away: soft edges do not do
    the first, scratches not the second.
    """
    bands = np.array_split(luma, BANDS, axis=0)
    sharp = np.stack([np.median(np.diff(band, axis=1), axis=0) for band in bands])
    padded = np.pad(sharp, ((0, 0), (2, 2)), mode="edge")
    sharp -= np.median([padded[:, :-4], padded[:, 1:-3], padded[:, 3:-1], padded[:, 4:]], axis=0)
    wide = np.stack([np.median(band[:, _AWAY:] - band[:, :-_AWAY], axis=0) for band in bands])
    before = (_AWAY - 1) // 2
    wide = np.pad(wide, ((0, 0), (before, _AWAY - 1 - before)))
    lasting = np.minimum(np.abs(sharp), np.abs(wide)) * (sharp * wide > 0)
    return np.asarray(lasting, dtype=np.float32)
