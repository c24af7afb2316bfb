"""Pictures of one take: the odd ones are all named before any pixel is read, by headers that agree with what is decoded."""

from __future__ import annotations

import os
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relook.errors import InputError
from relook.film.pictures.alike import Shape, require_alike, shape_of
from relook.film.pictures.picture_file import read_picture
from relook.film.pictures.vfx import has_vfx
from relook.film.reader import probe
from relook.film.sequence import find_pictures

LAYOUTS = {
    "gray": "8 bit grey",
    "bgr24": "8 bit RGB",
    "bgra": "8 bit RGB with alpha",
    "gray16le": "16 bit grey",
    "bgr48le": "16 bit RGB",
    "bgra64le": "16 bit RGB with alpha",
    "gbrpf16le": "half RGB",
    "gbrapf16le": "half RGB with alpha",
    "gbrpf32le": "float RGB",
    "gbrp10le": "10 bit RGB",
}


def painted(path: Path, *, size: tuple[int, int] = (6, 9), channels: int = 3, deep: bool = False) -> Path:
    """Write a picture of some rows and columns."""
    shape = size if channels == 1 else (*size, channels)
    codes = np.random.default_rng(0).integers(0, 65536 if deep else 256, shape).astype(np.uint16 if deep else np.uint8)
    path.write_bytes(cv2.imencode(path.suffix.lower(), codes)[1].tobytes())
    return path


@settings(max_examples=60)
@given(
    ending=st.sampled_from([".png", ".jpg", ".JPEG", ".tif", ".webp", ".bmp"]),
    size=st.tuples(st.integers(1, 70), st.integers(1, 70)),
    channels=st.sampled_from([1, 3, 4]),
    deep=st.booleans(),
    by_library=st.booleans(),
)
def test_a_header_says_what_is_decoded(
    tmp_path_factory: pytest.TempPathFactory,
    ending: str,
    size: tuple[int, int],
    channels: int,
    deep: bool,
    by_library: bool,
) -> None:
    has_depth, has_alpha = ending in (".png", ".tif"), ending in (".png", ".tif", ".webp", ".bmp")
    channels = channels if channels < 4 or has_alpha else 3
    path = painted(tmp_path_factory.mktemp("one") / f"a{ending}", size=size, channels=channels, deep=deep and has_depth)
    picture = read_picture(path)
    height, width = picture.codes.shape[:2]
    assert shape_of(path, by_library=by_library and has_vfx()) == Shape(width, height, LAYOUTS[picture.pixel_format])


@pytest.mark.skipif(not has_vfx(), reason="OpenImageIO and OpenEXR are not installed")
@pytest.mark.parametrize(
    ("ending", "kind", "channels"),
    [(".exr", "half", 3), (".exr", "half", 4), (".exr", "float", 3), (".dpx", "uint10", 3), (".tif", "float", 3)],
)
def test_headers_of_the_extra_say_what_is_decoded(tmp_path: Path, ending: str, kind: str, channels: int) -> None:
    import OpenImageIO as oiio

    buffer = oiio.ImageBuf(np.full((5, 8, channels), 0.5, np.float32))
    buffer.specmod().attribute("oiio:BitsPerSample", 10 if kind == "uint10" else 0)
    path = tmp_path / f"a{ending}"
    assert buffer.write(str(path), "uint16" if kind == "uint10" else kind)
    assert shape_of(path, by_library=True) == Shape(8, 5, LAYOUTS[read_picture(path).pixel_format])


def test_a_picture_that_lies_on_its_side_has_the_size_that_it_is_turned_to(tmp_path: Path) -> None:
    path = painted(tmp_path / "a.jpg", size=(6, 9))
    exif = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0"
    data = path.read_bytes()
    path.write_bytes(data[:2] + b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif + data[2:])
    assert read_picture(path).codes.shape[:2] == (9, 6)
    assert shape_of(path, by_library=False) == Shape(6, 9, "8 bit RGB")


def test_all_odd_ones_are_named(tmp_path: Path) -> None:
    """The first of a take may be the odd one, too; nothing is decoded: whole pictures behind the headers are not there."""
    for number in range(1001, 1013):
        painted(tmp_path / f"s.{number}.png")
        data = (tmp_path / f"s.{number}.png").read_bytes()
        (tmp_path / f"s.{number}.png").write_bytes(data[:60])
    painted(tmp_path / "s.1001.png", channels=4)
    painted(tmp_path / "s.1004.png", size=(5, 9))
    painted(tmp_path / "s.1005.png", size=(5, 9))
    painted(tmp_path / "s.1007.png", deep=True)
    painted(tmp_path / "s.1009.png", channels=1)
    (tmp_path / "s.1010.png").write_bytes(b"")
    (tmp_path / "s.1011.png").write_bytes(b"no picture")
    with pytest.raises(InputError) as caught:
        probe(tmp_path / "s.####.png")
    assert (
        "7 of 12 pictures unlike the others (9 x 6, 8 bit RGB): 1001 (9 x 6, 8 bit RGB with alpha), 1004-1005 (9 x 5, 8 bit "
        "RGB), 1007 (9 x 6, 16 bit RGB), 1009 (9 x 6, 8 bit grey), 1010 (empty), 1011 (cannot be read); the pictures of one "
        "take must have one size"
    ) in str(caught.value)


def test_a_dozen_is_named_and_the_rest_counted(tmp_path: Path) -> None:
    for number in range(1, 50):
        painted(tmp_path / f"{number:03d}.png", size=(6, 9) if number % 2 else (6, 8))
    with pytest.raises(
        InputError, match=r"24 of 49 .*: 2, 4, 6, .*, 22, 24 \(8 x 6, 8 bit RGB\) and 12 more; the pictures"
    ):
        probe(tmp_path)


def test_what_is_no_file_is_named(tmp_path: Path) -> None:
    """A pipe would never end, and a link may lead nowhere."""
    for number in (1, 2):
        painted(tmp_path / f"s.{number}.png")
    os.mkfifo(tmp_path / "s.3.png")
    (tmp_path / "s.4.png").symlink_to(tmp_path / "gone.png")
    (tmp_path / "s.5.png").mkdir()
    with pytest.raises(InputError, match=r"3 of 5 .*: 3 \(no file\), 4 \(No such file or directory\), 5 \(no file\);"):
        probe(tmp_path / "s.#.png")


def test_a_take_of_nothing_is_unreadable(tmp_path: Path) -> None:
    for number in (1, 2, 3):
        (tmp_path / f"s.{number}.exr").write_bytes(b"")
    with pytest.raises(InputError, match=r"3 of 3 pictures unreadable: 1-3 \(empty\);"):
        probe(tmp_path)


def test_stills_may_differ(tmp_path: Path) -> None:
    painted(tmp_path / "cat.png")
    painted(tmp_path / "dog.png", size=(4, 4), channels=4)
    assert probe(tmp_path).kind == "stills"


def test_long_takes_are_looked_through_in_seconds(tmp_path: Path) -> None:
    first = painted(tmp_path / "s.00000.jpg")
    for number in range(1, 10_000):
        os.link(first, tmp_path / f"s.{number:05d}.jpg")
    begun = time.process_time()
    require_alike(tmp_path, find_pictures(tmp_path)[1])
    assert time.process_time() - begun < 5
