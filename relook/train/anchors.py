"""An artist's few pairs in closed form: the grade and the vignette that carry their frames, near the first pass elsewhere."""

from __future__ import annotations

import math

import torch
from einops import rearrange, repeat
from torch import Tensor
from torch.nn import functional as F

from relook.corpus import Corpus
from relook.nets.blocks import Grade, hat_weights, luma_of, squared_radius
from relook.nets.generator import Generator

SHRINK = 4
"""Colours are compared at this fraction of the size, where softness and grain do not show."""
FOOTAGE_WEIGHT = 0.03
"""How much the source's own colours hold to the first pass, beside what the pairs ask for."""
SMOOTHNESS = 1e-3
LEAST_CHANGE = 1e-5
ROUNDS = 4


@torch.no_grad()
def fit_anchors(generator: Generator, corpus: Corpus, footage: Tensor) -> None:
    """Change a generator's first pass so that it carries the artist's pairs.

    Args:
        generator: changed in place: its grade's base and its vignette.
        footage: RGB samples `[n 3]` of the source footage, 0..1.
    """
    pairs = [F.avg_pool2d(corpus.anchor(pair), SHRINK) for pair in corpus.anchors]
    source = torch.cat([rearrange(pair[0], "c h w -> (h w) c") for pair in pairs])
    target = torch.cat([rearrange(pair[1], "c h w -> (h w) c") for pair in pairs])
    radius = torch.cat([_radius(pair).flatten() for pair in pairs])[:, None]
    corner = math.log(1 + float(generator.spatial.map[0, 0, 0]))
    base = generator.grade.base.clone()
    for _ in range(ROUNDS):
        light = torch.exp(corner * radius)
        generator.grade.base.copy_(base)
        generator.grade.base.add_(_change(generator.grade, source, target / light, footage))
        graded = _graded(generator.grade, source) * light
        spread = graded * radius
        corner += float(((target - graded) * spread).sum() / spread.square().sum().clamp_min(1e-9))
        corner = min(corner, 0.0)
    generator.spatial.darken_corners(corner)


def _change(grade: Grade, source: Tensor, target: Tensor, footage: Tensor) -> Tensor:
    """Return what to add to the base `[k 3 4]`: least squares on the pairs, held where only the footage has colours."""
    asked, held = _features(grade, source), _features(grade, footage)
    normal = asked.T @ asked / len(asked) + FOOTAGE_WEIGHT * held.T @ held / len(held) + _smoothness(grade)
    wanted = asked.T @ (target - _graded(grade, source)) / len(asked)
    found = torch.linalg.solve(normal, wanted)
    change = torch.zeros_like(grade.base)
    if grade.is_monochrome:
        change[:, :, 3] = found
    else:
        change.copy_(rearrange(found, "(k i) c -> k c i", i=4))
    return change


def _features(grade: Grade, colours: Tensor) -> Tensor:
    """Return what the grade is linear in, `[n f]`, of colours `[n 3]`."""
    picture = rearrange(colours, "n c -> 1 c n 1")
    weights = rearrange(hat_weights(luma_of(picture), grade.num_nodes), "1 k n 1 -> n k")
    if grade.is_monochrome:
        return weights
    with_one = torch.cat((colours, torch.ones_like(colours[:, :1])), dim=1)
    return rearrange(weights[:, :, None] * with_one[:, None, :], "n k i -> n (k i)")


def _smoothness(grade: Grade) -> Tensor:
    """Return the penalty on a change that is large, or differs between neighbouring nodes."""
    step = torch.diff(torch.eye(grade.num_nodes), dim=0)
    between = SMOOTHNESS * step.T @ step + LEAST_CHANGE * torch.eye(grade.num_nodes)
    return between if grade.is_monochrome else torch.kron(between, torch.eye(4))


def _graded(grade: Grade, colours: Tensor) -> Tensor:
    return rearrange(grade(rearrange(colours, "n c -> 1 c n 1")), "1 c n 1 -> n c")


def _radius(pair: Tensor) -> Tensor:
    rows, columns = ((torch.arange(count) + 0.5) / count for count in pair.shape[-2:])
    down, across = repeat(rows, "h -> h w", w=len(columns)), repeat(columns, "w -> h w", h=len(rows))
    return squared_radius(across, down)
