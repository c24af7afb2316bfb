"""ICC profiles are carried byte for byte between all kinds of pictures, and transparency is neither lost nor multiplied in."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from relook.errors import InputError, UsageError
from relook.film.frames import Frame
from relook.film.pictures.alpha import picture_alpha
from relook.film.pictures.picture_file import picture_pixels, read_picture, write_picture
from relook.film.pictures.profile import carry_profile, profile_of, with_profile
from relook.film.pictures.tiff import EXTRA_SAMPLES, PHOTOMETRIC, SAMPLES_PER_PIXEL, SHORT, first_directory, with_tags

ENDINGS = (".png", ".jpg", ".webp", ".tif")


def profile(size: int = 600, *, space: bytes = b"RGB ", seed: int = 0) -> bytes:
    """Make a profile with one tag, which is a tone curve followed by noise."""
    head = bytearray(128)
    struct.pack_into(">I4xI4s4s4s12x4s", head, 0, size, 0x02400000, b"mntr", space, b"XYZ ", b"acsp")
    noise = np.random.default_rng(seed).integers(0, 256, size - 158, dtype=np.uint8).tobytes()
    return bytes(head) + struct.pack(">I4sII", 1, b"kTRC", 144, size - 144) + b"curv\0\0\0\0\0\0\0\1\2\x33" + noise


def picture(path: Path, *, channels: int = 3, deep: bool = False, icc: bytes | None = None, seed: int = 0) -> Path:
    """Write a picture of noise; with a fourth channel its upper half is wholly transparent."""
    kind = np.uint16 if deep else np.uint8
    codes = np.random.default_rng(seed).integers(0, np.iinfo(kind).max + 1, (16, 12, channels)).astype(kind)
    if channels == 4:
        codes[:8, :, 3] = 0
    options = (cv2.IMWRITE_WEBP_LOSSLESS_MODE, cv2.IMWRITE_WEBP_LOSSLESS_PRESERVE_COLOR)
    data = cv2.imencode(path.suffix, codes, options if path.suffix == ".webp" else ())[1].tobytes()
    path.write_bytes(with_profile(data, icc) or data if icc else data)
    return path


def rewritten(source: Path, target: Path) -> Path:
    """Write a picture once more as it is."""
    read = read_picture(source)
    write_picture(target, Frame(0, 0, 1, picture_pixels(read)), bit_depth=read.bit_depth, alpha=picture_alpha(read))
    carry_profile(source, target)
    return target


@pytest.mark.parametrize("size", [601, 150_000])
@pytest.mark.parametrize("target", ENDINGS)
@pytest.mark.parametrize("source", ENDINGS)
def test_a_profile_is_carried_byte_for_byte(tmp_path: Path, source: str, target: str, size: int) -> None:
    """150 kB are more than a segment of JPEG holds."""
    made = rewritten(picture(tmp_path / f"in{source}", icc=profile(size)), tmp_path / f"out{target}")
    assert profile_of(made.read_bytes(), made) == profile(size)
    assert read_picture(made).codes.shape == (16, 12, 3)


@pytest.mark.parametrize("ending", ENDINGS)
def test_others_find_the_profile_too(tmp_path: Path, ending: str) -> None:
    oiio = pytest.importorskip("OpenImageIO")
    path = picture(tmp_path / f"made{ending}", channels=3 if ending == ".jpg" else 4, icc=profile(70_001))
    source = oiio.ImageInput.open(str(path))
    found = source.spec().getattribute("ICCProfile")
    assert np.asarray(found).astype(np.uint8).tobytes() == profile(70_001)
    pixels = source.read_image(format="uint8")
    assert pixels.shape[:2] == (16, 12)
    assert pixels.shape[2] == (3 if ending == ".jpg" else 4)


def test_the_chunk_of_a_png_has_its_checksum(tmp_path: Path) -> None:
    """Readers that are strict skip a chunk without it."""
    data = picture(tmp_path / "made.png", icc=profile()).read_bytes()
    at = data.index(b"iCCP")
    stop = at + 4 + struct.unpack_from(">I", data, at - 4)[0]
    assert struct.unpack_from(">I", data, stop)[0] == zlib.crc32(data[at:stop])


def test_a_profile_for_grey_becomes_one_of_the_same_curve(tmp_path: Path) -> None:
    source = picture(tmp_path / "in.png", channels=1, icc=profile(space=b"GRAY"))
    made = rewritten(source, tmp_path / "out.tif")
    found = profile_of(made.read_bytes(), made)
    assert found is not None
    assert (found[16:20], struct.unpack(">I", found[:4])[0]) == (b"RGB ", len(found))
    tags = {}
    for at in range(132, 132 + 12 * struct.unpack_from(">I", found, 128)[0], 12):
        name, start, size = struct.unpack_from(">4sII", found, at)
        tags[name] = found[start : start + size]
    assert [tags[name] for name in (b"rTRC", b"gTRC", b"bTRC")] == [profile(space=b"GRAY")[144:]] * 3
    white = sum(np.array(struct.unpack(">3i", tags[name][8:])) / 65536 for name in (b"rXYZ", b"gXYZ", b"bXYZ"))
    assert white == pytest.approx((0.9642, 1.0, 0.8249), abs=3e-4)


def test_what_cannot_be_carried_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="CMYK"):
        rewritten(picture(tmp_path / "cmyk.jpg", icc=profile(space=b"CMYK")), tmp_path / "out.jpg")
    with pytest.raises(UsageError, match=r"\.bmp cannot hold"):
        rewritten(picture(tmp_path / "in.png", icc=profile()), tmp_path / "out.bmp")
    damaged = picture(tmp_path / "damaged.png", icc=profile())
    data = damaged.read_bytes()
    at = data.index(b"iCCP") + 30
    damaged.write_bytes(data[:at] + bytes(40) + data[at + 40 :])
    with pytest.raises(InputError, match="damaged colour profile"):
        rewritten(damaged, tmp_path / "out.png")


@pytest.mark.parametrize("deep", [False, True])
@pytest.mark.parametrize("ending", [".png", ".webp", ".tif"])
def test_colours_below_full_transparency_stay(tmp_path: Path, ending: str, deep: bool) -> None:
    source = picture(tmp_path / "in.png", channels=4, deep=deep and ending != ".webp")
    made = rewritten(source, tmp_path / f"out{ending}")
    assert np.array_equal(read_picture(made).codes, read_picture(source).codes)


def bare_tiff(codes: np.ndarray, *, order: str, big: bool) -> bytes:
    """Write RGBA codes as an uncompressed TIFF with straight alpha, of either byte order, with small or big numbers."""
    height, width, channels = codes.shape
    head = {"<": b"II", ">": b"MM"}[order] + struct.pack(
        order + ("HHHQ" if big else "HI"), *((43, 8, 0, 16) if big else (42, 8))
    )
    bits, word, counter = 8 * codes.itemsize, "Q" if big else "I", "Q" if big else "H"
    tags = [
        (256, width),
        (257, height),
        (258, bits),
        (259, 1),
        (262, 2),
        (273, 0),
        (277, channels),
        (278, height),
        (338, 2),
    ]
    stop = (
        len(head) + struct.calcsize(order + counter) + len(tags) * (20 if big else 12) + struct.calcsize(order + word)
    )
    body = b""
    for tag, value in tags:
        if tag == 258:  # one number for each channel
            four = struct.pack(order + "4H", *(value,) * 4)
            body += struct.pack(f"{order}HH{word}", tag, 3, 4) + (four if big else struct.pack(order + "I", stop))
        elif tag == 273:
            body += struct.pack(f"{order}HH{word}{word}", tag, 16 if big else 4, 1, stop + 8)
        else:
            body += struct.pack(f"{order}HH{word}H", tag, 3, 1, value) + bytes(6 if big else 2)
    pixels = codes.astype(codes.dtype.newbyteorder(order)).tobytes()
    return (
        head
        + struct.pack(order + counter, len(tags))
        + body
        + bytes(struct.calcsize(word))
        + struct.pack(order + "4H", *(bits,) * 4)
        + pixels
    )


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("deep", [False, True])
def test_a_tiff_with_straight_alpha_is_not_multiplied(tmp_path: Path, deep: bool, order: str, big: bool) -> None:
    kind = np.uint16 if deep else np.uint8
    codes = np.random.default_rng(1).integers(0, np.iinfo(kind).max + 1, (16, 12, 4)).astype(kind)
    (tmp_path / "in.tif").write_bytes(bare_tiff(codes, order=order, big=big))
    assert np.array_equal(read_picture(tmp_path / "in.tif").codes[..., [2, 1, 0, 3]], codes)


@pytest.mark.parametrize(
    ("tag", "value", "words"), [(SAMPLES_PER_PIXEL, b"\2\0", "grey with transparency"), (PHOTOMETRIC, b"\5\0", "CMYK")]
)
def test_a_tiff_of_another_make_is_refused(tmp_path: Path, tag: int, value: bytes, words: str) -> None:
    """OpenCV would read grey with alpha, without its alpha."""
    data = cv2.imencode(".tif", np.zeros((4, 4), np.uint8))[1].tobytes()
    (tmp_path / "in.tif").write_bytes(with_tags(data, {tag: (SHORT, value)}))
    with pytest.raises(InputError, match=words):
        read_picture(tmp_path / "in.tif")


def test_a_tiff_with_multiplied_alpha_is_divided(tmp_path: Path) -> None:
    """Half transparent: stored 50 was 100; below full transparency nothing is known and nothing is changed."""
    codes = np.full((4, 4, 4), (50, 20, 127, 127), np.uint8)
    codes[0] = (7, 8, 9, 0)
    data = cv2.imencode(".tif", codes)[1].tobytes()
    (tmp_path / "in.tif").write_bytes(with_tags(data, {EXTRA_SAMPLES: (SHORT, b"\1\0")}))
    found = read_picture(tmp_path / "in.tif").codes
    assert found[1, 1].tolist() == [100, 40, 255, 127]
    assert found[0, 0].tolist() == [7, 8, 9, 0]
    made = rewritten(tmp_path / "in.tif", tmp_path / "out.tif")
    directory = first_directory(made.read_bytes())
    assert directory is not None
    assert directory.number(EXTRA_SAMPLES, made.read_bytes()) == 2
    assert np.array_equal(read_picture(made).codes, found)


def test_a_photograph_on_its_side_is_put_upright(tmp_path: Path) -> None:
    """EXIF orientation 6: the first row is the right side."""
    codes = np.zeros((16, 32, 3), np.uint8)
    codes[:8, :8] = 255
    data = cv2.imencode(".jpg", codes)[1].tobytes()
    exif = b"Exif\0\0II*\0\x08\0\0\0\1\0" + struct.pack("<HHIHH", 274, 3, 1, 6, 0) + bytes(4)
    (tmp_path / "in.jpg").write_bytes(data[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + data[2:])
    found = read_picture(tmp_path / "in.jpg").codes
    assert found.shape == (32, 16, 3)
    assert found[:8, 8:].min() > 200
