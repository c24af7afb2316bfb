"""Grain in closed form: how strong and how coarse it is at each luma, and what response gives it back."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from relook.nets.texture import NUM_FILTERS, isotropic

Array = NDArray[np.float64]

BAND_SIGMAS = (1.0, 3.0)
"""The fine band lies above a blur of 1 px, the coarse one between blurs of 1 and 3 px."""
FINE, COARSE = 0, 3
"""The grain filters that stand for the two bands; they belong to different noises, so their energies add."""
MOST_UNEVEN = 6.0
"""Energy beyond this many times the median node's is taken for motion."""
FLAT_SHARE = 0.3
"""Share of the pixels, the flattest, that grain is measured on."""
STILL_SHARE = 0.5
"""Share of those, the ones that change least at large, that are taken for still: what moves is no grain."""


def grain_energies(pairs: list[Tensor], num_nodes: int) -> Array:
    """Measure the energy of what changes from frame to frame in flat and still parts, `[k bands]`.

    Args:
        pairs: luma of consecutive frames `[2 1 h w]`, any sizes.
        num_nodes: luma nodes; nodes that hardly occur take their neighbours' value.
    """
    samples: list[list[list[Array]]] = [[[] for _ in BAND_SIGMAS] for _ in range(num_nodes)]
    for luma in pairs:
        smooth = blur(luma, BAND_SIGMAS[1]).mean(dim=0, keepdim=True)
        slope = smooth.diff(dim=-1)[..., :-1, :].abs() + smooth.diff(dim=-2)[..., :, :-1].abs()
        flat = slope <= torch.quantile(slope.flatten()[::7], FLAT_SHARE)
        node = (smooth[..., :-1, :-1] * (num_nodes - 1)).round()
        difference = luma[1:] - luma[:1]
        calm = flat & _still(blur(difference, BAND_SIGMAS[1])[..., :-1, :-1], flat)
        change = bands(difference)[:, :, :-1, :-1]
        for k in range(num_nodes):
            chosen = (calm & (node == k))[0, 0]
            for band in range(len(BAND_SIGMAS)):
                samples[k][band].append(change[0, band][chosen].numpy().astype(np.float64))
    energies = np.array([[_robust_variance(np.concatenate(band)) / 2 for band in node] for node in samples])
    return _filled(energies)


def _still(drift: Tensor, among: Tensor) -> Tensor:
    """Find where the change at large, less that of the whole picture, is smallest."""
    drift = (drift - drift[among].median()).abs()
    return drift <= torch.quantile(drift[among][::7], STILL_SHARE)


def bands(luma: Tensor) -> Tensor:
    """Split `[b 1 h w]` into the fine and the coarse band, `[b 2 h w]`."""
    fine, coarse = (blur(luma, sigma) for sigma in BAND_SIGMAS)
    return torch.cat((luma - fine, fine - coarse), dim=1)


def blur(pictures: Tensor, sigma: float) -> Tensor:
    """Blur `[b 1 h w]` by a Gaussian of `sigma` pixels, the border repeated."""
    reach = int(3 * sigma + 0.5)
    taps = torch.exp(-(torch.arange(-reach, reach + 1, dtype=torch.float32) ** 2) / (2 * sigma**2))
    taps = taps / taps.sum()
    padded = F.pad(pictures, (reach,) * 4, mode="replicate")
    return F.conv2d(F.conv2d(padded, taps[None, None, None, :]), taps[None, None, :, None])


def grain_response(energies: Array, filters: Tensor) -> Tensor:
    """Return the response `[k 3 f]` whose grain has `energies` `[k bands]` through `filters` `[f 1 7 7]`."""
    mixing = np.array([band_energy(isotropic(filters)[index]) for index in (FINE, COARSE)]).T
    response = torch.zeros(len(energies), 3, NUM_FILTERS)
    for k, wanted in enumerate(np.maximum(energies, 0)):
        amounts = np.linalg.solve(mixing, wanted)
        if amounts.min() < 0:
            only = int(wanted[1] > wanted[0])
            amounts = np.where(np.arange(2) == only, wanted.sum() / mixing[:, only].sum(), 0.0)
        response[k, :, FINE], response[k, :, COARSE] = (float(np.sqrt(amount)) for amount in amounts)
    return response


def band_energy(grain_filter: Tensor) -> list[float]:
    """Return the energy of filtered unit noise in each band."""
    impulse = F.pad(grain_filter[None], (16,) * 4)
    return [float(energy) for energy in bands(impulse).square().sum(dim=(0, 2, 3))]


def _robust_variance(values: Array) -> float:
    if len(values) < 500:
        return float("nan")
    return float((1.4826 * np.median(np.abs(values - np.median(values)))) ** 2)


def _filled(energies: Array) -> Array:
    """Give nodes without a measure the nearest measured value; zero where nothing could be measured."""
    filled = np.zeros_like(energies)
    for band in range(energies.shape[1]):
        known = np.flatnonzero(np.isfinite(energies[:, band]))
        if len(known):
            filled[:, band] = np.interp(np.arange(len(energies)), known, energies[known, band])
    return np.minimum(filled, MOST_UNEVEN * np.median(filled, axis=0))
