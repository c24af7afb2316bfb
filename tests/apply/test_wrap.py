"""A look that wraps: textures have no border, and what is laid over them goes on at the opposite side."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import OpenEXR
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor

from relook.apply.delivery import RenderSettings
from relook.apply.frame import FrameRenderer
from relook.apply.passes import assembled
from relook.apply.render import render_film
from relook.apply.stills import render_stills
from relook.film.pictures.picture_file import read_picture
from relook.look import Look
from relook.mechanics.dust_plate import draw_dust, dust_patches, press
from relook.mechanics.marks import MarkMaker
from relook.mechanics.scratch_plate import draw_lines, draw_scratches, scratch_lines
from relook.nets.wrap import WRAPS, Wrap
from relook.recipe.dials import Dials
from relook.recipe.mechanics import Dust, Grain, Mechanics, Scratches, Unevenness

CPU = torch.device("cpu")
LAST_BITS = 1e-6
"""Kernels and orders of sums go by a pixel's place."""


def moved(picture: Tensor, wrap: Wrap) -> Tensor:
    """Move a picture round by odd numbers of pixels along the axes that wrap."""
    return picture.roll((5 if "y" in wrap else 0, -7 if "x" in wrap else 0), (1, 2))


@pytest.mark.parametrize("wrap", WRAPS)
@pytest.mark.parametrize("size", [(61, 75), (64, 96), (191, 66), (9, 14)])
def test_a_texture_has_no_seam_wherever_it_begins(worn: Look, size: tuple[int, int], wrap: Wrap) -> None:
    """Made where it lies, not from its origin, which would hide a seam.

    191 rows are so many that a further blur takes the detail finer than the style's; 14 columns go round several times.
    """
    renderer = FrameRenderer(worn, Dials(texture=0), device=CPU, wrap=wrap)
    picture = torch.rand(3, *size, generator=torch.Generator().manual_seed(2))
    with torch.inference_mode():
        made, again = renderer._look(picture), renderer._look(moved(picture, wrap))
    assert (made - picture).abs().max() > 0.05
    assert (again - moved(made, wrap)).abs().max() <= LAST_BITS


@pytest.mark.slow
@settings(max_examples=12)
@example(size=(191, 66), by=(5, -7), wrap="xy", tile_rows=256, threads=2, levels=255)
@given(
    size=st.tuples(st.integers(1, 70), st.integers(1, 70)),
    by=st.tuples(st.integers(-99, 99), st.integers(-99, 99)),
    wrap=st.sampled_from(WRAPS),
    tile_rows=st.sampled_from([128, 256]),
    threads=st.integers(1, 2),
    levels=st.sampled_from([0, 1, 255]),
)
def test_a_moved_texture_gives_the_same_bits_moved(
    worn: Look, size: tuple[int, int], by: tuple[int, int], wrap: Wrap, tile_rows: int, threads: int, levels: int
) -> None:
    """With one level all is grey and with two much is alike, so that a picture may have many origins."""
    renderer = FrameRenderer(worn, Dials(texture=0), device=CPU, wrap=wrap, tile_rows=tile_rows)
    drawn = torch.rand(3, *size, generator=torch.Generator().manual_seed(4))
    picture = (drawn * levels).round() / max(levels, 1)
    shifts = (by[0] if "y" in wrap else 0, by[1] if "x" in wrap else 0)
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        made, again = renderer.look(picture), renderer.look(picture.roll(shifts, (1, 2)))
    finally:
        torch.set_num_threads(before)
    assert torch.equal(again, made.roll(shifts, (1, 2)))


@pytest.mark.parametrize("ending", [".png", ".exr", ".tif"])
def test_files_of_a_moved_texture_hold_the_same_codes_moved(worn: Look, tmp_path: Path, ending: str) -> None:
    """16 bit, half and float: values beyond white go round the look, those of EXR by the curve to light and back."""
    values = np.random.default_rng(5).uniform(-0.5, 2, (37, 53, 3))
    codes = {".png": np.clip(values, 0, 1) * 65535, ".exr": values, ".tif": values}[ending]
    codes = codes.astype({".png": np.uint16, ".exr": np.float16, ".tif": np.float32}[ending])
    (tmp_path / "in").mkdir()
    for name, picture in (("a", codes), ("b", np.roll(codes, (5, -7), (0, 1)))):
        write(tmp_path / "in" / f"{name}{ending}", np.ascontiguousarray(picture))
    set_to = RenderSettings(dials=Dials(texture=0), device=CPU, wrap="xy")
    render_stills(tmp_path / "in", worn, tmp_path / "out", settings=set_to)
    made, again = (read_picture(tmp_path / "out" / f"{name}{ending}").codes for name in "ab")
    assert made.dtype == codes.dtype
    assert not np.array_equal(made, codes)
    assert np.array_equal(again, np.roll(made, (5, -7), (0, 1)))


@pytest.mark.parametrize("wrap", WRAPS)
def test_a_moved_texture_has_the_same_marks_moved(worn: Look, tmp_path: Path, wrap: Wrap) -> None:
    """With all dials as they are, in a folder and alone; the layers are moved too, and give the render."""
    plate = np.random.default_rng(6).integers(0, 65536, (31, 38, 3)).astype(np.uint16)
    shifts = (5 if "y" in wrap else 0, -7 if "x" in wrap else 0)
    (tmp_path / "in").mkdir()
    for name, codes in (("a", plate), ("b", np.roll(plate, shifts, (0, 1)))):
        write(tmp_path / "in" / f"{name}.png", np.ascontiguousarray(codes))
    set_to = RenderSettings(device=CPU, wrap=wrap, passes=tmp_path / "passes")
    render_stills(tmp_path / "in", worn, tmp_path / "out", settings=set_to)
    render_stills(
        tmp_path / "in", worn, tmp_path / "bare", settings=replace(set_to, dials=Dials(texture=0), passes=None)
    )
    alone = replace(set_to, passes=None)
    for name in "ab":
        render_film(tmp_path / "in" / f"{name}.png", worn, tmp_path / f"{name}.png", settings=alone)
    folders = (tmp_path / "out", tmp_path / "bare", tmp_path)
    (made, bare, single), (again, _, other) = (
        [read_picture(folder / f"{name}.png").codes for folder in folders] for name in "ab"
    )
    assert np.abs(made.astype(int) - bare).mean() > 400
    assert np.array_equal(again, np.roll(made, shifts, (0, 1)))
    assert np.array_equal(single, made) and np.array_equal(other, again)
    rendered = np.rint(assembled(tmp_path / "passes", 1).flip(0).permute(1, 2, 0).numpy() * 65535)
    assert np.abs(rendered - again).max() <= 1


def test_marks_of_a_take_stay_where_they_are(worn: Look) -> None:
    """Scratches and clouds go on from frame to frame: in a take they do not follow each picture's own content."""
    renderer = FrameRenderer(worn, Dials(), device=CPU, wrap="xy")
    picture = torch.rand(3, 24, 32, generator=torch.Generator().manual_seed(7))
    first, second = (renderer.layers(one, seed=3, number=0).marks for one in (picture, moved(picture, "xy")))
    assert torch.equal(first.dust, second.dust) and torch.equal(first.clouds, second.clouds)
    assert renderer.content_of(picture, "ab") == "ab"


def write(path: Path, codes: NDArray[Any]) -> None:
    if path.suffix == ".exr":
        channels = {name: np.ascontiguousarray(codes[..., index]) for index, name in enumerate("BGR")}
        with OpenEXR.File({"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}, channels) as file:
            file.write(str(path))
    else:
        cv2.imwrite(str(path), codes)


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
        assert (spread == 0) if axis in wrap else (spread > 0.01)
    layers = renderer.layers(torch.rand(3, 60, 48), seed=1, number=0)
    assert layers.weave == (0.0, 0.0, 0.0)
    assert (layers.aperture == 1).all()
    expected = MarkMaker(renderer.mechanics, (60, 48), seed=1, wrap=wrap).draw(0)
    assert torch.equal(layers.marks.dust, expected.dust)
