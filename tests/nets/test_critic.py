"""The critic: one score a patch, of motion as well as of stills."""

from __future__ import annotations

import torch

from relook.nets.critic import PairCritic, pair_evidence


def test_the_critic_sees_change() -> None:
    torch.manual_seed(0)
    critic, pair = PairCritic(), torch.rand(2, 2, 3, 96, 96)
    frozen = pair[:, :1].expand(-1, 2, -1, -1, -1)
    assert critic(pair_evidence(pair)).shape == (2, 1, 12, 12)
    assert not torch.equal(critic(pair_evidence(pair)), critic(pair_evidence(frozen)))
