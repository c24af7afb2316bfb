"""Between the codes of PQ and HLG films and the display-referred values that looks are learned on, without loss.

White is HDR reference white, 203 nits (ITU-R BT.2408-7, 2.2): PQ .58, HLG .75. What is brighter lies above 1 and goes round the
look. Each colour goes by itself and primaries stay the source's: so every value comes back, and grey stays grey. Of HLG, the
display's gamma of 1.2 is taken of each colour, as if it were grey.

Source: ITU-R BT.2100-2, tables 4 (PQ) and 5 (HLG). Both curves are mirrored below 0, and go on straight above 1.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from relook.film.frames import FilmInfo, Frame
from relook.film.pictures.scene_light import apart, to_display, to_light

Values = NDArray[np.float32]

PQ, HLG = 16, 18
"""Code points of the transfer in ITU-T H.273."""
_WHITE_NITS, _PEAK_NITS = 203.0, 10000.0
_M1, _M2 = np.float32(2610 / 16384), np.float32(2523 / 32)
_C1, _C2, _C3 = np.float32(3424 / 4096), np.float32(2413 / 128), np.float32(2392 / 128)
_A, _B, _C = np.float32(0.17883277), np.float32(0.28466892), np.float32(0.55991073)
_GAMMA: Final = np.float32(1.2)
_WHITE: Final = {
    PQ: np.float32(_WHITE_NITS / _PEAK_NITS),
    HLG: np.float32((np.exp((0.75 - 0.55991073) / 0.17883277) + 0.28466892) / 12),
}
"""Reference white, where the curve's last code is 1: of PQ in light of the display, of HLG in that of the scene."""
_SLOPE: Final = np.float32(10)
"""Of light over codes, above the last code, where the last code is 1."""


def is_hdr(film: FilmInfo) -> bool:
    """Say whether a film's codes are taken through a curve: those of PQ and HLG, unless its colour space was named."""
    return film.kind == "film" and film.space is None and film.colour.transfer in (PQ, HLG)


def codes_to_display(codes: Values, transfer: int) -> Values:
    """Bring R'G'B' of PQ or HLG to display-referred values, of any size and sign."""
    size = np.abs(codes)
    inside = np.minimum(size, np.float32(1))
    if transfer == PQ:
        root = inside ** (1 / _M2)
        light = (np.maximum(root - _C1, 0) / (_C2 - _C3 * root)) ** (1 / _M1)
    else:
        light = np.where(inside <= 0.5, inside * inside / 3, (np.exp((inside - _C) / _A) + _B) / 12)
    light = (light + _SLOPE * (size - inside)) / _WHITE[transfer]
    return to_display(np.copysign(light if transfer == PQ else light**_GAMMA, codes))


def display_to_codes(display: Values, transfer: int) -> Values:
    """Undo `codes_to_display`."""
    light = to_light(display)
    size = np.abs(light) if transfer == PQ else np.abs(light) ** (1 / _GAMMA)
    size = size * _WHITE[transfer]
    inside = np.minimum(size, np.float32(1))
    if transfer == PQ:
        root = inside**_M1
        codes = ((_C1 + _C2 * root) / (1 + _C3 * root)) ** _M2
        codes = np.where(inside > 0, codes, 0)
    else:
        upper = _A * np.log(np.maximum(12 * inside - _B, np.float32(1e-6))) + _C
        codes = np.where(inside <= 1 / 12, np.sqrt(3 * inside), upper)
    return np.copysign(codes + (size - inside) / _SLOPE, light).astype(np.float32)


def in_codes(frame: Frame, film: FilmInfo) -> Frame:
    """Take a frame's values from the display to the codes of its HDR film."""
    whole = (frame.pixels if frame.beyond is None else frame.pixels + frame.beyond).numpy()
    pixels, beyond = apart(torch.from_numpy(display_to_codes(whole, film.colour.transfer)))
    return replace(frame, pixels=pixels, beyond=beyond)
