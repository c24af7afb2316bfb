"""The second voice of the check: a critic of its own, trained apart from the generator and read two-sided.

It learns held-out style against held-out source, early renders, and the same held-out style damaged in many ways. Too
much of a style lies as far off as too little, so what counts is how far a score lies from untouched style's, either way.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from relook.nets.critic import PairCritic, pair_evidence
from relook.objectives.descriptor import gaussian, high_pass, native_windows

CROP_PX = 64
STEPS = 120
BATCH_PAIRS = 4
FOREIGN_PAIRS = 2
RATE = 2e-3
PENALTY = 0.3
PENALTY_EVERY = 4
PAIRED_WEIGHT = 2.0
"""Of telling a crop from its own damaged copy, beside telling style from the rest: without it the critic sees no grain."""
EMPHASIS = 5.0
"""How much detail and grain are raised before the critic looks: plain pixels taught it colour only (AUC .66 against .97)."""
TRUSTED_AUC = 0.8
"""A critic that ranks style above damage less often, on footage it has not seen, is not heard."""

Damage = Callable[[Tensor, torch.Generator], Tensor]


@dataclass(frozen=True)
class Voice:
    """A trained critic and where untouched style scores."""

    critic: PairCritic
    centre: float
    """The median score of style footage that the critic was not trained on."""
    reach: float
    """How far from the centre the scores of style go, other content allowed for."""
    auc: float
    """How often it ranks untouched style above damaged style and source, on footage it was not trained on."""

    @property
    def is_trusted(self) -> bool:
        return self.auc >= TRUSTED_AUC

    def distance(self, score: float) -> float:
        """Return how far a score lies from the style's, on either side; 1 is the limit of real style."""
        return abs(score - self.centre) / self.reach


def train_critic(
    style: list[Tensor], foreign: list[Tensor], *, seed: int, on_step: Callable[[int], None]
) -> PairCritic:
    """Train a critic on held-out style pairs against foreign ones (source, early renders) and damaged style.

    Args:
        style, foreign: pairs `[2 c h w]`, 0..1, of any sizes from `CROP_PX` px a side.
        on_step: called with the number of steps done.
    """
    random = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        critic = PairCritic(channels=24)
    optimiser = torch.optim.Adam(critic.parameters(), lr=RATE, betas=(0.0, 0.9))
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: min(1.0, 2 * (1 - step / STEPS)))
    for step in range(STEPS):
        real = [_crop(style, random) for _ in range(BATCH_PAIRS)]
        spoilt, weights = zip(*(damaged(crop, random) for crop in real), strict=True)
        others = [_crop(foreign, random) for _ in range(FOREIGN_PAIRS if foreign else 0)]
        fake = torch.stack((*spoilt, *others))
        optimiser.zero_grad(set_to_none=True)
        loss = _critic_loss(critic, torch.stack(real), fake, torch.tensor(weights), penalise=step % PENALTY_EVERY == 0)
        loss.backward()
        optimiser.step()
        schedule.step()
        on_step(step + 1)
    return critic.eval().requires_grad_(False)


def score_pairs(critic: PairCritic, pairs: Tensor) -> Tensor:
    """Score whole pairs `[b 2 c h w]` at native resolution, `[b]`."""
    with torch.no_grad():
        return torch.stack([critic(_evidence(native_windows(pair))).mean() for pair in pairs])


def calibrated(
    critic: PairCritic, style: list[Tensor], rendered: list[Tensor], foreign: list[Tensor], *, seed: int
) -> Voice:
    """Find where style that the critic was not trained on scores, and how well it is told from what is not style.

    rendered: other content in the look; not where it scores counts, but how far content alone moves the score.
    """
    random = torch.Generator().manual_seed(seed)
    spoilt = [each for each, weight in (damaged(pair, random) for pair in style) if weight >= 1]
    good, content, bad = (_scores(critic, side) for side in (style, rendered, spoilt + foreign))
    centre = good.median()
    own = torch.quantile((good - centre).abs(), 0.99)
    spread = 2 * (content - content.median()).abs().median()
    auc = (good[:, None] > bad[None]).float().mean()
    return Voice(critic, float(centre), float(own + spread) + 1e-3, float(auc))


def damaged(pair: Tensor, random: torch.Generator) -> tuple[Tensor, float]:
    """Spoil a pair `[2 c h w]` in one way, drawn; returns it and how much that shows, 0 (not at all) to 1."""
    damage = DAMAGES[int(torch.randint(len(DAMAGES), (), generator=random))]
    spoilt = damage(pair, random).clamp(0, 1)
    return spoilt, min(1.0, float((spoilt - pair).abs().mean()) * 255 / 2)


def _scores(critic: PairCritic, pairs: list[Tensor]) -> Tensor:
    return torch.cat([score_pairs(critic, pair[None]) for pair in pairs])


def _crop(pairs: list[Tensor], random: torch.Generator) -> Tensor:
    pair = pairs[int(torch.randint(len(pairs), (), generator=random))]
    top, left = (int(torch.randint(size - CROP_PX + 1, (), generator=random)) for size in pair.shape[-2:])
    crop = pair[..., top : top + CROP_PX, left : left + CROP_PX]
    return crop.flip(-1) if _either(random, 0, 1) else crop


def _evidence(pairs: Tensor) -> Tensor:
    return pair_evidence(pairs + EMPHASIS * high_pass(pairs, 1.0))


def _critic_loss(critic: PairCritic, real: Tensor, fake: Tensor, weights: Tensor, *, penalise: bool) -> Tensor:
    """Return the logistic loss; the first fakes `[b 2 c h w]` are damaged copies of the real ones, by `weights` `[b]`.

    Source of the gradient penalty: Mescheder et al. 2018, section 4.1 (R1).
    """
    seen = _evidence(real).requires_grad_(penalise)
    scores, against = critic(seen), critic(_evidence(fake))
    shares = torch.cat((weights, torch.ones(len(fake) - len(real))))
    loss = functional.softplus(-scores).mean()
    loss = loss + (shares * functional.softplus(against).mean(dim=(1, 2, 3))).sum() / shares.sum().clamp_min(1)
    lead = scores.mean(dim=(1, 2, 3)) - against[: len(real)].mean(dim=(1, 2, 3))
    loss = loss + PAIRED_WEIGHT * (weights * functional.softplus(-lead)).mean()
    if penalise:
        (gradient,) = torch.autograd.grad(scores.mean(dim=(1, 2, 3)).sum(), seen, create_graph=True)
        loss = loss + PENALTY_EVERY * PENALTY / 2 * gradient.square().sum(dim=(1, 2, 3)).mean()
    return loss


def _uniform(random: torch.Generator, low: float, high: float) -> float:
    return low + (high - low) * float(torch.rand((), generator=random))


def _either(random: torch.Generator, first: float, second: float) -> float:
    return first if float(torch.rand((), generator=random)) < 0.5 else second


def _grain_off(pair: Tensor, random: torch.Generator) -> Tensor:
    return gaussian(pair.mean(dim=0, keepdim=True), 1.2).expand_as(pair)


def _grain_up(pair: Tensor, random: torch.Generator) -> Tensor:
    body = gaussian(pair.mean(dim=0, keepdim=True), 1.2)
    return body + _uniform(random, 2.0, 3.0) * (pair - body)


def _noise(pair: Tensor, random: torch.Generator) -> Tensor:
    noise = torch.randn(2, int(_either(random, 1, 3)), *pair.shape[-2:], generator=random)
    return pair + _uniform(random, 0.02, 0.06) * noise


def _tint(pair: Tensor, random: torch.Generator) -> Tensor:
    return pair * (1 + 0.12 * (2 * torch.rand(3, 1, 1, generator=random) - 1))


def _checkerboard(pair: Tensor, random: torch.Generator) -> Tensor:
    size = int(_either(random, 1, 2))
    rows, columns = (torch.arange(length) // size for length in pair.shape[-2:])
    return pair + _uniform(random, 0.015, 0.04) * (((rows[:, None] + columns) % 2) * 2 - 1)


def _blur(pair: Tensor, random: torch.Generator) -> Tensor:
    return gaussian(pair, _uniform(random, 0.8, 2.0))


def _exposure(pair: Tensor, random: torch.Generator) -> Tensor:
    return pair * 2.0 ** _either(random, _uniform(random, -1.2, -0.6), _uniform(random, 0.4, 0.8))


def _contrast(pair: Tensor, random: torch.Generator) -> Tensor:
    return (pair - 0.5) * _either(random, _uniform(random, 0.4, 0.65), _uniform(random, 1.6, 2.2)) + 0.5


def _inverted(pair: Tensor, random: torch.Generator) -> Tensor:
    return 1 - pair


def _swapped(pair: Tensor, random: torch.Generator) -> Tensor:
    return pair.flip(1)


def _frozen(pair: Tensor, random: torch.Generator) -> Tensor:
    return pair[:1].expand_as(pair)


def _flat(pair: Tensor, random: torch.Generator) -> Tensor:
    return pair.mean(dim=(0, 2, 3), keepdim=True).expand_as(pair)


DAMAGES: tuple[Damage, ...] = (
    _grain_off,
    _grain_up,
    _noise,
    _tint,
    _checkerboard,
    _blur,
    _exposure,
    _contrast,
    _inverted,
    _swapped,
    _frozen,
    _flat,
)
"""The ways to spoil a pair: each counts only where it shows, so red and blue swapped costs a silent film nothing."""
