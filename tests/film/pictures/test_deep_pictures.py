"""DPX, TIFF and PNG: values, depths and headers come back; real pictures are read as they are meant, or refused by name."""

from __future__ import annotations

import shutil
import struct
import tempfile
import zlib
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import OpenImageIO
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from relook.errors import InputError, RelookError
from relook.film.frames import Frame
from relook.film.pictures.alpha import picture_alpha
from relook.film.pictures.picture import Picture
from relook.film.pictures.picture_file import read_picture, write_picture
from relook.film.pictures.profile import profile_of
from relook.film.reader import probe
from tests.film.pictures.deep_files import through


def profile_in(path: Path) -> bytes | None:
    return profile_of(path.read_bytes(), path)


@settings(max_examples=20)
@example(kind=(".dpx", 10), size=(1, 1), channels=4, seed=0)
@given(
    kind=st.sampled_from([(".dpx", 8), (".dpx", 10), (".dpx", 12), (".dpx", 16), (".tif", 8), (".tif", 16)]),
    size=st.tuples(st.integers(1, 30), st.integers(1, 30)),
    channels=st.sampled_from([3, 4]),
    seed=st.integers(0, 99),
)
def test_whole_codes_come_back(kind: tuple[str, int], size: tuple[int, int], channels: int, seed: int) -> None:
    ending, bits = kind
    codes = np.random.default_rng(seed).integers(0, 2**bits, (*size, channels))
    codes = codes.astype(np.uint8 if bits == 8 else np.uint16)
    pixels = torch.from_numpy((codes[..., 2::-1] / (2**bits - 1)).astype(np.float32)).permute(2, 0, 1)
    given_picture = Picture(Path("made.png"), codes, bits)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"made{ending}"
        write_picture(
            path, Frame(0, 0, 1, pixels), bit_depth=bits, source=given_picture, alpha=picture_alpha(given_picture)
        )
        made = read_picture(path)
        again = read_picture(through(path, Path(folder) / f"again{ending}"))
    for picture in (made, again):
        assert picture.bit_depth == bits
        assert np.array_equal(picture.codes, codes)


def test_ten_bits_lie_in_dpx_as_smpte_says(tmp_path: Path) -> None:
    codes = np.random.default_rng(0).integers(0, 1024, (5, 8, 3)).astype(np.uint16)
    pixels = torch.from_numpy((codes / 1023).astype(np.float32)).permute(2, 0, 1)
    write_picture(tmp_path / "a.dpx", Frame(0, 0, 1, pixels), bit_depth=10)
    data = (tmp_path / "a.dpx").read_bytes()
    order = ">" if data[:4] == b"SDPX" else "<"
    start = struct.unpack(f"{order}I", data[4:8])[0]
    words = np.frombuffer(data, f"{order}u4", 40, start).reshape(5, 8)
    assert np.array_equal(np.stack([words >> shift & 1023 for shift in (22, 12, 2)], axis=-1), codes)


def test_pixels_behind_a_short_dpx_header_are_no_timecode(tmp_path: Path) -> None:
    pixels = torch.full((3, 40, 40), 1 / 255)
    write_picture(tmp_path / "long.dpx", Frame(0, 0, 1, pixels), bit_depth=8)
    data = (tmp_path / "long.dpx").read_bytes()
    order = ">" if data[:4] == b"SDPX" else "<"
    (start,) = struct.unpack(f"{order}I", data[4:8])
    short = bytearray(data[:1664] + data[start:])
    short[4:8] = short[780 + 28 : 780 + 32] = struct.pack(f"{order}I", 1664)
    (tmp_path / "short.dpx").write_bytes(short)
    picture = read_picture(tmp_path / "short.dpx")
    assert (picture.codes == 1).all()
    assert picture.facts == read_picture(tmp_path / "long.dpx").facts
    assert read_picture(through(tmp_path / "short.dpx", tmp_path / "out.dpx")).facts.timecode is None


def test_float_tiff_holds_what_lies_beyond(tmp_path: Path) -> None:
    values = np.random.default_rng(0).normal(0.5, 2, (9, 7, 3)).astype(np.float32)
    cv2.imwrite(str(tmp_path / "in.tif"), values)
    found = read_picture(through(tmp_path / "in.tif", tmp_path / "out.tif"))
    assert (found.bit_depth, found.is_linear) == (32, False)
    assert np.allclose(found.codes, values, atol=1e-6)
    values[3, 2, 0] = np.nan
    cv2.imwrite(str(tmp_path / "in.tif"), values)
    with pytest.raises(InputError, match="holds nan at column 2, row 3, channel B"):
        read_picture(tmp_path / "in.tif")


def test_tiff_keeps_its_tags_and_is_the_same_each_time(tmp_path: Path) -> None:
    spec = OpenImageIO.ImageSpec(7, 9, 3, "uint16")
    profile = bytes(16) + b"RGB " + bytes(range(236))
    spec.attribute("ICCProfile", OpenImageIO.TypeDesc("uint8[256]"), profile)
    for name, value in (
        ("XResolution", 300.0),
        ("YResolution", 150.0),
        ("PixelAspectRatio", 0.5),
        ("Copyright", "a studio"),
        ("Orientation", 6),
    ):
        spec.attribute(name, value)
    codes = np.random.default_rng(0).integers(0, 65536, (9, 7, 3)).astype(np.uint16)
    output = OpenImageIO.ImageOutput.create("in.tif")
    assert output.open(str(tmp_path / "in.tif"), spec) and output.write_image(codes) and output.close()
    source = read_picture(tmp_path / "in.tif")
    upright = np.rot90(codes, -1)[..., ::-1]  # 6: the first row is the right-hand side
    assert np.array_equal(source.codes, upright)
    assert (profile_in(tmp_path / "in.tif"), source.facts.pixel_aspect) == (profile, Fraction(2))
    found = read_picture(through(tmp_path / "in.tif", tmp_path / "out.tif"))
    assert np.array_equal(found.codes, upright) and found.facts == source.facts
    assert profile_in(tmp_path / "out.tif") == profile
    assert found.header.get_string_attribute("Copyright") == "a studio"
    assert found.header.get_int_attribute("Orientation", 1) == 1
    assert found.header.get_string_attribute("DateTime") == source.header.get_string_attribute("DateTime") != ""
    png = read_picture(through(tmp_path / "in.tif", tmp_path / "out.png"))
    assert png.facts == source.facts and profile_in(tmp_path / "out.png") == profile
    through(tmp_path / "out.png", tmp_path / "new.tif")
    assert not read_picture(tmp_path / "new.tif").header.get_string_attribute("DateTime")


def test_png_keeps_its_chunks(tmp_path: Path) -> None:
    codes = np.random.default_rng(0).integers(0, 65536, (9, 7, 3)).astype(np.uint16)
    data = cv2.imencode(".png", codes)[1].tobytes()
    made = [
        (b"gAMA", struct.pack(">I", 45455)),
        (b"pHYs", struct.pack(">IIB", 1, 2, 0)),
        (b"tEXt", b"Comment\0a plate"),
    ]
    chunks = [struct.pack(">I", len(c)) + n + c + struct.pack(">I", zlib.crc32(n + c)) for n, c in made]
    (tmp_path / "in.png").write_bytes(data[:33] + b"".join(chunks) + data[33:])
    out = through(tmp_path / "in.png", tmp_path / "out.png")
    found = read_picture(out)
    assert np.array_equal(found.codes, codes)
    assert found.facts.pixel_aspect == 2
    assert all(out.read_bytes().count(chunk) == 1 for chunk in chunks)
    assert np.array_equal(cv2.imread(str(out), cv2.IMREAD_UNCHANGED), codes)


# Real pictures


@pytest.mark.parametrize("name", ["rgb8", "rgb10_filledA_le", "rgb12_15x4", "rgba12_filledA_be", "FFmpeg_gray16be"])
def test_real_dpx(footage: Callable[[str], Path], tmp_path: Path, name: str) -> None:
    source = footage(f"awkward/real/dpx/{name}.dpx")
    before, after = read_picture(source), read_picture(through(source, tmp_path / "out.dpx"))
    colour = before.codes if before.codes.ndim == 3 else np.stack([before.codes] * 3, axis=-1)
    assert np.array_equal(after.codes, colour)
    assert (after.bit_depth, after.facts) == (before.bit_depth, before.facts)


def test_real_pictures_that_are_refused(footage: Callable[[str], Path], tmp_path: Path) -> None:
    for name, words in (
        ("exr/CrissyField.exr", "subsampled chroma"),
        ("exr/FFmpeg_gbrp32_gamma_removed.exr", "damaged"),
        ("exr/FFmpeg_gbrp32_gamma_removed_hacked_yuv16.exr", "luminance and chroma"),
        ("tiff/flower-separated-contig-16.tif", "CMYK"),
    ):
        with pytest.raises(InputError, match=words):
            probe(footage(f"awkward/real/{name}"))
    for number, source in enumerate(sorted(footage("awkward/real/exr_damaged").iterdir())):
        shutil.copy(source, tmp_path / f"damaged_{number}x.exr")
        with pytest.raises(RelookError) as refused:
            probe(tmp_path / f"damaged_{number}x.exr")
        assert refused.value.exit_code == 3


def test_a_real_ten_bit_tiff_is_white_at_1023(footage: Callable[[str], Path]) -> None:
    picture = read_picture(footage("awkward/real/tiff/flower-rgb-contig-10.tif"))
    assert (picture.bit_depth, int(picture.codes.max())) == (10, 1023)
    assert picture.facts.pixel_aspect == 1
