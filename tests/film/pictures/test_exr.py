"""EXR: linear values, header, windows and layers come back; what cannot be carried is refused by name."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import OpenEXR
import OpenImageIO
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relook.errors import InputError
from relook.film.pictures.picture_file import picture_values, read_picture
from relook.film.pictures.primaries import BT709, to_bt709
from relook.film.pictures.scene_light import to_display, to_light
from relook.film.pictures.vfx import words_of
from tests.film.pictures.deep_files import exr, light, through, write_exr

AP1 = (0.713, 0.293, 0.165, 0.83, 0.128, 0.044, 0.32168, 0.33767)
"""Primaries and white of ACEScg."""


@settings(max_examples=20)
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
        ("whole", "integers in channel"),
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


@pytest.mark.parametrize("name", ["t01", "t03", "t05", "t08"])
def test_real_exr_with_windows(footage: Callable[[str], Path], tmp_path: Path, name: str) -> None:
    source = footage(f"awkward/real/exr/{name}.exr")
    before, after = exr(source), exr(through(source, tmp_path / "out.exr"))
    assert repr(before[0]) == repr(after[0])
    assert all(np.array_equal(after[1][channel], values) for channel, values in before[1].items())
