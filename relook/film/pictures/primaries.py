"""Convert linear light from other primaries and whites, such as ACES, to ITU-R BT.709, which looks are learned on.

Colours outside BT.709 come out below 0 or above 1 and bypass the look, like all values beyond that range.

Source: SMPTE RP 177-1993 (matrices from chromaticities); ICC.1:2022, annex E (Bradford adaptation of the white).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from relook.errors import InputError

Matrix = NDArray[np.float64]

BT709: Final = (0.64, 0.33, 0.30, 0.60, 0.15, 0.06, 0.3127, 0.3290)
"""x and y of red, green, blue and white, in the order of OpenEXR's `chromaticities`; what an EXR without them means."""

WIDE: Final = {
    9: (0.708, 0.292, 0.170, 0.797, 0.131, 0.046, 0.3127, 0.3290),
    11: (0.680, 0.320, 0.265, 0.690, 0.150, 0.060, 0.314, 0.351),
    12: (0.680, 0.320, 0.265, 0.690, 0.150, 0.060, 0.3127, 0.3290),
}
"""The same of films whose primaries are wider, BT.2020 and the two P3, by their code points in ITU-T H.273, table 2."""

_SAME: Final = 1e-3
_BRADFORD: Final = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
_MOST_SKEWED: Final = 1e4
"""Condition number from which a matrix of primaries counts as degenerate; that of ACES2065-1 is 2."""


def to_bt709(path: Path, chromaticities: Sequence[float] | None) -> Matrix | None:
    """Return the matrix `[3 3]` from linear RGB of chromaticities to that of BT.709; None where they are the same.

    Raises:
        InputError: the chromaticities of the file span no colours.
    """
    if chromaticities is None or np.allclose(chromaticities, BT709, rtol=0, atol=_SAME):
        return None
    values = np.asarray(chromaticities, np.float64)
    given = _to_xyz(values) if np.isfinite(values).all() and values[1::2].all() else np.zeros((3, 3))
    if not np.isfinite(given).all() or np.linalg.cond(given) > _MOST_SKEWED:
        shown = ", ".join(f"{value:g}" for value in chromaticities)
        raise InputError(f"{path} names chromaticities that span no colours ({shown}); correct its header")
    cones = _BRADFORD @ np.stack([_white(values), _white(np.array(BT709))], axis=1)
    adapted = np.linalg.inv(_BRADFORD) @ np.diag(cones[:, 1] / cones[:, 0]) @ _BRADFORD
    return np.asarray(np.linalg.inv(_to_xyz(np.array(BT709))) @ adapted @ given)


def _to_xyz(chromaticities: Matrix) -> Matrix:
    x, y = chromaticities[:6:2], chromaticities[1:6:2]
    primaries = np.stack([x / y, np.ones(3), (1 - x - y) / y])
    if np.linalg.cond(primaries) > _MOST_SKEWED:
        return np.zeros((3, 3))
    return np.asarray(primaries * np.linalg.solve(primaries, _white(chromaticities)))


def _white(chromaticities: Matrix) -> Matrix:
    x, y = chromaticities[6:]
    return np.array([x / y, 1.0, (1 - x - y) / y])
