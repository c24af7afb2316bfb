"""Is the picture still the same picture?"""

from __future__ import annotations

import torch
from einops import einsum, rearrange
from torch import Tensor
from torch.nn import functional as F

PATCH_PX = 9
FLAT = 1e-3
"""The deviation, in luma, at which a patch counts as half flat: a quarter of an 8-bit level."""


def structure_loss(before: Tensor, after: Tensor, *, window: int = 9) -> Tensor:
    """Measure lost structure as 1 - local normalised cross-correlation, `[b]`, 0 where all structure is kept.

    Blind to any local change of brightness and contrast, so it does not fight the grade; windows without structure of their
    own count little (weight var / (var + 1e-3)).

    Args:
        before, after: luma `[b 1 h w]`, 0..1, at least `2 * window` px a side; compared at half size, in float32 or better.
    Source: Avants et al. 2008, section 2.3 (local cross-correlation).
    """
    before, after = (F.avg_pool2d(_precise(luma), 2) for luma in (before, after))
    mean_before, mean_after = (F.avg_pool2d(luma, window, stride=1) for luma in (before, after))
    var_before = (F.avg_pool2d(before.square(), window, stride=1) - mean_before.square()).clamp_min(0)
    var_after = (F.avg_pool2d(after.square(), window, stride=1) - mean_after.square()).clamp_min(0)
    covariance = F.avg_pool2d(before * after, window, stride=1) - mean_before * mean_after
    correlation = covariance / ((var_before + 1e-5) * (var_after + 1e-5)).sqrt()
    weight = var_before / (var_before + 1e-3)
    return (weight * (1 - correlation)).flatten(1).mean(dim=1)


def draw_positions(
    batch: int, count: int, size: tuple[int, int], generator: torch.Generator, *, size_px: int = PATCH_PX
) -> Tensor:
    """Draw where patches lie in pictures of a size: `[b n 2]`, row and column of the top-left pixel, none twice a picture."""
    rows, columns = (length - size_px + 1 for length in size)
    if min(rows, columns) < 1 or rows * columns < count:
        raise ValueError(
            f"a picture of {size[0]}x{size[1]} px does not hold {count} different patches of {size_px} px; "
            "enlarge the crop or draw fewer"
        )
    drawn = torch.stack([torch.randperm(rows * columns, generator=generator)[:count] for _ in range(batch)])
    return torch.stack((drawn // columns, drawn % columns), dim=2)


def patch_descriptors(luma: Tensor, positions: Tensor, *, size_px: int = PATCH_PX) -> Tensor:
    """Describe patches by their own structure, blind to brightness and contrast: `[b n f]`, unit vectors.

    The mean is taken out, and one more number stands for flatness before the norm is taken: so flat patches are all alike,
    where a bare norm would blow their noise up to the size of a structure.

    Args:
        luma: `[b 1 h w]`, 0..1.
        positions: `[b n 2]`, integer row and column of each patch's top-left pixel.
    """
    rows, columns = (rearrange(part, "b n -> b n 1 1") for part in positions.to(luma.device).unbind(dim=2))
    offsets = torch.arange(size_px, device=luma.device)
    pictures = torch.arange(len(luma), device=luma.device)[:, None, None, None]
    patches = _precise(luma)[pictures, 0, rows + offsets[:, None], columns + offsets]
    patches = rearrange(patches, "b n h w -> b n (h w)")
    patches = patches - patches.mean(dim=2, keepdim=True)
    return F.normalize(F.pad(patches, (0, 1), value=FLAT * size_px), dim=2)


def patch_nce(queries: Tensor, keys: Tensor, *, temperature: float = 0.07) -> Tensor:
    """Ask that each patch be told from the picture's other patches by its look, `[b]`.

    The cross entropy of choosing, for each query, the key at its own place among all places of the same picture.

    Args:
        queries, keys: features of the rendered picture and of the source, `[b n f]`, of any length.
    Source: Park et al. 2020 (CUT), section 3, the PatchNCE loss, on one layer.
    """
    queries, keys = (F.normalize(_precise(features), dim=2) for features in (queries, keys))
    logits = einsum(queries, keys, "b n f, b m f -> b n m") / temperature
    return (logits.logsumexp(dim=2) - logits.diagonal(dim1=1, dim2=2)).mean(dim=1)


def reconstruction_loss(wanted: Tensor, got: Tensor) -> Tensor:
    """Return the mean absolute difference, `[b]`.

    The cycle term where got = back(forth(wanted)); the identity term where got = forth(wanted) for a wanted of the target.
    Source: Zhu et al. 2017, equation 2; section 5.2 for the identity.
    """
    return (wanted - got).abs().flatten(1).mean(dim=1)


def _precise(values: Tensor) -> Tensor:
    """Raise half precision to float32: differences of means and of squares do not survive it."""
    return values.to(torch.promote_types(values.dtype, torch.float32))
