"""Writing pictures: names, numbers, depth and transparency come back, and no source is written into."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import OpenImageIO
import pytest
import torch

import relook
from relook.errors import InputError, UsageError
from relook.film.frames import WriteSettings
from relook.film.output_place import check_output
from relook.film.reader import probe
from relook.timing import FrameRange


def take(folder: Path, *, bits: int = 8, count: int = 3, ending: str = ".png", alpha: bool = False) -> Path:
    folder.mkdir()
    shape = (count, 20, 30, 4 if alpha else 3)
    codes = np.random.default_rng(bits).integers(0, 2**bits, shape).astype(np.uint8 if bits == 8 else np.uint16)
    for number, picture in enumerate(codes, start=86400):
        cv2.imwrite(str(folder / f"t.{number:07d}{ending}"), picture)
    return folder


@pytest.mark.parametrize(("bits", "ending", "alpha"), [(8, ".png", False), (16, ".png", True), (16, ".tif", False)])
def test_a_folder_keeps_names_depth_and_transparency(
    tmp_path: Path, bits: int, ending: str, alpha: bool, render: Any
) -> None:
    source, target = take(tmp_path / "in", bits=bits, ending=ending, alpha=alpha), tmp_path / "out"
    render(source, target)
    assert sorted(os.listdir(tmp_path)) == ["in", "out"]
    assert sorted(os.listdir(target)) == sorted(os.listdir(source))
    for name in os.listdir(source):
        assert np.array_equal(cv2.imread(str(target / name), -1), cv2.imread(str(source / name), -1))


def test_a_copied_picture_is_the_same_file(tmp_path: Path, render: Any) -> None:
    source = take(tmp_path / "in", ending=".jpg")
    render(source, tmp_path / "out", copied=True)
    for name in os.listdir(source):
        assert (tmp_path / "out" / name).read_bytes() == (source / name).read_bytes()


def test_numbered_pictures_keep_the_numbers_of_a_take(tmp_path: Path, render: Any) -> None:
    source = take(tmp_path / "in", bits=16)
    (tmp_path / "out").mkdir()
    render(source, tmp_path / "out" / "x.####.png", wanted=FrameRange(1, 3))
    assert sorted(os.listdir(tmp_path / "out")) == ["x.86401.png", "x.86402.png"]
    with pytest.raises(UsageError, match=r"2 pictures exist already, the first is .*x\.86401\.png"):
        render(source, tmp_path / "out" / "x.####.png")
    render(source, tmp_path / "out" / "x.####.png", overwrite=True)
    assert len(os.listdir(tmp_path / "out")) == 3


def test_a_film_becomes_pictures_and_pictures_a_film(
    make_film: Any, draw: Any, tmp_path: Path, render: Any, pixels: Any
) -> None:
    source = make_film("in.mkv", draw(3, 40, 30, bits=16), pixel_format="gbrp16le")
    info = render(source, tmp_path / "p.%05d.tif")
    assert [picture.name for picture in info.pictures] == ["p.01001.tif", "p.01002.tif", "p.01003.tif"]
    assert (info.kind, info.bit_depth) == ("sequence", 16)
    back = render(tmp_path / "p.%05d.tif", tmp_path / "back.mkv")
    assert back.pixel_format == "gbrp16le"
    assert all(torch.equal(a, b) for a, b in zip(pixels(source), pixels(tmp_path / "back.mkv"), strict=True))


def test_a_single_still(tmp_path: Path, render: Any) -> None:
    source = take(tmp_path / "in", count=1) / "t.0086400.png"
    render(source, tmp_path / "still.tif")
    assert np.array_equal(cv2.imread(str(tmp_path / "still.tif")), cv2.imread(str(source)))


def test_stills_may_differ_in_size_but_a_film_may_not(tmp_path: Path, render: Any) -> None:
    (tmp_path / "in").mkdir()
    for name, height in (("cat", 20), ("dog", 30)):
        cv2.imwrite(str(tmp_path / "in" / f"{name}.png"), np.full((height, 24, 3), 90, np.uint8))
    render(tmp_path / "in", tmp_path / "out")
    assert cv2.imread(str(tmp_path / "out" / "dog.png")).shape == (30, 24, 3)
    with pytest.raises(InputError, match=r"frame 1 .* is 24 x 30"):
        render(tmp_path / "in", tmp_path / "out.mp4")


def test_a_take_does_not_go_into_one_picture(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"stands for 3 pictures, and 'one.png' for one; write 'one.####.png'"):
        check_output(tmp_path / "one.png", probe(take(tmp_path / "in")), overwrite=False)


def test_the_folder_that_is_read_is_never_written_into(tmp_path: Path) -> None:
    source = take(tmp_path / "in")
    (tmp_path / "alias").symlink_to(source)
    for target in (source, tmp_path / "alias", source / "x.####.png", tmp_path / "alias" / "x.####.png"):
        with pytest.raises(UsageError, match="being read"):
            check_output(target, probe(source), overwrite=True)


@pytest.mark.parametrize(("ending", "is_same"), [(".tif", True), (".png", False)])
def test_untouched_pictures_of_the_same_kind_are_said_to_be_kept(tmp_path: Path, ending: str, is_same: bool) -> None:
    """They are copies of the source's files; new pixels, and other kinds, make 16 bits of 10 and colour of grey."""
    spec = OpenImageIO.ImageSpec(7, 9, 1, "uint16")
    spec.attribute("oiio:BitsPerSample", 10)
    output = OpenImageIO.ImageOutput.create("in.tif")
    assert output.open(str(tmp_path / "in.tif"), spec) and output.write_image(np.zeros((9, 7, 1), np.uint16))
    assert output.close()
    source, target = tmp_path / "in.tif", tmp_path / f"out{ending}"
    for is_untouched in (True, False):
        said = check_output(target, probe(source), WriteSettings(untouched=is_untouched), overwrite=False)
        words = [word for word in ("10 bit becomes 16 bit", "grey becomes RGB") if word in " ".join(said)]
        assert len(words) == (0 if is_untouched and is_same else 2)
    relook.apply(source, "silent", target, strength=0)
    assert (target.read_bytes() == source.read_bytes()) == is_same
