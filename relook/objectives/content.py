"""Is the picture still the same picture?"""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F


def structure_loss(before: Tensor, after: Tensor, *, window: int = 9) -> Tensor:
    """Measure lost structure as 1 - local normalised cross-correlation, `[b]`, 0 where all structure is kept.

    Blind to any local change of brightness and contrast, so it does not fight the grade; windows without structure of their
    own count little (weight var / (var + 1e-3)).

    Args:
        before, after: luma `[b 1 h w]`, 0..1, at least `2 * window` px a side; compared at half size.
    Source: Avants et al. 2008, section 2.3 (local cross-correlation).
    """
    before, after = F.avg_pool2d(before, 2), F.avg_pool2d(after, 2)
    mean_before, mean_after = (F.avg_pool2d(luma, window, stride=1) for luma in (before, after))
    var_before = (F.avg_pool2d(before.square(), window, stride=1) - mean_before.square()).clamp_min(0)
    var_after = (F.avg_pool2d(after.square(), window, stride=1) - mean_after.square()).clamp_min(0)
    covariance = F.avg_pool2d(before * after, window, stride=1) - mean_before * mean_after
    correlation = covariance / ((var_before + 1e-5) * (var_after + 1e-5)).sqrt()
    weight = var_before / (var_before + 1e-3)
    return (weight * (1 - correlation)).flatten(1).mean(dim=1)
