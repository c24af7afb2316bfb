"""The mechanics of a film: the marks that stock, camera, printer and projector leave, as measured from the style footage.

Pixels are those of a frame `reference_height` rows high. A confidence is given by the name of a field, 0 (could not be measured; the
field is then as if the mark were not there) to 1. A strength of 0 with confidence says that the film has no such mark.
"""

from __future__ import annotations

from dataclasses import dataclass, field

NUM_NODES = 8
"""Luma nodes of the grain's strength, evenly from 0 to 1."""
NUM_BANDS = 8
Bands = tuple[float, ...]
"""Shares of a variance in eight bands of equal width from 0 to half a cycle per frame (in time); they sum to 1."""
WHITE: Bands = (1 / NUM_BANDS,) * NUM_BANDS
"""Of what is new in every frame."""


@dataclass(frozen=True)
class Grain:
    """Grain: new in every frame, of a strength that depends on the density below it."""

    strength: tuple[tuple[float, float, float], ...] = ((0.0, 0.0, 0.0),) * NUM_NODES
    """Standard deviation at each luma node in red, green and blue."""
    spectrum: Bands = (1.0,) * NUM_BANDS
    """Power density in eight rings of equal width from 0 to half a cycle per pixel, its mean over the plane 1."""
    correlation: tuple[float, float, float] = (1.0, 1.0, 1.0)
    """Between red and green, green and blue, blue and red."""
    persistence: float = 0.0
    """Correlation with the grain of the frame before: 0 is live grain, 1 is a dirty window."""
    confidence: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Breath:
    """Breathing light: what exposure, contrast and colour of whole frames do from frame to frame, beyond slow changes."""

    exposure: float = 0.0
    """Standard deviation of the logarithm of the light."""
    contrast: float = 0.0
    """Standard deviation of the logarithm of the slope about mid-grey, 0.5."""
    colour: tuple[float, float] = (0.0, 0.0)
    """Standard deviation of the logarithm of red's and of blue's light beside green's."""
    rhythm: Bands = WHITE
    """Of the exposure."""
    confidence: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Weave:
    """Gate weave: how the whole picture wanders about its place, beyond the camera's own moves."""

    across_px: float = 0.0
    """Standard deviation."""
    down_px: float = 0.0
    rotation_degrees: float = 0.0
    """Standard deviation about the middle of the frame."""
    rhythm_across: Bands = WHITE
    rhythm_down: Bands = WHITE
    confidence: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Dust:
    """Dust and hairs: specks that lie on the print (dark) or lay on the negative (bright)."""

    dark_per_frame: float = 0.0
    bright_per_frame: float = 0.0
    """Specks newly seen in a frame, on average, hairs not counted."""
    radius_px: float = 1.5
    """Median radius of a disc of the speck's area."""
    radius_spread: float = 0.5
    """Standard deviation of the logarithm of the radius."""
    opacity: tuple[float, float] = (0.0, 0.0)
    """Median opacity of dark and of bright specks, 0..1: how much of the way to black or to white they go."""
    hairs_per_frame: float = 0.0
    hair_length_px: float = 20.0
    """Median length."""
    life_frames: float = 1.0
    """Mean number of frames that a speck is seen in: 1 for what lies on single frames."""
    confidence: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Scratches:
    """Vertical scratches."""

    per_frame: float = 0.0
    """To be seen in a frame, on average."""
    width_px: float = 1.0
    """Median width at half of the contrast."""
    contrast: float = 0.0
    """Median of the absolute difference to what lies beside, in luma."""
    bright_share: float = 0.5
    """Share of scratches that are brighter than what lies beside."""
    life_frames: float = 12.0
    """Mean number of frames that a scratch is seen in."""
    drift_px: float = 0.4
    """Standard deviation of how far a scratch moves from one frame to the next."""
    confidence: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Unevenness:
    """Uneven development: clouds of density that come and go; weaker the lighter the picture is."""

    strength: float = 0.0
    """Standard deviation of the logarithm of the light, at mid-grey."""
    size_px: float = 16.0
    """Distance at which the correlation of the clouds has fallen to one half."""
    persistence: float = 0.0
    """Correlation with the clouds of the frame before."""
    confidence: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Cranking:
    """The camera's and the transfer's pace."""

    exposures_per_second: float = 0.0
    """True rate: different pictures in a second of the film; 0 where it could not be told."""
    held_share: float = 0.0
    """Share of frames that repeat the frame before them (a slower film transferred by repeating frames)."""
    confidence: dict[str, float] = field(default_factory=dict)


GLOWS_ABOVE = 0.6
"""Value above which light goes through the film and comes back."""


@dataclass(frozen=True)
class Halation:
    """The glow around lights: light that went through the film and came back from its base."""

    radius_px: float = 0.0
    """Standard deviation of the Gaussian that the glow falls off as."""
    strength: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """How much of the light above `GLOWS_ABOVE` comes back in red, green and blue."""
    confidence: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Aperture:
    """The gate's mask: black borders with rounded corners."""

    inset_px: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    """Width of the border at the top, right, bottom and left."""
    corner_radius_px: float = 0.0
    edge_px: float = 1.0
    """Standard deviation of the blur of its edge."""
    confidence: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Mechanics:
    """All marks of a film."""

    reference_height: int = 480
    reference_width: int = 0
    """Columns of the frame that rates are for; at 0 they are for a frame of any shape."""
    grain: Grain = field(default_factory=Grain)
    breath: Breath = field(default_factory=Breath)
    weave: Weave = field(default_factory=Weave)
    dust: Dust = field(default_factory=Dust)
    scratches: Scratches = field(default_factory=Scratches)
    unevenness: Unevenness = field(default_factory=Unevenness)
    cranking: Cranking = field(default_factory=Cranking)
    halation: Halation = field(default_factory=Halation)
    aperture: Aperture = field(default_factory=Aperture)
    softness_px: float = 0.0
    """Deviation of the Gaussian that makes the edges of frames of the source footage, brought to `reference_height` rows, as soft as
    those of the film."""
