"""What the generator and the critic play for: pure functions of the critic's scores on real and rendered patches."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional as F

Term = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Objective:
    """The two sides of one game; both take scores on real and on rendered pairs, `[b 1 h w]`, and return `[b]`.

    Scores are logits: any real number, higher for more like the style.
    """

    critic: Term
    generator: Term


def minimax_critic(real: Tensor, rendered: Tensor) -> Tensor:
    """Ask for the probability 1 on real and 0 on rendered patches: -log s(real) - log(1 - s(rendered)), s the sigmoid.

    Source: Goodfellow et al. 2014, equation 1.
    """
    return _per_example(F.softplus(-real) + F.softplus(rendered))


def minimax_generator(real: Tensor, rendered: Tensor) -> Tensor:
    """Ask for what the critic asks against: log(1 - s(rendered)); without gradient where the critic is sure.

    Source: Goodfellow et al. 2014, equation 1.
    """
    return _per_example(-F.softplus(rendered))


def non_saturating_generator(real: Tensor, rendered: Tensor) -> Tensor:
    """Ask for the probability 1 on rendered patches: -log s(rendered). Source: Goodfellow et al. 2014, section 3."""
    return _per_example(F.softplus(-rendered))


def least_squares_critic(real: Tensor, rendered: Tensor) -> Tensor:
    """Ask for 1 on real and 0 on rendered patches. Source: Mao et al. 2017, equation 2, with a = 0, b = 1, half the sum."""
    return _per_example((real - 1).square() + rendered.square()) / 2


def least_squares_generator(real: Tensor, rendered: Tensor) -> Tensor:
    """Ask for 1 on rendered patches. Source: Mao et al. 2017, equation 2, with c = 1."""
    return _per_example((rendered - 1).square()) / 2


def wasserstein_critic(real: Tensor, rendered: Tensor) -> Tensor:
    """Ask that real patches score as far above rendered ones as the critic's slope allows; a penalty has to bound that.

    Source: Arjovsky et al. 2017, section 3, equation 2.
    """
    return _per_example(rendered - real)


def wasserstein_generator(real: Tensor, rendered: Tensor) -> Tensor:
    """Ask that rendered patches score high. Source: Arjovsky et al. 2017, section 3."""
    return _per_example(-rendered)


def hinge_critic(real: Tensor, rendered: Tensor) -> Tensor:
    """Ask for more than 1 on real and less than -1 on rendered patches, and for nothing beyond.

    Source: Lim & Ye 2017; Miyato et al. 2018, equation 16. The generator's side, equation 17, is Wasserstein's.
    """
    return _per_example(F.relu(1 - real) + F.relu(1 + rendered))


def relativistic_critic(real: Tensor, rendered: Tensor) -> Tensor:
    """Ask that real patches score above rendered ones.

    Source: Jolicoeur-Martineau 2018, section 4; Huang et al. 2024 (R3GAN), section 2.
    """
    return _per_example(F.softplus(rendered - real))


def relativistic_generator(real: Tensor, rendered: Tensor) -> Tensor:
    """Ask that rendered patches score above real ones. Source: as `relativistic_critic`."""
    return _per_example(F.softplus(real - rendered))


def _per_example(values: Tensor) -> Tensor:
    return values.flatten(1).mean(dim=1)


OBJECTIVES: dict[str, Objective] = {
    "minimax": Objective(critic=minimax_critic, generator=minimax_generator),
    "non_saturating": Objective(critic=minimax_critic, generator=non_saturating_generator),
    "least_squares": Objective(critic=least_squares_critic, generator=least_squares_generator),
    "wasserstein": Objective(critic=wasserstein_critic, generator=wasserstein_generator),
    "hinge": Objective(critic=hinge_critic, generator=wasserstein_generator),
    "relativistic": Objective(critic=relativistic_critic, generator=relativistic_generator),
}
"""The games a recipe can name."""
