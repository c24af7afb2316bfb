"""Writing films: sound, subtitles, timecode, the shape and turn of the pixels and the times are kept, or refused before work."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest

from relook.errors import InputError, UsageError
from relook.film.container.inventory import inventory
from relook.film.output_place import check_output
from relook.film.reader import probe
from relook.film.writer import FilmWriter
from relook.timing import FrameRange


def assert_same_times(found: list[Fraction], wanted: list[Fraction], *, within: Fraction) -> None:
    """Compare stamps; MP4 and MOV even out the milliseconds of Matroska, to which it had rounded them."""
    assert len(found) == len(wanted)
    assert all(abs(a - b) <= within for a, b in zip(found, wanted, strict=True))


def sound(path: Path, kind: str = "audio") -> list[str]:
    """Give one hash of all packets' bytes for each stream of a kind."""
    with av.open(str(path)) as container:
        found = {stream.index: hashlib.md5() for stream in container.streams if stream.type == kind}
        for packet in container.demux():
            if packet.stream_index in found:
                found[packet.stream_index].update(bytes(packet))
        return [digest.hexdigest() for digest in found.values()]


@pytest.mark.parametrize(
    ("name", "sounds"),
    [
        *((name, sounds) for name in ("o.mp4", "o.mov", "o.mkv") for sounds in (("aac", "aac", "ac3"), ("pcm_s16le",))),
        ("o.mp4", ("flac",)),
        ("o.mkv", ("flac", "aac")),
    ],
)
def test_sound_is_copied_packet_for_packet(
    make_film: Any, draw: Any, tmp_path: Path, name: str, sounds: tuple[str, ...], render: Any, stamps: Any
) -> None:
    """IN14."""
    source = make_film("in.mkv", draw(30, 64, 48), pixel_format="yuv420p", sounds=sounds)
    info = render(source, tmp_path / name)
    assert sound(tmp_path / name) == sound(source)
    assert info.audio_codecs == sounds
    assert_same_times(stamps(tmp_path / name), stamps(source), within=probe(source).time_base)


def test_a_stream_that_does_not_fit_is_refused_before_work(
    make_film: Any, draw: Any, tmp_path: Path, render: Any
) -> None:
    """IN14."""
    source = make_film("in.mkv", draw(3, 256, 144), pixel_format="yuv420p", sounds=("flac",))
    before = sorted(os.listdir(tmp_path))
    for name in ("o.mov", "o.webm", "o.mxf"):
        with pytest.raises(UsageError, match=rf"{name[1:]} cannot hold the flac sound .*write \.mkv instead"):
            FilmWriter(tmp_path / name, probe(source))
    assert sorted(os.listdir(tmp_path)) == before
    assert render(source, tmp_path / "o.mov", with_audio=False).audio_codecs == ()


def test_subtitles_chapters_titles_and_languages_are_kept(
    footage: Callable[[str], Path], tmp_path: Path, render: Any
) -> None:
    source = footage("awkward/synthetic/chapters_subs_flac.mkv")
    render(source, tmp_path / "o.mkv")
    with av.open(str(source)) as a, av.open(str(tmp_path / "o.mkv")) as b:
        assert [c["metadata"] for c in b.chapters()] == [c["metadata"] for c in a.chapters()]
        assert [s.type for s in b.streams] == [s.type for s in a.streams]
        assert [s.metadata.get("language") for s in b.streams] == [s.metadata.get("language") for s in a.streams]
        assert b.metadata["title"] == a.metadata["title"]
    assert sound(tmp_path / "o.mkv", "subtitle") == sound(source, "subtitle")
    with pytest.raises(UsageError, match="subrip subtitles"):
        FilmWriter(tmp_path / "o.mp4", probe(source))


@pytest.mark.parametrize("name", ["o.mov", "o.mp4", "o.mkv", "o.mxf"])
def test_timecode_is_kept(make_film: Any, draw: Any, tmp_path: Path, name: str, render: Any) -> None:
    rate = Fraction(30000, 1001)
    source = make_film(
        "in.mov",
        draw(22, 256, 144),
        encoder="prores_ks",
        pixel_format="yuv422p10le",
        rate=rate,
        time_base=1 / rate,
        timecode="00:59:59;20",
    )
    assert render(source, tmp_path / name).timecode == "00:59:59;20"
    assert (
        render(source, tmp_path / name, overwrite=True, wanted=FrameRange(12, 20), whole=False).timecode
        == "01:00:00;02"
    )


@pytest.mark.parametrize("name", ["o.mp4", "o.mov", "o.mkv", "o.webm"])
def test_the_shape_of_pixels_is_kept(make_film: Any, draw: Any, tmp_path: Path, name: str, render: Any) -> None:
    """IN12."""
    source = make_film(
        "in.mp4",
        draw(3, 90, 48),
        encoder="libx264",
        pixel_format="yuv420p",
        tags={"sample_aspect_ratio": Fraction(64, 45)},
    )
    assert render(source, tmp_path / name).sample_aspect == Fraction(64, 45)
    with pytest.raises(UsageError, match="not square"):
        FilmWriter(tmp_path / "o.mxf", probe(source))


@pytest.mark.parametrize("name", ["o.mp4", "o.mov", "o.mkv"])
@pytest.mark.parametrize("turn", ["rotated_90_metadata.mp4", "rotated_180_metadata.mov"])
def test_rotation_is_kept(footage: Callable[[str], Path], tmp_path: Path, name: str, turn: str, render: Any) -> None:
    source = footage(f"awkward/synthetic/{turn}")
    render(source, tmp_path / name, wanted=FrameRange(0, 2), whole=False)

    def turn_of(path: Path) -> tuple[int, ...]:
        return inventory(probe(path)).turn

    assert turn_of(tmp_path / name) == turn_of(source) != ()


def test_a_part_begins_at_nought_with_its_own_sound(
    make_film: Any, draw: Any, tmp_path: Path, render: Any, stamps: Any
) -> None:
    source = make_film("in.mkv", draw(48, 64, 48), pixel_format="yuv420p", sounds=("pcm_s16le",))
    for name in ("o.mkv", "o.mov"):
        info = render(source, tmp_path / name, wanted=FrameRange(12, 36), whole=False)
        times = stamps(tmp_path / name)
        wanted = [time - Fraction(1, 2) for time in stamps(source, FrameRange(12, 36))]
        assert_same_times(times, wanted, within=probe(source).time_base)
        assert info.frame_rate == 24
        with av.open(str(tmp_path / name)) as container:
            track = container.streams.audio[0]
            heard = [packet for packet in container.demux(track) if packet.size]
            length = sum(len(bytes(packet)) for packet in heard) / 4 / 48000
            first = float(heard[0].pts * heard[0].time_base)
        assert length == pytest.approx(1.0, abs=0.05)
        assert first == pytest.approx(0, abs=0.03)


@pytest.mark.parametrize("name", ["o.mp4", "o.mov"])
def test_odd_first_stamps_are_exact(
    make_film: Any, draw: Any, tmp_path: Path, name: str, stamps: Any, numbered: Any
) -> None:
    info, frames = numbered(4, 64, 48)
    info = replace(info, time_base=Fraction(1, 90000))
    given_stamps = [48003, 51006, 54009, 60000]
    with FilmWriter(tmp_path / name, info) as writer:
        for frame, pts in zip(frames, given_stamps, strict=True):
            writer.write(replace(frame, pts=pts))
    assert stamps(tmp_path / name) == [Fraction(pts, 90000) for pts in given_stamps]


def test_mxf_refuses_uneven_stamps(make_film: Any, draw: Any, tmp_path: Path, render: Any) -> None:
    source = make_film("in.mkv", draw(4, 256, 144), pixel_format="yuv422p", stamps=[0, 1, 4, 5])
    with pytest.raises(InputError, match=r"frame 2 .* even 24 frames a second"):
        render(source, tmp_path / "o.mxf")
    assert sorted(os.listdir(tmp_path)) == ["in.mkv"]


@pytest.mark.slow
def test_tears_of_steel_keeps_stamps_and_sound(
    footage: Callable[[str], Path], tmp_path: Path, render: Any, stamps: Any
) -> None:
    source = footage("live-action/tears_of_steel_shots01-11.webm")
    wanted = FrameRange(0, 30)
    for name in ("o.mp4", "o.mkv"):
        render(source, tmp_path / name, wanted=wanted)
        assert_same_times(stamps(tmp_path / name), stamps(source, wanted), within=probe(source).time_base)
        assert sound(tmp_path / name) == sound(source)
    with pytest.raises(UsageError, match=r"vorbis sound .* write \.mkv instead"):
        check_output(tmp_path / "o.mov", probe(source), overwrite=False)


def test_sound_that_begins_where_a_part_ends_is_not_in_it(
    make_film: Any, draw: Any, tmp_path: Path, render: Any
) -> None:
    source = make_film("in.mkv", draw(50, 64, 48), rate=25, time_base=Fraction(1, 25), sounds=("pcm_s16le",))
    render(source, tmp_path / "o.mov", wanted=FrameRange(8, 24), whole=False)
    with av.open(str(tmp_path / "o.mov")) as container:
        assert sum(packet.size for packet in container.demux(container.streams.audio[0])) == 16 * 48000 // 25 * 4
