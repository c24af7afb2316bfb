"""A look that wraps: textures have no border, and what is laid over them goes on at the opposite side."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from relook.apply.frame import FrameRenderer
from relook.look import Look
from relook.mechanics.dust_plate import draw_dust, dust_patches, press
from relook.mechanics.marks import MarkMaker
from relook.mechanics.scratch_plate import draw_lines, draw_scratches, scratch_lines
from relook.nets.wrap import WRAPS, Wrap
from relook.recipe.dials import Dials
from relook.recipe.mechanics import Dust, Grain, Mechanics, Scratches, Unevenness

CPU = torch.device("cpu")
EXACT = 1e-6
"""Sums are added in another order where a picture was moved."""


def moved(picture: Tensor, wrap: Wrap) -> Tensor:
    """Move a picture round by odd numbers of pixels along the axes that wrap."""
    return picture.roll((5 if "y" in wrap else 0, -7 if "x" in wrap else 0), (1, 2))


@pytest.mark.parametrize("wrap", WRAPS)
@pytest.mark.parametrize("size", [(61, 75), (64, 96), (191, 66), (9, 14)])
def test_a_moved_texture_gives_the_same_look_moved(worn: Look, size: tuple[int, int], wrap: Wrap) -> None:
    """191 rows are so many that a further blur takes the detail finer than the style's; 14 columns go round several times."""
    renderer = FrameRenderer(worn, Dials(texture=0), device=CPU, wrap=wrap)
    picture = torch.rand(3, *size, generator=torch.Generator().manual_seed(2))
    made = renderer.look(picture)
    assert (made - picture).abs().max() > 0.05
    assert (renderer.look(moved(picture, wrap)) - moved(made, wrap)).abs().max() <= EXACT


def test_tiles_of_memory_do_not_change_a_texture(worn: Look) -> None:
    picture = torch.rand(3, 150, 40, generator=torch.Generator().manual_seed(3))
    made = [FrameRenderer(worn, Dials(), device=CPU, wrap="xy", tile_rows=rows) for rows in (64, 512)]
    assert torch.equal(*(renderer.render(picture, seed=1, number=0) for renderer in made))


PLENTY = {
    "grain": Mechanics(144, grain=Grain(strength=((0.05,) * 3,) * 8)),
    "clouds": Mechanics(144, unevenness=Unevenness(strength=0.1)),
    "dust": Mechanics(144, dust=Dust(60.0, 60.0, opacity=(0.5, 0.5), hairs_per_frame=30.0)),
}
"""One mark each."""


@pytest.mark.parametrize("mark", PLENTY)
def test_marks_go_on_at_the_opposite_side(mark: str) -> None:
    """The steps across the seam are as large as those between neighbours inside, on average."""
    drawn = [MarkMaker(PLENTY[mark], (70, 61), seed=seed, wrap="xy").draw(0) for seed in range(100)]
    plates = torch.stack([getattr(marks, mark)[0, 0] for marks in drawn])
    for dimension in (1, 2):
        steps = (plates - plates.roll(1, dimension)).square()
        assert 0.7 < float(steps.select(dimension, 0).mean() / steps.mean()) < 1.4


def test_specks_come_in_again_where_they_left() -> None:
    """The plate that wraps is one of three by three frames, folded."""
    dust, size = Dust(30.0, 30.0, 6.0, 0.5, (0.6, 0.6), 9.0, 30.0), (40, 33)
    wide = np.zeros((2, 3 * size[0], 3 * size[1]), np.float32)
    for patch in dust_patches(dust, size, scale=1, seed=4, frame=0):
        press(replace(patch, top=patch.top + size[0], left=patch.left + size[1]), wide)
    folded = wide.reshape(2, 3, size[0], 3, size[1]).max(axis=(1, 3))
    assert np.array_equal(draw_dust(dust, size, scale=1, seed=4, frame=0, wrap="xy"), folded)
    assert not np.array_equal(draw_dust(dust, size, scale=1, seed=4, frame=0), folded)


def test_scratches_come_in_again_where_they_left() -> None:
    """So few columns that most lie on the seam, and drift over it; softly as they end, they do not break off at top and bottom."""
    scratches, size = Scratches(per_frame=40.0, width_px=5.0, contrast=0.1, drift_px=20.0), (70, 31)
    lines = scratch_lines(scratches, size, scale=1, seed=4, frame=0)
    beside = [replace(line, column=line.column % size[1] + size[1]) for line in lines]
    folded = draw_lines(beside, (size[0], 3 * size[1])).reshape(size[0], 3, size[1]).sum(axis=1)
    assert np.allclose(draw_scratches(scratches, size, scale=1, seed=4, frame=0, wrap="x"), folded, atol=1e-6)
    plate = draw_scratches(scratches, size, scale=1, seed=4, frame=0, wrap="y")
    steps = np.abs(plate - np.roll(plate, 1, axis=0))
    assert steps[1:].max() > 0
    assert steps[0].max() < 1.5 * steps[1:].max()


@pytest.mark.parametrize("wrap", WRAPS)
def test_what_has_its_place_in_the_frame_is_off(worn: Look, wrap: Wrap) -> None:
    """Even grey stays even along the axes that wrap; along the other one the vignette is left."""
    renderer = FrameRenderer(worn, Dials(halation=0), device=CPU, wrap=wrap)
    lit = renderer.look(torch.full((3, 60, 48), 0.5))
    for axis, dimension in (("y", 1), ("x", 2)):
        spread = float((lit.amax(dimension) - lit.amin(dimension)).max())
        assert (spread < EXACT) if axis in wrap else (spread > 0.01)
    layers = renderer.layers(torch.rand(3, 60, 48), seed=1, number=0)
    assert layers.weave == (0.0, 0.0, 0.0)
    assert (layers.aperture == 1).all()
    expected = MarkMaker(renderer.mechanics, (60, 48), seed=1, wrap=wrap).draw(0)
    assert torch.equal(layers.marks.dust, expected.dust)
