"""Fields: combs of motion are seen whatever the flags say; stripes, noise and cuts are no combs."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from relook.errors import InputError
from relook.film.fields import Scan, look_at_fields, require_progressive
from relook.film.frames import Mending
from relook.film.reader import FilmReader, probe
from tests.film.interlacing import telecined, woven

WIDTH, HEIGHT = 160, 120


def moments(count: int, *, across: float = 3.0, down: float = 0.0) -> list[Any]:
    """Draw RGB pictures of soft shapes that move steadily, one a field."""
    rng = np.random.default_rng(1)
    large = cv2.resize(rng.integers(0, 256, (24, 60, 3), dtype=np.uint8), (720, 288), interpolation=cv2.INTER_CUBIC)
    places = [(round(n * down), round(n * across)) for n in range(count)]
    return [np.ascontiguousarray(large[y : y + HEIGHT, x : x + WIDTH]) for y, x in places]


@pytest.fixture
def film(make_film: Any) -> Callable[..., Path]:
    """Return a function that writes frames to a film, H.264 at a quality that keeps combs."""

    def make(frames: list[Any], *, name: str = "a.mp4", flags: str = "", rate: int = 25) -> Path:
        made: Path = make_film(
            name,
            frames,
            encoder="libx264",
            pixel_format="yuv420p",
            rate=rate,
            time_base=Fraction(1, rate),
            options={"crf": "12", "x264-params": flags},
        )
        return made

    return make


@pytest.mark.parametrize(
    ("frames", "flags", "scan", "is_top_first"),
    [
        (woven(moments(60)), "", "interlaced", True),
        (woven(moments(60)), "tff=1", "interlaced", True),
        (woven(moments(60), top_first=False), "bff=1", "interlaced", False),
        (woven(moments(60, across=1, down=2)), "", "interlaced", True),
        (telecined(moments(32)), "", "telecined", True),
        (moments(40), "", "progressive", None),
        (moments(40), "tff=1", "progressive", None),
        (moments(40, across=0, down=1), "", "progressive", None),
    ],
    ids=["unflagged", "top", "bottom", "downwards", "telecined", "pan", "wrongly flagged", "tilt"],
)
def test_what_the_pictures_say(
    film: Callable[..., Path], frames: list[Any], flags: str, scan: Scan, is_top_first: bool | None
) -> None:
    """IN13."""
    found = look_at_fields(film(frames, flags=flags))
    assert (found.scan, found.is_top_first) == (scan, is_top_first)


@pytest.mark.parametrize("rows", [1, 2, 3])
@pytest.mark.parametrize(("across", "down"), [(3, 0), (0, 1), (2, 3)])
def test_stripes_are_no_combs(make_film: Any, rows: int, across: int, down: int) -> None:
    stripes = np.where(np.arange(HEIGHT + 200)[:, None, None] // rows % 2, 180, 60)
    scene = stripes + np.concatenate(moments(2), 1)[:1, :, :].astype(np.int32) // 4
    frames = [
        np.ascontiguousarray(scene[n * down : n * down + HEIGHT, n * across : n * across + WIDTH].astype(np.uint8))
        for n in range(30)
    ]
    path = make_film("a.mkv", frames, options={"g": "1"})
    assert look_at_fields(path).scan == "progressive"


def test_noise_and_cuts_are_no_combs(make_film: Any) -> None:
    rng = np.random.default_rng(0)
    noise = [rng.integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8) for _ in range(24)]
    assert look_at_fields(make_film("noise.mkv", noise)).scan == "progressive"
    cuts = [frame for n in range(12) for frame in moments(8, across=n)[2 * (n % 3) :][:2]]
    assert look_at_fields(make_film("cuts.mkv", cuts)).scan == "progressive"


@pytest.mark.parametrize(
    ("name", "scan"),
    [
        ("interlaced_bff_ntsc_sar8-9.mpg", "telecined"),
        ("interlaced_tff_25i.mp4", "interlaced"),
        ("telecined_23_2997.mkv", "telecined"),
        ("fps120.mp4", "progressive"),
        ("alpha_circle_vp9.webm", "progressive"),
        ("prores4444_alpha_ramp.mov", "progressive"),
        ("dropframe_timecode_2997.mov", "progressive"),
        ("vfr_dropped_every5th.mkv", "progressive"),
        ("extreme_aspect_4096x16.mp4", "progressive"),
    ],
)
def test_footage(footage: Callable[[str], Path], name: str, scan: Scan) -> None:
    assert look_at_fields(footage(f"awkward/synthetic/{name}")).scan == scan


def test_pictures_are_progressive(tmp_path: Path) -> None:
    for number in range(3):
        cv2.imwrite(str(tmp_path / f"a.{number:04d}.png"), woven(moments(6))[number])
    require_progressive(tmp_path)


@pytest.mark.parametrize("top_first", [True, False])
def test_deinterlacing_gives_each_frame_one_moment_under_its_own_stamp(make_film: Any, top_first: bool) -> None:
    fields = moments(60)
    path = make_film("a.mkv", woven(fields, top_first=top_first), pixel_format="yuv444p", options={"g": "1"})
    with pytest.raises(InputError, match="--deinterlace"):
        require_progressive(path)
    with FilmReader(path) as before, FilmReader(path, Mending(deinterlaces=True)) as after:
        given = [(native.index, native.pts, native.duration) for native in before.native_frames()]
        frames = list(after.frames())
        assert [(frame.index, frame.pts, frame.duration) for frame in frames] == given
    for frame, early, late in zip(frames[2:-2], fields[4:-4:2], fields[5:-4:2], strict=True):
        pixels = frame.pixels.permute(1, 2, 0).numpy()[4:-4, 4:-4] * 255
        away = [np.abs(pixels - moment[4:-4, 4:-4]).mean() for moment in (early, late)]
        assert away[0] < 0.25 * away[1], "the frame shows its earlier moment, whole"


def test_deinterlacing_keeps_format_and_tags(make_film: Any) -> None:
    tags = {"color_primaries": 9, "color_trc": 16, "colorspace": 9, "color_range": 2}
    path = make_film(
        "a.mkv", woven(moments(24)), encoder="ffv1", pixel_format="yuv422p10le", tags=tags, options={"g": "1"}
    )
    with FilmReader(path, Mending(deinterlaces=True)) as reader:
        for native in reader.native_frames():
            picture: Any = native.picture
            assert picture.format.name == probe(path).pixel_format == "yuv422p10le"
            assert (picture.color_primaries, picture.color_trc, picture.colorspace, picture.color_range) == (
                9,
                16,
                9,
                2,
            )


def test_a_telecined_film_is_not_deinterlaced(film: Callable[..., Path]) -> None:
    with pytest.raises(InputError, match="inverse telecine"):
        FilmReader(film(telecined(moments(32))), Mending(deinterlaces=True))


def test_a_progressive_film_is_not_deinterlaced(film: Callable[..., Path]) -> None:
    path = film(moments(40))
    with FilmReader(path) as before, FilmReader(path, Mending(deinterlaces=True)) as after:
        assert not after.deinterlaces
        pairs = zip(before.frames(), after.frames(), strict=True)
        assert all(torch.equal(one.pixels, other.pixels) for one, other in pairs)
