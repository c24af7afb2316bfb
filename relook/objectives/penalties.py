"""Regularisers on the critic's gradient with respect to what it judges.

Each takes the critic, real and rendered evidence `[b c h w]` and a generator of random numbers on the CPU, and returns `[b]`,
ready for a second backward pass to the critic's parameters. None reaches the generator: evidence is detached.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

Critic = Callable[[Tensor], Tensor]
Penalty = Callable[[Critic, Tensor, Tensor, torch.Generator], Tensor]


def r1(critic: Critic, real: Tensor, rendered: Tensor, generator: torch.Generator) -> Tensor:
    """Return half the squared gradient on real evidence; the weight is the paper's gamma.

    What is differentiated is the sum of an example's patch scores over 64, so that a weight of 1 suits crops of about 100 px.
    Source: Mescheder et al. 2018, section 4.1.
    """
    return _squared(_slope(_sum_of_scores, critic, real)) / 2


def r2(critic: Critic, real: Tensor, rendered: Tensor, generator: torch.Generator) -> Tensor:
    """Return half the squared gradient on rendered evidence. Source: as `r1`."""
    return _squared(_slope(_sum_of_scores, critic, rendered)) / 2


def r1_r2(critic: Critic, real: Tensor, rendered: Tensor, generator: torch.Generator) -> Tensor:
    """Return both, summed. Source: Huang et al. 2024 (R3GAN), section 2."""
    return r1(critic, real, rendered, generator) + r2(critic, real, rendered, generator)


def wgan_gp(critic: Critic, real: Tensor, rendered: Tensor, generator: torch.Generator) -> Tensor:
    """Ask for a gradient of norm 1 between real and rendered evidence; the weight is the paper's lambda.

    What is differentiated is the mean of an example's patch scores.
    Source: Gulrajani et al. 2017, section 4.
    """
    slope = _slope(_mean_of_scores, critic, _between(real, rendered, generator))
    return (torch.linalg.vector_norm(slope, dim=1) - 1).square()


def gp0(critic: Critic, real: Tensor, rendered: Tensor, generator: torch.Generator) -> Tensor:
    """Return the squared gradient of the mean score between real and rendered evidence.

    Source: Thanh-Tung et al. 2019, the zero-centred penalty.
    """
    return _squared(_slope(_mean_of_scores, critic, _between(real, rendered, generator)))


def _sum_of_scores(scores: Tensor) -> Tensor:
    return scores.flatten(1).sum(dim=1) / 64


def _mean_of_scores(scores: Tensor) -> Tensor:
    return scores.flatten(1).mean(dim=1)


def _slope(value_of: Callable[[Tensor], Tensor], critic: Critic, evidence: Tensor) -> Tensor:
    """Differentiate each example's value with respect to its own evidence; returns `[b f]`, at least float32."""
    seen = evidence.detach().requires_grad_()
    # Examples do not see each other, so the gradient of the sum holds the gradient of each.
    (slope,) = torch.autograd.grad(value_of(critic(seen)).sum(), seen, create_graph=True)
    return slope.flatten(1).to(torch.promote_types(slope.dtype, torch.float32))


def _squared(slope: Tensor) -> Tensor:
    return slope.square().sum(dim=1)


def _between(real: Tensor, rendered: Tensor, generator: torch.Generator) -> Tensor:
    """Draw one point on the line from each rendered example to its real one."""
    share = torch.rand(len(real), 1, 1, 1, generator=generator).to(real)
    return share * real + (1 - share) * rendered


PENALTIES: dict[str, Penalty] = {"r1": r1, "r2": r2, "r1_r2": r1_r2, "wgan_gp": wgan_gp, "gp0": gp0}
"""The penalties a recipe can name."""
