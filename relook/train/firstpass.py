"""The colourist's first pass: tone, tint and colour of the style in closed form, before any adversary.

Every shot counts alike. Symbols as in the paper cited: `x` source, `y` style, `k` luma nodes.
Source of the colour map: Pitie and Kokaram 2007, "The linear Monge-Kantorovitch linear colour mapping", section 3.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from relook.nets.blocks import LUMA

Array = NDArray[np.float64]

LEVELS = np.linspace(0.002, 0.998, 65)
LUMA_ROW = np.array(LUMA)
MONOCHROME_CHROMA = 0.006
"""Spread of the style's chroma around its tone below which it is black and white (real silent films .0055, a 18 % tint .016)."""
TINTED_SHARE = 0.8
"""Share of the style's chroma that luma must explain before colours are rotated as a whole."""
MOST_SATURATION = 1.8
SHOT_DEVIATION = 0.15
"""How far the luma of a shot is taken to lie from that of its film before shots have told; what one shot beyond the first says of
it weighs as much. A doubt too many costs less than a scene that is taken for a look."""
LEAST_TINT = 0.55
"""A colourful style still tints, beyond the source's own tint, by the square of this: less and its palette is not seen, more and
faces turn green."""


@dataclass(frozen=True)
class FirstPass:
    """The closed-form grade and what it was decided on."""

    affine: Array
    """`[k 3 4]`, as `Grade.base`."""
    is_monochrome: bool
    tone: Array
    """`[k]`, style luma at each source luma node."""
    explained: float
    """Share of the style's chroma that its luma explains, 0..1."""
    withheld: float
    """How much of the difference in luma between the sides was not taken for the look, for it may be what was filmed; 0..1."""


def first_pass(source: list[Array], style: list[Array], num_nodes: int) -> FirstPass:
    """Derive the grade that carries the colours of `source` into those of `style`.

    Args:
        source, style: one array `[n 3]` of RGB samples per shot, 0..1.
        num_nodes: luma nodes of the grade.
    """
    nodes = np.linspace(0, 1, num_nodes)
    tone, withheld = tone_curve(source, style, nodes)
    pixels_x, pixels_y = _alike(source), _alike(style)
    mean_x = _mean_colours(pixels_x, nodes, bandwidth=0.08)
    mean_y = _mean_colours(pixels_y, tone, bandwidth=0.05)
    mean_y = mean_y - (mean_y @ LUMA_ROW - tone)[:, None]
    residual_x = _chroma(pixels_x - _along(pixels_x @ LUMA_ROW, nodes, mean_x))
    order = np.argsort(tone)
    residual_y = _chroma(pixels_y - _along(pixels_y @ LUMA_ROW, tone[order], mean_y[order]))
    spread = float(np.sqrt(np.trace(np.cov(residual_y.T))))
    tint_y = _along(pixels_y @ LUMA_ROW, tone[order], _chroma(mean_y[order]))
    explained = 1 - residual_y.var() / max((residual_y + tint_y).var(), 1e-12)
    if spread < MONOCHROME_CHROMA:
        zero = np.zeros((num_nodes, 3, 3))
        return FirstPass(np.concatenate((zero, mean_y[:, :, None]), axis=2), True, tone, float(explained), withheld)
    if explained >= TINTED_SHARE:
        transport = _monge_kantorovich(_covariance(residual_x), _covariance(residual_y))
    else:
        spread_x, spread_y = (_chroma(pixels - pixels.mean(axis=0)).std() for pixels in (pixels_x, pixels_y))
        saturation = np.clip(spread_y / max(spread_x, 1e-6), 0, MOST_SATURATION)
        transport = saturation * _chroma(np.eye(3)).T
        share = max(explained, LEAST_TINT) ** 2
        tint = _chroma(mean_y) - _chroma(mean_x)
        mean_x = np.repeat(nodes[:, None], 3, axis=1)
        mean_y = tone[:, None] + share * tint
    offsets = mean_y - mean_x @ transport.T
    maps = np.repeat(transport[None], num_nodes, axis=0)
    return FirstPass(np.concatenate((maps, offsets[:, :, None]), axis=2), False, tone, float(explained), withheld)


def tone_curve(source: list[Array], style: list[Array], nodes: Array) -> tuple[Array, float]:
    """Map source luma at `nodes` to style luma by matching quantiles, leaning to the gentler map where shots disagree.

    A difference between the sides is believed as far as it stands out from what the shots of one side differ among
    themselves: a night scene against a snow scene is content, not a look. Returns the map, and how much was not believed.
    """
    quantiles_x = np.stack([np.quantile(pixels @ LUMA_ROW, LEVELS) for pixels in source])
    quantiles_y = np.stack([np.quantile(pixels @ LUMA_ROW, LEVELS) for pixels in style])
    x = np.quantile(_alike(source) @ LUMA_ROW, LEVELS)
    y = np.quantile(_alike(style) @ LUMA_ROW, LEVELS)
    doubt = sum(float(_variance_of_mean(quantiles).sum()) for quantiles in (quantiles_x, quantiles_y))
    difference = float(((y - x) ** 2).sum())
    disbelief = doubt / (difference + doubt)
    withheld = disbelief * float(np.sqrt(difference / len(LEVELS)))
    y = y + (x - y) * disbelief
    x, y = np.maximum.accumulate(x + 1e-6 * np.arange(len(x))), np.maximum.accumulate(y)
    tone = np.interp(nodes, x, y)
    below, above = nodes < x[0], nodes > x[-1]
    tone[below] = y[0] * nodes[below] / max(x[0], 1e-6)
    tone[above] = y[-1] + 0.3 * (1 - y[-1]) * (nodes[above] - x[-1]) / max(1 - x[-1], 1e-6)
    return _bounded_slopes(tone, nodes), withheld


def _variance_of_mean(per_shot: Array) -> Array:
    """Return how far the mean of shots `[n q]` may lie from their film's, as a variance; two that agree by chance prove little."""
    count = len(per_shot)
    told = np.square(per_shot - per_shot.mean(axis=0)).sum(axis=0)
    return np.asarray((SHOT_DEVIATION**2 + told) / count**2)


def _bounded_slopes(tone: Array, nodes: Array) -> Array:
    """Keep each step of the curve between a quarter of and four times the source's, from the middle outwards."""
    steps = np.clip(np.diff(tone), 0.25 * np.diff(nodes), 4 * np.diff(nodes))
    middle = len(tone) // 2
    bounded = tone.copy()
    bounded[middle + 1 :] = tone[middle] + np.cumsum(steps[middle:])
    bounded[:middle] = tone[middle] - np.cumsum(steps[:middle][::-1])[::-1]
    return np.clip(bounded, 0, 1)


def _alike(shots: list[Array]) -> Array:
    """Pool shots so that each counts alike."""
    count = min(len(pixels) for pixels in shots)
    return np.concatenate([pixels[:: max(len(pixels) // count, 1)][:count] for pixels in shots])


def _chroma(colours: Array) -> Array:
    """Project colours `[.. 3]` off the luma axis: the result has no luma."""
    return np.asarray(colours - (colours @ LUMA_ROW)[..., None])


def _mean_colours(pixels: Array, lumas: Array, bandwidth: float) -> Array:
    """Return the kernel mean colour `[k 3]` of `pixels` at each luma."""
    distance = (pixels @ LUMA_ROW)[None, :] - lumas[:, None]
    weights = np.exp(-0.5 * (distance / bandwidth) ** 2)
    grey = np.repeat(lumas[:, None], 3, axis=1)
    few = 1e-3 * len(pixels)
    return np.asarray((weights @ pixels + few * grey) / (weights.sum(axis=1, keepdims=True) + few))


def _along(luma: Array, nodes: Array, colours: Array) -> Array:
    return np.stack([np.interp(luma, nodes, colours[:, channel]) for channel in range(3)], axis=1)


def _covariance(residuals: Array) -> Array:
    return np.asarray(np.cov(residuals.T) + 1e-5 * np.eye(3))


def _monge_kantorovich(covariance_x: Array, covariance_y: Array) -> Array:
    root, inverse = _root(covariance_x, 0.5), _root(covariance_x, -0.5)
    off_luma = _chroma(np.eye(3)).T
    return np.asarray(off_luma @ inverse @ _root(root @ covariance_y @ root, 0.5) @ inverse @ off_luma)


def _root(symmetric: Array, power: float) -> Array:
    values, vectors = np.linalg.eigh(symmetric)
    return np.asarray((vectors * np.maximum(values, 1e-12) ** power) @ vectors.T)
