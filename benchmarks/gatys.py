"""Neural style transfer by optimising the picture itself, our own implementation; runs where you have the weights of VGG-19.

Source: Gatys et al. 2016, "Image style transfer using convolutional neural networks", section 2. The weights are asked for as a
safetensors file with torchvision's names: `features.0.weight`, `features.0.bias`, `features.2.weight` and so on. Nothing is
downloaded. Departures: the picture starts as the content, not as noise; Gram matrices are means over positions, so that the style
may have another size (the same number where sizes agree); the content term is a mean, so that weights do not depend on size.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from einops import rearrange
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor
from torch.nn import functional as F

LAYERS = {
    "conv1_1": 0, "conv1_2": 2,
    "conv2_1": 5, "conv2_2": 7,
    "conv3_1": 10, "conv3_2": 12, "conv3_3": 14, "conv3_4": 16,
    "conv4_1": 19, "conv4_2": 21, "conv4_3": 23, "conv4_4": 25,
    "conv5_1": 28,
}  # fmt: skip
"""The place of each convolution in torchvision's VGG-19, in order; a pooling stands before each conv*_1 but the first."""
STYLE_LAYERS = ("conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1")
CONTENT_LAYER = "conv4_2"
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of ImageNet's pixels, R, G, B, 0..1: what torchvision's weights were trained with."""
LEAST_PX = 16
HOW = (
    "the weights of VGG-19 are yours to supply: save the `features.*` entries of torchvision's vgg19 state dict with "
    "safetensors.torch.save_file and give that file's path"
)


@dataclass(frozen=True)
class Features:
    """The convolutions of VGG-19 up to conv5_1; widths are whatever the file had."""

    convolutions: dict[str, tuple[Tensor, Tensor]]
    """Weight `[out in 3 3]` and bias `[out]` by name, in the order of `LAYERS`."""


@dataclass(frozen=True)
class Wanted:
    """What the picture shall match."""

    content: Tensor
    """`[1 c h w]` at `CONTENT_LAYER`."""
    grams: dict[str, Tensor]
    """`[c c]` by style layer."""


def load_features(path: Path | None) -> Features:
    """Read the convolutions from a safetensors file.

    Raises:
        SystemExit: no file was given, or it cannot be read, or it lacks a layer, or its layers do not fit each other.
    """
    if path is None or not path.is_file():
        raise SystemExit(f"gatys has no features: {path or 'no path was given'}{' is no file' if path else ''}; {HOW}")
    try:
        tensors = load_file(path)
    except SafetensorError as error:
        raise SystemExit(f"{path} is no safetensors file ({error}); {HOW}") from error
    names = {layer: tuple(f"features.{place}.{part}" for part in ("weight", "bias")) for layer, place in LAYERS.items()}
    missing = [key for keys in names.values() for key in keys if key not in tensors]
    if missing:
        raise SystemExit(f"{path} lacks {', '.join(missing)}; {HOW}")
    before = 3
    for weight, bias in names.values():
        after = tensors[bias].shape[0]
        if tensors[weight].shape != (after, before, 3, 3):
            came = tuple(tensors[weight].shape)
            raise SystemExit(
                f"{path}: {weight} is {came} and must be {(after, before, 3, 3)} to fit its neighbours; {HOW}"
            )
        before = after
    return Features({layer: (tensors[w].float(), tensors[b].float()) for layer, (w, b) in names.items()})


def stylise(
    content: Tensor,
    style: Tensor,
    features: Features,
    iterations: int,
    *,
    content_weight: float = 1.0,
    style_weight: float = 1e3,
) -> Tensor:
    """Optimise a picture to hold the content of one and the style of another, with L-BFGS.

    The paper's ratio of weights is 1e3 for features scaled to a mean activation of one; other features may want another ratio.

    Args:
        content: `[1 3 h w]`, 0..1, from 16 px a side.
        style: `[1 3 h w]`, 0..1, of any size from 16 px a side.
        iterations: of L-BFGS; each asks for the gradient once or a few times.
    Returns:
        `[1 3 h w]`, 0..1.
    """
    wanted = wanted_of(content, style, features)
    picture = content.clone().requires_grad_()
    optimiser = torch.optim.LBFGS(
        [picture], max_iter=iterations, max_eval=4 * iterations, line_search_fn="strong_wolfe"
    )

    def closure() -> Tensor:
        optimiser.zero_grad()
        content_loss, style_loss = losses(picture, wanted, features)
        loss = content_weight * content_loss + style_weight * style_loss
        loss.backward()
        return loss

    optimiser.step(closure)
    return picture.detach().clamp(0, 1)


@torch.no_grad()
def wanted_of(content: Tensor, style: Tensor, features: Features) -> Wanted:
    """Measure the content of one picture and the style of another, both `[1 3 h w]`, 0..1."""
    if min(*content.shape[-2:], *style.shape[-2:]) < LEAST_PX:
        shapes = f"{tuple(content.shape)} and {tuple(style.shape)}"
        raise ValueError(f"content and style must be [1 3 h w] of at least {LEAST_PX} px a side, got {shapes}")
    responses = respond(style, features)
    grams = {layer: gram(responses[layer]) for layer in STYLE_LAYERS}
    return Wanted(respond(content, features)[CONTENT_LAYER], grams)


def losses(picture: Tensor, wanted: Wanted, features: Features) -> tuple[Tensor, Tensor]:
    """Return how far a picture `[1 3 h w]`, 0..1, is from the wanted content and from the wanted style.

    Source: Gatys et al. 2016, equation 1 (as a mean) and equations 4 and 5 (equal weights of 1/5).
    """
    responses = respond(picture, features)
    content = (responses[CONTENT_LAYER] - wanted.content).square().mean() / 2
    style = [
        (gram(responses[layer]) - target).square().sum() / (4 * len(target) ** 2)
        for layer, target in wanted.grams.items()
    ]
    return content, torch.stack(style).mean()


def respond(picture: Tensor, features: Features) -> dict[str, Tensor]:
    """Return what every convolution says of `[1 3 h w]`, 0..1, behind its rectifier, with average pooling between."""
    mean, deviation = (rearrange(torch.tensor(values), "c -> c 1 1") for values in (MEAN, DEVIATION))
    values, responses = (picture - mean) / deviation, {}
    for layer, (weight, bias) in features.convolutions.items():
        if layer.endswith("_1") and layer != "conv1_1":
            values = F.avg_pool2d(values, 2)
        values = F.relu(F.conv2d(values, weight, bias, padding=1))
        responses[layer] = values
    return responses


def gram(response: Tensor) -> Tensor:
    """Return the mean products `[c c]` of the channels of `[1 c h w]`. Source: Gatys et al. 2016, equation 3, over positions."""
    channels = rearrange(response, "1 c h w -> c (h w)")
    return channels @ channels.T / channels.shape[1]
