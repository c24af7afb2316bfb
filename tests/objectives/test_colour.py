"""The distances between piles of pictures: right by hand, right in their gradient, and the same as anchor and as measure."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.autograd import gradcheck

from relook.objectives.colour import colour_anchor, colour_distance, patch_anchor, patch_distance, sliced_wasserstein

ANCHORS: dict[str, Callable[..., Tensor]] = {"colour": colour_anchor, "patch": patch_anchor}
DEVICES = [
    "meta",  # has no values, and refuses most mixtures with the CPU
    pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no accelerator here")),
]


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def frames(seed: int = 0, batch: int = 2, size: int = 24, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.rand(batch, 3, size, size, generator=seeded(seed), dtype=dtype)


def test_sliced_wasserstein_by_hand() -> None:
    """On a line every direction is plus or minus one, so that the distance is how far mass has to be moved."""
    first = torch.tensor([[0.0], [1.0], [2.0]])
    assert sliced_wasserstein(first, first + 0.5, generator=seeded()).item() == pytest.approx(0.5)
    assert sliced_wasserstein(first, first[[2, 0, 1]], generator=seeded()).item() == 0
    assert sliced_wasserstein(first[:1], first[:2], generator=seeded()).item() == pytest.approx(0.5)


@settings(max_examples=20)
@given(n=st.integers(2, 20), f=st.integers(1, 5), seed=st.integers(0, 99), data=st.data())
def test_the_order_of_points_is_irrelevant(n: int, f: int, seed: int, data: st.DataObject) -> None:
    first, second = torch.randn(2, n, f, generator=seeded(seed), dtype=torch.float64)
    order = data.draw(st.permutations(range(n)))
    distance = sliced_wasserstein(first, second, generator=seeded())
    assert distance.shape == () and distance > 0
    assert torch.allclose(distance, sliced_wasserstein(first[order], second, generator=seeded()))
    assert torch.allclose(distance, sliced_wasserstein(second, first, generator=seeded()))


@pytest.mark.parametrize("num_points", [(5, 5), (4, 7)])
def test_sliced_wasserstein_gradients(num_points: tuple[int, int]) -> None:
    points = [
        torch.randn(count, 3, generator=seeded(count + k), dtype=torch.float64, requires_grad=True)
        for k, count in enumerate(num_points)
    ]
    assert gradcheck(lambda first, second: sliced_wasserstein(first, second, generator=seeded()), points)


def test_distances_are_zero_to_oneself_and_grow_with_the_change() -> None:
    pile = frames(batch=6, size=64, dtype=torch.float32)
    assert colour_distance(pile, pile) < 0.8 and patch_distance(pile, pile) < 0.8
    assert colour_distance(pile, pile * 0.8) < colour_distance(pile, pile * 0.5)
    assert patch_distance(pile, pile * 0.8) < patch_distance(pile, pile * 0.5)


def test_the_measures_are_what_they_were() -> None:
    """Figures on record are in these numbers, drawn points and all."""
    first, second = frames(0, 2, 280, torch.float32), 0.7 * frames(1, 2, 264, torch.float32).square()
    assert colour_distance(first, second) == pytest.approx(22.341247, rel=1e-5)
    assert patch_distance(first, second) == pytest.approx(4.9455071, rel=1e-5)


def test_the_colour_measure_is_the_anchor_in_per_cent() -> None:
    first, second = frames(0, 2, 128), frames(1, 2, 128).square()
    assert colour_distance(first, second, seed=5) == 100 * colour_anchor(first, second, generator=seeded(5)).item()


def test_the_patch_measure_is_near_the_anchor_in_per_cent() -> None:
    """The measure starts its draws anew for each scale."""
    first, second = frames(0, 2, 64), frames(1, 2, 64).square()
    anchor = 100 * patch_anchor(first, second, generator=seeded(5)).item()
    assert patch_distance(first, second, seed=5) == pytest.approx(anchor, rel=0.1)


def test_a_change_of_colour_by_hand() -> None:
    """A shift of all colours by d moves each direction u by |u . d|, whose mean over directions is |d| / 2 in space."""
    flat = torch.full((1, 3, 4, 4), 0.5)
    shifted = flat + torch.tensor([0.2, 0.0, 0.0])[:, None, None]
    assert colour_anchor(shifted, flat, generator=seeded()).item() == pytest.approx(0.1, rel=0.2)
    assert patch_anchor(frames() + 0.2, frames(), generator=seeded()).item() == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("name", ANCHORS)
def test_anchor_gradients(name: str) -> None:
    rendered = frames(0, batch=1, size=20).requires_grad_()
    style = frames(1, batch=1, size=20)
    assert gradcheck(lambda pile: ANCHORS[name](pile, style, generator=seeded()), rendered, fast_mode=True)


@pytest.mark.parametrize("name", ANCHORS)
def test_going_down_the_anchor_goes_to_the_style(name: str) -> None:
    rendered, style = 0.5 * frames(0, dtype=torch.float32), frames(1, dtype=torch.float32)
    rendered.requires_grad_()
    optimiser = torch.optim.Adam([rendered], lr=0.02)
    random = seeded()
    before = ANCHORS[name](rendered, style, generator=seeded(9)).item()
    for _ in range(15):
        optimiser.zero_grad()
        ANCHORS[name](rendered, style, generator=random).backward()
        optimiser.step()
    assert ANCHORS[name](rendered, style, generator=seeded(9)).item() < 0.6 * before


@pytest.mark.parametrize("name", ANCHORS)
def test_the_order_of_frames_is_irrelevant(name: str) -> None:
    rendered, style = frames(0, batch=3), frames(1, batch=2)
    anchor = ANCHORS[name](rendered, style, generator=seeded())
    assert anchor.shape == ()
    assert torch.allclose(anchor, ANCHORS[name](rendered[[2, 0, 1]], style[[1, 0]], generator=seeded()))


@pytest.mark.parametrize("name", ANCHORS)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision(name: str, dtype: torch.dtype) -> None:
    rendered, style = frames(0, dtype=torch.float32).to(dtype).requires_grad_(), frames(1, dtype=torch.float32) / 2
    anchor = ANCHORS[name](rendered, style.to(dtype), generator=seeded())
    wanted = ANCHORS[name](rendered.detach().float(), style, generator=seeded())
    (slope,) = torch.autograd.grad(anchor, rendered)
    assert torch.allclose(anchor, wanted, rtol=0.05) and slope.isfinite().all()


@pytest.mark.parametrize("name", ANCHORS)
@pytest.mark.parametrize("device", DEVICES)
def test_draws_are_made_on_the_cpu_wherever_the_frames_are(name: str, device: str) -> None:
    """More points than are drawn, so that the draw is seen as well as the directions."""
    rendered, style = (frames(seed, 2, 280, torch.float32) for seed in (0, 1))
    anchor = ANCHORS[name](rendered.to(device), style.to(device), generator=seeded())
    assert anchor.shape == () and anchor.device.type == device
    if device != "meta":
        assert torch.allclose(anchor.cpu(), ANCHORS[name](rendered, style, generator=seeded()), rtol=1e-3)
