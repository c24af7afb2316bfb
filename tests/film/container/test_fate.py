"""Everything that a film holds is kept, refused or told; and what is said to be kept can be read in the output."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.stream import Disposition

from relook.errors import InputError, UsageError
from relook.film.container.fate import Fate, fates
from relook.film.container.inventory import Inventory, inventory
from relook.film.container.matroska import video_fields
from relook.film.output_place import check_output
from relook.film.pictures.alpha import alpha_of, frame_alpha, put_alpha
from relook.film.reader import FilmReader, probe
from relook.film.words import colour_words, turn_words
from relook.film.writer import FilmWriter
from relook.timing import FrameRange

FONT = b"\0\1\0\0" + bytes(range(256))
CHAPTERS = [("One", 0, 500), ("Zwei", 500, 1000)]


def shown(number: int, width: int, height: int, pixel_format: str = "yuv420p") -> av.VideoFrame:
    frame = av.VideoFrame.from_ndarray(np.full((height, width, 3), number * 9, np.uint8), format="rgb24")
    frame = frame.reformat(format=pixel_format)
    frame.pts, frame.time_base = number, Fraction(1, 24)
    return frame


def cover() -> bytes:
    encoder: Any = av.CodecContext.create("mjpeg", "w")
    encoder.width, encoder.height, encoder.pix_fmt, encoder.time_base = 64, 64, "yuvj420p", Fraction(1, 25)
    return bytes([*encoder.encode(shown(0, 64, 64, "yuvj420p")), *encoder.encode(None)][0])


def add_sound(made: Any, track: Any) -> None:
    for number in range(47):
        part = av.AudioFrame.from_ndarray(np.zeros((1, 2048), np.int16), format="s16", layout="stereo")
        part.sample_rate, part.pts, part.time_base = 48000, number * 1024, Fraction(1, 48000)
        made.mux(track.encode(part))
    made.mux(track.encode(None))


@pytest.fixture(scope="module")
def rich(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A film with nearly everything that Matroska holds: two pictures, two sounds, font, cover, chapters, tags."""
    path = tmp_path_factory.mktemp("rich") / "rich.mkv"
    with av.open(str(path), "w") as made:
        streams: list[Any] = [made.add_stream("libx264", rate=24, time_base=Fraction(1, 24)) for _ in range(2)]
        for stream, size, title in zip(streams, ((256, 144), (128, 72)), ("Main", "Angle 2"), strict=True):
            (stream.width, stream.height), stream.pix_fmt = size, "yuv420p"
            stream.metadata["title"] = title
        streams[0].disposition = Disposition.default
        sounds: list[Any] = [made.add_stream("aac", rate=48000) for _ in range(2)]
        sounds[0].metadata.update(language="deu", title="Deutsch")
        sounds[1].metadata.update(language="eng", title="Commentary")
        sounds[1].disposition = Disposition.comment
        made.metadata.update(title="T", artist="A", director="D")
        made.set_chapters(
            [
                {"id": n, "start": a, "end": b, "time_base": Fraction(1, 1000), "metadata": {"title": title}}
                for n, (title, a, b) in enumerate(CHAPTERS, 1)
            ]
        )
        made.add_attachment("font.ttf", "application/x-truetype-font", FONT)
        made.add_attachment("cover.jpg", "image/jpeg", cover())
        for number in range(24):
            for stream in streams:
                made.mux(stream.encode(shown(number, stream.width, stream.height)))
        for stream in streams:
            made.mux(stream.encode(None))
        for track in sounds:
            add_sound(made, track)
    return path


def found(path: Path) -> Inventory:
    return inventory(probe(path))


def copy(source: Path, target: Path, wanted: FrameRange | None = None) -> Path:
    with FilmReader(source) as reader, FilmWriter(target, reader.info, whole=wanted is None) as writer:
        for frame in reader.frames(wanted):
            writer.copy(frame)
    return target


def ends(path: Path, ending: str) -> dict[str, str]:
    return {fate.what: fate.end for fate in fates(found(path), Path(f"out{ending}")) if fate.what != "pictures"}


def contents(path: Path) -> list[tuple[str, bytes]]:
    """Give the kind and all bytes of every stream but the first."""
    with av.open(str(path)) as container:
        bodies = {s.index: b"" if s.type != "attachment" else s.data for s in container.streams}  # type: ignore[attr-defined]
        for packet in container.demux():
            bodies[packet.stream_index] += bytes(packet)
        return sorted((s.type, bodies[s.index]) for s in list(container.streams)[1:])


def test_matroska_keeps_everything(rich: Path, tmp_path: Path) -> None:
    """IN15."""
    assert set(ends(rich, ".mkv").values()) == {"kept"}
    target = copy(rich, tmp_path / "o.mkv")
    before, after = found(rich), found(target)
    assert [(t.kind, t.language, t.title, t.roles, t.form) for t in after.tracks] == [
        (t.kind, t.language, t.title, t.roles, t.form) for t in before.tracks
    ]
    assert [t.kind for t in after.tracks] == ["pictures", "video", "sound", "sound", "attachment", "cover"]
    assert (after.chapters, after.title, after.tags) == (before.chapters, before.title, before.tags)
    assert [(c.title, c.start_seconds * 1000, c.stop_seconds * 1000) for c in after.chapters] == CHAPTERS
    assert contents(target) == contents(rich)


def test_what_an_ending_cannot_hold_is_refused_or_told(rich: Path, tmp_path: Path) -> None:
    """IN15."""
    font = "application/x-truetype-font attachment (stream 4)"
    assert ends(rich, ".mp4") == {
        "title": "kept",
        "chapters": "kept",
        "tags": "left out",
        "h264 video (stream 1)": "kept",
        "aac sound (stream 2)": "kept",
        "aac sound (stream 3)": "kept",
        font: "refused",
        "mjpeg cover (stream 5)": "kept",
    }
    mov = ends(rich, ".mov")
    assert (mov["aac sound (stream 3)"], mov["mjpeg cover (stream 5)"]) == ("changed", "left out")
    with pytest.raises(UsageError, match=r"\.mp4 cannot hold the .*font attachment .*write \.mkv instead"):
        check_output(tmp_path / "o.mp4", probe(rich), overwrite=False)
    told = check_output(tmp_path / "o.####.png", probe(rich), overwrite=False)
    assert "chapters: left out (pictures cannot hold it)" in told
    assert sum("sound" in words for words in told) == 2
    part = check_output(tmp_path / "o.mkv", probe(rich), overwrite=False, whole=False)
    assert part == ("chapters: left out (a part of a film has none)",)


@pytest.mark.parametrize("ending", [".mp4", ".mov", ".mkv"])
def test_what_is_said_to_be_kept_is_in_the_output(rich: Path, tmp_path: Path, ending: str) -> None:
    """Without its font, which only Matroska holds, the film goes everywhere; the telling and the writing agree."""
    source = copy_streams(rich, tmp_path / "in.mkv", without="attachment")
    said = {str(fate) for fate in fates(found(source), Path(f"o{ending}")) if fate.end == "kept"}
    before, after = found(source), found(copy(source, tmp_path / f"o{ending}"))
    for track in before.of_kind("video", "sound", "cover"):
        same = [t for t in after.of_kind(track.kind) if (t.codec, t.form) == (track.codec, track.form)]
        kept = f"{track} (stream {track.index}): kept" in said
        assert kept == any(t.title == track.title and set(t.roles) >= set(track.roles) for t in same)
    assert ("tags: kept" in said) == (after.tags == before.tags)
    assert ("chapters: kept" in said) == (after.chapters == before.chapters)


def copy_streams(source: Path, target: Path, *, without: str) -> Path:
    with av.open(str(source)) as a, av.open(str(target), "w") as b:
        wanted = [s for s in a.streams if s.type != without and not s.disposition & Disposition.attached_pic]
        copies = {s.index: b.add_stream_from_template(s, opaque=True) for s in wanted}
        for stream in wanted:
            copies[stream.index].metadata.update(stream.metadata)
            copies[stream.index].disposition = stream.disposition
        b.metadata.update(a.metadata)
        b.set_chapters(a.chapters())
        b.add_attachment("cover.jpg", "image/jpeg", cover())
        for packet in a.demux(wanted):
            if packet.size:
                packet.stream = copies[packet.stream_index]
                b.mux(packet)
    return target


@pytest.mark.parametrize("ending", [".mp4", ".mov", ".mkv"])
@pytest.mark.parametrize(
    ("degrees", "flip", "words"),
    [
        (90, False, "turned 90 degrees anticlockwise"),
        (180, False, "turned upside down"),
        (0, True, "flipped left to right"),
        (90, True, "flipped left to right, turned 90 degrees clockwise"),
    ],
)
def test_turns_and_flips_are_kept(tmp_path: Path, degrees: int, flip: bool, words: str, ending: str) -> None:
    """IN11."""
    source = tmp_path / "in.mov"
    with av.open(str(source), "w") as made:
        stream: Any = made.add_stream("libx264", rate=24)
        stream.width, stream.height, stream.pix_fmt = 256, 144, "yuv420p"
        stream.set_display_rotation(degrees, hflip=flip)
        for number in range(3):
            made.mux(stream.encode(shown(number, 256, 144)))
        made.mux(stream.encode(None))
    turn = found(source).turn
    assert turn_words(turn) == words
    assert found(copy(source, tmp_path / f"o{ending}")).turn == turn
    with pytest.raises(UsageError, match="turn or flip"):
        check_output(tmp_path / "o.mxf", probe(source), overwrite=False)


# Transparency


@pytest.mark.parametrize(
    ("pixel_format", "ending", "bits"),
    [
        *((name, ".mkv", 0) for name in ("yuva420p", "yuva422p10le", "yuva444p12le", "bgra", "gbrap12le")),
        *((name, ".mov", shift) for name, shift in (("yuva420p", 4), ("yuva444p10le", 2), ("bgra", 4))),
    ],
)
@pytest.mark.parametrize("is_copied", [True, False])
def test_transparency_is_kept_code_for_code(
    make_film: Any, draw: Any, tmp_path: Path, pixel_format: str, ending: str, bits: int, is_copied: bool
) -> None:
    """IN15."""
    source = transparent(make_film("a.mkv", draw(3, 64, 48), pixel_format=pixel_format), tmp_path / "in.mkv")
    with FilmReader(source) as reader, FilmWriter(tmp_path / f"o{ending}", reader.info) as writer:
        for frame in reader.frames():
            (writer.copy if is_copied else writer.write)(frame)
    for before, after in zip(alphas(source), alphas(tmp_path / f"o{ending}"), strict=True):
        assert before.min() == 0
        assert np.array_equal(after >> bits, before)


@pytest.mark.parametrize("name", ["alpha_circle_vp9.webm", "prores4444_alpha_ramp.mov"])
def test_real_transparency_is_read_and_kept(footage: Callable[[str], Path], tmp_path: Path, name: str) -> None:
    source = footage(f"awkward/synthetic/{name}")
    target = copy(source, tmp_path / "o.mkv")
    pairs = list(zip(alphas(source), alphas(target), strict=True))
    assert pairs
    assert all(np.array_equal(a, b) and a.min() < a.max() for a, b in pairs)


def test_transparency_that_does_not_fit_is_refused(make_film: Any, draw: Any, tmp_path: Path) -> None:
    opaque = make_film("a.mkv", draw(3, 256, 144), pixel_format="yuva420p")
    source = transparent(opaque, tmp_path / "in.mkv")
    for ending in (".mp4", ".webm", ".mxf", ".####.jpg"):
        with pytest.raises(UsageError, match="cannot hold the transparency"):
            check_output(tmp_path / f"o{ending}", probe(source), overwrite=False)
    assert "none at the beginning" in " ".join(check_output(tmp_path / "o.mp4", probe(opaque), overwrite=False))
    late = transparent(opaque, tmp_path / "late.mkv", only=2)
    copy(opaque, tmp_path / "o.mp4")
    found_late = probe(late)
    with (
        pytest.raises(InputError, match=r"frame 2 .* is transparent"),
        FilmReader(late) as reader,
        FilmWriter(tmp_path / "late.mp4", probe(opaque)) as writer,
    ):
        for frame in reader.frames():
            writer.write(frame)
    assert found_late.pixel_format == "yuva420p"


def test_a_rendered_film_becomes_transparent_pictures(make_film: Any, draw: Any, tmp_path: Path) -> None:
    source = transparent(make_film("a.mkv", draw(2, 64, 48), pixel_format="bgra"), tmp_path / "in.mkv")
    with FilmReader(source) as reader, FilmWriter(tmp_path / "o.####.png", reader.info) as writer:
        for frame in reader.frames():
            writer.write(frame)
    for before, after in zip(alphas(source), alphas(tmp_path / "o.####.png"), strict=True):
        assert np.array_equal(after, before)


def transparent(source: Path, target: Path, *, only: int | None = None) -> Path:
    """Write a film again with a slope of alpha in every frame, or in one."""
    with av.open(str(source)) as a, av.open(str(target), "w") as b:
        first: Any = a.streams.video[0]
        stream: Any = b.add_stream("ffv1", rate=24, time_base=Fraction(1, 24))
        stream.width, stream.height, stream.pix_fmt = first.width, first.height, first.pix_fmt
        for index, frame in enumerate(a.decode(first)):
            alpha = alpha_of(frame)
            assert alpha is not None
            codes, bits = alpha[0].copy(), alpha[1]
            if only in (None, index):
                codes[...] = np.linspace(0, 2**bits - 1, codes.shape[1]).astype(codes.dtype)[None]
            else:
                codes[...] = 2**bits - 1
            put_alpha(frame, codes, bits)
            frame.pts, frame.time_base = index, Fraction(1, 24)
            b.mux(stream.encode(frame))
        b.mux(stream.encode(None))
    return target


def alphas(path: Path) -> list[Any]:
    with FilmReader(path) as reader:
        found = [frame_alpha(native.picture) for native in reader.native_frames()]
    assert all(found)
    return [alpha[0].copy() for alpha in found if alpha is not None]


# HDR, captions, short films


def test_static_hdr_metadata_are_kept_by_hevc_and_told_elsewhere(
    footage: Callable[[str], Path], tmp_path: Path
) -> None:
    """IN16."""
    source = footage("awkward/synthetic/hdr10_pq_bt2020_hevc10.mp4")
    before = found(source)
    assert before.mastering is not None
    assert before.light_level is not None
    after = found(copy(source, tmp_path / "o.mp4", FrameRange(0, 4)))
    assert (after.mastering, after.light_level) == (before.mastering, before.light_level)
    assert colour_words(after.film) == "BT.2020 primaries, PQ transfer, BT.2020 matrix, legal range"
    assert Fate("mastering display", "left out", ".mov cannot hold it") in fates(before, Path("o.mov"))


def test_cropping_that_a_container_asks_for_is_told(make_film: Any, draw: Any, tmp_path: Path) -> None:
    """IN12."""
    plain = make_film("a.mp4", draw(3, 96, 64), encoder="libx264", pixel_format="yuv420p")
    assert found(plain).extras == ()
    source = with_clean_aperture(plain, tmp_path / "clap.mp4", 80, 48)
    assert found(source).extras == ("cropping to 80 x 48 of 96 x 64",)
    told = check_output(tmp_path / "o.mkv", probe(source), overwrite=False)
    assert told[-1] == "cropping to 80 x 48 of 96 x 64: left out (no output of relook holds it)"
    shape = {"sample_aspect_ratio": Fraction(4, 3)}
    wide = make_film("b.mp4", draw(3, 96, 64), encoder="libx264", pixel_format="yuv420p", tags=shape)
    wide = copy(wide, tmp_path / "w.mkv")
    with wide.open("rb") as file:
        assert video_fields(file, (0x54B0, 0x54BA, 0x54AA)) == [128, 64, 0]


def test_a_film_whose_last_bytes_begin_a_box_is_read(make_film: Any, draw: Any) -> None:
    source = make_film("a.mp4", draw(3, 96, 64), encoder="libx264", pixel_format="yuv420p")
    source.write_bytes(source.read_bytes() + b"\0\0\0\1free")
    assert found(source).extras == ()


def with_clean_aperture(source: Path, target: Path, width: int, height: int) -> Path:
    """Put a `clap` box into the first sample entry; the film's data lie before it and stay where they are."""
    data = bytearray(source.read_bytes())
    box = struct.pack(">I4s8I", 40, b"clap", width, 1, height, 1, 0, 1, 0, 1)
    at, parents = data.index(b"moov") - 4, []
    for kind in (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd", b"avc1"):
        at = data.index(kind, at) - 4
        parents.append(at)
    end = at + int.from_bytes(data[at : at + 4], "big")
    data[end:end] = box
    for parent in parents:
        data[parent : parent + 4] = (int.from_bytes(data[parent : parent + 4], "big") + 40).to_bytes(4, "big")
    target.write_bytes(data)
    return target


@pytest.mark.parametrize("is_copied", [True, False])
@pytest.mark.parametrize("ending", [".mxf", ".mov"])
def test_colours_stay_where_a_codec_cannot_say_the_matrix(
    make_film: Any, draw: Any, tmp_path: Path, ending: str, is_copied: bool
) -> None:
    tags = {"colorspace": 5, "color_range": 1}
    source = make_film("a.mkv", draw(2, 256, 144), pixel_format="yuv422p10le", tags=tags)
    target = tmp_path / f"o{ending}"
    with FilmReader(source) as reader, FilmWriter(target, reader.info) as writer:
        for frame in reader.frames():
            (writer.copy if is_copied else writer.write)(frame)
    with FilmReader(source) as one, FilmReader(target) as two:
        for before, after in zip(one.frames(), two.frames(), strict=True):
            assert float((before.pixels.mean((1, 2)) - after.pixels.mean((1, 2))).abs().max()) < 0.003
    assert probe(target).colour.matrix == {".mxf": 1, ".mov": 6}[ending]
    matrix = [fate.end for fate in fates(found(source), target) if fate.what == "matrix"]
    assert matrix == {".mxf": ["changed"], ".mov": []}[ending]


@pytest.mark.parametrize("count", [1, 2])
def test_films_of_one_and_two_frames_need_no_decoding_stamps_of_x265(
    make_film: Any, draw: Any, tmp_path: Path, count: int
) -> None:
    """It takes them from memory that it never filled, so that any may come; a film gets its own."""
    source, target = make_film("in.mkv", draw(count, 64, 48), pixel_format="yuv420p10le"), tmp_path / "o.mp4"
    with FilmReader(source) as reader, FilmWriter(target, reader.info) as writer:
        for frame in reader.frames():
            writer.write(frame)
    with av.open(str(target)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
        assert [packet.dts for packet in packets] == [packet.pts for packet in packets] and len(packets) == count


def test_further_sound_streams_of_a_real_film(footage: Callable[[str], Path], tmp_path: Path) -> None:
    source = footage("awkward/real/nasa_13013.mp4")
    assert {end for what, end in ends(source, ".mp4").items() if "stream" in what} == {"kept"}
    after = found(copy(source, tmp_path / "o.mp4", FrameRange(0, 40)))
    assert sorted(track.kind for track in after.tracks) == sorted(track.kind for track in found(source).tracks)
    with pytest.raises(UsageError, match=r"mov_text subtitles .*write \.m(ov|p4) instead"):
        check_output(tmp_path / "o.mkv", probe(source), overwrite=False)


@pytest.mark.parametrize(
    ("ending", "left_out"),
    [
        (".exr", set()),
        (".dpx", set()),
        (".png", {"timecode"}),
        (".tif", {"timecode"}),
        (".jpg", {"timecode", "shape of the pixels"}),
    ],
)
def test_pictures_say_only_what_they_lose(rich: Path, tmp_path: Path, ending: str, left_out: set[str]) -> None:
    source = replace(probe(rich), timecode="01:00:00:00", sample_aspect=Fraction(64, 45))
    ends = fates(replace(found(rich), film=source), tmp_path / f"o.####{ending}")
    assert {fate.what for fate in ends if fate.end == "left out"} & {"timecode", "shape of the pixels"} == left_out
