"""Films in a colour space: their code values are taken as values of it, and come back into it under the same tags."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from relook.deliver.pictures import take_pictures
from relook.errors import InputError
from relook.film.frames import ColourTags, Mending, WriteSettings
from relook.film.pictures.picture_file import picture_values, read_picture
from relook.film.pictures.spaces import find_space
from relook.film.pixels import planes
from relook.film.reader import FilmReader, probe
from relook.film.shots import find_shots
from relook.film.writer import FilmWriter
from relook.timing import FrameRange

MakeFilm = Callable[..., Path]
LOG = {"color_primaries": 9, "color_trc": 2, "colorspace": 9, "color_range": 1}
KINDS = {
    "prores.mov": {"encoder": "prores_ks", "pixel_format": "yuv422p10le", "options": {"profile": "3"}, "tags": LOG},
    "prores4444.mov": {"encoder": "prores_ks", "pixel_format": "yuv444p10le", "options": {"profile": "4"}, "tags": LOG},
    "ffv1.mkv": {"pixel_format": "yuv422p10le", "tags": LOG},
    "ffv1full.mkv": {"pixel_format": "yuv444p12le", "tags": LOG | {"color_range": 2}},
    "ffv1rgb.mkv": {"pixel_format": "gbrp10le"},
    "h264.mp4": {"encoder": "libx264", "pixel_format": "yuv420p", "options": {"qp": "0"}},
}
"""Codecs that log films come in, among them legal and full range, and RGB."""


@pytest.fixture(autouse=True)
def built_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OCIO", raising=False)


@pytest.fixture
def log_film(make_film: MakeFilm, draw: Any) -> Callable[[str], Path]:
    """Return a function that paints three frames of log codes, which are any codes, in one of `KINDS`."""

    def make(kind: str) -> Path:
        return make_film(kind, draw(3, 64, 48, bits=16), timecode="01:00:00:00", **KINDS[kind])

    return make


def rendered(
    source: Path, target: Path, space: str | None, *, copied: bool = False, more: float = 0, gain: float = 1
) -> int:
    """Send a film through its pixels, which may be made brighter in light beyond white; return how many frames were clipped."""
    found = None if space is None else find_space(space)
    with FilmReader(source, space=found) as reader, FilmWriter(target, reader.info) as writer:
        for frame in reader.frames():
            assert frame.pixels.min() >= 0 and frame.pixels.max() <= 1
            beyond = frame.beyond
            if more:
                beyond = torch.full_like(frame.pixels, more) + (0 if beyond is None else beyond)
            (writer.copy if copied else writer.write)(replace(frame, pixels=frame.pixels * gain, beyond=beyond))
    return writer.num_clipped


def codes(path: Path) -> list[np.ndarray]:
    with FilmReader(path) as reader:
        return [np.concatenate([p.ravel() for p in planes(n.picture)]).astype(int) for n in reader.native_frames()]


def most_apart(first: Path, second: Path) -> int:
    pairs = list(zip(codes(first), codes(second), strict=True))
    assert len(pairs) == 3
    return max(int(np.abs(a - b).max()) for a, b in pairs)


@pytest.mark.parametrize("space", ["acescct", "slog3_sgamut3cine", "arri_logc3_ei800"])
@pytest.mark.parametrize("kind", KINDS)
def test_codes_come_back_within_one_and_tags_as_they_were(
    log_film: Callable[[str], Path], tmp_path: Path, kind: str, space: str
) -> None:
    """FFV1 keeps what is written; a film without a space shows what halved colour, and codes beyond white, cost alone."""
    source = log_film(kind)
    assert rendered(source, tmp_path / "in_space.mkv", space) == 0
    assert rendered(source, tmp_path / "plain.mkv", None) == 0
    assert most_apart(tmp_path / "in_space.mkv", tmp_path / "plain.mkv") <= 1
    if kind in ("ffv1full.mkv", "ffv1rgb.mkv"):
        assert most_apart(tmp_path / "in_space.mkv", source) <= 1
    assert rendered(source, tmp_path / "copy.mkv", space, copied=True) == 0
    assert most_apart(tmp_path / "copy.mkv", source) == 0
    assert probe(tmp_path / "in_space.mkv").colour == probe(tmp_path / "plain.mkv").colour


def test_a_prores_film_is_written_as_one_with_its_tags_and_timecode(
    log_film: Callable[[str], Path], tmp_path: Path
) -> None:
    source = log_film("prores.mov")
    assert rendered(source, tmp_path / "out.mov", "acescct") == 0
    before, after = probe(source), probe(tmp_path / "out.mov")
    assert after.colour == before.colour == ColourTags(9, 2, 9, False)
    assert (after.pixel_format, after.timecode) == (before.pixel_format, "01:00:00:00")
    rendered(source, tmp_path / "plain.mov", None)
    for a, b in zip(codes(tmp_path / "plain.mov"), codes(tmp_path / "out.mov"), strict=True):
        assert np.abs(a - b).mean() < 1


def test_values_by_hand(make_film: MakeFilm) -> None:
    """In ACEScct a code c is 2^(17.52 c - 9.72) of light (S-2016-001, 4), and the look sees it by the curve of sRGB."""
    grey = [np.full((48, 64, 3), round(0.4135884 * 65535), np.uint16)] * 2
    for name, pixel_format in (("rgb.mkv", "gbrp12le"), ("legal.mkv", "yuv444p12le")):
        film = make_film(name, grey, pixel_format=pixel_format)
        first = int(codes(film)[0][0])
        code = first / 4095 if name == "rgb.mkv" else (first - 256) / 3504
        shown = 1.055 * 2 ** ((17.52 * code - 9.72) / 2.4) - 0.055
        assert shown == pytest.approx(0.4614, abs=0.01), "middle grey"
        with FilmReader(film, space=find_space("acescct")) as reader:
            assert next(iter(reader.frames())).pixels.numpy() == pytest.approx(shown, abs=1e-3)
        for space, wanted in ((find_space("acescct"), shown), (None, code)):
            uri = take_pictures(film, {1: (64,)}, space=space)[1, 64]
            jpeg = np.frombuffer(b64decode(uri.partition(",")[2]), np.uint8)
            assert cv2.imdecode(jpeg, cv2.IMREAD_COLOR).mean() / 255 == pytest.approx(wanted, abs=0.01)


def test_light_beyond_white_goes_round_and_comes_back(make_film: MakeFilm, tmp_path: Path) -> None:
    """A look that halves what is within 0..1 leaves the light above it, and takes nothing from its steps."""
    ramp = np.tile(np.linspace(0.3, 0.95, 64)[None, :, None] * 65535, (48, 1, 3)).astype(np.uint16)
    source = make_film("ramp.mkv", [ramp] * 2, pixel_format="gbrp12le")
    assert rendered(source, tmp_path / "dark.mkv", "acescct", gain=0.5) == 0
    space = find_space("acescct")
    with FilmReader(source, space=space) as before, FilmReader(tmp_path / "dark.mkv", space=space) as after:
        old, new = next(iter(before.frames())), next(iter(after.frames()))
    assert old.beyond is not None and new.beyond is not None and old.beyond.max() > 5
    whole = new.pixels + new.beyond
    assert torch.allclose(whole, old.pixels * 0.5 + old.beyond, atol=0.01)
    assert (whole[0, 0].diff() > 0).all()


def test_what_the_space_has_no_code_for_is_counted(log_film: Callable[[str], Path], tmp_path: Path) -> None:
    source = log_film("prores4444.mov")
    assert rendered(source, tmp_path / "high.mov", "acescct", more=1e3) == 3
    with FilmReader(tmp_path / "high.mov") as reader:
        assert next(iter(reader.frames())).pixels.min() > 0.99
    assert rendered(source, tmp_path / "same.mov", "acescct", more=1e3, copied=True) == 0, "the film's own frames"


def test_a_value_that_would_not_come_back_is_refused_by_frame_and_timecode(make_film: MakeFilm, tmp_path: Path) -> None:
    frames = [np.full((48, 64, 3), 30000, np.uint16) for _ in range(3)]
    frames[2][5, 7] = 65535, 0, 0
    film = make_film("film.mkv", frames, pixel_format="gbrp10le", timecode="01:00:00:00")
    with pytest.raises(InputError, match=r"frame 2 \(01:00:00:02\) of .*film\.mkv has 1, 0, 0 at column 7, row 5,"):
        rendered(film, tmp_path / "out.mkv", "acescc")
    assert not (tmp_path / "out.mkv").exists()


@pytest.mark.parametrize(("ending", "holds"), [(".exr", True), (".tif", True), (".dpx", False), (".png", False)])
def test_pictures_of_a_film_are_linear_or_for_the_display(
    log_film: Callable[[str], Path], tmp_path: Path, ending: str, holds: bool
) -> None:
    source, space = log_film("prores4444.mov"), find_space("acescct")
    with FilmReader(source, space=space) as reader:
        wanted = next(iter(reader.frames()))
    assert wanted.beyond is not None
    for name, copied in (("new", False), ("copy", True)):
        clipped = rendered(source, tmp_path / f"{name}.####{ending}", "acescct", copied=copied)
        assert clipped == (0 if holds else 3), "what is clipped is told"
        pixels, beyond = picture_values(read_picture(tmp_path / f"{name}.1001{ending}"))
        assert torch.allclose(pixels, wanted.pixels, atol=2e-3)
        assert (beyond is not None) == holds
        assert beyond is None or torch.allclose(beyond.relu(), wanted.beyond.relu(), rtol=5e-3, atol=5e-3)


def test_colours_outside_of_srgb_are_negative_light_in_exr(make_film: MakeFilm, tmp_path: Path) -> None:
    """Green of ACES, by the config's own way to linear light of ITU-R BT.709."""
    space, linear = find_space("acescct"), find_space("lin_rec709_srgb")
    codes16 = [np.full((48, 64, 3), (18000, 32000, 16000), np.uint16)] * 2
    film = make_film("film.mkv", codes16, pixel_format="gbrp16le")
    rendered(film, tmp_path / "out.####.exr", "acescct")
    with FilmReader(film) as reader:
        shown = space.to_display(next(iter(reader.frames())).pixels.numpy())
    light = read_picture(tmp_path / "out.1001.exr").codes[..., ::-1].transpose(2, 0, 1)
    assert light == pytest.approx(linear.from_display(shown), abs=2e-4) and light.min() < -0.01


def test_cuts_of_a_log_film_are_found_as_it_is_shown(make_film: MakeFilm, draw: Any) -> None:
    """Two scenes that differ little in log, which is flat."""
    space = find_space("acescct")
    frames = []
    for index, shown in enumerate(draw(24, 64, 48, bits=16)):
        light = shown.astype(np.float32) / 65535 * 0.4 + (0.5 if index < 12 else 0.3)
        log = space.from_display(light.transpose(2, 0, 1)).transpose(1, 2, 0)
        frames.append(np.rint(np.clip(log, 0, 1) * 65535).astype(np.uint16))
    film = make_film("log.mov", frames, **KINDS["prores.mov"])
    assert [shot.frames.start for shot in find_shots(film)] == [0]
    assert [shot.frames.start for shot in find_shots(film, space=space)] == [0, 12]


def test_damage_and_fields_go_with_a_space(make_film: MakeFilm, draw: Any) -> None:
    space = find_space("acescct")
    there = [n for n in range(24) if not 8 <= n < 11]
    lossy = make_film("lossy.mkv", draw(21, 64, 48), stamps=there, pixel_format="yuv444p", options={"g": "1"})
    with FilmReader(lossy, Mending(keeps_damage=True), space) as reader:
        frames = list(reader.frames())
    assert [frame.index for frame in frames if frame.fault] == [8, 9, 10]
    assert frames[8].beyond is not None and torch.equal(frames[8].pixels, frames[7].pixels)
    scene = cv2.resize(np.random.default_rng(1).integers(0, 256, (12, 40, 3), np.uint8), (320, 120))
    moments = [scene[:, 3 * n : 3 * n + 160] for n in range(40)]
    combed = [np.where(np.arange(120)[:, None, None] % 2, moments[2 * n + 1], moments[2 * n]) for n in range(20)]
    film = make_film("combed.mkv", combed, pixel_format="yuv444p", rate=25, time_base=Fraction(1, 25))
    with FilmReader(film, Mending(deinterlaces=True), space) as reader, FilmReader(film, space=space) as raw:
        assert reader.deinterlaces
        mended, woven = (next(iter(r.frames(FrameRange(4, 5)))) for r in (reader, raw))
    assert mended.beyond is not None and not torch.equal(mended.pixels, woven.pixels)


def test_a_real_film_in_log_comes_back(footage: Any, tmp_path: Path) -> None:
    film = footage("awkward/real/h264_10bits.mp4")
    written = []
    for space in (find_space("arri_logc3_ei800"), None):
        target = tmp_path / f"{space is None}.mkv"
        with (
            FilmReader(film, space=space) as reader,
            FilmWriter(target, reader.info, WriteSettings(whole=False, with_audio=False)) as writer,
        ):
            for frame in reader.frames(FrameRange(0, 3)):
                writer.write(frame)
        assert writer.num_clipped == 0
        written.append(target)
    assert most_apart(*written) <= 1
