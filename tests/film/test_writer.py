"""Writing: what goes in comes out, whole or not at all, and what cannot be written is refused before any work."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from relook.errors import DivergedError, InputError, LockedError, ResourceError, UsageError
from relook.film.container.codecs import plan_film
from relook.film.container.encoder import Encoder
from relook.film.container.film_file import read_back
from relook.film.frames import FilmInfo, Frame
from relook.film.pixels import rows
from relook.film.reader import FilmReader, probe
from relook.film.writer import FilmWriter, check_output
from relook.timing import FrameRange

LOSSLESS = ["bgr0", "gbrp10le", "gbrp12le", "gbrp16le", "gray", "gray10le", "gray16le"]
YUV = [
    "yuv420p",
    "yuv422p",
    "yuv444p",
    "yuv420p10le",
    "yuv422p10le",
    "yuv444p12le",
    "yuv444p16le",
    "yuv411p",
    "yuva420p",
]


def render(
    source: Path, target: Path, *, copied: bool = False, wanted: FrameRange | None = None, **kwargs: Any
) -> FilmInfo:
    with FilmReader(source) as reader, FilmWriter(target, reader.info, **kwargs) as writer:
        for frame in reader.frames(wanted):
            (writer.copy if copied else writer.write)(frame)
    return probe(target)


def stamps(path: Path, wanted: FrameRange | None = None) -> list[Fraction]:
    with FilmReader(path) as reader:
        return [native.pts * reader.info.time_base for native in reader.native_frames(wanted)]


def assert_same_times(found: list[Fraction], wanted: list[Fraction], *, within: Fraction) -> None:
    """Compare stamps; MP4 and MOV even out the milliseconds of Matroska, to which it had rounded them."""
    assert len(found) == len(wanted)
    assert all(abs(a - b) <= within for a, b in zip(found, wanted, strict=True))


def pixels(path: Path) -> list[torch.Tensor]:
    with FilmReader(path) as reader:
        return [frame.pixels for frame in reader.frames()]


def native_bytes(path: Path) -> list[tuple[str, bytes]]:
    with FilmReader(path) as reader:
        frames = [native.picture for native in reader.native_frames()]
        return [(f.format.name, b"".join(np.ascontiguousarray(part).tobytes() for part in rows(f))) for f in frames]


def sound(path: Path, kind: str = "audio") -> list[str]:
    """Give one hash of all packets' bytes for each stream of a kind."""
    with av.open(str(path)) as container:
        found = {stream.index: hashlib.md5() for stream in container.streams if stream.type == kind}
        for packet in container.demux():
            if packet.stream_index in found:
                found[packet.stream_index].update(bytes(packet))
        return [digest.hexdigest() for digest in found.values()]


def numbered(count: int, width: int, height: int, *, bits: int = 8) -> tuple[FilmInfo, list[Frame]]:
    """Draw frames whose pixels are exact codes, and the film they could come from."""
    values = torch.randint(0, 2**bits, (count, 3, height, width), generator=torch.Generator().manual_seed(bits))
    pixel_format = "bgr0" if bits == 8 else f"gbrp{bits}le"
    info = FilmInfo(Path("none.mkv"), "stills", width, height, Fraction(24), Fraction(1, 24), bits, pixel_format)
    return info, [Frame(i, i, 1, drawn.float() / (2**bits - 1)) for i, drawn in enumerate(values)]


@settings(max_examples=15, deadline=None)
@given(
    bits=st.sampled_from([8, 10, 12, 16]),
    size=st.tuples(st.integers(4, 70), st.integers(4, 50)),
    steps=st.lists(st.integers(1, 500), max_size=6),
    offset=st.integers(0, 5000),
)
def test_lossless_gives_back_pixels_count_and_stamps(
    bits: int, size: tuple[int, int], steps: list[int], offset: int
) -> None:
    info, frames = numbered(len(steps) + 1, *size, bits=bits)
    info = replace(info, time_base=Fraction(1, 1000))
    frames = [replace(frame, pts=offset + sum(steps[:index])) for index, frame in enumerate(frames)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "out.mkv"
        with FilmWriter(path, info) as writer:
            for frame in frames:
                writer.write(frame)
        assert os.listdir(folder) == ["out.mkv"]
        assert stamps(path) == [Fraction(frame.pts, 1000) for frame in frames]
        assert all(torch.equal(a, b.pixels) for a, b in zip(pixels(path), frames, strict=True))


@pytest.mark.parametrize("pixel_format", LOSSLESS)
def test_lossless_rgb_and_grey_come_back_exactly(make_film: Any, draw: Any, tmp_path: Path, pixel_format: str) -> None:
    source = make_film("in.mkv", draw(4, 54, 37, bits=16 if "16" in pixel_format else 8), pixel_format=pixel_format)
    render(source, tmp_path / "out.mkv")
    assert all(torch.equal(a, b) for a, b in zip(pixels(source), pixels(tmp_path / "out.mkv"), strict=True))


@pytest.mark.parametrize("pixel_format", [*LOSSLESS, *YUV, "bgra"])
def test_a_copy_is_the_source_bit_for_bit(make_film: Any, draw: Any, tmp_path: Path, pixel_format: str) -> None:
    source = make_film("in.mkv", draw(4, 56, 38), pixel_format=pixel_format, stamps=[0, 1, 5, 6])
    info = render(source, tmp_path / "out.mkv", copied=True)
    assert info.pixel_format == pixel_format
    assert native_bytes(tmp_path / "out.mkv") == native_bytes(source)
    assert stamps(tmp_path / "out.mkv") == stamps(source)


@pytest.mark.parametrize("pixel_format", YUV)
def test_lossless_yuv_is_written_in_its_own_format(
    make_film: Any, draw: Any, tmp_path: Path, pixel_format: str
) -> None:
    source = make_film("in.mkv", draw(3, 64, 48), pixel_format=pixel_format)
    info = render(source, tmp_path / "out.mkv")
    assert info.pixel_format == pixel_format
    worst = max(float((a - b).abs().mean()) for a, b in zip(pixels(source), pixels(tmp_path / "out.mkv"), strict=True))
    assert worst < 0.006


@pytest.mark.parametrize(
    ("name", "codec", "bits", "expected"),
    [
        ("o.mp4", None, 8, ("h264", "yuv420p")),
        ("o.m4v", None, 8, ("h264", "yuv420p")),
        ("o.mp4", None, 10, ("hevc", "yuv420p10le")),
        ("o.mp4", "h264", 10, ("h264", "yuv420p10le")),
        ("o.mp4", "hevc", 8, ("hevc", "yuv420p")),
        ("o.mov", None, 10, ("prores", "yuv422p10le")),
        ("o.mov", None, 12, ("prores", "yuv444p12le")),
        ("o.mov", "h264", 8, ("h264", "yuv420p")),
        ("o.mov", "dnxhr", 10, ("dnxhd", "yuv422p10le")),
        ("o.mkv", None, 10, ("ffv1", "yuv422p10le")),
        ("o.mkv", "h264", 8, ("h264", "yuv420p")),
        ("o.mxf", None, 8, ("dnxhd", "yuv422p")),
        ("o.mxf", None, 10, ("dnxhd", "yuv422p10le")),
        ("o.webm", None, 8, ("vp9", "yuv420p")),
    ],
)
def test_every_codec_keeps_count_stamps_tags_and_look(
    make_film: Any, draw: Any, tmp_path: Path, name: str, codec: str | None, bits: int, expected: tuple[str, str]
) -> None:
    source = make_film(
        "in.mkv",
        draw(7, 256, 144),
        pixel_format={8: "yuv422p", 10: "yuv422p10le", 12: "yuv422p12le"}[bits],
        rate=25,
        time_base=Fraction(1, 25),
        tags={"color_primaries": 9, "color_trc": 16, "colorspace": 9, "color_range": 1},
    )
    info = render(source, tmp_path / name, codec=codec)
    with av.open(str(tmp_path / name)) as container:
        assert (container.streams.video[0].codec_context.codec.canonical_name, info.pixel_format) == expected
        if expected[0] == "hevc":
            assert container.streams.video[0].codec_context.codec_tag == "hvc1"
    assert stamps(tmp_path / name) == stamps(source)
    assert (info.width, info.height, info.frame_rate) == (256, 144, 25)
    assert info.colour == probe(source).colour
    with FilmReader(tmp_path / name) as reader:
        first: Any = next(reader.native_frames()).picture
    if expected[0] != "dnxhd":  # its pictures carry no tags, only its containers do
        assert (first.color_primaries, first.color_trc, first.colorspace) == (9, 16, 9)
    errors = [float((a - b).abs().mean()) for a, b in zip(pixels(source), pixels(tmp_path / name), strict=True)]
    assert max(errors) < 0.03


@pytest.mark.parametrize("full", [None, False, True])
@pytest.mark.parametrize("matrix", [2, 1, 6])
def test_tags_come_back_and_agree_with_the_pixels(
    make_film: Any, draw: Any, tmp_path: Path, matrix: int, full: bool | None
) -> None:
    tags = {"colorspace": matrix, "color_range": {None: 0, False: 1, True: 2}[full]}
    source = make_film("in.mkv", draw(3, 64, 48), pixel_format="yuv444p", tags=tags)
    for name in ("o.mkv", "o.mp4"):
        info = render(source, tmp_path / name)
        assert info.colour.matrix == matrix
        assert bool(info.colour.full_range) == bool(full)
        means = [
            (a.mean((1, 2)) - b.mean((1, 2))).abs().max()
            for a, b in zip(pixels(source), pixels(tmp_path / name), strict=True)
        ]
        assert float(max(means)) < 0.004


@pytest.mark.parametrize("size", [(65, 48), (64, 49), (33, 21)])
def test_odd_sizes_keep_their_size(make_film: Any, draw: Any, tmp_path: Path, size: tuple[int, int]) -> None:
    source = make_film("in.mkv", draw(3, *size), pixel_format="yuv420p")
    for name in ("o.mp4", "o.mov", "o.mkv", "o.webm"):
        info = render(source, tmp_path / name)
        assert (info.width, info.height) == size
    assert probe(tmp_path / "o.mp4").pixel_format == "yuv444p"


@pytest.mark.parametrize(
    ("name", "sounds"),
    [
        *((name, sounds) for name in ("o.mp4", "o.mov", "o.mkv") for sounds in (("aac", "aac", "ac3"), ("pcm_s16le",))),
        ("o.mp4", ("flac",)),
        ("o.mkv", ("flac", "aac")),
    ],
)
def test_sound_is_copied_packet_for_packet(
    make_film: Any, draw: Any, tmp_path: Path, name: str, sounds: tuple[str, ...]
) -> None:
    source = make_film("in.mkv", draw(30, 64, 48), pixel_format="yuv420p", sounds=sounds)
    info = render(source, tmp_path / name)
    assert sound(tmp_path / name) == sound(source)
    assert info.audio_codecs == sounds
    assert_same_times(stamps(tmp_path / name), stamps(source), within=probe(source).time_base)


def test_a_stream_that_does_not_fit_is_refused_before_work(make_film: Any, draw: Any, tmp_path: Path) -> None:
    source = make_film("in.mkv", draw(3, 256, 144), pixel_format="yuv420p", sounds=("flac",))
    before = sorted(os.listdir(tmp_path))
    for name in ("o.mov", "o.webm", "o.mxf"):
        with pytest.raises(UsageError, match=rf"{name[1:]} cannot hold the flac sound .*write \.mkv instead"):
            FilmWriter(tmp_path / name, probe(source))
    assert sorted(os.listdir(tmp_path)) == before
    assert render(source, tmp_path / "o.mov", with_audio=False).audio_codecs == ()


def test_subtitles_chapters_titles_and_languages_are_kept(footage: Callable[[str], Path], tmp_path: Path) -> None:
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
def test_timecode_is_kept(make_film: Any, draw: Any, tmp_path: Path, name: str) -> None:
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
def test_the_shape_of_pixels_is_kept(make_film: Any, draw: Any, tmp_path: Path, name: str) -> None:
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
def test_rotation_is_kept(footage: Callable[[str], Path], tmp_path: Path, name: str, turn: str) -> None:
    source = footage(f"awkward/synthetic/{turn}")
    render(source, tmp_path / name, wanted=FrameRange(0, 2), whole=False)

    def rotation(path: Path) -> int:
        with FilmReader(path) as reader:
            picture: Any = next(reader.native_frames()).picture
            return int(picture.rotation)

    assert rotation(tmp_path / name) == rotation(source) != 0


def test_a_part_begins_at_nought_with_its_own_sound(make_film: Any, draw: Any, tmp_path: Path) -> None:
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


def test_sound_that_begins_where_a_part_ends_is_not_in_it(make_film: Any, draw: Any, tmp_path: Path) -> None:
    source = make_film("in.mkv", draw(50, 64, 48), rate=25, time_base=Fraction(1, 25), sounds=("pcm_s16le",))
    render(source, tmp_path / "o.mov", wanted=FrameRange(8, 24), whole=False)
    with av.open(str(tmp_path / "o.mov")) as container:
        assert sum(packet.size for packet in container.demux(container.streams.audio[0])) == 16 * 48000 // 25 * 4


@pytest.mark.parametrize("name", ["o.mp4", "o.mov"])
def test_odd_first_stamps_are_exact(make_film: Any, draw: Any, tmp_path: Path, name: str) -> None:
    info, frames = numbered(4, 64, 48)
    info = replace(info, time_base=Fraction(1, 90000))
    given_stamps = [48003, 51006, 54009, 60000]
    with FilmWriter(tmp_path / name, info) as writer:
        for frame, pts in zip(frames, given_stamps, strict=True):
            writer.write(replace(frame, pts=pts))
    assert stamps(tmp_path / name) == [Fraction(pts, 90000) for pts in given_stamps]


def test_mxf_refuses_uneven_stamps(make_film: Any, draw: Any, tmp_path: Path) -> None:
    source = make_film("in.mkv", draw(4, 256, 144), pixel_format="yuv422p", stamps=[0, 1, 4, 5])
    with pytest.raises(InputError, match=r"frame 2 .* even 24 frames a second"):
        render(source, tmp_path / "o.mxf")
    assert sorted(os.listdir(tmp_path)) == ["in.mkv"]


def test_the_same_film_gives_the_same_file(make_film: Any, draw: Any, tmp_path: Path) -> None:
    source = make_film("in.mkv", draw(20, 96, 64), pixel_format="yuv420p", sounds=("aac",))
    for name in ("a.mp4", "b.mp4", "a.mkv", "b.mkv"):
        render(source, tmp_path / name)
    for ending in ("mp4", "mkv"):
        assert (tmp_path / f"a.{ending}").read_bytes() == (tmp_path / f"b.{ending}").read_bytes()


def test_a_file_that_does_not_read_back_is_noticed(make_film: Any, draw: Any, tmp_path: Path) -> None:
    source = make_film("in.mkv", draw(24, 64, 48), pixel_format="yuv420p", sounds=("aac",))
    for name in ("o.mkv", "o.mp4"):
        path = tmp_path / name
        with FilmReader(source) as reader:
            frames = list(reader.frames())
            encoder = Encoder(path, reader.info, plan_film(path, reader.info), frames[0], whole=True)
            encoder.carry_tracks()
            for frame in frames:
                encoder.encode(frame, untouched=False)
            encoder.finish()
        assert read_back(path, encoder) is None
        encoder.stamps.append(99)
        assert read_back(path, encoder) == "24 of 25 frames"
        last = encoder.stamps[-2]
        encoder.stamps[-2:] = [last + 9]
        assert "frame 23 is at" in str(read_back(path, encoder))
        encoder.stamps[-1] = last
        path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
        assert read_back(path, encoder) is not None


def test_a_file_spoilt_while_it_is_written_is_not_published(tmp_path: Path) -> None:
    info, frames = numbered(40, 96, 64)
    part = tmp_path / "o.mov.part"
    with pytest.raises(ResourceError, match="read back whole"), FilmWriter(tmp_path / "o.mov", info) as writer:
        for frame in frames:
            writer.write(frame)
            if frame.index > 30 and part.stat().st_blocks:
                os.truncate(part, 0)
    assert os.listdir(tmp_path) == []


# What cannot be written


def test_places_that_cannot_be_used_are_refused(make_film: Any, draw: Any, tmp_path: Path) -> None:
    source = make_film("in.mkv", draw(2, 64, 48), pixel_format="yuv420p")
    info = probe(source)
    (tmp_path / "there.mkv").write_bytes(b"mine")
    (tmp_path / "folder.mkv").mkdir()
    (tmp_path / "link.mkv").symlink_to(source)
    (tmp_path / "dangling.mkv").symlink_to(tmp_path / "gone.mkv")
    os.link(source, tmp_path / "hard.mkv")
    before = {name: (tmp_path / name).lstat().st_mtime_ns for name in os.listdir(tmp_path)}
    for name, overwrite, words in (
        ("none/out.mkv", True, "there is no folder"),
        ("there.mkv", False, "exists; give another name, or --overwrite"),
        ("dangling.mkv", False, "exists"),
        ("folder.mkv", True, "it is a folder"),
        ("in.mkv", True, "is the film that is being read"),
        ("link.mkv", True, "is the film that is being read"),
        ("hard.mkv", True, "is the film that is being read"),
        ("out.xyz", True, r"end the name in \.mp4"),
        ("out", True, r"'out\.####\.png'"),
        ("out.png", True, r"'out\.####\.png'"),
        ("none/out.####.png", True, "there is no folder"),
    ):
        with pytest.raises(UsageError, match=words):
            check_output(tmp_path / name, info, overwrite=overwrite)
    with pytest.raises(UsageError, match="no codec 'divx'; choose one of h264"):
        check_output(tmp_path / "o.mkv", info, overwrite=False, codec="divx")
    with pytest.raises(UsageError, match="DNxHR cannot hold 64 x 48"):
        check_output(tmp_path / "o.mxf", info, overwrite=False)
    check_output(tmp_path / "there.mkv", info, overwrite=True)
    assert {name: (tmp_path / name).lstat().st_mtime_ns for name in os.listdir(tmp_path)} == before


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission_is_refused(make_film: Any, draw: Any, tmp_path: Path) -> None:
    info = probe(make_film("in.mkv", draw(2, 64, 48)))
    (tmp_path / "locked").mkdir(mode=0o500)
    with pytest.raises(UsageError, match="no permission"):
        check_output(tmp_path / "locked" / "o.mkv", info, overwrite=False)


@pytest.mark.parametrize("name", ["o.mp4", "o.mkv", "o.####.png"])
def test_an_error_leaves_nothing(tmp_path: Path, name: str) -> None:
    info, frames = numbered(3, 64, 48)
    (tmp_path / "o.mp4").write_bytes(b"the old one")
    with pytest.raises(RuntimeError, match="stop"), FilmWriter(tmp_path / name, info, overwrite=True) as writer:
        writer.write(frames[0])
        raise RuntimeError("stop")
    with pytest.raises(DivergedError, match="frame 1"), FilmWriter(tmp_path / name, info, overwrite=True) as writer:
        for frame in frames:
            writer.write(replace(frame, pixels=frame.pixels / (frame.index != 1)))
    with pytest.raises(InputError, match="no frame was given"), FilmWriter(tmp_path / name, info, overwrite=True):
        pass
    with FilmWriter(tmp_path / name, info, overwrite=True) as writer:
        writer.write(frames[0])
        writer.discard()
    assert os.listdir(tmp_path) == ["o.mp4"]
    assert (tmp_path / "o.mp4").read_bytes() == b"the old one"


def test_pictures_of_another_size_are_refused(tmp_path: Path) -> None:
    info, frames = numbered(2, 64, 48)
    with pytest.raises(InputError, match=r"frame 1 .* is 32 x 48"), FilmWriter(tmp_path / "o.mkv", info) as writer:
        writer.write(frames[0])
        writer.write(replace(frames[1], pixels=frames[1].pixels[..., :32]))
    assert os.listdir(tmp_path) == []


def test_a_second_writer_of_the_same_output_is_refused(tmp_path: Path) -> None:
    info, frames = numbered(1, 64, 48)
    for name in ("o.mkv", "o.####.png"):
        with FilmWriter(tmp_path / name, info) as writer:
            writer.write(frames[0])
            with pytest.raises(LockedError, match="another job is writing"):
                FilmWriter(tmp_path / name, info)
    assert sorted(os.listdir(tmp_path)) == ["o.1001.png", "o.mkv"]


def test_what_a_killed_job_left_is_taken_over(tmp_path: Path) -> None:
    info, frames = numbered(1, 64, 48)
    (tmp_path / "o.mkv.part").write_bytes(b"half" * 100_000)
    (tmp_path / "o.####.png.part").mkdir()
    (tmp_path / "o.####.png.part" / "o.1009.png").touch()
    for name in ("o.mkv", "o.####.png"):
        with FilmWriter(tmp_path / name, info) as writer:
            writer.write(frames[0])
    assert sorted(os.listdir(tmp_path)) == ["o.1001.png", "o.mkv"]
    assert torch.equal(pixels(tmp_path / "o.mkv")[0], frames[0].pixels)


def test_a_full_disk_is_an_error_and_leaves_nothing(tmp_path: Path) -> None:
    """Limit the size of files in a process of its own: the nearest thing to a full disk that needs no rights."""
    script = textwrap.dedent(
        f"""
        import resource, torch
        from fractions import Fraction
        from pathlib import Path
        from relook.errors import ResourceError
        from relook.film.frames import FilmInfo, Frame
        from relook.film.writer import FilmWriter

        info = FilmInfo(Path("none.mkv"), "stills", 320, 240, Fraction(24), Fraction(1, 24), 8, "bgr0")
        noise = torch.rand(3, 240, 320, generator=torch.Generator().manual_seed(0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))
        for name in ("o.mp4", "o.mkv", "o.mov", "o.####.png"):
            try:
                with FilmWriter(Path({str(tmp_path)!r}, name), info) as writer:
                    for index in range(12):
                        writer.write(Frame(index, index, 1, noise.roll(index, -1)))
            except ResourceError as error:
                print(name, "refused:", error)
        """
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.count("refused: cannot write") == 4, done.stdout + done.stderr
    assert os.listdir(tmp_path) == []


# Pictures


def take(folder: Path, *, bits: int = 8, count: int = 3, ending: str = ".png", alpha: bool = False) -> Path:
    folder.mkdir()
    shape = (count, 20, 30, 4 if alpha else 3)
    codes = np.random.default_rng(bits).integers(0, 2**bits, shape).astype(np.uint8 if bits == 8 else np.uint16)
    for number, picture in enumerate(codes, start=86400):
        cv2.imwrite(str(folder / f"t.{number:07d}{ending}"), picture)
    return folder


@pytest.mark.parametrize(("bits", "ending", "alpha"), [(8, ".png", False), (16, ".png", True), (16, ".tif", False)])
def test_a_folder_keeps_names_depth_and_transparency(tmp_path: Path, bits: int, ending: str, alpha: bool) -> None:
    source, target = take(tmp_path / "in", bits=bits, ending=ending, alpha=alpha), tmp_path / "out"
    render(source, target)
    assert sorted(os.listdir(tmp_path)) == ["in", "out"]
    assert sorted(os.listdir(target)) == sorted(os.listdir(source))
    for name in os.listdir(source):
        assert np.array_equal(cv2.imread(str(target / name), -1), cv2.imread(str(source / name), -1))


def test_a_copied_picture_is_the_same_file(tmp_path: Path) -> None:
    source = take(tmp_path / "in", ending=".jpg")
    render(source, tmp_path / "out", copied=True)
    for name in os.listdir(source):
        assert (tmp_path / "out" / name).read_bytes() == (source / name).read_bytes()


def test_numbered_pictures_keep_the_numbers_of_a_take(tmp_path: Path) -> None:
    source = take(tmp_path / "in", bits=16)
    (tmp_path / "out").mkdir()
    render(source, tmp_path / "out" / "x.####.png", wanted=FrameRange(1, 3))
    assert sorted(os.listdir(tmp_path / "out")) == ["x.86401.png", "x.86402.png"]
    with pytest.raises(UsageError, match=r"2 pictures exist already, the first is .*x\.86401\.png"):
        render(source, tmp_path / "out" / "x.####.png")
    render(source, tmp_path / "out" / "x.####.png", overwrite=True)
    assert len(os.listdir(tmp_path / "out")) == 3


def test_a_film_becomes_pictures_and_pictures_a_film(make_film: Any, draw: Any, tmp_path: Path) -> None:
    source = make_film("in.mkv", draw(3, 40, 30, bits=16), pixel_format="gbrp16le")
    info = render(source, tmp_path / "p.%05d.tif")
    assert [picture.name for picture in info.pictures] == ["p.01001.tif", "p.01002.tif", "p.01003.tif"]
    assert (info.kind, info.bit_depth) == ("sequence", 16)
    back = render(tmp_path / "p.%05d.tif", tmp_path / "back.mkv")
    assert back.pixel_format == "gbrp16le"
    assert all(torch.equal(a, b) for a, b in zip(pixels(source), pixels(tmp_path / "back.mkv"), strict=True))


def test_a_single_still(tmp_path: Path) -> None:
    source = take(tmp_path / "in", count=1) / "t.0086400.png"
    render(source, tmp_path / "still.tif")
    assert np.array_equal(cv2.imread(str(tmp_path / "still.tif")), cv2.imread(str(source)))


def test_stills_may_differ_in_size_but_a_film_may_not(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for name, height in (("cat", 20), ("dog", 30)):
        cv2.imwrite(str(tmp_path / "in" / f"{name}.png"), np.full((height, 24, 3), 90, np.uint8))
    render(tmp_path / "in", tmp_path / "out")
    assert cv2.imread(str(tmp_path / "out" / "dog.png")).shape == (30, 24, 3)
    with pytest.raises(InputError, match=r"frame 1 .* is 24 x 30"):
        render(tmp_path / "in", tmp_path / "out.mp4")


def test_a_take_does_not_go_into_one_picture(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"stands for 3 pictures, and 'one.png' for one; write 'one.####.png'"):
        check_output(tmp_path / "one.png", probe(take(tmp_path / "in")), overwrite=False)


def test_the_folder_that_is_read_is_never_written_into(tmp_path: Path) -> None:
    source = take(tmp_path / "in")
    (tmp_path / "alias").symlink_to(source)
    for target in (source, tmp_path / "alias", source / "x.####.png", tmp_path / "alias" / "x.####.png"):
        with pytest.raises(UsageError, match="being read"):
            check_output(target, probe(source), overwrite=True)


def test_tears_of_steel_keeps_stamps_and_sound(footage: Callable[[str], Path], tmp_path: Path) -> None:
    source = footage("live-action/tears_of_steel_shots01-11.webm")
    wanted = FrameRange(0, 30)
    for name in ("o.mp4", "o.mkv"):
        render(source, tmp_path / name, wanted=wanted)
        assert_same_times(stamps(tmp_path / name), stamps(source, wanted), within=probe(source).time_base)
        assert sound(tmp_path / name) == sound(source)
    with pytest.raises(UsageError, match=r"vorbis sound .* write \.mkv instead"):
        check_output(tmp_path / "o.mov", probe(source), overwrite=False)
