"""Describe a pair of consecutive frames in twenty plain numbers: tone, colour, structure, grain.

Everything is measured at the footage's own resolution; of frames larger than `_AXIS_PX` a grid of windows is taken. The numbers
stay finite for black, white and frozen pictures: logarithms carry a floor of a quarter of an 8-bit level.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as functional
from einops import rearrange, repeat
from torch import Tensor

_LUMA = (0.2126, 0.7152, 0.0722)
"""Rec. ITU-R BT.709-6, item 3.2."""
_FLOOR = 1e-3
_MAD_TO_SIGMA = 1.4826
LEAST_PX = 32
"""Smaller frames cannot be described."""
_PATTERN_PX = 8
_POOL_PX = 4
_WINDOW_PX = 256
_AXIS_PX = 3 * _WINDOW_PX
_TONE_SAMPLES = 40_000
_GAUSSIAN_999 = 3.291


@dataclass(frozen=True)
class Number:
    """One number of the descriptor."""

    name: str
    group: Literal["tone", "structure", "texture"]
    """Tone and structure follow what is filmed; texture is the film stock's own."""
    unit: str
    """"" for display values 0..1; "ln" for natural logarithms; "r" for correlations."""
    floor: float
    """The smallest spread that counts as a difference to the eye, in the number's unit."""
    too_low: str
    too_high: str
    temporal: bool = False
    """True where the number needs two different frames and says nothing of a still."""


NUMBERS: tuple[Number, ...] = (
    Number("black_level", "tone", "", 0.03, "blacks too deep", "blacks lifted"),
    Number("shadows", "tone", "", 0.04, "shadows too dark", "shadows too light"),
    Number("midtones", "tone", "", 0.05, "middle tones too dark", "middle tones too light"),
    Number("highlights", "tone", "", 0.05, "highlights too dark", "highlights too bright"),
    Number("white_level", "tone", "", 0.04, "whites too dull", "whites too bright"),
    Number("saturation", "tone", "", 0.005, "colours too pale", "colours too strong"),
    Number("warmth", "tone", "", 0.006, "picture too blue", "picture too warm"),
    Number("green", "tone", "", 0.005, "picture too magenta", "picture too green"),
    Number("fine_detail", "structure", "ln", 0.15, "picture too soft", "picture too sharp"),
    Number("medium_detail", "structure", "ln", 0.15, "medium detail too weak", "medium detail too strong"),
    Number(
        "coarse_detail",
        "structure",
        "ln",
        0.15,
        "contrast of large shapes too low",
        "contrast of large shapes too high",
    ),
    Number("vignette", "structure", "ln", 0.15, "corners too dark", "corners too bright"),
    Number("texture", "texture", "ln", 0.15, "surfaces too smooth", "surfaces too rough"),
    Number("pattern", "texture", "ln", 0.25, "repeating pattern missing", "repeating pattern of 2 to 8 px"),
    Number("grain", "texture", "ln", 0.15, "grain too weak", "grain too strong", temporal=True),
    Number(
        "mottle",
        "texture",
        "ln",
        0.20,
        "blotches and coarse grain too weak",
        "blotches or coarse grain too strong",
        temporal=True,
    ),
    Number("specks", "texture", "ln", 0.15, "specks and dust too few", "specks and dust too many", temporal=True),
    Number("grain_width", "texture", "r", 0.06, "grain too fine across", "grain too coarse across", temporal=True),
    Number(
        "grain_height", "texture", "r", 0.06, "grain too fine downwards", "grain too coarse downwards", temporal=True
    ),
    Number("flicker", "texture", "ln", 0.5, "flicker missing", "flicker too strong", temporal=True),
    Number("colour_grain", "texture", "ln", 0.35, "grain lacks colour", "grain too colourful", temporal=True),
)
DESCRIPTOR_NAMES: tuple[str, ...] = tuple(number.name for number in NUMBERS)


def describe(pairs: Tensor) -> Tensor:
    """Measure each pair of consecutive frames.

    pairs: `[b t=2 c h w]`, 0..1, at least 32 px a side. Returns `[b f]`, one column per entry of `NUMBERS`.
    """
    if pairs.dim() != 5 or pairs.shape[1:3] != (2, 3) or min(pairs.shape[-2:]) < LEAST_PX:
        raise ValueError(f"describe needs pairs [b 2 3 h w] of at least {LEAST_PX} px a side, got {tuple(pairs.shape)}")
    return torch.stack([_describe_pair(pair) for pair in pairs.float()])


def luma(pixels: Tensor) -> Tensor:
    """Return the luma `[.. 1 h w]` of RGB pixels `[.. 3 h w]`."""
    red, green, blue = pixels.unbind(dim=-3)
    return (_LUMA[0] * red + _LUMA[1] * green + _LUMA[2] * blue).unsqueeze(-3)


def high_pass(planes: Tensor, sigma: float = 2.0) -> Tensor:
    """Take the Gaussian mean of `sigma` px away from each plane `[.. h w]`; borders are mirrored."""
    return planes - gaussian(planes, sigma)


def gaussian(planes: Tensor, sigma: float) -> Tensor:
    """Blur planes `[.. h w]`. Shifted sums: ten times faster on a CPU than a one-channel convolution."""
    radius = max(1, round(2 * sigma))
    taps = torch.exp(-(torch.arange(-radius, radius + 1, dtype=torch.float64) ** 2) / (2 * sigma**2))
    weights = (taps / taps.sum()).tolist()
    height, width = planes.shape[-2:]
    flat = planes.reshape(-1, 1, height, width)
    padded = functional.pad(flat, (radius,) * 4, mode="reflect")
    across = sum(weights[i] * padded[..., i : i + width] for i in range(2 * radius + 1))
    down = sum(weights[i] * across[..., i : i + height, :] for i in range(2 * radius + 1))
    return down.reshape(planes.shape)


def robust_deviation(values: Tensor) -> Tensor:
    """Estimate the standard deviation of zero-mean `values` from their median magnitude; 0 where there are none."""
    if values.numel() == 0:
        return values.new_zeros(())
    return _MAD_TO_SIGMA * values.abs().median()


def flat_areas(pair: Tensor) -> Tensor:
    """Mark the flatter half of a pair's pixels and of those the half that moves least, leaving out clipped ones.

    There grain shows and motion does not. pair: luma `[2 h w]`. Returns a boolean mask `[h w]`.
    """
    height, width = pair.shape[-2:]
    first, second = gaussian(functional.avg_pool2d(pair[None], _POOL_PX, ceil_mode=True)[0], 1.0)
    smooth, drift = (first + second) / 2, second - first
    slope = functional.pad(smooth.diff(dim=1).abs(), (0, 1)) + functional.pad(smooth.diff(dim=0).abs(), (0, 0, 0, 1))
    area = (smooth > 0.02) & (smooth < 0.98)
    if not area.any():
        area = torch.ones_like(area)
    area &= slope <= slope[area].median()
    drift = (drift - drift[area].median()).abs()
    area &= drift <= drift[area].median()
    return repeat(area, "h w -> (h a) (w b)", a=_POOL_PX, b=_POOL_PX)[:height, :width]


def grain_curve(pairs: Tensor, num_nodes: int = 8) -> tuple[Tensor, Tensor]:
    """Measure the grain of each pair per luma node: the deviation of what changes from frame to frame in flat areas.

    pairs: `[b t=2 c h w]`. Returns deviations `[b k c]` of one frame's high-passed grain and the share of pixels `[b k]` they come from.
    """
    curves, shares = [], []
    for pair in pairs.float():
        lumas = luma(pair)[:, 0]
        flat = flat_areas(lumas)
        change = high_pass(pair[1] - pair[0])[:, flat] / 2**0.5
        node = (lumas.mean(0)[flat] * (num_nodes - 1)).round().clamp(0, num_nodes - 1)
        members = [change[:, node == k] for k in range(num_nodes)]
        curves.append(
            torch.stack([torch.stack([robust_deviation(channel) for channel in member]) for member in members])
        )
        shares.append(torch.tensor([member.shape[1] for member in members]) / max(1, int(flat.sum())))
    return torch.stack(curves), torch.stack(shares).to(pairs.device)


def _describe_pair(pair: Tensor) -> Tensor:
    """Put the numbers of one pair `[2 c h w]` in the order of `NUMBERS`."""
    views = native_windows(pair)
    lumas = luma(views)[:, :, 0]
    still, moving, colour = _texture(views, lumas)
    return torch.cat([_tone(pair), _detail(lumas[:, 0]), _vignette(pair), still, moving, _flicker(pair), colour])


def native_windows(pair: Tensor) -> Tensor:
    """Cut `[t c h w]` into native-resolution windows `[n t c h' w']`: all of a small frame, nine squares of a large one."""
    rows, columns = (_spans(size) for size in pair.shape[-2:])
    return torch.stack([pair[..., top : top + h, left : left + w] for top, h in rows for left, w in columns])


def _spans(size: int) -> list[tuple[int, int]]:
    if size <= _AXIS_PX:
        return [(0, size - size % _PATTERN_PX)]
    last = (size - _WINDOW_PX) // _PATTERN_PX * _PATTERN_PX
    return [(start // _PATTERN_PX * _PATTERN_PX, _WINDOW_PX) for start in (0, last // 2, last)]


def _tone(pair: Tensor) -> Tensor:
    step = max(1, int((pair.shape[-2] * pair.shape[-1] * 2 / _TONE_SAMPLES) ** 0.5))
    sample = pair[..., ::step, ::step]
    light = luma(sample)
    levels = torch.quantile(light.flatten(), torch.tensor([0.01, 0.1, 0.5, 0.9, 0.99], device=pair.device))
    saturation = (sample - light).square().mean(1).sqrt().mean()
    red, green, blue = sample.mean((0, 2, 3))
    return torch.cat([levels, torch.stack([saturation, red - blue, green - (red + blue) / 2])])


def _detail(planes: Tensor) -> Tensor:
    """Measure the strength of three octaves, each against the mean of its 2x2 blocks; planes: `[n h w]`."""
    bands, level = [], planes[:, None]
    for _ in range(3):
        coarser = functional.avg_pool2d(level, 2)
        blocks = repeat(coarser, "n c h w -> n c (h a) (w b)", a=2, b=2)
        bands.append((level[..., : blocks.shape[-2], : blocks.shape[-1]] - blocks).square().mean().sqrt())
        level = coarser
    return torch.log(torch.stack(bands) + _FLOOR)


def _vignette(pair: Tensor) -> Tensor:
    small = functional.adaptive_avg_pool2d(luma(pair).mean(0, keepdim=True), 6)[0, 0]
    corners = small[[0, 0, -1, -1], [0, -1, 0, -1]].mean()
    return torch.log((corners + 0.02) / (small[2:4, 2:4].mean() + 0.02)).reshape(1)


def _flicker(pair: Tensor) -> Tensor:
    """Measure how much the brightness of most of the frame changes at once, which things that move do not cause."""
    blocks = functional.adaptive_avg_pool2d(luma(pair), 12)[:, 0]
    change = torch.log((blocks[1] + 0.02) / (blocks[0] + 0.02)).median().abs()
    return torch.log(change + 3 * _FLOOR).reshape(1)


def _texture(views: Tensor, lumas: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Measure what does not move with the scene; views: `[n 2 c h w]`, lumas: `[n 2 h w]`."""
    flat = torch.stack([flat_areas(pair) for pair in lumas])
    still = high_pass(lumas[:, 0])
    change = high_pass(lumas[:, 1] - lumas[:, 0]) / 2**0.5
    chroma = views[:, :, 0] - views[:, :, 2]
    colour = high_pass(chroma[:, 1] - chroma[:, 0]) / 2**0.5
    grain = robust_deviation(change[flat])
    strong = torch.quantile(_thin(change[flat].abs()), 0.999) if flat.any() else grain
    static = torch.log(robust_deviation(still[flat]) + _FLOOR)
    coarse = high_pass(functional.avg_pool2d(lumas[:, 1] - lumas[:, 0], _POOL_PX) / 2**0.5)
    inside = flat[:, : coarse.shape[1] * _POOL_PX : _POOL_PX, : coarse.shape[2] * _POOL_PX : _POOL_PX]
    moving = torch.stack([grain, robust_deviation(coarse[inside]), robust_deviation(colour[flat])])
    specks = torch.log((strong + _FLOOR) / (_GAUSSIAN_999 * grain + _FLOOR))
    body = torch.where(flat, change.clamp(-4 * grain, 4 * grain), 0)
    grain_log, mottle, colour_log = torch.log(moving + _FLOOR)
    width, height = _neighbours(body, flat, dim=2), _neighbours(body, flat, dim=1)
    return (
        torch.stack([static, _pattern(still)]),
        torch.stack([grain_log, mottle, specks, width, height]),
        colour_log[None],
    )


def _thin(values: Tensor) -> Tensor:
    """Keep at most a quarter of a million values, evenly spaced, so that a quantile stays cheap."""
    return values[:: max(1, values.numel() // 250_000)]


def _neighbours(planes: Tensor, mask: Tensor, *, dim: int) -> Tensor:
    """Correlate each masked value with its next neighbour along `dim`; 0 for silence."""
    length = planes.shape[dim] - 1
    here, there = planes.narrow(dim, 0, length), planes.narrow(dim, 1, length)
    both = mask.narrow(dim, 0, length) & mask.narrow(dim, 1, length)
    power = (here.square() + there.square())[both].sum() / 2
    return (here * there).sum() / (power + _FLOOR**2 * (both.sum() + 1) / 4)


def _pattern(still: Tensor) -> Tensor:
    """Fold high-passed planes `[n h w]` on an 8 px grid: what stays was laid down by blocks, tiles or a network."""
    folded = rearrange(still, "n (h a) (w b) -> (n h w) a b", a=_PATTERN_PX, b=_PATTERN_PX).mean(0)
    return torch.log(folded.square().mean().sqrt() + 1e-3)
