"""The networks that the published unpaired recipes share: a ResNet generator and a critic of 70 px patches.

Sources: Zhu et al. 2017 (CycleGAN), section 4 and appendix 7.2; Johnson et al. 2016 (the generator); Isola et al. 2017 (the
critic). Inside the networks values are -1..1; `to_signed` and `from_signed` enter and leave that range.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

CHANNELS = 64
NUM_BLOCKS = 9
ENCODER_BLOCKS = 5
"""The encoder ends behind the fifth block, where the deepest of the features that CUT compares is taken."""
SIZE_MULTIPLE = 4
INIT_DEVIATION = 0.02


def to_signed(pixels: Tensor) -> Tensor:
    """Bring pixels from 0..1 to -1..1."""
    return pixels * 2 - 1


def from_signed(signed: Tensor) -> Tensor:
    """Bring pixels from -1..1 to 0..1."""
    return (signed + 1) / 2


class ResNetGenerator(nn.Module):
    """Re-render `[b 3 h w]`, -1..1, h and w multiples of 4: c7s1-64, d128, d256, 9 x R256, u128, u64, c7s1-3, tanh."""

    def __init__(self, init: torch.Generator) -> None:
        super().__init__()
        narrow, middle, wide = CHANNELS, CHANNELS * 2, CHANNELS * 4
        self.entry = nn.Sequential(nn.ReflectionPad2d(3), nn.Conv2d(3, narrow, 7), *_norm_relu(narrow))
        self.first_down = nn.Sequential(nn.Conv2d(narrow, middle, 3, stride=2, padding=1), *_norm_relu(middle))
        self.second_down = nn.Sequential(nn.Conv2d(middle, wide, 3, stride=2, padding=1), *_norm_relu(wide))
        self.blocks = nn.ModuleList(Residual(wide) for _ in range(NUM_BLOCKS))
        self.exit = nn.Sequential(
            _enlarging(wide, middle),
            *_norm_relu(middle),
            _enlarging(middle, narrow),
            *_norm_relu(narrow),
            nn.ReflectionPad2d(3),
            nn.Conv2d(narrow, 3, 7),
            nn.Tanh(),
        )
        self.tap_channels = (3, middle, wide, wide, wide)
        initialise(self, init)

    def encode(self, signed: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Return the features behind the fifth block, and the taps: the picture, both downsizing convolutions, blocks 0 and 4.

        Source: Park et al. 2020 (CUT), appendix C.1.
        """
        taps = [signed]
        values = self.entry(signed)
        for down in (self.first_down, self.second_down):
            convolved = down[0](values)
            taps.append(convolved)
            values = down[1:](convolved)
        for index, block in enumerate(self.blocks[:ENCODER_BLOCKS]):
            values = block(values)
            if index in (0, ENCODER_BLOCKS - 1):
                taps.append(values)
        return values, taps

    def decode(self, values: Tensor) -> Tensor:
        """Finish what `encode` began."""
        for block in self.blocks[ENCODER_BLOCKS:]:
            values = block(values)
        return self.exit(values)

    def forward(self, signed: Tensor) -> Tensor:
        return self.decode(self.encode(signed)[0])


class Residual(nn.Module):
    """Add two 3x3 convolutions to their input: R of the paper's notation."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.ReflectionPad2d(1),
            nn.Conv2d(channels, channels, 3),
            *_norm_relu(channels),
            nn.ReflectionPad2d(1),
            nn.Conv2d(channels, channels, 3),
            nn.InstanceNorm2d(channels),
        )

    def forward(self, values: Tensor) -> Tensor:
        return values + self.layers(values)


class PatchCritic(nn.Module):
    """Score overlapping patches of 70 px of `[b 3 h w]`, -1..1: C64-C128-C256-C512 and one score, `[b 1 h/8-2 w/8-2]`."""

    def __init__(self, init: torch.Generator) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(3, CHANNELS, 4, stride=2, padding=1), nn.LeakyReLU(0.2, inplace=True)]
        for before, stride in ((CHANNELS, 2), (CHANNELS * 2, 2), (CHANNELS * 4, 1)):
            layers += [
                nn.Conv2d(before, before * 2, 4, stride=stride, padding=1),
                nn.InstanceNorm2d(before * 2),
                nn.LeakyReLU(0.2, inplace=True),
            ]
        self.layers = nn.Sequential(*layers, nn.Conv2d(CHANNELS * 8, 1, 4, padding=1))
        initialise(self, init)

    def forward(self, signed: Tensor) -> Tensor:
        return self.layers(signed)


def initialise(net: nn.Module, init: torch.Generator) -> None:
    """Draw every weight from a normal distribution of deviation 0.02 and set every bias to zero. Source: Zhu et al., 7.1."""
    for layer in net.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            nn.init.normal_(layer.weight, 0.0, INIT_DEVIATION, generator=init)
            nn.init.zeros_(layer.bias)


def _norm_relu(channels: int) -> tuple[nn.Module, nn.Module]:
    return nn.InstanceNorm2d(channels), nn.ReLU(inplace=True)


def _enlarging(before: int, after: int) -> nn.Module:
    """Build a 3x3 convolution of stride 1/2, which doubles height and width."""
    return nn.ConvTranspose2d(before, after, 3, stride=2, padding=1, output_padding=1)
