"""What the unpaired recipes do alike: draw crops, take steps until the CPU-seconds are spent, render whole frames."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from resnet import SIZE_MULTIPLE, from_signed, to_signed
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Adam

from relook.corpus import Corpus, Side

BETAS = (0.5, 0.999)


@dataclass(frozen=True)
class Trained:
    """What a recipe made of its budget."""

    render: Callable[[Tensor], Tensor]
    """Re-renders frames `[b 3 h w]`, 0..1, of any size from 16 px a side."""
    steps: int
    """How many steps were taken, one crop of each side each."""
    diverged: bool
    """True where training ended early because a loss was not finite; the weights are those that gave it, and may be useless."""


@dataclass(frozen=True)
class Budget:
    """CPU-seconds of this process, all threads together, counted from the moment of its making."""

    cpu_seconds: float
    started: float = field(default_factory=time.process_time)

    def share(self) -> float:
        """Return how much is spent, 0..1 and beyond."""
        return (time.process_time() - self.started) / self.cpu_seconds


def spend(
    budget: Budget, step: Callable[[int], bool], optimisers: tuple[Adam, ...], *, rate: float
) -> tuple[int, bool]:
    """Take steps until the budget is spent, the last one running over, or until a step says that its loss was not finite.

    The rate is constant over the first half of the budget and falls to zero over the second. Source: Zhu et al. 2017, section 4.

    Args:
        step: takes its number, from 0; returns False where a loss was not finite.
    Returns:
        The number of steps taken, and whether training diverged.
    """
    taken = 0
    while (share := budget.share()) < 1:
        for optimiser in optimisers:
            for group in optimiser.param_groups:
                group["lr"] = rate * min(1.0, 2 * (1 - share))
        if not step(taken):
            return taken, True
        taken += 1
    return taken, False


def descend(loss: Tensor, optimiser: Adam) -> bool:
    """Take one step down a loss, for the optimiser's own weights alone; False, and no step, where it is not finite."""
    if not torch.isfinite(loss):
        return False
    optimiser.zero_grad()
    loss.backward(inputs=[weight for group in optimiser.param_groups for weight in group["params"]])
    optimiser.step()
    return True


def squares(scores: Tensor, wanted: float) -> Tensor:
    """Return the mean squared distance of scores to the wanted one. Source: Mao et al. 2017, equation 2."""
    return (scores - wanted).square().mean()


def draw_crop(corpus: Corpus, seed: int, i: int, side: Side, crop_px: int) -> Tensor:
    """Draw sample `i` of one side as a batch of one, `[1 3 h w]`, -1..1: the first frame of the corpus's pair."""
    return to_signed(corpus.crop(seed, i, side, crop_px)[0][:1])


def renderer(net: nn.Module) -> Callable[[Tensor], Tensor]:
    """Return a function that renders frames `[b 3 h w]`, 0..1, one by one, mirrored at two borders to a size the net takes.

    Instance norm works with each frame's own statistics here too: so do the published recipes.
    """
    net.eval()

    @torch.no_grad()
    def render(frames: Tensor) -> Tensor:
        height, width = frames.shape[-2:]
        spare = (0, -width % SIZE_MULTIPLE, 0, -height % SIZE_MULTIPLE)
        padded = F.pad(to_signed(frames), spare, mode="reflect")
        return from_signed(torch.cat([net(frame[None])[..., :height, :width] for frame in padded]))

    return render
