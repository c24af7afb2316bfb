"""The wear of a film stock: how often and how large its marks are, measured from the style footage."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Wear:
    """Rates and sizes of what comes and goes from frame to frame; strengths are learned and live in the generator.

    Pixels are those of a frame `reference_height` rows high; taller frames are textured at that scale, so that a mark keeps its
    size on the screen.
    """

    reference_height: int = 480
    dust_per_frame: tuple[float, float] = (0.0, 0.0)
    """Dark and bright specks in a frame, on average."""
    dust_radius_px: float = 1.5
    """Median radius of a speck."""
    scratches_per_frame: float = 0.0
    """Vertical scratches to be seen in a frame, on average."""
    flicker_persistence: float = 0.0
    """Correlation of one frame's flicker with the next one's, 0..1."""
    weave_px: tuple[float, float] = (0.0, 0.0)
    """Standard deviation of the gate weave, across and down."""
    weave_persistence: float = 0.0
    """Correlation of one frame's weave with the next one's, 0..1."""
