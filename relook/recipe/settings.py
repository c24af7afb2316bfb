"""The settings of a run as frozen values; a wrong value is refused when it is built."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, Final, Literal, get_args

MOST_SEED: Final = 2**63 - 1
"""Of a recipe, and of a render."""

_LIMITS = {
    "seed": (0, MOST_SEED),
    "budget_seconds": (0, 1e9),
    "budget_frames": (0, 10**12),
    "crop_px": (64, 4096),
    "batch_pairs": (1, 4096),
    "penalty_every": (1, 10**6),
    "average_decay": (0, 1),
    "num_checks": (1, 10**6),
    "check_steps": (1, 10**9),
    "patience": (1, 10**6),
}
"""Of a recipe's numbers: a file from a stranger may name any, and one of them sizes what is built."""


@dataclass(frozen=True)
class GeneratorSettings:
    """The shape of a generator."""

    num_nodes: int = 8
    """Luma nodes of the grade."""
    map_size: int = 8
    """Rows and columns of the map of uneven light."""
    detail_channels: int = 48
    num_detail_layers: int = 4
    """3x3 convolutions between the unshuffle and the last one."""

    def __post_init__(self) -> None:
        _require_within(self, num_nodes=(2, 64), map_size=(2, 64), detail_channels=(1, 512), num_detail_layers=(2, 32))


@dataclass(frozen=True)
class Rates:
    """Learning rates of Adam; the generator's stages have factors of their own (EXPERIMENTS: a free grade drifts)."""

    generator: float = 1e-3
    critic: float = 5e-4
    grade_factor: float = 0.002
    spatial_factor: float = 0.002
    detail_factor: float = 0.5

    def __post_init__(self) -> None:
        _require_within(self, **dict.fromkeys(vars(self), (0, 1e30)))


@dataclass(frozen=True)
class Weights:
    """Factors of the terms of the generator's objective and of the critic's penalties, by the names the log uses."""

    adversarial: float = 0.2
    content: float = 2.0
    equivariance: float = 10.0
    """High enough that the detail stage does not sharpen the noise of compressed sources."""
    contrast: float = 300.0
    """Against the trained part of Detail changing contrast at scales of 4 px and more: the business of grade and lens."""
    grade_smoothness: float = 5.0
    map_smoothness: float = 20.0
    gradient_penalty: float = 1.0
    """Gamma of R1 and R2, lambda of the others; 0 leaves the critic free."""
    patch_nce: float = 0.0
    """Contrastive content, beside or instead of `content`."""
    cycle: float = 0.0
    """Of a second generator, which must find the source again in the render."""
    identity: float = 0.0
    """Against changing what is in the style already."""
    colour_anchor: float = 0.0
    patch_anchor: float = 0.0
    """Sliced Wasserstein distances of the batch to the style."""
    pairs: float = 20.0
    """Of the artist's pairs, where some are given."""

    def __post_init__(self) -> None:
        for name, weight in vars(self).items():
            if not 0 <= weight < math.inf:
                raise ValueError(f"the weight {name} must be 0 or more, got {weight}; for example {name}=1.0")
        _require_within(self, **dict.fromkeys(vars(self), (0, 1e9)))


ObjectiveName = Literal["minimax", "non_saturating", "least_squares", "wasserstein", "hinge", "relativistic"]
PenaltyName = Literal["r1", "r2", "r1_r2", "wgan_gp", "gp0"]


@dataclass(frozen=True)
class Recipe:
    """All settings of a training run."""

    preset: str = "film"
    seed: int = 0
    budget_seconds: float | None = None
    """Wall time of the adversarial refinement."""
    budget_frames: int | None = None
    """Frames seen, instead of a time: the same look bit for bit on the same CPU. With neither, training stops itself."""
    crop_px: int = 96
    batch_pairs: int = 4
    """Pairs of consecutive frames in a step, over all processes."""
    penalty_every: int = 4
    """Steps between gradient penalties, each then weighted by this number."""
    average_decay: float = 0.98
    """Of the generator's running average, which is what becomes the look."""
    num_checks: int = 8
    """How often the held-out measures are taken over a budget."""
    check_steps: int = 100
    """Steps between two checks where there is no budget."""
    patience: int = 3
    """Checks without a gain after which rates are lowered, and in the end training stops, where there is no budget."""
    objective: ObjectiveName = "relativistic"
    penalty: PenaltyName = "r1_r2"
    augment: bool | None = None
    """Whether the critic sees both sides under random tones and holes; None leaves it to how little style footage there is."""
    generator: GeneratorSettings = field(default_factory=GeneratorSettings)
    rates: Rates = field(default_factory=Rates)
    weights: Weights = field(default_factory=Weights)

    def __post_init__(self) -> None:
        for name, example in (("budget_seconds", 180.0), ("budget_frames", 8000)):
            budget = getattr(self, name)
            if budget is not None and not 0 < budget < math.inf:
                raise ValueError(f"the budget must be positive, got {budget}; for example {name}={example:.0f}")
        _require_within(self, **_LIMITS)
        if self.crop_px % 16:
            raise ValueError(f"crop_px must be a multiple of 16 from 64 upwards, got {self.crop_px}; for example 96")
        for name, known in (("objective", get_args(ObjectiveName)), ("penalty", get_args(PenaltyName))):
            if getattr(self, name) not in known:
                raise ValueError(f"there is no {name} {getattr(self, name)!r}; choose one of {', '.join(known)}")

    @property
    def frames_a_step(self) -> int:
        return 2 * self.batch_pairs


def _require_within(settings: Any, **limits: tuple[float, float]) -> None:
    """Refuse numbers below or above what makes sense."""
    for name, (least, most) in limits.items():
        value = getattr(settings, name)
        if value is not None and not least <= value <= most:
            raise ValueError(f"{name} must be from {least:g} to {most:g}, got {value}")
