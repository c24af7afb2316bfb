"""Augmentation: the same for both frames of a pair and alike for both sides, new for every sample, and gradients pass."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from relook.train.augment import BRIGHTNESS, CONTRAST, HOLE_SHARE, augment


def test_both_frames_of_a_pair_are_changed_alike() -> None:
    frame = torch.rand(3, 1, 3, 64, 64)
    changed = augment(frame.expand(3, 2, 3, 64, 64), range(3), salt=0)
    assert torch.allclose(changed[:, 0], changed[:, 1])
    assert not torch.equal(changed[0], augment(frame[:1].expand(1, 2, 3, 64, 64), [1], salt=0)[0])


@settings(max_examples=25)
@given(st.integers(0, 10**6), st.integers(0, 1), st.sampled_from([(64, 64), (80, 96)]))
def test_a_grey_picture_keeps_its_place_in_the_range(number: int, salt: int, size: tuple[int, int]) -> None:
    changed = augment(torch.full((1, 2, 3, *size), 0.5), [number], salt=salt)
    lit = changed[changed != 0]
    assert changed.shape == (1, 2, 3, *size)
    assert float(lit.min()) >= 0.5 - BRIGHTNESS - 1e-5 and float(lit.max()) <= 0.5 + BRIGHTNESS + 1e-5
    assert float((changed == 0).float().mean()) < HOLE_SHARE**2 + 2 * 0.125 + 0.02
    assert torch.equal(changed, augment(torch.full((1, 2, 3, *size), 0.5), [number], salt=salt))


def test_both_sides_are_changed_in_the_same_manner() -> None:
    """Over many samples, what is done to one side is done to the other as often and as strongly."""
    picture = torch.linspace(0, 1, 64).expand(400, 2, 3, 64, 64)
    sides = [augment(picture, range(400), salt=salt) for salt in (0, 1)]
    for statistic in (torch.mean, torch.std):
        spreads = [torch.stack([statistic(pair) for pair in side]) for side in sides]
        assert abs(float(spreads[0].mean() - spreads[1].mean())) < 0.02
        assert float(spreads[0].std() / spreads[1].std()) < 1.2
    assert not torch.equal(*sides)


def test_gradients_pass_except_through_what_is_hidden() -> None:
    pair = torch.rand(1, 2, 3, 64, 64, requires_grad=True)
    augment(pair, [7], salt=1).sum().backward()
    assert pair.grad is not None
    hidden = float((pair.grad.abs() < 0.5).float().mean())
    assert 0.5 * HOLE_SHARE**2 < hidden < 0.6 and float(pair.grad.max()) < 1 + CONTRAST + 0.2
