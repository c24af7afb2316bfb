"""Texture: what is new in every frame of a film, grain, dust, scratches, blotches and flicker, driven by noise alone."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from relook.nets.blocks import hat_weights, luma_of

NUM_NOISES = 2
FILTERS_PER_NOISE = 2
NUM_FILTERS = NUM_NOISES * FILTERS_PER_NOISE
FILTER_SIZE = 7
ROUND_SIGMAS = (0.4, 0.8, 1.4, 2.4)


@dataclass(frozen=True)
class Plates:
    """The noise of one frame or crop; all zero gives the deterministic look exactly."""

    grain: Tensor
    """`[b 2 h w]`, white, of unit variance."""
    dust: Tensor
    """`[b 2 h w]`, opacity 0..1 of dark (on the print) and of bright (on the negative) specks."""
    scratch: Tensor
    """`[b 1 h w]`, -1 (dark) to 1 (bright)."""
    blotch: Tensor
    """`[b 1 h w]`, smooth over some 16 px, of unit variance."""
    flicker: Tensor
    """`[b]`, of unit variance."""

    def to(self, device: torch.device) -> Plates:
        """Return the plates on a device."""
        return Plates(*(plate.to(device) for plate in (self.grain, self.dust, self.scratch, self.blotch, self.flicker)))


class Texture(nn.Module):
    """Lay the plates over a picture: how strong and how coarse each is belongs to the look, where it falls is chance.

    Grain filters are kept round: free ones learned coloured streaks.
    """

    def __init__(self, num_nodes: int) -> None:
        super().__init__()
        self.filters = nn.Parameter(gaussian_filters((0.5, 1.2, 0.5, 1.2)))
        self.response = nn.Parameter(torch.zeros(num_nodes, 3, NUM_FILTERS))
        self.dust_strength = nn.Parameter(torch.zeros(2))
        self.scratch_strength = nn.Parameter(torch.zeros(()))
        self.blotch_strength = nn.Parameter(torch.zeros(()))
        self.flicker_strength = nn.Parameter(torch.zeros(()))

    def grain_fields(self, noise: Tensor) -> Tensor:
        """Filter white noise `[b 2 h w]` into the grain fields `[b f h w]`; beyond the border there is no grain."""
        return F.conv2d(noise, isotropic(self.filters), padding=FILTER_SIZE // 2, groups=NUM_NOISES)

    def forward(self, pixels: Tensor, plates: Plates, *, is_monochrome: bool, amount: float = 1.0) -> Tensor:
        """Texture `[b 3 h w]` with `amount` of the trained strength."""
        return self.lay(pixels, self.grain_fields(plates.grain), plates, is_monochrome=is_monochrome, amount=amount)

    def lay(
        self, pixels: Tensor, fields: Tensor, plates: Plates, *, is_monochrome: bool, amount: float = 1.0
    ) -> Tensor:
        """Texture `[b 3 h w]` with grain fields already filtered."""
        response: Tensor = self.response
        if is_monochrome:
            response = response.mean(dim=1, keepdim=True)
        weights = hat_weights(luma_of(pixels), response.shape[0])
        breath = self.flicker_strength * plates.flicker[:, None, None, None] + self.blotch_strength * plates.blotch
        textured = pixels * torch.exp(amount * breath)
        for channel_fields in range(NUM_FILTERS):
            level = torch.einsum("bkhw,kc->bchw", weights, response[:, :, channel_fields])
            textured = textured + amount * level * fields[:, channel_fields : channel_fields + 1]
        textured = textured + amount * self.scratch_strength * plates.scratch
        dark, bright = (amount * self.dust_strength[:, None, None] * plates.dust).unbind(dim=1)
        return textured * (1 - dark[:, None]) + (1 - textured) * bright[:, None].clamp(0, 1)


def gaussian_filters(sigmas: tuple[float, ...]) -> Tensor:
    """Return Gaussian filters `[f 1 7 7]` of unit energy, one per sigma in pixels."""
    reach = FILTER_SIZE // 2
    squares = torch.arange(-reach, reach + 1, dtype=torch.float32) ** 2
    filters = torch.stack([torch.exp(-(squares[:, None] + squares[None, :]) / (2 * sigma**2)) for sigma in sigmas])
    return (filters / filters.flatten(1).norm(dim=1)[:, None, None])[:, None]


def isotropic(filters: Tensor) -> Tensor:
    """Project filters `[.. 7 7]` on sums of round Gaussians, so that grain has no direction.

    Averaging over flips and transposition is not enough: crosses pass it, and learned grain looked woven.
    """
    basis = gaussian_filters(ROUND_SIGMAS).flatten(1).to(filters)
    weights = torch.linalg.solve(basis @ basis.T, basis @ filters.flatten(-2).unsqueeze(-1)).squeeze(-1)
    return (weights @ basis).unflatten(-1, filters.shape[-2:])
