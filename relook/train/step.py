"""One step of training: the critic's, the generator's, and the running average."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from einops import rearrange
from torch import Tensor
from torch.nn import functional as F

from relook import faults
from relook.compute import Crew
from relook.mechanics.halation import lay_halation
from relook.mechanics.marks import lay_marks
from relook.nets.blocks import luma_of, shine
from relook.nets.critic import pair_evidence
from relook.nets.generator import Generator, held
from relook.nets.motion import smooth_motion, warp
from relook.objectives.adversarial import OBJECTIVES
from relook.objectives.colour import colour_anchor, patch_anchor
from relook.objectives.content import draw_positions, patch_descriptors, patch_nce, reconstruction_loss, structure_loss
from relook.objectives.penalties import PENALTIES
from relook.objectives.temporal import equivariance_loss
from relook.recipe.mechanics import Halation
from relook.recipe.settings import Recipe
from relook.train.augment import augment
from relook.train.batches import Batch, random_of
from relook.train.state import TrainState, average_weights
from relook.train.watch import check_sound

BEND_PX = 1.5
SHIFT_PX = 3.0
MOTION_NOISE = 0.01
NUM_PATCHES = 256


@dataclass(frozen=True)
class Shown:
    """What the generator made of a batch, and what the critic is shown of both sides."""

    frames: Tensor
    """`[2b 3 h w]`, the source."""
    clean: Tensor
    """`[2b 3 h w]`, rendered without the marks of film."""
    added: Tensor
    """`[2b 1 h w]`, what the trained part of Detail added."""
    rendered: Tensor
    """`[2b 3 h w]`, with marks: the critic cannot ask the generator for grain, nor reward grain that stands still."""
    real: Tensor
    """`[b 6 h w]`, evidence of the style."""
    fake: Tensor
    """`[b 6 h w]`, evidence of the renders."""


def train_step(state: TrainState, recipe: Recipe, batch: Batch, crew: Crew) -> dict[str, float]:
    """Take one step of the critic and one of the generator; return the terms of both objectives and what the watch needs.

    Raises:
        Unsound: a value was not finite, or a gradient exploded; the weights are as they were before that part of the step.
    """
    shown = show(state.generator, batch, state.mechanics.halation, is_augmented=state.is_augmented)
    critic_terms = critic_step(state, recipe, shown, batch, crew)
    generator_terms = generator_step(state, recipe, shown, batch, crew)
    average_weights(state.average, state.generator, step=state.course.step, decay=recipe.average_decay)
    return critic_terms | generator_terms


def show(generator: Generator, batch: Batch, halation: Halation, *, is_augmented: bool) -> Shown:
    """Render a batch and lay out both sides as the critic sees them."""
    frames = rearrange(batch.source, "b t c h w -> (b t) c h w")
    lit = generator.lit(frames, batch.window.repeat_interleave(2, dim=0))
    residual, added = generator.detail.with_learned(luma_of(lit))
    clean = held(lit + residual)
    rendered = held(lay_marks(lay_halation(clean, halation, scale=1.0), batch.marks))
    sides = batch.style, rearrange(rendered, "(b t) c h w -> b t c h w", t=2)
    if is_augmented:
        sides = augment(sides[0], batch.numbers, salt=0), augment(sides[1], batch.numbers, salt=1)
    real, fake = (pair_evidence(side) for side in sides)
    return Shown(frames, clean, added, rendered, real, fake)


def critic_step(state: TrainState, recipe: Recipe, shown: Shown, batch: Batch, crew: Crew) -> dict[str, float]:
    """Teach the critic to tell style from renders."""
    weights, critic = recipe.weights, state.critic
    real, fake = shown.real.detach(), shown.fake.detach()
    real_scores, fake_scores = critic(real), critic(fake)
    loss = OBJECTIVES[recipe.objective].critic(real_scores, fake_scores).mean()
    terms = {"critic": loss.detach(), "accuracy": (real_scores > fake_scores).float().mean()}
    if state.course.step % recipe.penalty_every == 0 and weights.gradient_penalty > 0:
        random = random_of(recipe.seed, batch.numbers[0])
        penalty = PENALTIES[recipe.penalty](critic, real, fake, random).mean()
        loss = loss + penalty * weights.gradient_penalty * recipe.penalty_every
        terms["gradient_penalty"] = penalty.detach()
    return descend(state, "critic", loss, terms, crew)


def generator_step(state: TrainState, recipe: Recipe, shown: Shown, batch: Batch, crew: Crew) -> dict[str, float]:
    """Teach the generator to pass for the style, and to keep the picture."""
    state.critic.requires_grad_(False)
    try:
        wanted = generator_terms(state, recipe, shown, batch)
        terms = {name: term() for name, term in wanted.items() if getattr(recipe.weights, name) > 0}
    finally:
        state.critic.requires_grad_(True)
    loss = torch.stack([getattr(recipe.weights, name) * term for name, term in terms.items()]).sum()
    with torch.no_grad():
        before = luma_of(state.start.lit(shown.frames, batch.window.repeat_interleave(2, dim=0)))
        terms["spread"] = luma_of(shown.clean).std() / before.std().clamp_min(1e-3)
    return descend(state, "generator", loss, terms, crew)


def generator_terms(state: TrainState, recipe: Recipe, shown: Shown, batch: Batch) -> dict[str, Callable[[], Tensor]]:
    """Return the terms of the generator's objective by the names of their weights."""
    generator, frames, clean = state.generator, shown.frames, shown.clean
    random = random_of(recipe.seed, batch.numbers[0])
    style = rearrange(batch.style, "b t c h w -> (b t) c h w")

    def adversarial() -> Tensor:
        with torch.no_grad():
            real_scores = state.critic(shown.real)
        return OBJECTIVES[recipe.objective].generator(real_scores, state.critic(shown.fake)).mean()

    def contrastive() -> Tensor:
        size = (frames.shape[-2], frames.shape[-1])
        positions = draw_positions(len(frames), NUM_PATCHES, size, random)
        seen = (patch_descriptors(luma_of(pixels), positions) for pixels in (clean, frames))
        return patch_nce(*seen).mean()

    def way_back() -> Tensor:
        assert state.back is not None, "a cycle needs a way back"
        return reconstruction_loss(frames, state.back.structured(state.back.grade(clean))).mean()

    def anchors() -> Tensor:
        if batch.anchors is None:
            return frames.new_zeros(())
        return reconstruction_loss(
            batch.anchors.target, generator.deterministic(batch.anchors.source, batch.anchors.window)
        ).mean()

    return {
        "adversarial": adversarial,
        "content": lambda: structure_loss(luma_of(frames), luma_of(clean)).mean(),
        "patch_nce": contrastive,
        "cycle": way_back,
        "identity": lambda: reconstruction_loss(style, generator.structured(generator.grade(style))).mean(),
        "colour_anchor": lambda: colour_anchor(shown.rendered, style, generator=random),
        "patch_anchor": lambda: patch_anchor(shown.rendered, style, generator=random),
        "equivariance": lambda: equivariance(generator, frames, clean, batch, seed=recipe.seed),
        "contrast": lambda: F.avg_pool2d(shown.added, 4).square().mean(),
        "grade_smoothness": lambda: generator.grade.delta.diff(dim=0).square().sum(),
        "map_smoothness": lambda: sum_of_squares(generator.spatial.map.diff(dim=1), generator.spatial.map.diff(dim=2)),
        "pairs": anchors,
    }


def equivariance(generator: Generator, frames: Tensor, clean: Tensor, batch: Batch, *, seed: int) -> Tensor:
    """Move the first frame of every other pair, with the light that falls on it, and ask that the look moves too."""
    chosen = slice(0, frames.shape[0], 4)
    still, rendered = frames[chosen], clean[chosen]
    size = (frames.shape[-2], frames.shape[-1])
    flows, noises = [], []
    for number in batch.numbers[::2]:
        random = random_of(seed, number)
        flows.append(smooth_motion((1, *size), bend_px=BEND_PX, shift_px=SHIFT_PX, generator=random))
        noises.append(MOTION_NOISE * torch.randn((1, 3, *size), generator=random))
    flow, noise = (torch.cat(parts).to(still.device) for parts in (flows, noises))
    gain, offset = generator.spatial.light(batch.window[::2], size)
    lit = shine(generator.grade(warp(still, flow) + noise), (warp(gain, flow), warp(offset, flow)))
    return equivariance_loss(warp(rendered, flow), generator.structured(lit)).mean()


def sum_of_squares(*tensors: Tensor) -> Tensor:
    return torch.stack([tensor.square().sum() for tensor in tensors]).sum()


def descend(state: TrainState, player: str, loss: Tensor, terms: dict[str, Tensor], crew: Crew) -> dict[str, float]:
    """Take one optimiser step of "critic" or "generator" down a loss, the crew's mean; return the crew's mean terms.

    Raises:
        Unsound: the loss or its gradient is not finite or explodes; nothing was changed.
    """
    optimiser = state.optimisers[player]
    if faults.spoils(f"{player}.loss"):
        loss = loss * float("nan")
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    parameters = [parameter for group in optimiser.param_groups for parameter in group["params"]]
    if faults.spoils(f"{player}.gradient"):
        parameters[0].grad.fill_(float("nan"))
    norm = crew.average_gradients(parameters)
    values = crew.mean(torch.stack([loss.detach(), *(value.detach() for value in terms.values())]))
    check_sound(state.course, player, loss=float(values[0]), gradient=float(norm))
    optimiser.step()
    return dict(zip(terms, values[1:].tolist(), strict=True))
