"""The deterministic stages of a look: Grade (colour), Spatial (uneven light) and Detail (structure)."""

from __future__ import annotations

from itertools import pairwise, product
from typing import Any, TypeVar

import torch
from einops import rearrange
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

LUMA = (0.2126, 0.7152, 0.0722)
"""Rec. ITU-R BT.709-6, item 3.2: luma from display-referred RGB."""


def luma_of(pixels: Tensor) -> Tensor:
    """Return the luma `[b 1 h w]` of `[b 3 h w]`."""
    red, green, blue = pixels.unbind(dim=1)
    return (LUMA[0] * red + LUMA[1] * green + LUMA[2] * blue)[:, None]


def hat_weights(luma: Tensor, num_nodes: int) -> Tensor:
    """Weigh each luma by its distance to the nodes k/(K-1): `[b 1 h w]` to `[b k h w]`, summing to 1 inside 0..1."""
    nodes = torch.arange(num_nodes, device=luma.device, dtype=luma.dtype)[None, :, None, None]
    return (1 - (luma.clamp(0, 1) * (num_nodes - 1) - nodes).abs()).clamp_min(0)


class Grade(nn.Module):
    """Colour only: an affine map of RGB per luma node, blended by hat weights; a function of RGB, hence a 3-D LUT.

    `base` is the closed-form first pass, `delta` what training adds. A monochrome grade has no chroma of its own: its output
    is the tone of each luma node, whatever the network would like.
    """

    base: Tensor
    is_monochrome: Tensor

    def __init__(self, num_nodes: int) -> None:
        super().__init__()
        identity = torch.cat((torch.eye(3), torch.zeros(3, 1)), dim=1)
        self.register_buffer("base", identity.repeat(num_nodes, 1, 1))
        self.register_buffer("is_monochrome", torch.zeros(()))
        self.delta = nn.Parameter(torch.zeros(num_nodes, 3, 4))

    @property
    def num_nodes(self) -> int:
        return int(self.base.shape[0])

    def affine(self) -> Tensor:
        """Return the maps `[k 3 4]` in force."""
        if not self.is_monochrome:
            return self.base + self.delta
        lift = self.delta[:, :, 3].mean(dim=1)
        return torch.cat(
            (torch.zeros_like(self.base[:, :, :3]), (self.base[:, :, 3] + lift[:, None])[:, :, None]), dim=2
        )

    def forward(self, pixels: Tensor) -> Tensor:
        """Grade `[b 3 h w]`; the result is not clamped."""
        weights = hat_weights(luma_of(pixels), self.num_nodes)
        with_one = torch.cat((pixels, torch.ones_like(pixels[:, :1])), dim=1)
        maps = torch.einsum("bkhw,kij->bijhw", weights, self.affine())
        return torch.einsum("bijhw,bjhw->bihw", maps, with_one)

    def lattice(self, size: int = 33) -> Tensor:
        """Bake into a 3-D LUT `[3 b g r]` of `size` points a side, as `lookup` reads it."""
        steps = torch.linspace(0, 1, size, device=self.base.device)
        blue, green, red = torch.meshgrid(steps, steps, steps, indexing="ij")
        colours = rearrange(torch.stack((red, green, blue)), "c b g r -> 1 c b (g r)")
        return rearrange(self(colours), "1 c b (g r) -> c b g r", g=size)


def lookup(pixels: Tensor, lattice: Tensor) -> Tensor:
    """Apply a 3-D LUT `[3 n n n]` to `[b 3 h w]` in 0..1, trilinear."""
    grid = rearrange(pixels, "b c h w -> b 1 h w c") * 2 - 1
    volume = lattice[None].expand(pixels.shape[0], -1, -1, -1, -1)
    return F.grid_sample(volume, grid, mode="bilinear", padding_mode="border", align_corners=True)[:, :, 0]


Points = TypeVar("Points", Tensor, NDArray[Any])


def squared_radius(x: Points, y: Points) -> Points:
    """Return the squared distance from the centre of points in 0..1 of the frame: 0 there, 1 in the corners."""
    return 2 * ((x - 0.5) ** 2 + (y - 0.5) ** 2)


class Spatial(nn.Module):
    """Uneven light: a coarse map of gain and offset per colour over the frame."""

    def __init__(self, map_size: int) -> None:
        super().__init__()
        self.map = nn.Parameter(torch.zeros(6, map_size, map_size))

    @torch.no_grad()
    def darken_corners(self, corner: float) -> None:
        """Make the map a vignette: `corner` is the logarithm of the light in the corners beside that at the centre."""
        size = self.map.shape[-1]
        nodes = torch.linspace(0, 1, size)
        self.map[:3] = torch.exp(corner * squared_radius(nodes[None, :], nodes[:, None])) - 1

    @torch.no_grad()
    def corners(self) -> float:
        """Return the light in the corners beside that at the centre, 1 where it is as strong."""
        gain = 1 + self.map[:3].mean(dim=0)
        middle = gain.shape[-1] // 2
        ends = gain[:: gain.shape[-2] - 1, :: gain.shape[-1] - 1]
        return float(ends.mean() / gain[middle - 1 : middle + 1, middle - 1 : middle + 1].mean())

    def forward(self, pixels: Tensor, window: Tensor) -> Tensor:
        """Light `[b 3 h w]`, which shows `window` `[b 4]` of its frame: top, left, bottom, right in 0..1."""
        return shine(pixels, self.light(window, (pixels.shape[-2], pixels.shape[-1])))

    def light(self, window: Tensor, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
        """Return gain and offset, `[b 3 h w]` each, over a window of the frame."""
        top, left, bottom, right = window.unbind(dim=1)
        centres_y = (torch.arange(size[0], device=window.device) + 0.5) / size[0]
        centres_x = (torch.arange(size[1], device=window.device) + 0.5) / size[1]
        y = (top[:, None] + (bottom - top)[:, None] * centres_y) * 2 - 1
        x = (left[:, None] + (right - left)[:, None] * centres_x) * 2 - 1
        grid = torch.stack((x[:, None, :].expand(-1, size[0], -1), y[:, :, None].expand(-1, -1, size[1])), dim=-1)
        maps = self.map[None].expand(window.shape[0], -1, -1, -1)
        light = F.grid_sample(maps, grid, mode="bicubic", padding_mode="border", align_corners=True)
        return light[:, :3], light[:, 3:]


def shine(pixels: Tensor, light: tuple[Tensor, Tensor]) -> Tensor:
    """Lay a light, gain and offset, over a picture."""
    return pixels * (1 + light[0]) + light[1]


STRIP_ROWS = 128
MOST_SOFT_PX = 2.0
"""What the lens of `Detail` can blur by, as a Gaussian's deviation."""
NARROWEST_PX = 160


class Detail(nn.Module):
    """Structure: what softness, halation and edge character add to the luma, without touching colour or grade.

    A fixed linear path (`lens`, a measured blur) beside a deeper one that is trained. The residual is luma alone (a free one in three
    colours learned purple and green fringes), and has its local mean over 36 px taken out. Convolutions take no padding: the
    input brings `reach` true neighbours on each side.
    """

    FACTOR = 4
    BOX = 9

    def __init__(self, channels: int, num_layers: int) -> None:
        super().__init__()
        depth = self.FACTOR**2
        self.lens = nn.Conv2d(depth, depth, 3, bias=False)
        widths = [depth, *[channels] * (num_layers - 1), depth]
        self.layers = nn.ModuleList(nn.Conv2d(before, after, 3) for before, after in pairwise(widths))
        last = self.layers[-1]
        for parameter in (self.lens.weight, last.weight, last.bias):
            nn.init.zeros_(parameter)  # type: ignore[arg-type]
        self.lens.requires_grad_(False)

    @property
    def reach(self) -> int:
        """How many pixels on each side of a pixel it depends on."""
        return self.FACTOR * (len(self.layers) + self.BOX // 2)

    @torch.no_grad()
    def soften(self, sigma_px: float) -> None:
        """Make the lens a Gaussian blur of `sigma_px`, at most `MOST_SOFT_PX`, less the picture itself."""
        steps = torch.arange(-self.FACTOR, self.FACTOR + 1, dtype=torch.float32)
        taps = torch.exp(-(steps**2) / (2 * max(sigma_px, 0.05) ** 2))
        kernel = torch.outer(taps, taps) / taps.sum() ** 2
        kernel[self.FACTOR, self.FACTOR] -= 1
        self.lens.weight.copy_(polyphase(kernel, self.FACTOR))

    def inside(self, luma: Tensor) -> Tensor:
        """Return the residual for the inside of `[b 1 h w]`, `reach` pixels from each border; sizes are multiples of 4."""
        straight, learned = self._parts(luma)
        return self._levelled(learned + straight)

    def _parts(self, luma: Tensor) -> tuple[Tensor, Tensor]:
        """Return what the lens and what the deeper path make of `[b 1 h w]`, as phases."""
        phases = F.pixel_unshuffle(luma, self.FACTOR)
        hidden = phases * 2 - 1
        for layer in self.layers[:-1]:
            hidden = F.silu(layer(hidden), inplace=not torch.is_grad_enabled())
        spare = len(self.layers) - 1
        return self.lens(phases[:, :, spare:-spare, spare:-spare]), self.layers[-1](hidden)

    def _levelled(self, phases: Tensor) -> Tensor:
        """Turn phases back into a picture and take its local mean out."""
        residual = F.pixel_shuffle(phases, self.FACTOR)
        means = F.avg_pool2d(F.avg_pool2d(residual, self.FACTOR), self.BOX, stride=1)
        edge = self.FACTOR * (self.BOX // 2)
        return residual[:, :, edge:-edge, edge:-edge] - F.interpolate(means, scale_factor=self.FACTOR, mode="nearest")

    def in_strips(self, luma: Tensor, strips_at_once: int) -> Tensor:
        """Return the residual of a frame `[1 1 h w]` strip by strip of 128 rows, with true neighbours.

        Every convolution sees the same shape of picture whatever `strips_at_once`: CPU kernels are chosen by shape, and two of
        them differ in the last bit (measured: 7e-7). Very narrow frames are widened for the same reason.
        """
        height, width = luma.shape[-2:]
        padded = pad_to_reach(luma, self.reach, rows=STRIP_ROWS)
        strips = rearrange(padded.unfold(2, STRIP_ROWS + 2 * self.reach, STRIP_ROWS), "1 c n w h -> n c h w")
        done = [self.inside(some.contiguous()) for some in strips.split(strips_at_once)]
        return rearrange(torch.cat(done), "n c h w -> 1 c (n h) w")[:, :, :height, :width]

    def forward(self, luma: Tensor) -> Tensor:
        """Return the residual of frames or crops `[b 1 h w]`, their borders repeated outwards."""
        height, width = luma.shape[-2:]
        return self.inside(pad_to_reach(luma, self.reach))[:, :, :height, :width]

    def with_learned(self, luma: Tensor) -> tuple[Tensor, Tensor]:
        """Return the residual of crops as `forward` does, and the share of it that training added to the lens."""
        height, width = luma.shape[-2:]
        straight, learned = self._parts(pad_to_reach(luma, self.reach))
        whole, added = self._levelled(learned + straight), self._levelled(learned)
        return whole[:, :, :height, :width], added[:, :, :height, :width]


def polyphase(kernel: Tensor, factor: int) -> Tensor:
    """Write a filter `[2r+1 2r+1]`, r <= factor, as a 3x3 convolution between pixel-unshuffled pictures."""
    radius = kernel.shape[0] // 2
    weight = torch.zeros(factor, factor, factor, factor, 3, 3)
    for to_y, to_x, from_y, from_x, block_y, block_x in product(*[range(factor)] * 4, range(3), range(3)):
        dy, dx = factor * (block_y - 1) + from_y - to_y, factor * (block_x - 1) + from_x - to_x
        if abs(dy) <= radius and abs(dx) <= radius:
            weight[to_y, to_x, from_y, from_x, block_y, block_x] = kernel[radius + dy, radius + dx]
    return rearrange(weight, "p q r s y x -> (p q) (r s) y x")


def pad_to_reach(pixels: Tensor, reach: int, *, rows: int = Detail.FACTOR) -> Tensor:
    """Repeat the borders of `[b c h w]` outwards by `reach`, further down to a multiple of `rows`, right to one of 4 and 160."""
    height, width = pixels.shape[-2:]
    padding = (reach, reach + max(-width % Detail.FACTOR, NARROWEST_PX - width), reach, reach + -height % rows)
    return F.pad(pixels, padding, mode="replicate")
