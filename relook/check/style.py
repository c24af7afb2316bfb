"""The first voice of the check: how far a shot's descriptor lies from those of the style, and by which of its numbers.

A style is often learned from one to five shots, whose brightness is as much what was filmed as how. So the spread that a new
shot may show is pooled from the style's own shots and from how the descriptor varies over other content in the same look.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from relook.objectives.descriptor import DESCRIPTOR_NAMES, NUMBERS, Number

_CONTENT_CAP = {"tone": 5.0, "structure": 4.0, "texture": 3.0}
"""How many floors of spread other content may account for: an erratic generator must not widen its own judge without end."""
_COLOUR_SHARE = 0.3
"""The spread of a style's colours from shot to shot, as a share of its mean saturation, at least."""
_GREY = 0.006
"""A style of less mean saturation is black and white."""
_GREY_FLOORS = 0.5
"""What the least spread of colours is multiplied by in a black and white style."""
_LEAST_SHRINKAGE = 0.3
_NAMED_SIGMAS = 2.0


@dataclass(frozen=True)
class StyleModel:
    """Where the style's descriptors lie; `f` numbers in the order of `NUMBERS`."""

    mean: Tensor
    """`[f]`."""
    scale: Tensor
    """`[f]`, the spread of a new shot of the style."""
    precision: Tensor
    """`[f f]`, the inverse correlation of the deviations; zero where a number is not used."""

    def deviations(self, descriptor: Tensor) -> Tensor:
        """Return by how many sigmas each number `[f]` is off; 0 for numbers that are not used."""
        return (descriptor - self.mean) / self.scale * (self.precision.diagonal() > 0)

    def distance(self, descriptor: Tensor) -> float:
        """Return the Mahalanobis distance of a shot's median descriptor `[f]`."""
        deviations = self.deviations(descriptor).double()
        return math.sqrt(max(0.0, float(deviations @ self.precision.double() @ deviations)))

    def faults(self, descriptor: Tensor, count: int = 3) -> tuple[str, ...]:
        """Name the numbers that are furthest off, worst first: "grain too weak (2.1 sigma)"."""
        deviations = self.deviations(descriptor)
        order = deviations.abs().argsort(descending=True).tolist()
        named = [k for k in order if abs(deviations[k]) >= _NAMED_SIGMAS] or order[:1]
        return tuple(_fault(NUMBERS[k], float(deviations[k])) for k in named[:count])


def fit_style(style: Sequence[Tensor], rendered: Sequence[Tensor], *, with_motion: bool = True) -> StyleModel:
    """Fit the model to the descriptors `[k f]` of each style shot and of other shots rendered in the look.

    with_motion: False for a style of stills, which says nothing of the numbers that need two different frames.
    """
    medians = torch.stack([shot.median(dim=0).values for shot in style]).double()
    floors = _floors(medians)
    between, degrees = _between(medians), len(style) - 1
    if len(rendered) > 1:
        content = _between(torch.stack([shot.median(dim=0).values for shot in rendered]).double())
        between, degrees = between + _capped(content, len(rendered) - 1, floors), degrees + len(rendered) - 1
    covariance = between / max(1, degrees) * (1 + 1 / len(style)) + _within(style) / 2
    scale = torch.maximum(covariance.diagonal().sqrt(), floors)
    shrinkage = max(_LEAST_SHRINKAGE, len(NUMBERS) / (len(NUMBERS) + 2 * degrees))
    correlation = (1 - shrinkage) * covariance / torch.outer(scale, scale)
    correlation.fill_diagonal_(1.0)
    used = torch.tensor([with_motion or not number.temporal for number in NUMBERS])
    precision = torch.zeros_like(correlation)
    precision[torch.outer(used, used)] = torch.linalg.inv(correlation[used][:, used]).flatten()
    return StyleModel(medians.mean(dim=0).float(), scale.float(), precision.float())


def chi_limit(model: StyleModel) -> float:
    """Return the distance that 1 in 100 shots of a normally distributed style would exceed.

    Source: Wilson and Hilferty 1931, the cube-root approximation of the chi-square quantile.
    """
    degrees = int((model.precision.diagonal() > 0).sum())
    spread = 2 / (9 * degrees)
    return math.sqrt(degrees * (1 - spread + 2.326 * math.sqrt(spread)) ** 3)


def _between(medians: Tensor) -> Tensor:
    centred = medians - medians.mean(dim=0)
    return centred.T @ centred


def _within(style: Sequence[Tensor]) -> Tensor:
    """Pool the covariance of single pairs about the mean of their shot; a shot's median varies at most half as much."""
    spreads = [_between(shot.double()) for shot in style]
    return torch.stack(spreads).sum(dim=0) / max(1, sum(len(shot) - 1 for shot in style))


def _floors(medians: Tensor) -> Tensor:
    """Return the least spread `[f]` of each number; that of colours grows with how colourful the style is.

    How grey a street or how green a meadow is belongs to what was filmed, unless the style has no colour at all: then the least
    hue shows.
    """
    floors = torch.tensor([number.floor for number in NUMBERS], dtype=torch.float64)
    saturation = float(medians[:, DESCRIPTOR_NAMES.index("saturation")].mean())
    for name in ("saturation", "warmth", "green"):
        floor = floors[DESCRIPTOR_NAMES.index(name)]
        if saturation < _GREY:
            floor.mul_(_GREY_FLOORS)
        else:
            floor.clamp_(min=_COLOUR_SHARE * saturation)
    return floors


def _capped(scatter: Tensor, degrees: int, floors: Tensor) -> Tensor:
    """Scale the rows and columns of a scatter matrix down to the most that content may account for."""
    caps = torch.tensor([_CONTENT_CAP[number.group] for number in NUMBERS], dtype=torch.float64) * floors
    factors = (caps / (scatter.diagonal() / degrees).sqrt().clamp_min(1e-12)).clamp_max(1.0)
    return scatter * torch.outer(factors, factors)


def _fault(number: Number, deviation: float) -> str:
    return f"{number.too_high if deviation > 0 else number.too_low} ({abs(deviation):.1f} sigma)"
