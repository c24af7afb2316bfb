"""Reading: exact stamps and codes, ranges, and every kind of damage said aloud."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from relook.errors import InputError
from relook.film.reader import FilmReader, probe
from relook.timing import FrameRange


def read(path: Path, wanted: FrameRange | None = None) -> list[Any]:
    with FilmReader(path) as reader:
        return list(reader.frames(wanted))


def test_what_probing_tells(make_film: Any, draw: Any) -> None:
    tags = {"color_primaries": 9, "color_trc": 16, "colorspace": 9, "color_range": 1}
    path = make_film(
        "tagged.mov",
        draw(6, 64, 48, bits=16),
        encoder="libx265",
        pixel_format="yuv420p10le",
        rate=Fraction(24000, 1001),
        time_base=Fraction(1001, 24000),
        sounds=("aac", "pcm_s16le"),
        tags=tags | {"sample_aspect_ratio": Fraction(16, 15)},
        timecode="01:00:00:00",
        options={"x265-params": "log-level=none"},
    )
    info = probe(path)
    assert (info.kind, info.width, info.height, info.bit_depth) == ("film", 64, 48, 10)
    assert (info.pixel_format, info.frame_rate, info.num_frames) == ("yuv420p10le", Fraction(24000, 1001), 6)
    assert (info.sample_aspect, info.timecode, info.audio_codecs) == (
        Fraction(16, 15),
        "01:00:00:00",
        ("aac", "pcm_s16le"),
    )
    colour = info.colour
    assert (colour.primaries, colour.transfer, colour.matrix, colour.full_range) == (9, 16, 9, False)


@pytest.mark.parametrize(("pixel_format", "bits"), [("bgr0", 8), ("gbrp16le", 16)])
def test_lossless_rgb_is_read_code_for_code(make_film: Any, draw: Any, pixel_format: str, bits: int) -> None:
    codes = draw(5, 70, 50, bits=bits)
    frames = read(make_film("a.mkv", codes, pixel_format=pixel_format))
    assert [frame.index for frame in frames] == [0, 1, 2, 3, 4]
    for frame, wanted in zip(frames, codes, strict=True):
        exact = torch.from_numpy(wanted.astype(np.float32) / (2**bits - 1)).permute(2, 0, 1)
        assert frame.pixels.dtype == torch.float32
        assert torch.equal(frame.pixels, exact)


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.integers(1, 9), min_size=1, max_size=12), first=st.integers(0, 100))
def test_uneven_stamps_are_exact(make_film: Any, draw: Any, steps: list[int], first: int) -> None:
    """IN07."""
    stamps = [first * 128 + sum(steps[:index]) * 512 for index in range(len(steps) + 1)]
    base = Fraction(1, 12800)
    path = make_film(
        "uneven.mp4",
        draw(len(stamps), 32, 32),
        encoder="libx264",
        pixel_format="yuv420p",
        time_base=base,
        stamps=stamps,
    )
    info, frames = probe(path), read(path)
    assert [frame.pts * info.time_base for frame in frames] == [stamp * base for stamp in stamps]


def test_any_range_is_exact(make_film: Any, draw: Any) -> None:
    codes = draw(9, 48, 32)
    path = make_film("a.mkv", codes)
    whole = read(path)
    for start in range(9):
        for stop in range(start, 10):
            part = read(path, FrameRange(start, stop))
            assert [frame.index for frame in part] == list(range(start, stop))
            assert all(torch.equal(frame.pixels, whole[frame.index].pixels) for frame in part)
    with pytest.raises(InputError, match="has 9 frames, but frames 5 to 11"):
        read(path, FrameRange(5, 12))


def test_every_pass_begins_at_the_first_frame(make_film: Any, draw: Any) -> None:
    with FilmReader(make_film("a.mkv", draw(4, 48, 32))) as reader:
        first, second = reader.frames(), reader.frames()
        assert [next(first).index, next(first).index, next(second).index, next(first).index] == [0, 1, 0, 2]
        assert [native.index for native in reader.native_frames()] == [0, 1, 2, 3]
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("relook")]


def test_a_pass_that_is_given_up_keeps_no_frame(make_film: Any, draw: Any) -> None:
    with FilmReader(make_film("a.mkv", draw(4, 64, 48))) as reader:
        kept = [weakref.ref(next(reader.frames())) for _ in range(3)]
        assert [frame() for frame in kept] == [None, None, None]


def cover_art(made: Any) -> None:
    """Put a cover picture first into an MP4 file."""
    cover = made.add_stream("png", rate=1)
    cover.width, cover.height, cover.pix_fmt = 200, 100, "rgb24"
    cover.disposition = av.stream.Disposition.attached_pic
    made.mux(cover.encode(av.VideoFrame(200, 100, "rgb24")))
    made.mux(cover.encode(None))


def test_cover_art_is_never_the_film(make_film: Any, draw: Any, tmp_path: Path) -> None:
    """IN15."""
    film = make_film("film.mp4", draw(3, 64, 48), encoder="libx264", pixel_format="yuv420p", sounds=("aac",))
    for name, kind in (("film_and_cover.mp4", "video"), ("song_and_cover.mp4", "audio")):
        with av.open(str(film)) as source, av.open(str(tmp_path / name), "w") as made:
            original = next(stream for stream in source.streams if stream.type == kind)
            copy = made.add_stream_from_template(original)
            cover_art(made)
            for packet in source.demux(original):
                if packet.size:
                    packet.stream = copy
                    made.mux(packet)
    assert (probe(tmp_path / "film_and_cover.mp4").width, len(read(tmp_path / "film_and_cover.mp4"))) == (64, 3)
    with pytest.raises(InputError, match="has no pictures"):
        probe(tmp_path / "song_and_cover.mp4")


def test_a_sequence_is_a_film(tmp_path: Path) -> None:
    import cv2

    codes = np.random.default_rng(0).integers(0, 65536, (3, 20, 30, 3), dtype=np.uint16)
    for number, picture in enumerate(codes):
        cv2.imwrite(str(tmp_path / f"p.{number + 86399:07d}.png"), picture)
    info, frames = probe(tmp_path), read(tmp_path)
    assert (info.kind, info.width, info.height, info.bit_depth, info.num_frames) == ("sequence", 30, 20, 16, 3)
    assert [(frame.pts, frame.duration) for frame in frames] == [(0, 1), (1, 1), (2, 1)]
    assert torch.equal(
        frames[2].pixels, torch.from_numpy(codes[2, ..., ::-1].astype(np.float32) / 65535).permute(2, 0, 1)
    )
    cv2.imwrite(str(tmp_path / "p.0086401.png"), codes[0, :10])
    with pytest.raises(InputError, match=r"1 of 3 pictures unlike the others \(30 x 20, .*\): 86401 \(30 x 10, "):
        read(tmp_path)


def cut(path: Path, share: float) -> Path:
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    return path


def test_a_cut_off_film_is_said_to_be(make_film: Any, draw: Any) -> None:
    """IN05."""
    for name, sounds in (("a.mkv", ()), ("b.mkv", ("flac",))):
        path = cut(make_film(name, draw(48, 64, 48), sounds=sounds), 0.6)
        with pytest.raises(InputError, match=r"cut off: \d+ of about 48 frames"):
            read(path)
        assert len(read(path, FrameRange(0, 5))) == 5
    path = cut(make_film("c.mp4", draw(48, 64, 48), encoder="libx264", pixel_format="yuv420p"), 0.6)
    with pytest.raises(InputError, match="cannot be read as a film"):
        read(path)


def test_damage_in_the_middle_is_said(make_film: Any, draw: Any) -> None:
    path = make_film("a.mp4", draw(48, 160, 96), encoder="libx264", pixel_format="yuv420p", options={"g": "6"})
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 400] = np.random.default_rng(0).bytes(400)
    path.write_bytes(data)
    with pytest.raises(InputError, match=r"damaged after \d+ of about 48 frames"):
        read(path)


@pytest.mark.parametrize(
    "name", ["a:b.mp4", "http:x.mp4", "pipe:1.mp4", "-dash.mp4", "quote's %04d #1 映画.mp4", " .mp4"]
)
def test_odd_names_are_names(
    make_film: Any, draw: Any, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """IN19."""
    make_film("film.mp4", draw(2, 64, 48), encoder="libx264", pixel_format="yuv420p").rename(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    assert len(read(Path(name))) == 2


@pytest.mark.parametrize(
    ("name", "count", "first"),
    [
        ("awkward/synthetic/editlist_negative_start.mp4", 22, 0),
        ("awkward/synthetic/start_time_5s.ts", 39, Fraction(32, 5)),
        ("awkward/synthetic/vfr_gaps.mp4", 39, 0),
        ("awkward/synthetic/odd_333x187_yuv444.mp4", 39, 0),
        ("awkward/synthetic/prores4444_alpha_ramp.mov", 6, 0),
        ("awkward/synthetic/single_frame.mp4", 1, 0),
        ("awkward/real/delayed_start.mp4", 24, Fraction(43, 40)),
        ("awkward/real/nasa_13013.mp4", 325, 0),
        ("animation/pigs_in_a_polka.gif", 30, 0),
    ],
)
def test_awkward_films(footage: Callable[[str], Path], name: str, count: int, first: Fraction) -> None:
    with FilmReader(footage(name)) as reader:
        frames = [(native.index, native.pts) for native in reader.native_frames()]
    assert [index for index, _ in frames] == list(range(count))
    assert frames[0][1] * reader.info.time_base == first
    assert all(a < b for (_, a), (_, b) in pairwise(frames))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("awkward/synthetic/truncated_midstream.mkv", "cut off: 7 of about 37"),
        ("awkward/synthetic/truncated_no_moov.mp4", "cannot be read as a film"),
        ("awkward/synthetic/corrupt_bytes_in_mdat.mp4", "damaged after"),
        ("awkward/synthetic/audio_only.mp4", "no pictures"),
        ("awkward/synthetic/video_named_as.jpg", "read as a picture"),
        ("awkward/synthetic/png_header_60000x60000_bomb.png", "too large"),
        ("awkward/synthetic/seq_mixed_size", "2 of 4 pictures .*: 3-4 .200 x 84"),
        ("awkward/real/mp4parse/invalid_userdata.mp4", "no frame of it"),
    ],
)
def test_awkward_films_that_are_refused(footage: Callable[[str], Path], name: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        read(footage(name))
