"""The generator of the `film` preset: y = Detail(Spatial(Grade(x))). The marks of film are laid over it, by `mechanics`."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from relook.nets.blocks import Detail, Grade, Spatial, luma_of
from relook.recipe.settings import GeneratorSettings


class Generator(nn.Module):
    """Re-render frames in a look. Nothing in it depends on a frame's own statistics, so it neither pumps nor shows tiles."""

    def __init__(self, settings: GeneratorSettings) -> None:
        super().__init__()
        self.settings = settings
        self.grade = Grade(settings.num_nodes)
        self.spatial = Spatial(settings.map_size)
        self.detail = Detail(settings.detail_channels, settings.num_detail_layers)

    @property
    def is_monochrome(self) -> bool:
        return bool(self.grade.is_monochrome)

    def lit(self, pixels: Tensor, window: Tensor | None = None) -> Tensor:
        """Grade `[b 3 h w]` in 0..1 and light it; `window` as in `Spatial`, the whole frame by default."""
        return self.spatial(self.grade(pixels), whole_frame(pixels) if window is None else window)

    def deterministic(self, pixels: Tensor, window: Tensor | None = None) -> Tensor:
        """Re-render `[b 3 h w]` in 0..1; `window` as in `lit`."""
        return self.structured(self.lit(pixels, window))

    def structured(self, lit: Tensor) -> Tensor:
        """Add detail to a graded and lit picture."""
        return held(lit + self.detail(luma_of(lit)))


def whole_frame(pixels: Tensor) -> Tensor:
    """Return the window `[b 4]` of frames that are shown whole."""
    return torch.tensor([0.0, 0.0, 1.0, 1.0], device=pixels.device, dtype=pixels.dtype).expand(pixels.shape[0], 4)


def held(pixels: Tensor) -> Tensor:
    """Clamp to 0..1 and let gradients pass as if it had not: a clipped pixel must be able to come back."""
    if not torch.is_grad_enabled():
        return pixels.clamp(0, 1)
    return pixels + (pixels.clamp(0, 1) - pixels).detach()
