"""Regularisers on gradients."""

from __future__ import annotations

import torch
from torch import Tensor


def gradient_penalty(scores: Tensor, evidence: Tensor) -> Tensor:
    """Return the squared gradient of a critic with respect to what it judged, `[b]`, zero-centred.

    On real pairs this is R1, on rendered ones R2. `evidence` must require gradients.

    Args:
        scores: `[b 1 h w]`, patch scores; their sum is divided by 64, so that a weight of 1 suits crops of about 100 px.
        evidence: `[b c h w]`, what the critic was shown.
    Source: Mescheder et al. 2018, section 4.1; Huang et al. 2024, section 2.
    """
    (gradient,) = torch.autograd.grad(scores.sum() / 64, evidence, create_graph=True)
    return gradient.square().flatten(1).sum(dim=1)
