"""All that training holds."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from relook.errors import UsageError
from relook.nets.critic import PairCritic
from relook.nets.generator import Generator
from relook.recipe.mechanics import Mechanics
from relook.recipe.settings import Recipe
from relook.train.course import Course

SCARCE_SHOTS = 3
"""Of so few shots to train on, or fewer, the critic is shown augmented ones."""


@dataclass
class TrainState:
    """The nets, their optimisers, the running average of the generator, and the course of the run."""

    generator: Generator
    average: Generator
    start: Generator
    """The first pass, before training: contents are compared in its tones."""
    best: Generator
    """What becomes the look; on the CPU."""
    critic: PairCritic
    back: Generator | None
    """The way from the look back to the source, where the recipe asks for a cycle."""
    optimisers: dict[str, torch.optim.Adam]
    """Of "generator" (with the way back) and "critic"."""
    course: Course
    mechanics: Mechanics = field(default_factory=Mechanics)
    """The marks of the style's film, as measured: laid over every render that the critic sees, and never learned."""
    is_augmented: bool = False
    """Whether the critic is shown both sides under random tones, shifts and holes."""
    good: dict[str, Tensor] = field(default_factory=dict)
    """The nets and optimisers as they were when last checked."""

    @property
    def nets(self) -> dict[str, nn.Module]:
        """Return what changes from step to step."""
        nets = {"generator": self.generator, "average": self.average, "critic": self.critic, "back": self.back}
        return {name: net for name, net in nets.items() if net is not None}


def start_state(generator: Generator, recipe: Recipe, course: Course, device: torch.device) -> TrainState:
    """Set up training from a generator that already carries the first pass."""
    torch.manual_seed(recipe.seed)
    critic = PairCritic().to(device)
    back = Generator(recipe.generator).to(device) if recipe.weights.cycle > 0 else None
    best = copy.deepcopy(generator).requires_grad_(False).eval()
    generator = generator.to(device).requires_grad_(True)
    generator.detail.lens.requires_grad_(False)
    rates = recipe.rates
    groups: list[tuple[nn.Module, float]] = [
        (generator.grade, rates.grade_factor),
        (generator.spatial, rates.spatial_factor),
        (generator.detail, rates.detail_factor),
    ]
    if back is not None:
        groups += [(back.grade, 1.0), (back.detail, rates.detail_factor)]
    state = TrainState(
        generator=generator,
        average=copy.deepcopy(generator).requires_grad_(False).eval(),
        start=copy.deepcopy(generator).requires_grad_(False).eval(),
        best=best,
        critic=critic,
        back=back,
        optimisers={
            "generator": torch.optim.Adam(
                [{"params": trained(stage), "factor": factor} for stage, factor in groups], betas=(0.0, 0.9)
            ),
            "critic": torch.optim.Adam([{"params": trained(critic), "factor": 1.0}], betas=(0.0, 0.9)),
        },
        course=course,
    )
    state.good = tensors_of(state)
    return state


def trained(net: nn.Module) -> list[nn.Parameter]:
    """Return the parameters that training changes."""
    return [parameter for parameter in net.parameters() if parameter.requires_grad]


def set_rates(state: TrainState, recipe: Recipe, factor: float) -> None:
    """Set the learning rates to a share of the recipe's, times what roll-backs have left of them; ten steps of warm-up."""
    factor *= min((state.course.step + 1) / 10, 1.0)
    for player, optimiser in state.optimisers.items():
        rate = getattr(recipe.rates, player) * getattr(state.course, f"{player}_factor")
        for group in optimiser.param_groups:
            group["lr"] = rate * group["factor"] * factor


def tensors_of(state: TrainState) -> dict[str, Tensor]:
    """Return copies of everything that changes from step to step, by name."""
    tensors = {f"{name}.{key}": value for name, net in state.nets.items() for key, value in net.state_dict().items()}
    for player, optimiser in state.optimisers.items():
        for index, moments in optimiser.state_dict()["state"].items():
            tensors |= {f"{player}_optimiser.{index}.{key}": value for key, value in moments.items()}
    return {name: value.detach().clone().contiguous() for name, value in tensors.items()}


def restore(state: TrainState, tensors: dict[str, Tensor]) -> None:
    """Put back what `tensors_of` returned."""
    for name, net in state.nets.items():
        net.load_state_dict(_below(tensors, name))
    for player, optimiser in state.optimisers.items():
        moments: dict[int, dict[str, Tensor]] = {}
        for key, value in _below(tensors, f"{player}_optimiser").items():
            index, moment = key.split(".")
            moments.setdefault(int(index), {})[moment] = value.clone()
        groups = optimiser.state_dict()["param_groups"]
        optimiser.load_state_dict({"state": moments, "param_groups": groups})


def tensors_of_all(state: TrainState) -> dict[str, Tensor]:
    """Return what a checkpoint holds: the tensors as they are, as they were at the last check, and the two fixed generators."""
    kept = {"good": state.good, "start": state.start.state_dict(), "best": state.best.state_dict()}
    return tensors_of(state) | {
        f"{part}.{name}": value.contiguous() for part, tensors in kept.items() for name, value in tensors.items()
    }


def restore_all(state: TrainState, tensors: dict[str, Tensor]) -> None:
    """Put back what `tensors_of_all` returned.

    Raises:
        UsageError: the tensors belong to nets of other shapes, or to other nets.
    """
    try:
        restore(state, tensors)
        state.good = _below(tensors, "good")
        state.start.load_state_dict(_below(tensors, "start"))
        state.best.load_state_dict(_below(tensors, "best"))
    except (RuntimeError, ValueError, KeyError) as error:
        raise UsageError(
            "the stopped run trained nets of another shape, or without a way back (weights.cycle), and cannot be gone on "
            "with by this recipe; start again with --overwrite"
        ) from error


def _below(tensors: dict[str, Tensor], name: str) -> dict[str, Tensor]:
    return {key.removeprefix(f"{name}."): value for key, value in tensors.items() if key.startswith(f"{name}.")}


@torch.no_grad()
def average_weights(average: nn.Module, current: nn.Module, *, step: int, decay: float) -> None:
    """Move the running average towards the current weights; it follows more quickly at the start."""
    keep = min(decay, (1 + step) / (10 + step))
    for averaged, weight in zip(average.parameters(), current.parameters(), strict=True):
        averaged.lerp_(weight, 1 - keep)
