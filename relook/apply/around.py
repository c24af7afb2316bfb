"""The colour of what goes round a look: it keeps its light, and is as colourful as the look leaves colours.

Without that, lamps and skies brighter than white would shine in colour in a black-and-white film.
"""

from __future__ import annotations

import torch
from torch import Tensor

from relook.film.colour import LUMA_WEIGHTS
from relook.nets.blocks import Grade


def colour_around(grade: Grade, dial: float) -> Tensor | None:
    """Give the map `[3 3]` of RGB beyond 0..1 for a grade at its dial, 0 to 1; None where colours stay as they are.

    Luma stays. Differences of colour go through the grade's linear part, in the mean over its nodes.
    """
    same = torch.eye(3)
    linear = same.lerp(grade.affine().detach()[:, :, :3].mean(dim=0).cpu(), dial)
    if torch.equal(linear, same):
        return None
    to_luma = torch.tensor(LUMA_WEIGHTS).expand(3, 3)
    to_colour = same - to_luma
    return to_luma + to_colour @ linear @ to_colour


def coloured(beyond: Tensor, around: Tensor | None) -> Tensor:
    """Take what lies beyond `[3 h w]` through such a map."""
    return beyond if around is None else torch.einsum("ij,jhw->ihw", around, beyond)
