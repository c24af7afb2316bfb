"""Odd sound, subtitles, chapters, timecode and rates: kept to the packet and the sample, or told."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

import relook
from relook.film.container.fate import fates
from relook.film.reader import probe
from tests.film.container.copies import copy, found
from tests.film.odd_films import H264, MakeFilm, pan, restamped, times

Packet = tuple[float | None, bytes]
ZERO = {"strength": 0, "grade": 0, "detail": 0, "texture": 0}


def ends(path: Path, ending: str) -> dict[str, str]:
    return {fate.what: f"{fate.end} {fate.why}".strip() for fate in fates(found(path), Path(f"o{ending}"))}


def packets(path: Path, kind: str) -> list[Packet]:
    """Give time and bytes of the packets of a film's only stream of a kind."""
    with av.open(str(path)) as container:
        stream = next(stream for stream in container.streams if stream.type == kind)
        return [
            (None if p.pts is None else float(p.pts * p.time_base), bytes(p)) for p in container.demux(stream) if p.size
        ]


def with_sound(
    path: Path,
    codec: str,
    *,
    layout: str = "stereo",
    samples: int = 9600,
    pictures_late: int = 0,
    num_pictures: int = 5,
) -> Path:
    """Make a film of which the pictures begin some frames after the sound."""
    with av.open(str(path), "w") as made:
        stream: Any = made.add_stream("ffv1" if path.suffix == ".mkv" else "mjpeg", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuvj420p" if path.suffix != ".mkv" else "yuv420p"
        track: Any = made.add_stream(codec, rate=48000, layout=layout)
        coded: list[Any] = []
        for number, codes in enumerate(pan(num_pictures)):
            picture = av.VideoFrame.from_ndarray(codes, format="rgb24").reformat(format=stream.pix_fmt)
            picture.pts, picture.time_base = number + pictures_late, Fraction(1, 25)
            coded += stream.encode(picture)
        resampler = av.AudioResampler(format=track.codec_context.format, layout=layout, rate=48000)
        size = track.codec_context.frame_size or 1024
        for start in range(0, samples, size):
            count, channels = min(size, samples - start), len(track.codec_context.layout.channels)
            tone = np.repeat((np.arange(start, start + count) % 500).astype(np.int16), channels)
            part = av.AudioFrame.from_ndarray(tone[None], format="s16", layout=layout)
            part.pts, part.sample_rate, part.time_base = start, 48000, Fraction(1, 48000)
            for fitting in resampler.resample(part):
                fitting.pts = start
                coded += track.encode(fitting)
        coded += [*stream.encode(None), *track.encode(None)]
        for packet in sorted(coded, key=lambda packet: packet.dts * packet.time_base):
            made.mux(packet)
    return path


def earlier(source: Path, target: Path, seconds: Fraction) -> Path:
    """Copy a film with all its stamps moved towards the past."""
    with av.open(str(source)) as a, av.open(str(target), "w", options={"avoid_negative_ts": "disabled"}) as b:
        copies = [b.add_stream_from_template(stream) for stream in a.streams]
        for packet in a.demux():
            if packet.pts is not None and packet.dts is not None:
                packet.pts -= round(seconds / packet.time_base)
                packet.dts -= round(seconds / packet.time_base)
                packet.stream = copies[packet.stream_index]
                b.mux(packet)
    return target


# IN14


@pytest.mark.parametrize(("ending", "samples"), [(".mov", 9600), (".mp4", 2048)], ids=["some packets", "one packet"])
def test_IN14_the_last_packet_of_sound_without_durations_is_kept(tmp_path: Path, ending: str, samples: int) -> None:
    """Matroska does not say how long ALAC's packets last; MP4 hid the last one."""
    source = with_sound(tmp_path / "in.mkv", "alac", samples=samples)
    with av.open(str(copy(source, tmp_path / f"o{ending}"))) as container:
        assert sum(frame.samples for frame in container.decode(audio=0)) == samples
    assert [data for _, data in packets(tmp_path / f"o{ending}", "audio")] == [
        data for _, data in packets(source, "audio")
    ]


def test_IN14_a_layout_that_is_lost_is_told(tmp_path: Path) -> None:
    source = with_sound(tmp_path / "in.mov", "pcm_s24le", layout="2.1")
    assert ends(source, ".mkv")["PCM 24 bit sound (stream 1)"] == "changed its layout cannot be held"
    assert ends(source, ".mov")["PCM 24 bit sound (stream 1)"] == "kept"
    usual = with_sound(tmp_path / "usual.mov", "pcm_s24le", layout="5.1")
    assert ends(usual, ".mkv")["PCM 24 bit sound (stream 1)"] == "kept"


def test_IN09_sound_before_pictures_that_begin_below_0_is_kept(tmp_path: Path) -> None:
    """The film is moved to 0 by its pictures; what was heard before them stays before them."""
    plain = with_sound(tmp_path / "plain.mkv", "pcm_s16le", samples=24_000, pictures_late=5, num_pictures=30)
    source = earlier(plain, tmp_path / "in.mkv", Fraction(3, 10))
    copy(source, tmp_path / "o.mkv")
    assert [times(path)[0] for path in (source, tmp_path / "o.mkv")] == [Fraction(-1, 10), 0]
    before, after = packets(source, "audio"), packets(tmp_path / "o.mkv", "audio")
    assert [data for _, data in after] == [data for _, data in before]
    assert (before[0][0], after[0][0]) == (-0.3, -0.2)


# IN08


def test_IN08_sound_of_films_joined_byte_for_byte_goes_on_as_its_pictures_do(
    make_film: MakeFilm, tmp_path: Path
) -> None:
    """Stamps begin again with each part; the pictures followed one another, but their sound was refused as damaged."""
    one = make_film("one.ts", pan(25), **{**H264, "encoder": "mpeg2video"}, sounds=["mp2"])
    source = tmp_path / "two.ts"
    source.write_bytes(one.read_bytes() * 2)
    output = copy(source, tmp_path / "o.mov")
    assert [data for _, data in packets(output, "audio")] == [data for _, data in packets(one, "audio")] * 2
    heard = [time for time, _ in packets(output, "audio") if time is not None]
    assert heard == pytest.approx([heard[0] + 0.024 * n for n in range(len(heard))], abs=0.001)
    assert len(times(output)) == 50 and abs(heard[0] + 0.024 * len(heard) - float(times(output)[-1]) - 0.04) < 0.1


# IN15


def test_IN15_subtitles_of_mp4_come_back_packet_for_packet(make_film: MakeFilm, tmp_path: Path) -> None:
    """Between two subtitles lies an empty one, that the muxer puts there by itself: they were doubled."""
    plain, source = make_film("plain.mp4", pan(24), **H264), tmp_path / "in.mp4"
    with av.open(str(plain)) as a, av.open(str(source), "w") as b:
        pictures, texts = b.add_stream_from_template(a.streams.video[0]), b.add_mux_stream("mov_text")
        texts.time_base = Fraction(1, 1000)
        for packet in a.demux(video=0):
            if packet.size:
                packet.stream = pictures
                b.mux(packet)
        for start in (100, 400):
            text: Any = av.Packet(b"\0\5Hello")
            text.pts = text.dts = start
            text.duration, text.time_base, text.stream = 200, Fraction(1, 1000), texts
            b.mux(text)
    told = packets(source, "subtitle")
    assert [data for _, data in told] == [b"\0\0", b"\0\5Hello"] * 2
    assert packets(copy(source, tmp_path / "o.mp4"), "subtitle") == told


@pytest.mark.parametrize("ending", [".mp4", ".mkv"])
def test_IN15_a_chapter_without_a_title_leaves_the_others_theirs(
    make_film: MakeFilm, tmp_path: Path, ending: str
) -> None:
    plain, source = make_film("plain.mkv", pan(12), **H264), tmp_path / "in.mkv"
    with av.open(str(plain)) as a, av.open(str(source), "w") as b:
        pictures = b.add_stream_from_template(a.streams.video[0])
        chapters: list[Any] = [
            {"id": n, "start": 100 * n, "end": 100 * n + 100, "time_base": Fraction(1, 1000), "metadata": tags}
            for n, tags in enumerate(({}, {"title": "Zwei ü"}, {"title": ""}, {"title": "Vier"}))
        ]
        b.set_chapters(chapters)
        for packet in a.demux(video=0):
            if packet.size:
                packet.stream = pictures
                b.mux(packet)
    assert ends(source, ending)["chapters"] == "kept"
    assert found(copy(source, tmp_path / f"o{ending}")).chapters == found(source).chapters


@pytest.mark.parametrize("ending", [".mov", ".mp4"])
def test_IN15_titles_of_chapters_are_no_subtitles(make_film: MakeFilm, tmp_path: Path, ending: str) -> None:
    """Beside timecode, FFmpeg's muxer leaves their track without its sign; a render of a render was refused for it."""
    plain, source = make_film("plain.mkv", pan(12), **H264), tmp_path / "in.mkv"
    with av.open(str(plain)) as a, av.open(str(source), "w") as b:
        pictures = b.add_stream_from_template(a.streams.video[0])
        pictures.metadata["timecode"] = "01:00:00:00"
        chapters: list[Any] = [
            {
                "id": n,
                "start": 100 * n,
                "end": 100 * n + 100,
                "time_base": Fraction(1, 1000),
                "metadata": {"title": "A"},
            }
            for n in range(4)
        ]
        b.set_chapters(chapters)
        for packet in a.demux(video=0):
            if packet.size:
                packet.stream = pictures
                b.mux(packet)
    output = copy(source, tmp_path / f"o{ending}")
    assert [track.kind for track in found(output).tracks] == ["pictures", "chapters", "timecode"]
    again = ends(output, ".mkv")
    assert again["chapters"] == again["timecode"] == "kept" and "refused" not in again.values()


TIMECODES = [
    ("01:00:00:00", 25, "01:00:00:00"),
    ("1:00:00:00", 25, "01:00:00:00"),
    ("01;00;00;00", Fraction(30000, 1001), "01:00:00;00"),
    ("01:00:00.00", Fraction(30000, 1001), "01:00:00;00"),
    ("01:00:00;00", 25, "01:00:00:00"),
    ("25:00:00:00", 25, None),
    ("01:00:00:25", 25, None),
    ("sometime", 25, None),
]


def counting(make_film: MakeFilm, tag: str, rate: Fraction | int) -> Path:
    return make_film("in.mkv", pan(8), **{**H264, "rate": rate, "time_base": 1 / Fraction(rate)}, timecode=tag)


@pytest.mark.parametrize(("tag", "rate", "timecode"), TIMECODES)
def test_IN15_timecode_is_read_in_every_form(
    make_film: MakeFilm, tag: str, rate: Fraction | int, timecode: str | None
) -> None:
    path = counting(make_film, tag, rate)
    assert probe(path).timecode == timecode
    told = any(f"'{tag}', no timecode at 25 frames a second" in words for words in found(path).extras)
    assert told == (timecode is None)


@pytest.mark.parametrize(("tag", "rate", "timecode"), TIMECODES[4::3])
def test_IN15_what_is_no_timecode_is_told(
    make_film: MakeFilm, tmp_path: Path, tag: str, rate: Fraction | int, timecode: str | None
) -> None:
    """It stopped the render of a part, or as a fault of relook's own of the whole."""
    part = relook.timing.FrameRange(2, 6)
    told = relook.apply(counting(make_film, tag, rate), "silent", tmp_path / "o.mov", frames=part, **ZERO).left_out
    assert any(f"'{tag}', no timecode at 25 frames a second: left out" in words for words in told) == (timecode is None)
    assert probe(tmp_path / "o.mov").timecode == (timecode and "01:00:00:02")


@pytest.mark.parametrize("ending", [".exr", ".dpx"])
def test_IN15_timecode_beyond_30_frames_a_second_is_told_where_pictures_cannot_count_it(
    make_film: MakeFilm, tmp_path: Path, ending: str
) -> None:
    options = {**H264, "rate": 50, "time_base": Fraction(1, 50)}
    source = make_film("in.mov", pan(3), **options, timecode="01:00:00:48")
    assert ends(source, ending)["timecode"] == "left out pictures cannot hold it"
    relook.apply(source, "silent", tmp_path / f"o.####{ending}", **ZERO)
    assert probe(tmp_path / f"o.####{ending}").timecode is None


# Rates


@pytest.mark.parametrize(
    ("ending", "rate"), [("h264", Fraction(24)), ("h264", Fraction(120000, 1001)), ("ts", Fraction(120000, 1001))]
)
def test_the_rate_of_a_bare_stream_is_that_of_its_pictures(make_film: MakeFilm, ending: str, rate: Fraction) -> None:
    """FFmpeg takes a bare stream for 25, and knows no 119.88 in a transport stream."""
    path = make_film(f"a.{ending}", pan(24), **{**H264, "rate": rate, "time_base": 1 / rate})
    assert probe(path).frame_rate == rate


@pytest.mark.parametrize(("ending", "rate"), [(".mov", Fraction(24000, 1001)), (".mp4", Fraction(60000, 1001))])
def test_matroskas_milliseconds_do_not_change_the_rate(
    make_film: MakeFilm, tmp_path: Path, ending: str, rate: Fraction
) -> None:
    """The last frame's length is even too: programs divide the count by the length."""
    source = make_film("in.mkv", pan(13), **{**H264, "rate": rate, "time_base": 1 / rate})
    with av.open(str(copy(source, tmp_path / f"o{ending}"))) as container:
        assert container.streams.video[0].average_rate == rate


# IN06


def lose(data: bytes, sign: bytes, other: bytes) -> bytes:
    """Let the sixth frame of an AVI or MXF be none, by the name of its part of the file."""
    place = -1
    for _ in range(6):
        place = data.index(sign, place + 1)
    return data[:place] + other + data[place + len(other) :]


@pytest.mark.parametrize(
    ("name", "encoder", "sign", "other"),
    [
        ("a.avi", "mjpeg", b"00dc", b"JUNK"),
        (
            "a.mxf",
            "mpeg2video",
            bytes.fromhex("060e2b34010201010d01030115010500"),
            bytes.fromhex("060e2b34010101020301021001"),
        ),
    ],
    ids=["avi", "mxf"],
)
def test_IN06_a_frame_lost_where_frames_have_no_stamps_is_noticed(
    make_film: MakeFilm, tmp_path: Path, name: str, encoder: str, sign: bytes, other: bytes
) -> None:
    """All behind it would move up, away from their sound."""
    options = {"pixel_format": "yuvj420p"} if encoder == "mjpeg" else {"options": {"g": "1", "bf": "0"}}
    path = make_film(name, pan(24), **{**H264, "encoder": encoder, **options})
    assert probe(path).num_frames == 24
    path.write_bytes(lose(path.read_bytes(), sign, other))
    for on_damage in ("strict", "keep"):
        with pytest.raises(relook.errors.InputError, match="23 of 24 frames could be read"):
            relook.apply(path, "silent", tmp_path / "o.mkv", on_damage=on_damage, **ZERO)  # type: ignore[arg-type]


def test_IN06_a_gap_where_stamps_stand_beside_the_frames_is_a_loss(make_film: MakeFilm, tmp_path: Path) -> None:
    plain = make_film("a.mp4", pan(24), **H264, options={"bf": "0", "g": "1"})
    short = restamped(plain, tmp_path / "short.flv", lambda n, p: (p.pts + (n > 11) * 1024, p.dts + (n > 11) * 1024))
    with pytest.raises(relook.errors.InputError, match="24 of about 26 frames"):
        relook.apply(short, "silent", tmp_path / "o.mkv", **ZERO)
    kept = relook.apply(short, "silent", tmp_path / "o.mkv", on_damage="keep", **ZERO)
    assert len(kept.frame_hashes) == 26 and kept.damage
