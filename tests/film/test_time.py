"""Time: stamps, rates and timecode of any film come out as they went in, beside the same sound."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import pytest

from relook.film.frames import FilmInfo
from relook.film.reader import FilmReader, probe
from relook.film.writer import FilmWriter

ENDINGS = ["mp4", "mov", "mkv"]
NTSC = [Fraction(24000, 1001), Fraction(30000, 1001), Fraction(60000, 1001)]


def times(path: Path) -> tuple[FilmInfo, list[Fraction]]:
    with FilmReader(path) as reader:
        return reader.info, [native.pts * reader.info.time_base for native in reader.native_frames()]


def handed_on(source: Path, ending: str, *, copied: bool) -> Path:
    """Write a film as apply does: with all dials at 0 its own frames, else their pixels."""
    target = source.with_name(f"out.{ending}")
    with FilmReader(source) as reader, FilmWriter(target, reader.info) as writer:
        for frame in reader.frames():
            (writer.copy if copied else writer.write)(frame)
    return target


def sound_start(path: Path) -> Fraction:
    """Give the time of the first sound, in seconds after the first picture."""
    with av.open(str(path)) as container:
        first = next(packet for packet in container.demux(audio=0) if packet.size)
        assert first.pts is not None
        return first.pts * first.time_base - times(path)[1][0]


def require_kept(source: Path, target: Path, *, moved: Fraction = Fraction(0)) -> None:
    info, wanted = times(source)
    found, given = times(target)
    assert found.frame_rate == info.frame_rate
    assert found.timecode == info.timecode
    assert len(given) == len(wanted)
    rounding = info.time_base if info.time_base == Fraction(1, 1000) else found.time_base / 2
    assert max(abs(a - moved - b) for a, b in zip(wanted, given, strict=True)) <= rounding


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("container", ["mov", "mkv"])
@pytest.mark.parametrize(
    ("rate", "timecode"),
    [
        (NTSC[0], "10:00:00:00"),
        (NTSC[1], "00:59:59;28"),
        (NTSC[1], "00:59:59:28"),
        (NTSC[2], "01:00:00;00"),
        (Fraction(24), "23:59:59:20"),
        (Fraction(120), ""),
    ],
)
def test_rates_are_exact_and_timecode_counts_on_as_it_did(
    make_film: Any, draw: Any, container: str, rate: Fraction, timecode: str, ending: str
) -> None:
    source = make_film(
        f"a.{container}",
        draw(6, 32, 32),
        encoder="libx264",
        pixel_format="yuv420p",
        rate=rate,
        time_base=1 / rate,
        timecode=timecode,
    )
    info = probe(source)
    assert (info.frame_rate, info.timecode) == (rate, timecode or None)
    require_kept(source, handed_on(source, ending, copied=rate == NTSC[1]))


@pytest.mark.parametrize("copied", [True, False])
@pytest.mark.parametrize("ending", ENDINGS)
def test_a_late_start_and_reordered_frames_keep_the_sound_in_step(
    make_film: Any, draw: Any, ending: str, copied: bool
) -> None:
    """IN09."""
    source = make_film(
        "a.mkv",
        draw(24, 32, 32),
        encoder="libx264",
        pixel_format="yuv420p",
        time_base=Fraction(1, 1000),
        stamps=[400 + round(n * 1000 / 24) for n in range(24)],
        sounds=("aac",),
        options={"bf": "3"},
    )
    target = handed_on(source, ending, copied=copied)
    require_kept(source, target)
    assert abs(sound_start(source) - sound_start(target)) <= Fraction(1, 1000)


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("reordered", [0, 2])
def test_a_film_that_begins_before_0_is_moved_there_with_its_sound(
    make_film: Any, draw: Any, tmp_path: Path, ending: str, reordered: int
) -> None:
    """IN09: Matroska has no stamps below 0: the first twelve frames come without."""
    plain = make_film(
        "plain.mkv",
        draw(24, 32, 32),
        encoder="libx264",
        pixel_format="yuv420p",
        time_base=Fraction(1, 1000),
        stamps=[round(n * 1000 / 24) for n in range(24)],
        sounds=("aac",),
        options={"bf": str(reordered)},
    )
    source = tmp_path / "early.mkv"
    with (
        av.open(str(plain)) as whole,
        av.open(str(source), "w", container_options={"avoid_negative_ts": "disabled"}) as made,
    ):
        streams = {stream.index: made.add_stream_from_template(stream) for stream in whole.streams}
        for packet in whole.demux():
            if packet.size:
                if packet.stream.type == "video":
                    packet.pts -= 500
                    packet.dts = None if packet.dts is None else packet.dts - 500
                packet.stream = streams[packet.stream.index]
                made.mux(packet)
    _, found = times(source)
    assert [round(1000 * time) for time in found] == [round(n * 1000 / 24) - 500 for n in range(24)]
    target = handed_on(source, ending, copied=True)
    require_kept(source, target, moved=Fraction(-1, 2))
    assert abs(sound_start(source) - sound_start(target)) <= Fraction(1, 1000)


@pytest.mark.parametrize("rate", [Fraction(24), NTSC[0]])
def test_frames_without_stamps_count_on_from_0(make_film: Any, draw: Any, rate: Fraction) -> None:
    """IN08: A bare stream of H.264 has a rate at most."""
    source = make_film(
        "a.h264", draw(12, 32, 32), encoder="libx264", pixel_format="yuv420p", rate=rate, time_base=1 / rate
    )
    info, found = times(source)
    assert found == [n / info.frame_rate for n in range(12)]
    require_kept(source, handed_on(source, "mp4", copied=True))


@pytest.mark.parametrize(("encoder", "reordered"), [("libx264", 2), ("mpeg4", 2), ("libx264", 0), ("mjpeg", 0)])
def test_avi_frames_come_out_in_step(make_film: Any, draw: Any, encoder: str, reordered: int) -> None:
    """AVI knows no order but that of decoding."""
    pixel_format = "yuvj420p" if encoder == "mjpeg" else "yuv420p"
    options = {} if encoder == "mjpeg" else {"bf": str(reordered)}
    source = make_film("a.avi", draw(20, 32, 32), encoder=encoder, pixel_format=pixel_format, options=options)
    assert times(source)[1] == [Fraction(n, 24) for n in range(20)]


def test_frames_that_an_avi_leaves_out_take_their_time(make_film: Any, draw: Any) -> None:
    stamps = [*range(9), *range(12, 24)]
    source = make_film("a.avi", draw(21, 32, 32), encoder="mjpeg", pixel_format="yuvj420p", stamps=stamps)
    assert times(source)[1] == [Fraction(n, 24) for n in stamps]


@pytest.mark.parametrize("stamps", [(4, 5, 5, 7), (4, 5, 4, 6)])
def test_a_stamp_that_does_not_grow_follows_the_one_before(make_film: Any, draw: Any, stamps: tuple[int, ...]) -> None:
    """IN08."""
    source = make_film("a.mkv", draw(8, 32, 32), time_base=Fraction(1, 1000), rate=25, options={"g": "1"})
    with av.open(str(source)) as whole, av.open(str(source.with_name("odd.nut")), "w") as made:
        stream = made.add_stream_from_template(whole.streams.video[0])
        for number, packet in enumerate(packet for packet in whole.demux(video=0) if packet.size):
            packet.pts = 40 * stamps[number - 4] if 4 <= number < 8 else 40 * number
            packet.dts = number - 100
            packet.stream = stream
            made.mux(packet)
    _, found = times(source.with_name("odd.nut"))
    assert len(found) == 8
    assert all(a < b for a, b in pairwise(found))


@pytest.mark.parametrize("ending", ["mp4", "mkv"])
@pytest.mark.parametrize(
    "name",
    [
        "synthetic/editlist_negative_start.mp4",
        "synthetic/start_time_5s.ts",
        "synthetic/vfr_gaps.mp4",
        "synthetic/vfr_dropped_every5th.mkv",
        "synthetic/dropframe_timecode_2997.mov",
        "synthetic/tc_23976.mp4",
        "real/delayed_start.mp4",
    ],
)
def test_footage(footage: Callable[[str], Path], tmp_path: Path, name: str, ending: str) -> None:
    source = tmp_path / f"source{Path(name).suffix}"
    source.symlink_to(footage(f"awkward/{name}"))
    require_kept(source, handed_on(source, ending, copied=True))


def test_a_gap_in_what_was_written_is_no_loss(make_film: Any, draw: Any) -> None:
    """One long hold in a film of constant rate would look like lost frames, did the file not say how many it has."""
    stamps = [*range(20), *range(40, 60)]
    source = make_film("a.mp4", draw(40, 32, 32), encoder="libx264", pixel_format="yuv420p", stamps=stamps)
    for ending in ENDINGS:
        require_kept(source, handed_on(source, ending, copied=False))
