"""Warps move pictures where they are told to."""

from __future__ import annotations

import torch

from relook.nets.motion import shift, smooth_motion, warp


def test_a_whole_shift_moves_whole_pixels() -> None:
    frame = torch.rand(1, 3, 20, 30)
    moved = shift(frame, torch.tensor([[3.0, -2.0]]))
    assert torch.allclose(moved[:, :, :18, 3:], frame[:, :, 2:, :-3], atol=1e-4)


def test_no_motion_is_the_identity() -> None:
    frame = torch.rand(2, 3, 16, 24)
    assert torch.allclose(warp(frame, torch.zeros(2, 2, 16, 24)), frame, atol=1e-5)


def test_motion_is_drawn_from_its_generator() -> None:
    fields = [
        smooth_motion((2, 32, 40), bend_px=1.5, shift_px=3.0, generator=torch.Generator().manual_seed(s))
        for s in (1, 1, 2)
    ]
    assert fields[0].shape == (2, 2, 32, 40)
    assert torch.equal(fields[0], fields[1]) and not torch.equal(fields[0], fields[2])
