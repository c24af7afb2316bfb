"""Colour spaces by OpenColorIO: found by any name, gone through and come back, in the config of $OCIO or the built-in one."""

from __future__ import annotations

import struct
import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import OpenEXR
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from relook.errors import InputError, UsageError
from relook.film.frames import Frame
from relook.film.pictures.picture import Picture, PictureFacts
from relook.film.pictures.picture_file import read_picture, write_picture
from relook.film.pictures.profile import profile_of, with_profile
from relook.film.pictures.scene_light import to_display
from relook.film.pictures.spaces import ColourSpace, find_space
from relook.film.reader import FilmReader
from relook.film.shots import find_shots
from relook.film.writer import FilmWriter

CONFIG = """\
ocio_profile_version: 2.1
search_path: ""
roles: {default: studio light, scene_linear: studio light, plates: studio log, texture_paint: PAINT}
file_rules:
  - !<Rule> {name: Default, colorspace: default}
displays:
  screen:
    - !<View> {name: view, colorspace: painted}
colorspaces:
  - !<ColorSpace> {name: studio light, aliases: [s_light]}
  - !<ColorSpace>
    name: painted
    from_scene_reference: !<ExponentWithLinearTransform> {gamma: 2.4, offset: 0.055, direction: inverse}
  - !<ColorSpace>
    name: studio log
    encoding: log
    to_scene_reference: !<LogTransform> {base: 2, direction: inverse}
  - !<ColorSpace>
    name: held
    to_scene_reference: !<RangeTransform> {min_in_value: 0, max_in_value: 1, min_out_value: 0, max_out_value: 1}
  - !<ColorSpace>
    name: lattice
    to_scene_reference: !<FileTransform> {src: absent.cube}
"""
PROFILE = struct.pack(">I4xI4s4s4s12x4s88xI", 600, 0x02400000, b"mntr", b"RGB ", b"XYZ ", b"acsp", 0).ljust(600, b"\0")


@pytest.fixture(autouse=True)
def built_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OCIO", raising=False)


@pytest.fixture
def studio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Set $OCIO to a config with names of its own; return its path."""
    path = tmp_path / "studio.ocio"
    path.write_text(CONFIG.replace("PAINT", "painted"))
    monkeypatch.setenv("OCIO", str(path))
    return path


def write_exr(path: Path, rgb: np.ndarray, **entries: object) -> Path:
    header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage, **entries}
    with OpenEXR.File(header, {name: np.ascontiguousarray(rgb[..., k]) for k, name in enumerate("RGB")}) as file:
        file.write(str(path))
    return path


def exr(path: Path) -> np.ndarray:
    with OpenEXR.File(str(path), separate_channels=True) as file:
        return np.stack([np.array(file.channels()[name].pixels) for name in "RGB"], axis=-1)


def write_dpx(path: Path, codes: np.ndarray, *, bits: int = 10) -> Path:
    """Write codes `[h w 3]`, RGB."""
    pixels = torch.from_numpy(codes.transpose(2, 0, 1).astype(np.float32) / (2**bits - 1))
    write_picture(path, Frame(0, 0, 1, pixels), bit_depth=bits, facts=PictureFacts(Fraction(24)))
    return path


def written_again(
    source: Path,
    target: Path,
    space: ColourSpace,
    *,
    copied: bool = False,
    gain: float = 1,
    less: tuple[float, ...] = (0, 0, 0),
) -> int:
    """Send a take through its pixels, which a gain may change; return how many frames were clipped."""
    with FilmReader(source, space=space) as reader, FilmWriter(target, reader.info) as writer:
        for frame in reader.frames():
            assert frame.pixels.min() >= 0 and frame.pixels.max() <= 1
            changed = Frame(frame.index, frame.pts, 1, frame.pixels * gain, frame.native, "", frame.beyond)
            if any(less):
                changed = replace(changed, beyond=-torch.tensor(less)[:, None, None].expand_as(frame.pixels) * 2)
            (writer.copy if copied else writer.write)(changed)
    return writer.num_clipped


@settings(max_examples=25)
@given(
    name=st.sampled_from(
        ["scene_linear", "SCENE_LINEAR", "lin_ap1", "aces", "lin_rec709_srgb", "lin_alexawide", "srgb_tx"]
    ),
    seed=st.integers(0, 99),
)
@example(name="srgb_display", seed=0)
def test_values_of_any_sign_and_size_come_back(name: str, seed: int) -> None:
    values = np.random.default_rng(seed).uniform(-2, 16, (3, 8, 9)).astype(np.float32)
    space = find_space(name)
    shown = space.to_display_and_back(values, Path("a.exr"))
    assert np.abs(space.from_display(shown) - values).max() < 2e-5
    assert np.isfinite(shown).all() and (name == "srgb_tx" or np.abs(shown - values).max() > 0.1)


@pytest.mark.parametrize(
    "name",
    ["acescct", "color_timing", "arri_logc3_ei800", "ARRI LogC4", "slog3_sgamut3cine", "rl3g10_rwg", "apple_log"],
)
def test_every_code_of_a_log_space_comes_back(name: str) -> None:
    rng, space = np.random.default_rng(1), find_space(name)
    codes = np.clip(np.linspace(0, 1, 1024) + rng.normal(0, 0.05, (3, 4, 1024)), 0, 1).astype(np.float32)
    shown = space.to_display_and_back(codes, Path("a.dpx"))
    assert np.abs(space.from_display(shown) - codes).max() < 0.5 / 1023
    assert shown.max() > 2, "light beyond white"


def test_spaces_by_hand() -> None:
    """Middle grey is 0.18 of light, 0.4135884 in ACEScct (S-2016-001) and 0.391 in LogC3 at EI 800; 0.4614 in sRGB."""
    for name, code in (
        ("lin_ap1", 0.18),
        ("acescct", 0.4135884),
        ("arri_logc3_ei800", 0.391),
        ("srgb_texture", 0.4614),
    ):
        grey = np.full((3, 1, 1), code, np.float32)
        assert find_space(name).to_display(grey) == pytest.approx(0.4614, abs=2e-4), name
    red = find_space("scene_linear").to_display(np.array([1, 0, 0], np.float32).reshape(3, 1, 1)).ravel()
    assert to_display(np.array([1.70505, -0.13026, -0.02400])) == pytest.approx(red, abs=2) and red[1] < -1 < 1 < red[0]


def test_acescg_exr_keeps_light_beyond_white_and_below_black(tmp_path: Path) -> None:
    light = np.random.default_rng(0).uniform(0, 0.9, (12, 10, 3)).astype(np.float16)
    light[2, 3], light[5, 6], light[8, 8] = 4.0, -0.1, (65504, 0.1, 0.1)
    source = write_exr(
        tmp_path / "in.exr", light, owner="a studio", chromaticities=(0.7, 0.3, 0.17, 0.8, 0.13, 0.05, 0.3127, 0.329)
    )
    space = find_space("acescg")
    assert written_again(source, tmp_path / "out.exr", space) == 0
    found = exr(tmp_path / "out.exr")
    assert found.dtype == np.float16 and (found[2, 3] == 4).all() and found[5, 6] == pytest.approx(-0.1, abs=1e-4)
    size = np.abs(light.astype(np.float32)).max(axis=-1, keepdims=True)
    assert (np.abs(found.astype(np.float32) - light) <= 1e-3 * size).all()
    assert read_picture(tmp_path / "out.exr").header["owner"] == "a studio"
    assert written_again(source, tmp_path / "half.exr", space, gain=0.5) == 0
    half = exr(tmp_path / "half.exr").astype(np.float32)
    assert 1 < half[2, 3].min() <= half[2, 3].max() < 4, "darker, and still brighter than white"


@pytest.mark.parametrize("ending", [".png", ".tif"])
def test_log_pictures_are_written_in_their_space_by_their_own_kind_only(tmp_path: Path, ending: str) -> None:
    rng, space = np.random.default_rng(2), find_space("acescct")
    shade = np.linspace(60, 1000, 40)[None, :, None] + rng.normal(0, 20, (30, 40, 3))
    codes = np.rint(np.clip(shade, 0, 1023)).astype(np.uint16)
    source = write_dpx(tmp_path / "in.1001.dpx", codes)
    assert written_again(source, tmp_path / "out.####.dpx", space) == 0
    found = read_picture(tmp_path / "out.1001.dpx")
    assert np.abs(found.codes[..., ::-1].astype(int) - codes).max() <= 1 and found.bit_depth == 10
    assert written_again(source, tmp_path / "copy.####.dpx", space, copied=True) == 0
    assert (tmp_path / "copy.1001.dpx").read_bytes() == source.read_bytes()

    for name, copied in ((f"o.####{ending}", False), (f"p.####{ending}", True), ("o.mkv", False), ("p.mkv", True)):
        clipped = written_again(source, tmp_path / name, space, copied=copied)
        with FilmReader(tmp_path / name) as reader:
            frame = next(iter(reader.frames()))
        shown = space.to_display((codes.transpose(2, 0, 1) / 1023).astype(np.float32))
        assert np.abs(frame.pixels.numpy() - np.clip(shown, 0, 1)).max() < 3e-3
        assert clipped == (frame.beyond is None) == (".tif" not in name), "what is clipped is told"
        assert frame.beyond is None or np.allclose(frame.pixels + frame.beyond, shown)

    assert written_again(source, tmp_path / "o.####.exr", space) == 0
    shown = space.to_display((codes.transpose(2, 0, 1) / 1023).astype(np.float32))
    light = find_space("lin_rec709_srgb").from_display(shown)
    assert light.min() < -0.005 and light.max() > 9, "colours outside of sRGB, and light beyond white"
    assert np.allclose(exr(tmp_path / "o.1001.exr"), light.transpose(1, 2, 0), rtol=2e-3, atol=1e-4)


def test_a_png_in_a_space_goes_back_and_a_foreign_profile_is_left(tmp_path: Path) -> None:
    codes = np.random.default_rng(3).integers(0, 65536, (20, 24, 3)).astype(np.uint16)
    cv2.imwrite(str(tmp_path / "in.png"), codes)
    space = find_space("slog3_sgamut3cine")
    (tmp_path / "in.png").write_bytes(with_profile((tmp_path / "in.png").read_bytes(), PROFILE) or b"")
    assert written_again(tmp_path / "in.png", tmp_path / "out.png", space) == 0
    written_again(tmp_path / "in.png", tmp_path / "out.webp", space)
    kept = [profile_of(path.read_bytes(), path) for path in (tmp_path / "out.png", tmp_path / "out.webp")]
    assert kept == [PROFILE, None], "it does not fit what was made for the display"
    found = read_picture(tmp_path / "out.png")
    assert np.abs(found.codes.astype(int) - codes).max() <= 64 and found.bit_depth == 16
    raised = Frame(0, 0, 1, torch.ones(3, 4, 4), beyond=torch.full((3, 4, 4), 1e4))
    source = Picture(tmp_path / "in.png", codes, 16, header=(), space=space)
    assert write_picture(tmp_path / "high.png", raised, bit_depth=16, source=source), "no code for so much light"
    assert read_picture(tmp_path / "high.png").codes.min() == 65535


def test_colours_that_a_log_space_has_no_code_for_are_counted(tmp_path: Path) -> None:
    light, space = np.random.default_rng(5).uniform(0.2, 0.5, (9, 8, 3)).astype(np.float32), find_space("acescc")
    source = write_exr(tmp_path / "in.exr", light)
    assert written_again(source, tmp_path / "out.exr", space) == 0
    assert written_again(source, tmp_path / "dark.exr", space, less=(0, 0.2, 0)) == 1
    assert written_again(source, tmp_path / "cct.exr", find_space("acescct"), less=(0, 0.2, 0)) == 0


def test_values_that_would_not_come_back_are_refused_by_place(tmp_path: Path, studio: Path) -> None:
    light = np.full((6, 5, 3), 0.5, np.float32)
    light[4, 2, 1] = 1.5
    source = write_exr(tmp_path / "plate.exr", light)
    with pytest.raises(InputError, match=r"plate\.exr has 0\.5, 1\.5, 0\.5 at column 2, row 4, .* held .*\(1 such"):
        written_again(source, tmp_path / "out.exr", find_space("held"))
    light[4, 2, 1] = 0.1
    assert written_again(write_exr(tmp_path / "low.exr", light), tmp_path / "out.exr", find_space("held")) == 0
    with pytest.raises(InputError, match="column 1, row 0"):
        find_space("plates").to_display_and_back(np.array([[[0.1, 200]]] * 3, np.float32), Path("a.exr"))


def test_cuts_are_found_in_the_space(tmp_path: Path, studio: Path) -> None:
    """Codes below 0 are black to whoever takes them for light."""
    rng = np.random.default_rng(4)
    scenes = [
        rng.uniform(-6, -3, (48, 64, 3)).astype(np.float32),
        rng.uniform(-3, -0.2, (48, 64, 3)).astype(np.float32),
    ]
    for number in range(24):
        write_exr(tmp_path / f"plate.{1001 + number}.exr", scenes[number >= 12])
    take = tmp_path / "plate.1001.exr"
    assert [shot.frames.start for shot in find_shots(take, space=find_space("plates"))] == [0, 12]
    assert [shot.frames.start for shot in find_shots(take)] == [0]


def test_the_config_of_the_environment_is_honoured(studio: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, code in (("plates", -2.473931), ("Studio Log", -2.473931), ("s_light", 0.18), ("scene_linear", 0.18)):
        space = find_space(name)
        assert space.to_display(np.full((3, 1, 1), code, np.float32)) == pytest.approx(0.4614, abs=2e-4)
        assert str(studio) in space.config
    with pytest.raises(UsageError, match=r"'studio logs' is not a name.*studio\.ocio; did you mean studio log"):
        find_space("studio logs")
    with pytest.raises(UsageError, match=r"it has for example .*scene_linear"):
        find_space("acescct")
    with pytest.raises(InputError, match=r"studio\.ocio, cannot be used \(.*absent\.cube"):
        find_space("lattice")
    monkeypatch.setenv("OCIO", "")
    assert find_space("acescct").config == "the config built into OpenColorIO"
    monkeypatch.setenv("OCIO", "ocio://cg-config-latest")
    assert find_space("acescct").name == "ACEScct"


@pytest.mark.parametrize("role", ["studio log", "none"])
def test_a_config_without_srgb_is_refused(studio: Path, role: str) -> None:
    text = CONFIG.replace(", texture_paint: PAINT", "") if role == "none" else CONFIG.replace("PAINT", role)
    studio.write_text(text)
    with pytest.raises(UsageError, match=r"studio\.ocio, does not have under .* srgb_tx, .* role texture_paint"):
        find_space("plates")
    studio.write_text(text.replace("name: painted", "name: painted\n    aliases: [srgb_tx]"))
    assert find_space("plates").to_display(np.zeros((3, 1, 1), np.float32)) == pytest.approx(1)


def test_a_config_that_cannot_be_read_is_named(studio: Path) -> None:
    for text in ("this: is: no config", CONFIG.replace("name: painted", "name: ["), ""):
        studio.write_text(text)
        with pytest.raises(InputError, match=r"\$OCIO, .*studio\.ocio, cannot be used"):
            find_space("scene_linear")
    studio.unlink()
    with pytest.raises(InputError, match=r"studio\.ocio, cannot be used .* does not exist"):
        find_space("scene_linear")


def test_unknown_names_data_and_a_missing_library(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match=r"built into OpenColorIO; did you mean .*arri_logc3_ei800"):
        find_space("logc3_ei800")
    with pytest.raises(UsageError, match=r"did you mean .*bmdfilm_widegamut_gen5"):
        find_space("bmd")
    with pytest.raises(UsageError, match=r"'' is not a name.*it has for example"):
        find_space("")
    for name in ("raw", "data"):
        with pytest.raises(UsageError, match=r"Raw of .* is for data"):
            find_space(name)
    monkeypatch.setattr(sys, "path", [])
    monkeypatch.delitem(sys.modules, "PyOpenColorIO")
    with pytest.raises(UsageError, match=r"pip install 'relook\[vfx\]'"):
        find_space("acescct")


def test_real_dpx_comes_back_from_a_log_space(footage, tmp_path: Path) -> None:
    space = find_space("acescct")
    for name in ("synthetic/seq_dpx10_tc", "real/dpx/rgb12_15x4.dpx"):
        source = footage(f"awkward/{name}")
        target = tmp_path / (source.name if source.suffix else "out")
        assert written_again(source, target, space) == 0
        pairs = [(source, target)] if source.suffix else [(path, target / path.name) for path in source.iterdir()]
        for before, after in pairs:
            assert np.abs(read_picture(before).codes.astype(int) - read_picture(after).codes).max() <= 1
