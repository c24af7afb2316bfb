"""The training loop: a corpus in, a look out."""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import torch
from einops import rearrange
from torch import Tensor
from torch.nn import functional as F

from relook.corpus import Corpus
from relook.errors import DivergedError
from relook.look import Card, Look, to_thumbnail
from relook.nets.blocks import luma_of, shine
from relook.nets.critic import pair_evidence
from relook.nets.generator import Generator, held
from relook.nets.motion import smooth_motion, warp
from relook.objectives.adversarial import OBJECTIVES
from relook.objectives.content import structure_loss
from relook.objectives.penalties import gradient_penalty
from relook.objectives.temporal import equivariance_loss
from relook.progress import OnProgress, Progress, ignore
from relook.recipe.settings import Recipe
from relook.train.batches import Batch, draw_batch
from relook.train.card import footage_of, software_versions
from relook.train.heldout import HeldOut, HeldOutMeasures
from relook.train.matching import Matcher
from relook.train.start import fit_grain, start_generator
from relook.train.state import TrainState, average_weights, hold_texture, set_rates, start_state
from relook.train.wear import Marks

BEND_PX = 1.5
SHIFT_PX = 3.0
MOTION_NOISE = 0.01


def train_look(
    corpus: Corpus,
    recipe: Recipe,
    *,
    name: str,
    run_dir: Path,
    device: torch.device,
    on_progress: OnProgress = ignore,
) -> Look:
    """Train a look from a corpus: first pass, adversarial refinement, closed loop.

    Args:
        corpus: both sides, prepared.
        recipe: all settings.
        name: what the look is called.
        device: what the refinement runs on; the first pass and the measures run on the CPU.
        run_dir: an existing folder for `metrics.jsonl` and the contact sheet `sheet.jpg`.
    Raises:
        DivergedError: an objective was not finite.
    """
    on_progress(Progress("first pass", 0, None))
    generator, marks = start_generator(corpus, recipe)
    state = start_state(generator.to(device), recipe)
    held_out = HeldOut(corpus, marks.wear, on_cpu(generator))
    matcher = Matcher(corpus, on_cpu(generator), seed=recipe.seed, crop_px=recipe.crop_px, held_out=False)
    first = held_out.measure(on_cpu(state.average))
    best, best_measures = on_cpu(state.average), first
    clock = Clock(recipe)
    with (run_dir / "metrics.jsonl").open("w") as log:
        log.write(json.dumps({"step": 0, **asdict(first)}) + "\n")
        while (share := clock.share(state.step)) < 1:
            set_rates(state, recipe, share)
            batch = draw_batch(corpus, recipe, marks.wear, matcher, state.step * recipe.batch_pairs).to(device)
            terms = train_step(state, recipe, batch)
            state.step += 1
            if clock.is_check(share, clock.share(state.step)):
                for candidate in candidates(state.average, corpus, marks):
                    measures = held_out.measure(candidate)
                    log.write(json.dumps({"step": state.step, **terms, **asdict(measures)}) + "\n")
                    if measures.is_better(best_measures, first):
                        best, best_measures = candidate, measures
                held_out.sheet(best, run_dir / "sheet.jpg")
                log.flush()
            on_progress(
                Progress("training", clock.done(state.step), clock.total, clock.unit, _remark(best_measures, first))
            )
    held_out.sheet(best, run_dir / "sheet.jpg")
    return _finish(best, best_measures, held_out, corpus, recipe=recipe, name=name, steps=state.step)


def train_step(state: TrainState, recipe: Recipe, batch: Batch) -> dict[str, float]:
    """Take one step of the critic and one of the generator; return the terms of both objectives."""
    weights, objective = recipe.weights, OBJECTIVES[recipe.objective]
    generator, critic = state.generator, state.critic
    frames = rearrange(batch.source, "b t c h w -> (b t) c h w")
    lit = generator.lit(frames, batch.window.repeat_interleave(2, dim=0))
    residual, added = generator.detail.with_learned(luma_of(lit))
    clean = held(lit + residual)
    rendered = rearrange(generator.textured(clean, batch.plates), "(b t) c h w -> b t c h w", t=2)
    real, fake = pair_evidence(batch.style), pair_evidence(rendered)

    # Critic.
    penalised = state.step % recipe.penalty_every == 0 and weights.gradient_penalty > 0
    real_seen, fake_seen = (evidence.detach().requires_grad_(penalised) for evidence in (real, fake))
    real_scores, fake_scores = critic(real_seen), critic(fake_seen)
    critic_loss = objective.critic(real_scores, fake_scores).mean()
    penalty = torch.zeros(())
    if penalised:
        penalty = (gradient_penalty(real_scores, real_seen) + gradient_penalty(fake_scores, fake_seen)).mean()
    step_by(state.critic_optimiser, critic_loss + penalty * weights.gradient_penalty / 2 * recipe.penalty_every)

    # Generator.
    critic.requires_grad_(False)
    with torch.no_grad():
        real_scores = critic(real)
    terms = {
        "adversarial": objective.generator(real_scores, critic(fake)).mean(),
        "content": structure_loss(luma_of(frames), luma_of(clean)).mean(),
        "equivariance": equivariance(generator, frames, clean, batch.window, seed=recipe.seed + state.step),
        "contrast": F.avg_pool2d(added, 4).square().mean(),
        "grade_smoothness": generator.grade.delta.diff(dim=0).square().sum(),
        "map_smoothness": sum_of_squares(generator.spatial.map.diff(dim=1), generator.spatial.map.diff(dim=2)),
    }
    step_by(state.generator_optimiser, sum_weighted(terms, recipe))
    hold_texture(generator.texture, state.measured)
    critic.requires_grad_(True)

    # Average.
    average_weights(state.average, generator, step=state.step, decay=recipe.average_decay)
    logged = {"critic": critic_loss, "gradient_penalty": penalty, **terms}
    return {name: float(value.detach()) for name, value in logged.items()}


def equivariance(generator: Generator, frames: Tensor, clean: Tensor, window: Tensor, *, seed: int) -> Tensor:
    """Move the first frames of half of the pairs, with the light that falls on them, and ask that the look moves too."""
    chosen = slice(0, frames.shape[0] // 2, 2)
    still, rendered = frames[chosen], clean[chosen]
    random = torch.Generator().manual_seed(seed)
    size = (still.shape[0], still.shape[-2], still.shape[-1])
    flow = smooth_motion(size, bend_px=BEND_PX, shift_px=SHIFT_PX, generator=random).to(still.device)
    noise = MOTION_NOISE * torch.randn(still.shape, generator=random).to(still.device)
    gain, offset = generator.spatial.light(window[: len(still)], (size[1], size[2]))
    lit = shine(generator.grade(warp(still, flow) + noise), (warp(gain, flow), warp(offset, flow)))
    moved = generator.structured(lit)
    return equivariance_loss(warp(rendered, flow), moved).mean()


def candidates(average: Generator, corpus: Corpus, marks: Marks) -> Iterator[Generator]:
    """Yield what may become the look: with its grain as learned, and with its grain measured and set anew.

    Which is nearer to the style differs between films, so the held-out measure decides. Flicker is always set as measured:
    crops do not show it.
    """
    learned = on_cpu(average)
    learned.texture.flicker_strength.fill_(marks.flicker_strength)
    yield learned
    refitted = on_cpu(learned)
    fit_grain(refitted, corpus)
    yield refitted


def on_cpu(generator: Generator) -> Generator:
    """Return a copy that is measured, kept and saved."""
    return copy.deepcopy(generator).cpu()


def sum_of_squares(*tensors: Tensor) -> Tensor:
    return torch.stack([tensor.square().sum() for tensor in tensors]).sum()


def sum_weighted(terms: dict[str, Tensor], recipe: Recipe) -> Tensor:
    """Weigh the generator's terms by the recipe's factors of the same names."""
    return torch.stack([getattr(recipe.weights, name) * term for name, term in terms.items()]).sum()


def step_by(optimiser: torch.optim.Adam, loss: Tensor) -> None:
    """Take one optimiser step down a loss."""
    if not torch.isfinite(loss):
        raise DivergedError("training met a value that is not finite; train again with another --seed or a lower rate")
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    optimiser.step()


class Clock:
    """How much of the budget is spent: steps where the recipe fixes their number, else seconds."""

    def __init__(self, recipe: Recipe) -> None:
        self.steps = recipe.budget_steps
        self.total = float(recipe.budget_steps or recipe.budget_seconds)
        self.unit = "steps" if recipe.budget_steps else "seconds"
        self.num_checks = recipe.num_checks
        self.started = time.monotonic()

    def done(self, step: int) -> float:
        return float(step) if self.steps else min(time.monotonic() - self.started, self.total)

    def share(self, step: int) -> float:
        return self.done(step) / self.total

    def is_check(self, before: float, after: float) -> bool:
        """Tell whether one of the evenly spread checks lies between two shares of the budget."""
        return int(after * self.num_checks) > int(before * self.num_checks)


def _remark(measures: HeldOutMeasures, first: HeldOutMeasures) -> str:
    if measures is first:
        return f"the first pass leads, {first.structure_kept:.0%} of structure kept"
    closer = 1 - measures.patch_distance / max(first.patch_distance, 1e-6)
    return f"texture {closer:+.0%} closer to the style than the first pass, {measures.structure_kept:.0%} of structure kept"


def _finish(
    best: Generator,
    measures: HeldOutMeasures,
    held_out: HeldOut,
    corpus: Corpus,
    *,
    recipe: Recipe,
    name: str,
    steps: int,
) -> Look:
    card = Card(
        name=name,
        recipe=recipe,
        wear=held_out.wear,
        reach_px=best.detail.reach,
        footage=footage_of(corpus),
        sufficiency=corpus.sufficiency.text,
        measures={**asdict(measures), "steps": float(steps)},
        software=software_versions(),
    )
    before = held_out.frames[0]
    thumbnails = {"before": to_thumbnail(before), "after": to_thumbnail(best.deterministic(before[None])[0])}
    return Look(card=card, generator=best.eval().requires_grad_(False), thumbnails=thumbnails)
