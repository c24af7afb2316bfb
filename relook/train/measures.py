"""What is measured of a look on held-out footage, and which of two looks is better."""

from __future__ import annotations

from dataclasses import dataclass

LEAST_GAIN = 0.01
"""By so much of the score must a later look be better to be kept: the measure itself is no finer."""


@dataclass(frozen=True)
class HeldOutMeasures:
    """Taken on source crops, rendered, against held-out style crops of like content."""

    patch_distance: float
    """Texture's distance to the style; lower is closer."""
    colour_distance: float
    structure_kept: float
    """Local correlation with the source, 1 where all structure is kept."""
    pair_error: float = 0.0
    """Mean absolute difference to the artist's pairs, 0 where there are none."""

    def score(self, first: HeldOutMeasures) -> float:
        """Weigh the measures against those of the first pass: lower is better, 2 at the start."""
        lost = max(first.structure_kept - self.structure_kept, 0)
        names = ("patch_distance", "colour_distance", *(("pair_error",) if first.pair_error else ()))
        shares = [getattr(self, name) / max(getattr(first, name), 1e-6) for name in names]
        return 2 * sum(shares) / len(shares) + 10 * lost

    def is_better(self, other: HeldOutMeasures, first: HeldOutMeasures) -> bool:
        """Tell whether these are clearly better than others; among equals the earlier look stays."""
        return self.score(first) < other.score(first) - LEAST_GAIN
