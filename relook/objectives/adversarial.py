"""What the generator and the critic play for: pure functions of the critic's scores on real and rendered patches."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional as F

Term = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Objective:
    """The two sides of one game; both take scores on real and on rendered pairs, `[b 1 h w]`, and return `[b]`."""

    critic: Term
    generator: Term


def relativistic_critic(real: Tensor, rendered: Tensor) -> Tensor:
    """Ask that real patches score above rendered ones.

    Source: Jolicoeur-Martineau 2018, section 4; Huang et al. 2024 (R3GAN), section 2.
    """
    return F.softplus(rendered - real).flatten(1).mean(dim=1)


def relativistic_generator(real: Tensor, rendered: Tensor) -> Tensor:
    """Ask that rendered patches score above real ones. Source: as `relativistic_critic`."""
    return F.softplus(real - rendered).flatten(1).mean(dim=1)


def least_squares_critic(real: Tensor, rendered: Tensor) -> Tensor:
    """Ask for 1 on real and 0 on rendered patches. Source: Mao et al. 2017, equation 2, with a = 0, b = 1, half the sum."""
    return ((real - 1).square() + rendered.square()).flatten(1).mean(dim=1) / 2


def least_squares_generator(real: Tensor, rendered: Tensor) -> Tensor:
    """Ask for 1 on rendered patches. Source: Mao et al. 2017, equation 2, with c = 1."""
    return (rendered - 1).square().flatten(1).mean(dim=1) / 2


OBJECTIVES: dict[str, Objective] = {
    "relativistic": Objective(critic=relativistic_critic, generator=relativistic_generator),
    "least_squares": Objective(critic=least_squares_critic, generator=least_squares_generator),
}
"""The games a recipe can name."""
