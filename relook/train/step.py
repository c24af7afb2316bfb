"""One step of training: the critic's, the generator's, and the running average."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

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
from relook.train.parts import Own, frames_of, parts_of, share_of, summed, with_room
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

    Where memory runs out, a player's turn is taken again in smaller parts of the batch, down to single pairs.

    Raises:
        Unsound: a value was not finite, or a gradient exploded; the weights are as they were before that part of the step.
    """
    course, num_pairs, rendered = state.course, len(batch.numbers), list[Shown]()
    own = with_room(course, num_pairs, partial(critic_gradient, state, recipe, batch, rendered))
    critic_terms = descend(state, "critic", *own, crew)
    own = with_room(course, num_pairs, partial(generator_gradient, state, recipe, batch, rendered))
    generator_terms = descend(state, "generator", *own, crew)
    average_weights(state.average, state.generator, step=course.step, decay=recipe.average_decay)
    at_once = round(crew.least(course.pairs_at_once or num_pairs))
    course.pairs_at_once = at_once if at_once < num_pairs else 0
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


def critic_gradient(state: TrainState, recipe: Recipe, batch: Batch, rendered: list[Shown], at_once: int) -> Own:
    """Leave the gradient that teaches the critic to tell style from renders; return its loss and terms.

    `rendered` is given what was made of the batch where it went through the nets whole.
    """
    faults.point("step.critic")
    spoilt = math.nan if faults.spoils("critic.loss") else 1.0
    state.optimisers["critic"].zero_grad(set_to_none=True)
    rendered.clear()
    parts, random = parts_of(batch, at_once), random_of(recipe.seed, batch.numbers[0])
    losses, terms = [], []
    for part in parts:
        with torch.set_grad_enabled(len(parts) == 1):
            shown = show(state.generator, part, state.mechanics.halation, is_augmented=state.is_augmented)
        share = len(part.numbers) / len(batch.numbers)
        loss, own = critic_loss(state, recipe, shown, random)
        loss = loss * (share * spoilt)
        loss.backward()
        losses.append(loss.detach())
        terms.append({name: term * share for name, term in own.items()})
        if len(parts) == 1:
            rendered.append(shown)
    return summed(losses), {name: summed([own[name] for own in terms]) for name in terms[0]}


def critic_loss(
    state: TrainState, recipe: Recipe, shown: Shown, random: torch.Generator
) -> tuple[Tensor, dict[str, Tensor]]:
    """Return how badly the critic tells style from renders, and the terms of that."""
    weights, critic = recipe.weights, state.critic
    real, fake = shown.real.detach(), shown.fake.detach()
    real_scores, fake_scores = critic(real), critic(fake)
    loss = OBJECTIVES[recipe.objective].critic(real_scores, fake_scores).mean()
    terms = {"critic": loss.detach(), "accuracy": (real_scores > fake_scores).float().mean()}
    if state.course.step % recipe.penalty_every == 0 and weights.gradient_penalty > 0:
        penalty = PENALTIES[recipe.penalty](critic, real, fake, random).mean()
        loss = loss + penalty * weights.gradient_penalty * recipe.penalty_every
        terms["gradient_penalty"] = penalty.detach()
    return loss, terms


def generator_gradient(state: TrainState, recipe: Recipe, batch: Batch, rendered: list[Shown], at_once: int) -> Own:
    """Leave the gradient that teaches the generator to pass for the style, and to keep the picture; return its loss and terms.

    `rendered` may hold what was made of the whole batch; it is taken from there, so that nothing keeps it where memory runs out.
    """
    faults.point("step.generator")
    spoilt = math.nan if faults.spoils("generator.loss") else 1.0
    state.optimisers["generator"].zero_grad(set_to_none=True)
    parts, random = parts_of(batch, at_once), random_of(recipe.seed, batch.numbers[0])
    pull, piles = pull_of_piles(state, recipe, batch, parts) if len(parts) > 1 else (None, {})
    losses, lumas = [getattr(recipe.weights, name) * pile for name, pile in piles.items()], []
    terms = dict[str, list[Tensor]]()
    for part in parts:
        if len(parts) == 1 and rendered:
            shown = rendered.pop()
        else:
            shown = show(state.generator, part, state.mechanics.halation, is_augmented=state.is_augmented)
        loss, own = generator_loss(state, recipe, shown, part, batch, random)
        pulled = loss if pull is None else loss + (shown.rendered * frames_of(pull, part, batch)).sum()
        (pulled * spoilt).backward()
        losses.append(loss.detach() * spoilt)
        lumas.append(lumas_before_and_after(state, shown, part))
        for name, term in own.items():
            terms.setdefault(name, []).append(term)
    before, after = (torch.cat(side) for side in zip(*lumas, strict=True))
    spread = after.std() / before.std().clamp_min(1e-3)
    return summed(losses), {name: summed(own) for name, own in terms.items()} | piles | {"spread": spread}


def generator_loss(
    state: TrainState, recipe: Recipe, shown: Shown, part: Batch, batch: Batch, random: torch.Generator
) -> tuple[Tensor, dict[str, Tensor]]:
    """Return a part's share of the generator's loss, and of its terms."""
    is_whole = len(part.numbers) == len(batch.numbers)
    shares = {name: share_of(name, part, batch) for name in vars(recipe.weights) if is_whole or name not in PILES}
    state.critic.requires_grad_(False)
    try:
        wanted = generator_terms(state, recipe, shown, part, random)
        terms = {
            name: term()
            for name, term in wanted.items()
            if getattr(recipe.weights, name) > 0 and shares.get(name, 0.0) > 0
        }
    finally:
        state.critic.requires_grad_(True)
    loss = torch.stack([getattr(recipe.weights, name) * shares[name] * term for name, term in terms.items()]).sum()
    return loss, {name: term.detach() * shares[name] for name, term in terms.items()}


@torch.no_grad()
def lumas_before_and_after(state: TrainState, shown: Shown, part: Batch) -> tuple[Tensor, Tensor]:
    """Return the luma of the first pass and of the renders, `[2b 1 h w]`."""
    return luma_of(state.start.lit(shown.frames, part.window.repeat_interleave(2, dim=0))), luma_of(shown.clean)


def pull_of_piles(
    state: TrainState, recipe: Recipe, batch: Batch, parts: list[Batch]
) -> tuple[Tensor | None, dict[str, Tensor]]:
    """Return the gradient, at the renders of a whole batch, of the terms that compare piles of pictures, and these terms.

    Parts on their own would be other piles; what a part passes on of this gradient is its own share of theirs.
    """
    asked = [name for name in PILES if getattr(recipe.weights, name) > 0]
    if not asked:
        return None, {}
    random = random_of(recipe.seed, batch.numbers[0])
    if recipe.weights.patch_nce > 0:  # it draws first
        size = (batch.source.shape[-2], batch.source.shape[-1])
        draw_positions(2 * len(batch.numbers), NUM_PATCHES, size, random)
    with torch.no_grad():
        halation, is_augmented = state.mechanics.halation, state.is_augmented
        renders = torch.cat(
            [show(state.generator, part, halation, is_augmented=is_augmented).rendered for part in parts]
        )
    renders.requires_grad_(True)
    style = rearrange(batch.style, "b t c h w -> (b t) c h w")
    terms = {name: PILES[name](renders, style, generator=random) for name in asked}
    torch.stack([getattr(recipe.weights, name) * term for name, term in terms.items()]).sum().backward()
    return renders.grad, {name: term.detach() for name, term in terms.items()}


PILES = {"colour_anchor": colour_anchor, "patch_anchor": patch_anchor}
"""Terms that are no mean over examples, in the order in which they draw."""


def generator_terms(
    state: TrainState, recipe: Recipe, shown: Shown, batch: Batch, random: torch.Generator
) -> dict[str, Callable[[], Tensor]]:
    """Return the terms of the generator's objective by the names of their weights."""
    generator, frames, clean = state.generator, shown.frames, shown.clean
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
    """Take one optimiser step of "critic" or "generator" by the gradient that is there, the crew's mean; return its mean terms.

    Raises:
        Unsound: the loss or its gradient is not finite or explodes; nothing was changed.
    """
    optimiser = state.optimisers[player]
    parameters = [parameter for group in optimiser.param_groups for parameter in group["params"]]
    if faults.spoils(f"{player}.gradient"):
        parameters[0].grad.fill_(float("nan"))
    norm = crew.average_gradients(parameters)
    values = crew.mean(torch.stack([loss, *terms.values()]))
    check_sound(state.course, player, loss=float(values[0]), gradient=float(norm))
    optimiser.step()
    return dict(zip(terms, values[1:].tolist(), strict=True))
