"""The judge that travels with a look: calibrated on real style footage, it says how far a shot is from the style."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from relook.check.evidence import Evidence, gather
from relook.check.limits import LIMITS, Band
from relook.check.style import StyleModel, chi_limit, fit_style
from relook.check.voice import STEPS, Voice, calibrated, score_pairs, train_critic
from relook.corpus import Corpus
from relook.errors import InputError
from relook.nets.critic import PairCritic
from relook.nets.generator import Generator
from relook.objectives.descriptor import NUMBERS, describe
from relook.progress import OnProgress, Progress, ignore
from relook.recipe.mechanics import Mechanics

ENOUGH_SHOTS = 5
HEARD_SHOTS = 2
"""A critic that knows one style shot knows what was filmed as much as how, and is not heard."""
CLIP_PAIRS = 3
"""A distance of real style is that of the median over so many pairs."""
WIDEST = 1.5
"""The limit may exceed that of a normal distribution this many times, however unlike each other the style's shots are."""
SAME_SCALE = 1.25
"""Films up to this much taller than the style footage are measured pixel for pixel."""
_CRITIC = "critic."
_MOST = 1_000_000
"""Shots and rows that a judge may say it was calibrated on."""


@dataclass(frozen=True)
class StyleVerdict:
    """How a shot compares with the style."""

    band: Band
    distance: float
    """Of the descriptor, as a share of the limit: up to 1 passes."""
    sigma: float
    """Of the number of the descriptor that is furthest off."""
    percentile: float
    """How many of 100 clips of real style lie at least as far out."""
    critic: float | None
    """Of the held-out critic, as a share of its limit; None where it is not heard."""
    faults: tuple[str, ...]
    """What is furthest off, in words, worst first."""


@dataclass(frozen=True)
class Judge:
    """Everything needed to judge a shot's style, and on how much it stands."""

    model: StyleModel
    limit: float
    """The descriptor distance that 99 in 100 shots of the style keep."""
    voice: Voice
    distances: Tensor
    """`[n]`, sorted: descriptor distances of real style clips, each judged without its own shot where there are others."""
    num_shots: int
    height: int
    """Rows of the style footage: taller films are textured, and so measured, at that scale."""
    flicker: float
    """The most that the style's own brightness flickers, as a share, from frame to frame."""
    clipped: tuple[float, float]
    """The largest share of a style frame's pixels at black and at white."""
    has_motion: bool
    """False for a style of stills, which says nothing of grain in time."""

    @property
    def is_enough(self) -> bool:
        return self.num_shots >= ENOUGH_SHOTS

    @property
    def standing(self) -> str:
        """Say in plain words what the judgement stands on."""
        shots = "1 style shot" if self.num_shots == 1 else f"{self.num_shots} style shots"
        if self.is_enough:
            return f"calibrated on {shots}"
        return f"calibrated on {shots} only: brightness and colour are judged loosely, grain and damage firmly"

    def describe(self, pairs: Tensor) -> Tensor:
        """Describe pairs of a film `[b 2 c h w]`, with the texture of a taller film measured at the style's scale."""
        numbers = describe(pairs)
        small = self._at_style_scale(pairs)
        if small.shape != pairs.shape:
            texture = torch.tensor([number.group == "texture" for number in NUMBERS])
            numbers[:, texture] = describe(small)[:, texture]
        return numbers

    def score(self, pairs: Tensor) -> Tensor:
        """Let the held-out critic score pairs `[b 2 c h w]`, `[b]`."""
        return score_pairs(
            self.voice.critic, self._at_style_scale(pairs if self.has_motion else pairs[:, :1].expand_as(pairs))
        )

    def verdict(self, descriptors: Tensor, scores: Tensor) -> StyleVerdict:
        """Judge a shot by its pairs' descriptors `[b f]` and critic scores `[b]`.

        The critic alone may send a shot to review; it fails one only where the descriptor agrees.
        """
        median = descriptors.median(dim=0).values
        raw = self.model.distance(median)
        distance = raw / self.limit
        is_heard = self.voice.is_trusted and self.num_shots >= HEARD_SHOTS
        critic = self.voice.distance(float(scores.median())) if is_heard else None
        sigma = float(self.model.deviations(median).abs().max())
        bands = [LIMITS["style_distance"].band(distance), LIMITS["style_sigma"].band(sigma)]
        heard = LIMITS["critic_distance"].band(critic or 0.0)
        band: Band = "pass" if {*bands, heard} == {"pass"} else "review"
        if "fail" in bands or ("review" in bands and heard == "fail"):
            band = "fail"
        percentile = 100 * float((self.distances >= raw).float().mean())
        return StyleVerdict(band, distance, sigma, percentile, critic, self.model.faults(median))

    def to_tensors(self) -> dict[str, Tensor]:
        """Lay the judge out as flat tensors for a look file."""
        figures = [self.limit, self.voice.centre, self.voice.reach, self.voice.auc, self.num_shots, self.height]
        figures += [self.flicker, *self.clipped, self.has_motion]
        return {
            "mean": self.model.mean,
            "scale": self.model.scale,
            "precision": self.model.precision,
            "distances": self.distances,
            "figures": torch.tensor(figures, dtype=torch.float64),
        } | {_CRITIC + key: value for key, value in self.voice.critic.state_dict().items()}

    @classmethod
    def from_tensors(cls, tensors: dict[str, Tensor]) -> Judge:
        """Build the judge back.

        Raises:
            InputError: the look carries no judge, or another version's.
        """
        critic = PairCritic(channels=24)
        weights = {key.removeprefix(_CRITIC): value for key, value in tensors.items() if key.startswith(_CRITIC)}
        try:
            limit, centre, reach, auc, shots, height, flicker, black, white, motion = tensors["figures"].tolist()
            model = StyleModel(tensors["mean"], tensors["scale"], tensors["precision"])
            fits = model.precision.shape == (len(NUMBERS), len(NUMBERS)) and model.mean.shape == (len(NUMBERS),)
            fits &= limit > 0 and reach > 0 and bool((model.scale > 0).all())  # else no shot could be refused
            fits &= 0 <= shots <= _MOST and 1 <= height <= _MOST
            critic.load_state_dict(weights)
        except (KeyError, ValueError, RuntimeError):
            fits = False
        if not fits:
            raise InputError(
                "the look carries no judge that this relook understands, so it cannot check; train it again"
            )
        voice = Voice(critic.eval().requires_grad_(False), centre, reach, auc)
        return cls(
            model=model,
            limit=limit,
            voice=voice,
            distances=tensors["distances"],
            num_shots=round(shots),
            height=round(height),
            flicker=flicker,
            clipped=(black, white),
            has_motion=bool(motion),
        )

    def _at_style_scale(self, pairs: Tensor) -> Tensor:
        rows, columns = pairs.shape[-2:]
        if rows <= SAME_SCALE * self.height:
            return pairs
        size = (self.height, round(columns * self.height / rows))
        small = functional.interpolate(pairs.flatten(0, 1), size=size, mode="area")
        return small.unflatten(0, pairs.shape[:2])


def calibrate(
    generator: Generator,
    corpus: Corpus,
    *,
    seed: int,
    mechanics: Mechanics | None = None,
    on_progress: OnProgress = ignore,
) -> Judge:
    """Calibrate a judge on the style footage of a corpus.

    Args:
        generator: the trained look: other content rendered with it shows how far content alone moves the descriptor.
        corpus: what it was trained on, with the shots that were held out.
        mechanics: of the look, for that render.
    """
    evidence = gather(generator, corpus, seed=seed, mechanics=mechanics or Mechanics(), on_progress=on_progress)
    model = fit_style(evidence.style, evidence.rendered, with_motion=evidence.has_motion)
    usual = chi_limit(model)
    distances = _distances(evidence)
    limit = min(max(usual, float(torch.quantile(distances, 0.99))), WIDEST * usual)
    early = [pair for pair, numbers in evidence.early if model.distance(numbers) > limit]

    def on_step(step: int) -> None:
        on_progress(Progress("training the judge", step, STEPS, unit="steps"))

    critic = train_critic(evidence.positives, evidence.foreign + early, seed=seed, on_step=on_step)
    unseen, rendered = evidence.unseen_style, evidence.rendered_pairs
    return Judge(
        model=model,
        limit=limit,
        voice=calibrated(critic, unseen, rendered, evidence.unseen_source, seed=seed),
        distances=distances,
        num_shots=len(evidence.style),
        height=evidence.height,
        flicker=evidence.flicker,
        clipped=evidence.clipped,
        has_motion=evidence.has_motion,
    )


def _distances(evidence: Evidence) -> Tensor:
    """Return the sorted distances of style clips, each under a model that leaves its own shot out where there are others."""
    distances = []
    for k, shot in enumerate(evidence.style):
        others = [*evidence.style[:k], *evidence.style[k + 1 :]] or [shot]
        model = fit_style(others, evidence.rendered, with_motion=evidence.has_motion)
        distances += [model.distance(clip.median(dim=0).values) for clip in shot.split(CLIP_PAIRS)]
    return torch.tensor(distances).sort().values
