"""Picture files: what is written is read back, code for code, and transparency is carried."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from relook.errors import InputError, UsageError
from relook.film.frames import Frame
from relook.film.pictures.alpha import picture_alpha
from relook.film.pictures.picture_file import picture_pixels, read_picture, write_picture


def frame_of(codes: np.ndarray) -> Frame:
    """Make a frame of `[h w 3]` RGB codes."""
    pixels = torch.from_numpy(codes.astype(np.float32) / np.iinfo(codes.dtype).max).permute(2, 0, 1)
    return Frame(0, 0, 1, pixels)


@settings(max_examples=25)
@given(
    deep=st.booleans(),
    ending=st.sampled_from([".png", ".tif", ".tiff", ".bmp", ".webp"]),
    size=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    seed=st.integers(0, 99),
)
def test_codes_come_back(deep: bool, ending: str, size: tuple[int, int], seed: int) -> None:
    deep = deep and ending in (".png", ".tif", ".tiff")
    codes = np.random.default_rng(seed).integers(0, 65536 if deep else 256, (*size, 3))
    codes = codes.astype(np.uint16 if deep else np.uint8)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"made{ending}"
        write_picture(path, frame_of(codes), bit_depth=16 if deep else 8)
        picture = read_picture(path)
    assert picture.bit_depth == (16 if deep else 8)
    assert np.array_equal(picture.codes, codes[..., ::-1])
    assert torch.equal(picture_pixels(picture), frame_of(codes).pixels)


def test_grey_is_three_equal_channels(tmp_path: Path) -> None:
    codes = np.arange(256, dtype=np.uint8).reshape(16, 16)
    cv2.imwrite(str(tmp_path / "grey.png"), codes)
    pixels = picture_pixels(read_picture(tmp_path / "grey.png"))
    assert torch.equal(pixels, torch.from_numpy(codes.astype(np.float32) / 255).expand(3, -1, -1))


@pytest.mark.parametrize(("made", "written"), [(8, 8), (8, 16), (16, 16), (16, 8)])
def test_transparency_is_carried(tmp_path: Path, made: int, written: int) -> None:
    top = 2**made
    codes = np.random.default_rng(0).integers(0, top, (9, 7, 4)).astype(np.uint8 if made == 8 else np.uint16)
    cv2.imwrite(str(tmp_path / "in.png"), codes)
    picture = read_picture(tmp_path / "in.png")
    assert picture.alpha is not None
    frame = Frame(0, 0, 1, picture_pixels(picture), picture)
    write_picture(tmp_path / "out.png", frame, bit_depth=written, source=picture, alpha=picture_alpha(picture))
    found = read_picture(tmp_path / "out.png")
    assert found.bit_depth == written
    exact = codes[..., 3].astype(float) / (top - 1) * (2**written - 1)
    assert np.abs(found.codes[..., 3] - exact).max() <= 0.5
    with pytest.raises(UsageError, match="transparency"):
        write_picture(tmp_path / "out.jpg", frame, bit_depth=8, source=picture, alpha=picture_alpha(picture))
    assert not (tmp_path / "out.jpg").exists()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "damaged, empty"),
        (b"this is text", "damaged, empty"),
        (
            b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\xea\x60\x00\x00\xea\x60\x08\x02\x00\x00\x00\x00\x00\x00\x00",
            "60000 x 60000",
        ),
    ],
)
def test_what_is_no_picture_is_refused(
    tmp_path: Path, content: bytes, words: str, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "odd.png"
    path.write_bytes(content)
    with pytest.raises(InputError, match=words):
        read_picture(path)
    assert capfd.readouterr() == ("", "")


def test_without_the_extra_float_pictures_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "OpenImageIO", None)
    cv2.imwrite(str(tmp_path / "float.tif"), np.ones((4, 4, 3), np.float32))
    with pytest.raises(InputError, match=r"float32 .* pip install 'relook\[vfx\]'"):
        read_picture(tmp_path / "float.tif")
    for name in ("a.exr", "a.dpx"):
        (tmp_path / name).write_bytes(b"x")
        with pytest.raises(InputError, match=r"pip install 'relook\[vfx\]'"):
            read_picture(tmp_path / name)


def test_without_the_extra_tiff_is_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    codes = np.random.default_rng(0).integers(0, 65536, (9, 7, 4)).astype(np.uint16)
    cv2.imwrite(str(tmp_path / "in.tif"), codes)
    found = [read_picture(tmp_path / "in.tif")]
    monkeypatch.setitem(sys.modules, "OpenImageIO", None)
    found.append(read_picture(tmp_path / "in.tif"))
    assert all(np.array_equal(picture.codes, codes) and picture.bit_depth == 16 for picture in found)
