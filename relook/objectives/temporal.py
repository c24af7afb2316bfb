"""Does the look move with the picture?"""

from __future__ import annotations

from torch import Tensor


def equivariance_loss(rendered_then_moved: Tensor, moved_then_rendered: Tensor) -> Tensor:
    """Compare move(G(x)) with G(move(x)) away from the border, `[b]`: mean absolute difference.

    Without it the detail stage fakes grain by amplifying the source's own noise, which then sticks to the picture.

    Args:
        rendered_then_moved, moved_then_rendered: `[b 3 h w]`; an eighth on each side, where motion brings in the border,
            is left out.
    """
    height, width = rendered_then_moved.shape[-2:]
    top, left = height // 8, width // 8
    difference = (rendered_then_moved - moved_then_rendered)[..., top : height - top, left : width - left]
    return difference.abs().flatten(1).mean(dim=1)
