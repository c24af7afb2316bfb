"""EXIF, XMP, IPTC, comments and resolution: byte for byte from file to file, mended where they would be untrue, or told."""

from __future__ import annotations

import struct
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from relook.film.frames import Frame
from relook.film.output_place import check_output
from relook.film.pictures.blocks import Metadata, metadata_of, with_metadata
from relook.film.pictures.metadata import carry_metadata, lost_metadata
from relook.film.pictures.picture_file import read_picture, write_picture
from relook.film.pictures.profile import jpeg_segments, profile_of, with_profile
from relook.film.pictures.tiff import first_directory, with_tags, without_second
from relook.film.pictures.vfx import has_vfx
from relook.film.reader import probe

ICC = b"\0\0\0\x90" + bytes(12) + b"RGB XYZ " + bytes(120)
XMP = b'<x:xmpmeta tiff:Orientation="6"><tiff:Orientation>6</tiff:Orientation></x:xmpmeta>'
IPTC = b"8BIM" + struct.pack(">HHI", 0x0404, 0, 9) + b"\x1c\x02\x74\0\x04mine" + b"\0"
SHOWN = b"8BIM" + struct.pack(">HHI", 1036, 0, 4) + b"\xff\xd8\xff\xd9"


def exif(order: str, *, turn: int = 6) -> bytes:
    """Write EXIF with a camera, the turn, the size as it was shot, and a thumbnail."""
    wide, high, camera = (0xA002, 4, 1, 30), (0xA003, 4, 1, 20), b"camera\0\0"
    first = [(271, 2, 8, 8 + 2 + 36 + 4), (274, 3, 1, turn if order == "<" else turn << 16), (34665, 4, 1, 58)]
    data = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8)
    data += struct.pack(order + "H", 3) + b"".join(struct.pack(order + "HHII", *entry) for entry in first)
    data += struct.pack(order + "I", 58 + 2 + 24 + 4) + camera
    data += (
        struct.pack(order + "H", 2) + b"".join(struct.pack(order + "HHII", *entry) for entry in (wide, high)) + bytes(4)
    )
    return data + struct.pack(order + "HHHIII", 1, 513, 4, 1, 0, 0) + b"thumbnail"


def segment(marker: int, body: bytes) -> bytes:
    return bytes((0xFF, marker)) + struct.pack(">H", len(body) + 2) + body


def photograph(path: Path, *, order: str = "<", turn: int = 6) -> Path:
    """Write a JPEG of 30 x 20 as cameras and Photoshop leave them."""
    data = cv2.imencode(".jpg", np.random.default_rng(0).integers(0, 256, (20, 30, 3)).astype(np.uint8))[1].tobytes()
    size = struct.unpack_from(">H", data, 4)[0]
    said = segment(0xE0, b"JFIF\0\1\1\1" + struct.pack(">HH", 300, 150) + b"\0\0")
    said += segment(0xE1, b"Exif\0\0" + exif(order, turn=turn)) + segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + XMP)
    said += segment(0xE1, b"http://ns.adobe.com/xmp/extension/\0" + b"x" * 40)
    said += segment(0xED, b"Photoshop 3.0\0" + SHOWN + IPTC) + segment(0xFE, b"a comment") + segment(0xE2, b"MPF\0more")
    path.write_bytes(data[:2] + said + data[4 + size :])
    return path


def rendered(source: Path, target: Path) -> tuple[str, ...]:
    """Write a picture anew, as a render does, and say what was lost."""
    picture = read_picture(source)
    height, width = picture.codes.shape[:2]
    write_picture(target, Frame(0, 0, 1, torch.zeros(3, height, width)), bit_depth=8, source=picture)
    return tuple(words.split(":")[0] for words in carry_metadata(source, target))


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("ending", [".jpg", ".png", ".webp", ".tif"])
def test_what_can_be_held_is_kept(tmp_path: Path, ending: str, order: str) -> None:
    """The pixels were turned: orientation is 1 and sizes are exchanged; the rest of the bytes are the camera's."""
    source, target = photograph(tmp_path / "in.jpg", order=order), tmp_path / f"out{ending}"
    lost = rendered(source, target)
    before, after = metadata_of(source.read_bytes()), metadata_of(target.read_bytes())
    if ending != ".tif":
        page = first_directory(after.exif)
        assert page is not None
        assert page.number(274, after.exif) == 1
        assert page.after == 0
        at = page.whole_number(34665, after.exif) or 0
        sizes = [struct.unpack_from(order + "I", after.exif, at + 10 + 12 * index)[0] for index in (0, 1)]
        assert sizes == [20, 30]
        changed = [index for index, pair in enumerate(zip(before.exif, after.exif, strict=True)) if len(set(pair)) > 1]
        assert len(changed) == 3
        assert b"camera" in after.exif
    assert after.xmp == XMP.replace(b"6", b"1")
    if ending != ".webp":
        assert after.density is not None
        assert [round(float(size), 1) for size in after.density] == [150, 300]
    if ending == ".tif":
        assert after.tags[271] == (2, b"camera\0\0")
    assert after.photoshop == (IPTC if ending in (".jpg", ".tif") else b"")
    assert after.comments == ((b"a comment",) if ending == ".jpg" else ())
    assert after.more_xmp == (before.more_xmp if ending == ".jpg" else ())
    mpf, blocks, comment = "further pictures in the file (MPF)", "IPTC and Photoshop's blocks", "comment"
    assert (
        lost
        == {
            ".jpg": (mpf,),
            ".png": (mpf, blocks, comment),
            ".webp": (mpf, blocks, comment, "resolution"),
            ".tif": (mpf, "EXIF", comment),
        }[ending]
    )
    assert read_picture(target).codes.shape[:2] == (30, 20)


def test_a_tiff_that_was_turned_keeps_its_camera(tmp_path: Path) -> None:
    """A TIFF says how it is turned among its own tags, not in EXIF."""
    made = tmp_path / "made.tif"
    cv2.imwrite(str(made), np.zeros((20, 30, 3), np.uint8))
    (tmp_path / "in.tif").write_bytes(
        with_tags(made.read_bytes(), {271: (2, b"camera\0\0"), 274: (3, struct.pack("<H", 6))})
    )
    for ending in (".tif", ".jpg", ".png"):
        rendered(tmp_path / "in.tif", tmp_path / f"out{ending}")
        after = metadata_of((tmp_path / f"out{ending}").read_bytes())
        assert b"camera" in (after.tags[271][1] if ending == ".tif" else after.exif)
        assert read_picture(tmp_path / f"out{ending}").codes.shape[:2] == (30, 20)


def test_an_upright_picture_says_the_same_bytes(tmp_path: Path) -> None:
    source = photograph(tmp_path / "in.jpg", turn=1)
    rendered(source, tmp_path / "out.jpg")
    before, after = (metadata_of((tmp_path / name).read_bytes()) for name in ("in.jpg", "out.jpg"))
    assert after == Metadata(before.exif, XMP, before.more_xmp, IPTC, before.comments, (Fraction(300), Fraction(150)))


@pytest.mark.parametrize("ending", [".bmp", ".exr", ".mov"])
def test_what_cannot_be_held_is_told_before_work(tmp_path: Path, ending: str) -> None:
    if ending == ".exr" and not has_vfx():
        pytest.skip("OpenImageIO and OpenEXR are not installed")
    source = photograph(tmp_path / "in.jpg")
    told = check_output(tmp_path / f"out{ending}", probe(source), overwrite=False)
    for what in ("EXIF", "XMP", "IPTC and Photoshop's blocks", "comment", "further pictures in the file (MPF)"):
        assert f"{what}: left out ({ending} cannot hold it)" in told
    assert (f"resolution: left out ({ending} cannot hold it)" in told) == (ending != ".mov")
    assert not any("EXIF" in words for words in check_output(tmp_path / "o.jpg", probe(source), overwrite=False))


def test_the_profile_stays_beside(tmp_path: Path) -> None:
    """A lossless WebP gets the extended form once, whichever comes first."""
    for name in ("a.webp", "a.jpg", "a.png"):
        plain = cv2.imencode(f".{name[2:]}", np.zeros((4, 5, 3), np.uint8))[1].tobytes()
        if name == "a.webp":
            plain = cv2.imencode(".webp", np.zeros((4, 5, 3), np.uint8), (cv2.IMWRITE_WEBP_LOSSLESS_MODE, 1))[
                1
            ].tobytes()
        said = Metadata(exif("<", turn=1)[:46] + bytes(5) + b"odd", b"xmp of odd length")
        both = with_metadata(with_profile(plain, ICC) or b"", said)
        assert profile_of(both, tmp_path) == ICC
        if name == "a.webp":
            assert (both[20] & 0x2C, both[30:34]) == (0x2C, b"ICCP")
        assert metadata_of(both).xmp == said.xmp
        assert metadata_of(both).exif == said.exif
        (tmp_path / name).write_bytes(both)
        assert read_picture(tmp_path / name).codes.shape == (4, 5, 3)


def test_long_blocks_of_photoshop_come_in_parts(tmp_path: Path) -> None:
    long = IPTC + b"8BIM" + struct.pack(">HHI", 1200, 0, 150_000) + np.random.default_rng(0).bytes(150_000)
    plain = cv2.imencode(".jpg", np.zeros((4, 5, 3), np.uint8))[1].tobytes()
    made = with_metadata(plain, Metadata(photoshop=long))
    assert sum(marker == 0xED for marker, _, _ in jpeg_segments(made)) == 3
    assert metadata_of(made).photoshop == long


def test_text_and_gamma_of_a_png_stay_in_png(tmp_path: Path) -> None:
    from relook.film.pictures.png import with_chunks

    plain = cv2.imencode(".png", np.full((4, 5, 3), 90, np.uint8))[1].tobytes()
    chunks = (
        (b"gAMA", struct.pack(">I", 100_000)),
        (b"cHRM", struct.pack(">8I", 31270, 32900, 70800, 29200, 17000, 79700, 13100, 4600)),
        (b"pHYs", struct.pack(">IIB", 11811, 11811, 1)),
        (b"eXIf", exif(">", turn=8)),
        (b"tEXt", b"Copyright\0mine"),
        (b"iTXt", b"XML:com.adobe.xmp" + bytes(5) + XMP),
    )
    source = tmp_path / "in.png"
    source.write_bytes(with_chunks(plain, chunks))
    assert rendered(source, tmp_path / "out.png") == ()
    made = (tmp_path / "out.png").read_bytes()
    for name, content in chunks:
        assert made.count(name + (without_second(content) if name == b"eXIf" else content)) == 1
    assert metadata_of(made).exif == without_second(exif(">", turn=8)) != exif(">", turn=8)
    assert rendered(source, tmp_path / "out.jpg") == ("text", "gamma, primaries and transfer")
    found = metadata_of((tmp_path / "out.jpg").read_bytes())
    assert found.exif == metadata_of(made).exif
    assert found.xmp == XMP
    assert found.density is not None
    assert [round(size) for size in found.density] == [300, 300]


@pytest.mark.skipif(not has_vfx(), reason="OpenImageIO and OpenEXR are not installed")
def test_tiff_keeps_its_tags(tmp_path: Path) -> None:
    import OpenImageIO as oiio

    buffer = oiio.ImageBuf(np.zeros((4, 5, 3), np.uint8))
    for name, value in {
        "Make": "camera",
        "Copyright": "mine",
        "ExposureTime": 0.5,
        "XResolution": 240.0,
    }.items():
        buffer.specmod().attribute(name, value)
    source = tmp_path / "in.tif"
    assert buffer.write(str(source))
    source.write_bytes(with_metadata(source.read_bytes(), Metadata(xmp=XMP, photoshop=SHOWN + IPTC)))
    assert rendered(source, tmp_path / "out.tif") == ()
    made = (tmp_path / "out.tif").read_bytes()
    assert (metadata_of(made).xmp, metadata_of(made).photoshop) == (XMP, IPTC)
    spec = oiio.ImageBuf(str(tmp_path / "out.tif")).spec()
    assert (spec["Make"], spec["Copyright"], spec["ExposureTime"]) == ("camera", "mine", 0.5)
    assert lost_metadata(source, ".png") == ("IPTC and Photoshop's blocks", "exposure and place (EXIF of TIFF)")
    assert lost_metadata(source, ".exr") == (
        "EXIF",
        "XMP",
        "IPTC and Photoshop's blocks",
        "resolution",
        "exposure and place (EXIF of TIFF)",
    )
    rendered(source, tmp_path / "out.jpg")
    spec = oiio.ImageBuf(str(tmp_path / "out.jpg")).spec()
    assert (spec["Make"], spec["Copyright"], spec["XResolution"]) == ("camera", "mine", 240)


@settings(max_examples=200)
@given(data=st.data())
def test_damaged_blocks_are_no_errors(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    """Bytes that are anything give a file that opens, or the same."""
    whole = photograph(tmp_path_factory.getbasetemp() / "whole.jpg").read_bytes()
    at = data.draw(st.integers(2, 420))
    broken = whole[:at] + data.draw(st.binary(max_size=12)) + whole[at + data.draw(st.integers(0, 12)) :]
    found = metadata_of(broken)
    plain = cv2.imencode(".png", np.zeros((4, 5, 3), np.uint8))[1].tobytes()
    made = with_metadata(plain, found)
    assert cv2.imdecode(np.frombuffer(made, np.uint8), cv2.IMREAD_UNCHANGED) is not None


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("library", [True, False])
def test_further_tags_of_tiff_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, order: str, library: bool
) -> None:
    """Those that OpenImageIO does not know, such as where on Earth a pixel lies, and all of them without it."""
    if library and not has_vfx():
        pytest.skip("OpenImageIO and OpenEXR are not installed")
    for room in ("picture_file", "metadata"):
        monkeypatch.setattr(f"relook.film.pictures.{room}.has_vfx", lambda: library)
    scale, more = struct.pack(order + "3d", 0.5, 0.25, 0), 8 + 2 + 12 * 14 + 4
    camera, size = b"a camera\0\0", struct.pack(order + "2I", 240, 1)
    entries = [(256, 3, 1, 2), (257, 3, 1, 1), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1)]
    entries += [(271, 2, 10, more + 4), (273, 4, 1, more), (277, 3, 1, 1), (278, 3, 1, 1), (279, 4, 1, 2)]
    entries += [(282, 5, 1, more + 14), (283, 5, 1, more + 14), (296, 3, 1, 2), (33550, 12, 3, more + 22)]
    data = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "IH", 8, len(entries))
    for tag, kind, count, value in entries:
        short = order == ">" and kind == 3
        data += struct.pack(order + "HHII", tag, kind, count, value << 16 if short else value)
    data += bytes(4) + b"\x10\x20\0\0" + camera + size + scale
    source = tmp_path / "in.tif"
    source.write_bytes(data)
    assert read_picture(source).codes.tolist() == [[16, 32]]
    assert rendered(source, tmp_path / "out.tif") == ()
    made = (tmp_path / "out.tif").read_bytes()
    page = first_directory(made)
    assert page is not None
    held = {tag: made[entry.start : entry.stop] for tag, entry in page.entries.items()}
    assert held[271].rstrip(b"\0") == b"a camera"
    assert struct.unpack("<3d", held[33550]) == (0.5, 0.25, 0)
    assert Fraction(*struct.unpack("<2I", held[282])) == 240
    assert read_picture(tmp_path / "out.tif").codes.shape[:2] == (1, 2)
