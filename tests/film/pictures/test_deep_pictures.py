"""EXR, DPX, float TIFF and PNG: values, depths and headers come back; what cannot be carried is refused by name."""

from __future__ import annotations

import shutil
import struct
import sys
import tempfile
import zlib
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import OpenEXR
import OpenImageIO
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from relook.errors import InputError, RelookError, UsageError
from relook.film.frames import Frame
from relook.film.output_place import check_output
from relook.film.pictures.alpha import picture_alpha
from relook.film.pictures.dpx_tiff import timecode_text, timecode_word
from relook.film.pictures.picture import exact_rate, existing_timecode
from relook.film.pictures.picture_file import Picture, picture_values, read_picture, write_picture
from relook.film.pictures.primaries import BT709, to_bt709
from relook.film.pictures.profile import carry_profile, profile_of
from relook.film.pictures.scene_light import to_display, to_light
from relook.film.pictures.vfx import words_of
from relook.film.reader import FilmReader, probe
from relook.film.writer import FilmWriter
from relook.timing import FrameRange

MakeFilm = Callable[..., Path]
AP1 = (0.713, 0.293, 0.165, 0.83, 0.128, 0.044, 0.32168, 0.33767)
"""Primaries and white of ACEScg."""


def write_exr(path: Path, channels: dict[str, np.ndarray], **entries: Any) -> Path:
    header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage, **entries}
    with OpenEXR.File(header, {name: np.ascontiguousarray(values) for name, values in channels.items()}) as file:
        file.write(str(path))
    return path


def exr(path: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    with OpenEXR.File(str(path), separate_channels=True) as file:
        channels = file.channels()
        return dict(file.header()), {name: np.array(channel.pixels) for name, channel in channels.items()}


def frame_of(picture: Picture) -> Frame:
    pixels, beyond = picture_values(picture)
    assert pixels.min() >= 0 and pixels.max() <= 1
    return Frame(0, 0, 1, pixels, picture, beyond=beyond)


def profile_in(path: Path) -> bytes | None:
    return profile_of(path.read_bytes(), path)


def through(path: Path, target: Path) -> Path:
    """Read a picture and write its pixels."""
    picture = read_picture(path)
    alpha, facts = picture_alpha(picture), picture.facts
    write_picture(target, frame_of(picture), bit_depth=picture.bit_depth, source=picture, alpha=alpha, facts=facts)
    carry_profile(path, target)
    return target


def written_again(source: Path, target: Path, *, copied: bool = False, wanted: FrameRange | None = None) -> None:
    with FilmReader(source) as reader, FilmWriter(target, reader.info) as writer:
        for frame in reader.frames(wanted):
            (writer.copy if copied else writer.write)(frame)


def light(dtype: type, *, seed: int = 0, channels: str = "RGB") -> dict[str, np.ndarray]:
    """Draw linear values of all sizes and both signs, with 4.0, -0.1 and the ends of half among them."""
    rng = np.random.default_rng(seed)
    found = {name: (rng.normal(0, 1, (9, 7)) * 10.0 ** rng.integers(-6, 4, (9, 7))).astype(dtype) for name in channels}
    found["R"][0, :4] = 4.0, -0.1, 65504.0, 6e-8
    return found


@settings(max_examples=20, deadline=None)
@given(deep=st.booleans(), seed=st.integers(0, 99), alpha=st.booleans())
def test_exr_values_beyond_white_and_black_come_back(deep: bool, seed: int, alpha: bool) -> None:
    given_values = light(np.float32 if deep else np.float16, seed=seed, channels="RGBA" if alpha else "RGB")
    with tempfile.TemporaryDirectory() as folder:
        source = write_exr(Path(folder) / "in.exr", given_values)
        _, found = exr(through(source, Path(folder) / "out.exr"))
    assert found.keys() == given_values.keys()
    for name, values in given_values.items():
        assert found[name].dtype == values.dtype
        if deep and name != "A":
            assert np.allclose(found[name], values, rtol=2e-6, atol=1e-9)
        else:
            assert np.array_equal(found[name], values)


def test_the_curve_by_hand() -> None:
    assert to_display(np.array([0, 0.0031308, 0.5, 1, -0.5])) == pytest.approx(
        [0, 0.04045, 0.73536, 1, -0.73536], abs=1e-5
    )
    every_half = np.arange(65536, dtype=np.uint16).view(np.float16)
    every_half = every_half[np.isfinite(every_half)]
    assert np.array_equal(to_light(to_display(every_half)).astype(np.float16), every_half)
    assert (np.diff(to_display(np.sort(every_half))) >= 0).all()


def test_an_exr_keeps_header_windows_and_layers(tmp_path: Path) -> None:
    code = OpenEXR.TimeCode()
    code.hours, code.minutes, code.seconds, code.frame = 1, 2, 3, 4
    entries = {
        "timeCode": code,
        "framesPerSecond": Fraction(24000, 1001),
        "chromaticities": AP1,
        "pixelAspectRatio": 2.0,
        "owner": "a studio",
        "shot/take": 7,
        "compression": OpenEXR.PIZ_COMPRESSION,
        "displayWindow": (np.array([0, 0], np.int32), np.array([19, 19], np.int32)),
        "dataWindow": (np.array([3, 5], np.int32), np.array([9, 13], np.int32)),
    }
    layers = {
        "Z": np.full((9, 7), np.inf, np.float32),
        "id": np.arange(63, dtype=np.uint32).reshape(9, 7),
        "glow.R": np.ones((9, 7), np.float16),
    }
    source = write_exr(tmp_path / "in.exr", light(np.float16) | layers, **entries)
    before, after = exr(source), exr(through(source, tmp_path / "out.exr"))
    assert {name: repr(value) for name, value in after[0].items()} == {
        name: repr(value) for name, value in before[0].items()
    }
    assert repr(after[0]["timeCode"]) == repr(code)
    assert all(
        np.array_equal(after[1][name], values) and after[1][name].dtype == values.dtype
        for name, values in layers.items()
    )
    facts = read_picture(source).facts
    assert (facts.frame_rate, facts.timecode, facts.pixel_aspect) == (Fraction(24000, 1001), "01:02:03:04", 2)


def test_aces_light_by_hand() -> None:
    """From AP1 to BT.709 as published with ACES 1 (rows; the white adapted by CAT02 there, by Bradford here)."""
    matrix = to_bt709(Path("a.exr"), AP1)
    assert matrix is not None
    published = [[1.70505, -0.62179, -0.08326], [-0.13026, 1.14080, -0.01055], [-0.02400, -0.12897, 1.15297]]
    assert np.allclose(matrix, published, atol=2e-3)
    assert np.allclose(matrix.sum(axis=1), 1, atol=1e-6), "white stays white"
    assert to_bt709(Path("a.exr"), None) is None is to_bt709(Path("a.exr"), BT709)


def test_aces_pictures_come_back(tmp_path: Path) -> None:
    given_values = light(np.float32, seed=3)
    _, found = exr(through(write_exr(tmp_path / "in.exr", given_values, chromaticities=AP1), tmp_path / "out.exr"))
    size = np.max([np.abs(values) for values in given_values.values()], axis=0)
    for name, values in given_values.items():
        assert (np.abs(found[name] - values) <= 1e-5 * size).all()
    grey = read_picture(
        write_exr(tmp_path / "grey.exr", dict.fromkeys("RGB", np.full((4, 4), 0.5, np.float16)), chromaticities=AP1)
    )
    assert picture_values(grey)[0].numpy() == pytest.approx(0.73536, abs=1e-3)
    red = {"R": np.full((4, 4), 0.5, np.float16), "G": np.zeros((4, 4), np.float16), "B": np.zeros((4, 4), np.float16)}
    pixels, beyond = picture_values(read_picture(write_exr(tmp_path / "red.exr", red, chromaticities=AP1)))
    assert beyond is not None and beyond[1].max() < 0 < pixels[0].min(), "redder than BT.709's red"


@pytest.mark.parametrize("wrong", [(0.0,) * 8, (0.3, 0.3) * 4, (np.nan,) * 8])
def test_primaries_that_span_no_colours_are_refused(tmp_path: Path, wrong: tuple[float, ...]) -> None:
    source = write_exr(tmp_path / "in.exr", light(np.float16), chromaticities=wrong)
    with pytest.raises(InputError, match="span no colours"):
        read_picture(source)


def test_grey_exr_becomes_colour(tmp_path: Path) -> None:
    grey = np.linspace(-1, 3, 20, dtype=np.float32).reshape(4, 5)
    _, found = exr(through(write_exr(tmp_path / "in.exr", {"Y": grey}), tmp_path / "out.exr"))
    assert sorted(found) == ["B", "G", "R"]
    assert all(np.allclose(values, grey, rtol=2e-6, atol=1e-9) for values in found.values())


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_no_numbers_are_named(tmp_path: Path, value: float) -> None:
    """IN16."""
    values = light(np.float16)
    values["G"][6, 2] = value
    source = write_exr(tmp_path / "plate.1003.exr", values)
    with pytest.raises(InputError, match=rf"plate\.1003\.exr holds {value} at column 2, row 6, channel G \(1 such"):
        read_picture(source)


def test_exr_that_cannot_be_carried_is_refused(tmp_path: Path) -> None:
    half = np.ones((8, 8), np.float16)
    with OpenEXR.File(
        [
            OpenEXR.Part({"name": name}, {"R": half.copy(), "G": half.copy(), "B": half.copy()}, name)
            for name in ("left", "right")
        ]
    ) as file:
        file.write(str(tmp_path / "parts.exr"))
    write_exr(tmp_path / "layers.exr", {"glow.R": half, "glow.G": half, "glow.B": half})
    write_exr(tmp_path / "whole.exr", dict.fromkeys("RGB", half.astype(np.uint32)))
    write_exr(tmp_path / "chroma.exr", dict.fromkeys(("Y", "BY", "RY"), half))
    whole = write_exr(tmp_path / "cut.exr", light(np.float16)).read_bytes()
    (tmp_path / "cut.exr").write_bytes(whole[:-20])
    for name, words in (
        ("parts", "2 parts"),
        ("layers", r"glow\.B, glow\.G, glow\.R"),
        ("whole", "whole numbers"),
        ("chroma", "luminance and chroma"),
        ("cut", "damaged"),
    ):
        with pytest.raises(InputError, match=words):
            read_picture(tmp_path / f"{name}.exr")


def test_words_of_damage_that_are_no_text(tmp_path: Path) -> None:
    damaged = bytearray(write_exr(tmp_path / "in.exr", light(np.float16)).read_bytes())
    damaged[damaged.index(b"lineOrder\0lineOrder") + 19] = 0xE9
    (tmp_path / "in.exr").write_bytes(damaged)
    assert OpenImageIO.ImageInput.open(str(tmp_path / "in.exr")) is None
    assert words_of(OpenImageIO) == ""
    assert OpenImageIO.ImageInput.open(str(tmp_path / "none.exr")) is None
    assert words_of(OpenImageIO).startswith(" (")


@settings(max_examples=20, deadline=None)
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


def test_a_film_gives_pictures_its_rate_and_timecode(make_film: MakeFilm, draw: Any, tmp_path: Path) -> None:
    rate = Fraction(30000, 1001)
    film = make_film(
        "in.mov",
        draw(3, 48, 32),
        encoder="prores_ks",
        pixel_format="yuv444p10le",
        rate=rate,
        time_base=1 / rate,
        timecode="00:00:59;28",
    )
    for ending in (".exr", ".dpx"):
        written_again(film, tmp_path / f"p.####{ending}")
        info = probe(tmp_path / f"p.####{ending}")
        assert (info.frame_rate, info.timecode) == (rate, "00:00:59;28")
        assert read_picture(tmp_path / f"p.1003{ending}").facts.timecode == "00:01:00;02"
    (tmp_path / "exr").mkdir()
    written_again(tmp_path / "p.####.dpx", tmp_path / "exr" / "q.####.exr", wanted=FrameRange(2, 3))
    assert read_picture(tmp_path / "exr" / "q.1003.exr").facts.timecode == "00:01:00;02"
    written_again(tmp_path / "p.1001.exr", tmp_path / "back.mov")
    back = probe(tmp_path / "back.mov")
    assert (back.frame_rate, back.timecode, back.num_frames) == (rate, "00:00:59;28", 3)


def test_copied_pictures_are_the_same_files(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for number in (1001, 1002):
        write_exr(
            tmp_path / "in" / f"shot.{number}.exr", light(np.float16, seed=number), lineOrder=OpenEXR.DECREASING_Y
        )
    written_again(tmp_path / "in", tmp_path / "out", copied=True)
    (tmp_path / "new").mkdir()
    written_again(tmp_path / "in" / "shot.1001.exr", tmp_path / "new" / "out.####.exr", copied=True)
    for number in (1001, 1002):
        source = (tmp_path / "in" / f"shot.{number}.exr").read_bytes()
        assert (tmp_path / "out" / f"shot.{number}.exr").read_bytes() == source
        assert (tmp_path / "new" / f"out.{number}.exr").read_bytes() == source


def test_what_is_clipped_is_counted(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    for number, values in enumerate((light(np.float16), dict.fromkeys("RGB", np.ones((9, 7), np.float16))), start=1):
        write_exr(tmp_path / f"in.{number:04d}.exr", values)
    with FilmReader(tmp_path / "in.####.exr") as reader:
        for target, clipped in (("a.####.png", 1), ("a.mkv", 1), ("a.####.exr", 0), ("a.####.tif", 0)):
            with FilmWriter(tmp_path / "out" / target, reader.info) as writer:
                for frame in reader.frames():
                    writer.write(frame)
            assert writer.num_clipped == clipped, target


def test_one_take_has_one_size(tmp_path: Path) -> None:
    write_exr(tmp_path / "in.0001.exr", light(np.float16))
    write_exr(tmp_path / "in.0002.exr", dict.fromkeys("RGB", np.ones((9, 8), np.float16)))
    with pytest.raises(InputError, match=r"unlike the others \(7 x 9, half RGB\): 2 \(8 x 9, half RGB\)"):
        written_again(tmp_path / "in.####.exr", tmp_path / "out")
    assert not list(tmp_path.glob("out*"))


def test_without_the_extra_an_output_is_refused_before_work(
    make_film: MakeFilm, draw: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    film = make_film("in.mkv", draw(1, 32, 32))
    monkeypatch.setitem(sys.modules, "OpenEXR", None)
    with pytest.raises(UsageError, match=r"pip install 'relook\[vfx\]'"):
        check_output(tmp_path / "o.####.exr", probe(film), overwrite=False)


@given(st.integers(0, 23), st.integers(0, 59), st.integers(0, 59), st.integers(0, 39), st.booleans())
def test_timecode_words(hours: int, minutes: int, seconds: int, frame: int, drop: bool) -> None:
    text = f"{hours:02d}:{minutes:02d}:{seconds:02d}{';' if drop else ':'}{frame:02d}"
    assert timecode_text(timecode_word(text)) == text


def test_what_headers_say_wrongly_is_not_believed() -> None:
    assert timecode_word("01:02:03:04") == 0x01020304
    assert existing_timecode("01:00:00:24", None) is None
    assert existing_timecode(timecode_text(0xFFFFFFFF), None) is None
    assert existing_timecode("01:00:00;12", Fraction(24)) == "01:00:00:12"
    assert [exact_rate(value) for value in (24.0, 23.976, 23.976024, 29.97, 12.5)] == [
        *(Fraction(24), Fraction(24000, 1001), Fraction(24000, 1001), Fraction(30000, 1001), Fraction(25, 2))
    ]
    assert [exact_rate(value) for value in (0.0, np.inf, np.nan, -2.4e-12, 9979551744.0)] == [None] * 5


# Real pictures


@pytest.mark.parametrize("name", ["t01", "t03", "t05", "t08"])
def test_real_exr_with_windows(footage: Callable[[str], Path], tmp_path: Path, name: str) -> None:
    source = footage(f"awkward/real/exr/{name}.exr")
    before, after = exr(source), exr(through(source, tmp_path / "out.exr"))
    assert repr(before[0]) == repr(after[0])
    assert all(np.array_equal(after[1][channel], values) for channel, values in before[1].items())


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
