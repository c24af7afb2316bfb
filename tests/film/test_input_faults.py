"""The list of what may be wrong or odd with an input, IN01 to IN24: one test or one docstring with its name for each.

Shown elsewhere, by the name in a docstring or a test's name: IN01, IN02 (test_reader), IN06 (container/test_ledger), IN07,
IN09 (test_time), IN11, IN15 (container/test_fate), IN12, IN14, IN16 (test_writer), IN19 (tests/cli/test_names). IN21,
long films in constant memory, is measured by benchmarks/memory.py. IN23, a film that still grows, is not here yet.
"""

from __future__ import annotations

import os
import socket
import struct
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

import relook
from relook.errors import InputError, RelookError
from relook.film.cuts.cut_files import read_cut_list
from relook.film.fields import look_at_fields, require_progressive
from relook.film.frames import Mending
from relook.film.reader import FilmReader, probe
from relook.film.shots import content_hash, find_shots
from relook.look import Look
from relook.pipeline.arguments import loaded
from relook.timing import FrameRange

KEEPING = Mending(keeps_damage=True)
MakeFilm = Callable[..., Path]
H264 = {"encoder": "libx264", "pixel_format": "yuv420p", "rate": 25, "time_base": Fraction(1, 25)}


def pan(count: int, *, width: int = 64, height: int = 48, seed: int = 0) -> list[Any]:
    """Draw RGB frames that move over a large picture of soft shapes."""
    rng = np.random.default_rng(seed)
    small = rng.integers(0, 256, (height // 4, (width + 3 * count) // 4 + 1, 3), dtype=np.uint8)
    large = cv2.resize(small, (width + 3 * count + 4, height), interpolation=cv2.INTER_CUBIC)
    return [np.ascontiguousarray(large[:, 3 * n : 3 * n + width]) for n in range(count)]


def times(path: Path, mending: Mending | None = None) -> list[Fraction]:
    with FilmReader(path, *([mending] if mending else [])) as reader:
        return [native.pts * reader.info.time_base for native in reader.native_frames()]


def faults(path: Path) -> list[str]:
    with FilmReader(path, KEEPING) as reader:
        return [native.fault for native in reader.native_frames()]


def restamped(source: Path, target: Path, stamp: Callable[[int, Any], tuple[int, int]], **options: str) -> Path:
    """Write a film's packets, numbered in the order of decoding, with other stamps (pts and dts)."""
    with av.open(str(source)) as whole, av.open(str(target), "w", options=options) as made:
        stream = made.add_stream_from_template(whole.streams.video[0])
        for number, packet in enumerate(packet for packet in whole.demux(video=0) if packet.size):
            packet.pts, packet.dts = stamp(number, packet)
            packet.stream = stream
            made.mux(packet)
    return target


# IN02


def test_IN02_a_film_of_which_no_frame_can_be_decoded_is_refused(make_film: MakeFilm, tmp_path: Path) -> None:
    whole = make_film("a.mkv", pan(8), **H264, options={"bf": "0"})
    with av.open(str(whole)) as source, av.open(str(tmp_path / "b.mkv"), "w") as made:
        stream = made.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.size:
                spoilt = av.Packet(b"\xff" * packet.size)
                spoilt.pts, spoilt.dts, spoilt.time_base, spoilt.stream = (
                    packet.pts,
                    packet.dts,
                    packet.time_base,
                    stream,
                )
                made.mux(spoilt)
    for mending in (None, KEEPING):
        with pytest.raises(InputError, match=r"damaged after 0|no frame of it can be read"):
            times(tmp_path / "b.mkv", mending)


# IN03, IN04


@pytest.fixture(scope="module")
def silent() -> Look:
    return loaded("silent")


@pytest.mark.parametrize("count", [pytest.param(1, id="IN03"), pytest.param(2, id="IN04")])
def test_films_of_one_and_two_frames_go_through_both_verbs(
    make_film: MakeFilm, tmp_path: Path, silent: Look, count: int
) -> None:
    source = make_film("a.mov", pan(count, width=160, height=120), **H264)
    delivery = relook.apply(source, silent, tmp_path / "o.mov")
    assert len(delivery.frame_hashes) == len(times(tmp_path / "o.mov")) == count
    with FilmReader(source) as before, FilmReader(tmp_path / "o.mov") as after:
        lengths = [
            [native.duration * reader.info.time_base for native in reader.native_frames()] for reader in (before, after)
        ]
    assert lengths == [[Fraction(1, 25)] * count] * 2
    report = relook.check(tmp_path / "o.mov", silent, source=source)
    assert [shot.frames for shot in report.shots] == [FrameRange(0, count)]
    assert report.verdict == "unjudged"


@pytest.mark.parametrize("cuts", [(0, 1), (0, 11), (0, 6, 7), (0, 1, 11)])
def test_IN04_cuts_on_the_first_and_the_last_frame_and_shots_of_one_frame(
    make_film: MakeFilm, tmp_path: Path, silent: Look, cuts: tuple[int, ...]
) -> None:
    """A shot so short may be found or not; no frame is lost to it."""
    scenes = [seed for seed, start in enumerate(cuts) for _ in range(start, [*cuts[1:], 12][seed])]
    source = make_film("a.mkv", [pan(12, width=96, height=64, seed=scene)[n] for n, scene in enumerate(scenes)])
    shots = find_shots(source)
    assert [shot.frames.start for shot in shots] == [0, *(shot.frames.stop for shot in shots)][:-1]
    assert shots[-1].frames.stop == 12
    relook.apply(source, silent, tmp_path / "o.mkv")
    assert times(tmp_path / "o.mkv") == times(source)


# IN05


@pytest.mark.parametrize("ending", ["mp4", "mkv", "ts"])
def test_IN05_a_film_cut_off_is_refused_or_filled(make_film: MakeFilm, tmp_path: Path, ending: str) -> None:
    """An index at the front of MP4 and the length in Matroska's header tell how long it was; a transport stream is silent."""
    whole = make_film(f"whole.{ending}", pan(50), **H264, options={"g": "5", "bf": "0"})
    if ending == "mp4":
        fast = tmp_path / "fast.mp4"
        whole = restamped(whole, fast, lambda _, packet: (packet.pts, packet.dts), movflags="faststart")
    data = whole.read_bytes()
    short = tmp_path / f"a.{ending}"
    short.write_bytes(data[: len(data) * 6 // 10])
    if ending == "ts":
        kept = times(short, KEEPING)
        assert 20 < len(kept) < 40
        assert kept == times(whole)[: len(kept)]
        return
    with pytest.raises(InputError, match=r"of about 50"):
        times(short)
    found = faults(short)
    lost = [n for n, fault in enumerate(found) if fault]
    assert len(found) == 50 and found[-1] == "cut off"
    assert lost == list(range(lost[0], 50)) and 20 < lost[0] < 40


def test_IN05_a_film_without_its_index_at_the_end_is_refused(make_film: MakeFilm) -> None:
    path = make_film("a.mp4", pan(24), **H264)
    path.write_bytes(path.read_bytes()[:-2000])
    for mending in (None, KEEPING):
        with pytest.raises(InputError, match=r"cut off .* export it again"):
            times(path, mending)


# IN07


def test_IN07_a_last_frame_that_is_held_is_no_loss(make_film: MakeFilm, tmp_path: Path) -> None:
    plain = make_film("a.mp4", pan(12), **H264, options={"bf": "0"})

    def held(number: int, packet: Any) -> tuple[int, int]:
        packet.duration = round((5 if number == 11 else Fraction(1, 25)) / packet.time_base)
        return packet.pts, packet.dts

    path = restamped(plain, tmp_path / "held.mkv", held)
    with FilmReader(path) as reader:
        assert [native.duration * reader.info.time_base for native in reader.native_frames()][-1] == 5
    assert faults(path) == [""] * 12


# IN08


def test_IN08_a_bare_stream_has_no_stamps_and_is_counted(make_film: MakeFilm) -> None:
    path = make_film("a.h264", pan(12), **H264, options={"bf": "2"})
    assert times(path) == [Fraction(n, 25) for n in range(12)]
    with pytest.raises(InputError, match="frames without stamps"):
        times(path, KEEPING)


@pytest.mark.parametrize("order", [(4, 5, 5, 7), (4, 5, 4, 6)], ids=["doubled", "backwards"])
@pytest.mark.parametrize("ending", ["mp4", "nut", "mkv"])
def test_IN08_stamps_that_do_not_grow(make_film: MakeFilm, tmp_path: Path, ending: str, order: tuple[int, ...]) -> None:
    """Where a film lists its frames they follow one another; Matroska of one rate shows a gap, which is damage."""
    plain = make_film(
        "a.mkv", pan(24), rate=25, time_base=Fraction(1, 1000), stamps=[40 * n for n in range(24)], options={"g": "1"}
    )

    def stamp(number: int, _: Any) -> tuple[int, int]:
        pts = 40 * (order[number - 4] if 4 <= number < 8 else number)
        return pts, 40 * (number - 2) if ending != "mkv" else pts

    if ending == "mkv" and order[2] < order[1]:
        pytest.skip("FFmpeg does not write stamps of Matroska that go back")
    odd = restamped(plain, tmp_path / f"odd.{ending}", stamp)
    if ending == "mkv":
        with pytest.raises(InputError, match="23 of about 24 frames"):
            times(odd)
        assert [n for n, fault in enumerate(faults(odd)) if fault] == [6]
        return
    found = times(odd)
    assert [time - found[0] for time in found] == [Fraction(n, 25) for n in range(24)]
    with pytest.raises(InputError, match=r"frames at the stamps of others \(1\)"):
        times(odd, KEEPING)


@pytest.mark.parametrize("reordered", ["0", "2"])
def test_IN08_stamps_of_33_bits_that_begin_again(make_film: MakeFilm, tmp_path: Path, reordered: str) -> None:
    """A transport stream counts to 2^33 at 90 kHz; this one reaches it after a second."""
    plain = make_film("a.mp4", pan(50), **H264, options={"bf": reordered})
    shift = Fraction(2**33 - 90_000, 90_000)

    def late(_: int, packet: Any) -> tuple[int, int]:
        return packet.pts + round(shift / packet.time_base), packet.dts + round(shift / packet.time_base)

    wrapping = restamped(plain, tmp_path / "wrap.ts", late, avoid_negative_ts="disabled")
    data = wrapping.read_bytes()
    stamps = sorted({_pes_stamp(data, place) for place in range(0, len(data), 188) if data[place + 1] & 0x40} - {None})
    assert stamps[0] < 90_000 and stamps[-1] > 2**33 - 90_001, "the stamps in the file do begin again"
    for mending in (None, KEEPING):
        found = times(wrapping, mending)
        assert [time - found[0] for time in found] == [Fraction(n, 25) for n in range(50)]
    assert not any(faults(wrapping))


def _pes_stamp(data: bytes, place: int) -> Any:
    """Read the PTS of the PES packet that begins in a packet of a transport stream (ISO 13818-1, 2.4.3.7)."""
    start = data.find(b"\x00\x00\x01\xe0", place, place + 188)
    if start < 0 or not data[start + 7] & 0x80:
        return None
    a, b, c, d, e = data[start + 9 : start + 14]
    return (a >> 1 & 7) << 30 | b << 22 | c >> 1 << 15 | d << 7 | e >> 1


@pytest.mark.parametrize("ending", ["mp4", "mkv", "ts"])
def test_IN08_a_gap_of_ten_seconds(make_film: MakeFilm, tmp_path: Path, ending: str) -> None:
    """An indexed film means its gap and keeps it; in others it may be a loss, and filling it is asked for or refused."""
    plain = make_film("a.mp4", pan(300, width=32, height=32), **H264, options={"bf": "2", "g": "25"})

    def late(number: int, packet: Any) -> tuple[int, int]:
        gap = round(10 / packet.time_base) if number >= 275 else 0
        return packet.pts + gap, packet.dts + gap

    path = restamped(plain, tmp_path / f"gap.{ending}", late)
    if ending == "mp4":
        found = times(path)
        assert len(found) == 300 and found[275] - found[274] == 10 + Fraction(1, 25)
        return
    with pytest.raises(InputError, match="300 of about 550 frames"):
        times(path)
    found, faulty = times(path, KEEPING), faults(path)
    assert faulty.count("missing") == 250 and not any(faulty[525:])
    assert not any(faulty[:270]), "frames just before the gap may lean on lost ones"
    assert [round(25 * (time - found[0])) for time in found] == list(range(550))


# IN10


def with_edits(source: Path, target: Path, edits: list[tuple[int, int, int]]) -> Path:
    """Put another edit list into an MP4 whose data lie before its boxes: duration in ms, begin in ticks, speed in 1/65536."""
    data = bytearray(source.read_bytes())
    at = data.index(b"elst") - 4
    length = int.from_bytes(data[at : at + 4], "big")
    body = struct.pack(">4sII", b"elst", 0, len(edits)) + b"".join(struct.pack(">IiI", *edit) for edit in edits)
    data[at : at + length] = struct.pack(">I", len(body) + 4) + body
    for kind in (b"edts", b"trak", b"moov"):
        parent = data.rindex(kind, 0, at) - 4
        longer = int.from_bytes(data[parent : parent + 4], "big") + len(body) + 4 - length
        data[parent : parent + 4] = longer.to_bytes(4, "big")
    target.write_bytes(data)
    return target


@pytest.mark.parametrize(
    ("edits", "first", "shown"),
    [
        ([(800, 4, 1)], 0, list(range(4, 24))),
        ([(500, -1, 1), (960, 0, 1)], Fraction(1, 2), list(range(24))),
        ([(400, 0, 1), (400, 0, 1)], 0, [*range(10), *range(10)]),
        ([(200, 0, 1), (400, 10, 1)], 0, [*range(5), *range(10, 20)]),
    ],
    ids=["cut", "delay", "repeat", "join"],
)
def test_IN10_an_edit_list_is_followed(
    make_film: MakeFilm, tmp_path: Path, edits: list[tuple[int, int, int]], first: Fraction | int, shown: list[int]
) -> None:
    plain = make_film("a.mp4", pan(24), **H264, options={"bf": "0"})
    ticks = round(1 / (25 * probe(plain).time_base))
    raw = [(duration, begin if begin < 0 else begin * ticks, speed << 16) for duration, begin, speed in edits]
    path = with_edits(plain, tmp_path / "edited.mp4", raw)
    assert times(path) == times(path, KEEPING) == [first + Fraction(n, 25) for n in range(len(shown))]
    with FilmReader(plain) as whole, FilmReader(path) as edited:
        pictures = [content_hash(native) for native in whole.native_frames()]
        assert [content_hash(native) for native in edited.native_frames()] == [pictures[n] for n in shown]


@pytest.mark.parametrize(("speed", "words"), [(2 << 16, "at 2 times"), (0, "at 0 times"), (1 << 15, r"at 0\.5 times")])
def test_IN10_another_speed_is_refused(make_film: MakeFilm, tmp_path: Path, speed: int, words: str) -> None:
    plain = make_film("a.mp4", pan(24), **H264, options={"bf": "0"})
    with pytest.raises(InputError, match=words):
        probe(with_edits(plain, tmp_path / "fast.mp4", [(480, 0, speed)]))


# IN13


def woven(moments: list[Any], *, top_first: bool = True) -> list[Any]:
    rows = np.arange(moments[0].shape[0])[:, None, None] % 2 == (0 if top_first else 1)
    return [np.where(rows, early, late) for early, late in zip(moments[::2], moments[1::2], strict=True)]


def telecined(frames: list[Any]) -> list[Any]:
    spread = []
    for a, b, c, d in zip(*(frames[n::4] for n in range(4)), strict=True):
        spread += [a, b, *woven([b, c, c, d]), d]
    return spread


@pytest.mark.parametrize("top_first", [True, False], ids=["tff", "bff"])
@pytest.mark.parametrize(
    ("name", "encoder", "options"),
    [
        ("mbaff.mp4", "libx264", {"x264-params": "interlaced=1", "crf": "12"}),
        ("ildct.mkv", "libx264", {"flags": "+ildct+ilme", "crf": "12"}),
        ("unflagged.mp4", "libx264", {"x264-params": "fake-interlaced=1", "crf": "12"}),
        ("dvd.mpg", "mpeg2video", {"flags": "+ildct+ilme", "b": "4M"}),
    ],
    ids=["mbaff", "ildct", "unflagged", "mpeg2"],
)
def test_IN13_interlaced_films_are_refused_with_the_remedy_or_deinterlaced(
    make_film: MakeFilm, name: str, encoder: str, options: dict[str, str], top_first: bool
) -> None:
    frames = woven(pan(48, width=128, height=96), top_first=top_first)
    path = make_film(name, frames, **{**H264, "encoder": encoder}, options=options)
    assert look_at_fields(path).is_top_first == top_first
    with pytest.raises(InputError, match=r"is interlaced.*--deinterlace"):
        require_progressive(path)
    whole = Mending(deinterlaces=True)
    assert times(path, whole) == times(path)
    with FilmReader(path, whole) as reader:
        assert reader.deinterlaces


def test_IN13_a_telecined_film_is_refused_with_the_remedy(make_film: MakeFilm) -> None:
    frames = telecined(pan(32, width=160, height=96))
    path = make_film("a.mp4", frames, **{**H264, "rate": 30, "time_base": Fraction(1, 30)}, options={"crf": "12"})
    for refuse in (require_progressive, lambda path: FilmReader(path, Mending(deinterlaces=True))):
        with pytest.raises(InputError, match=r"telecined.*inverse telecine.*fieldmatch,decimate"):
            refuse(path)


# IN17


@pytest.mark.parametrize("ending", ["h264", "mkv", "ts"])
@pytest.mark.parametrize(
    ("other", "words"),
    [
        ({"size": (96, 64)}, "size from 64 x 48 to 96 x 64"),
        ({"pixel_format": "yuv444p"}, "pixel format from yuv420p to yuv444p"),
        ({"pixel_format": "yuv420p10le"}, "pixel format from yuv420p to yuv420p10le"),
        ({"options": {"x264-params": "sar=2/1"}}, "pixel aspect from 1 to 2"),
    ],
    ids=["size", "sampling", "depth", "aspect"],
)
def test_IN17_a_film_that_changes_within_is_refused_by_frame(
    make_film: MakeFilm, tmp_path: Path, silent: Look, ending: str, other: dict[str, Any], words: str
) -> None:
    plain = {**H264, "options": {"bf": "0", "g": "4"}}
    width, height = other.get("size", (64, 48))
    changed = {**plain, **{key: value for key, value in other.items() if key != "size"}}
    changed["options"] = {**plain["options"], **other.get("options", {})}
    parts = [
        make_film("one.h264", pan(12), **plain),
        make_film("two.h264", pan(12, width=width, height=height), **changed),
    ]
    path = tmp_path / "both.h264"
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    if ending != "h264":
        with av.open(str(path)) as whole, av.open(str(tmp_path / f"both.{ending}"), "w") as made:
            stream = made.add_stream_from_template(whole.streams.video[0])
            for number, packet in enumerate(packet for packet in whole.demux(video=0) if packet.size):
                packet.time_base, packet.pts, packet.dts, packet.duration = Fraction(1, 25), number, number, 1
                packet.stream = stream
                made.mux(packet)
        path = tmp_path / f"both.{ending}"
    named = rf"changes its {words} at frame 12 \(0\.5 s, 00:00:00:12\); split it there"
    with pytest.raises(InputError, match=named):
        times(path)
    if ending != "h264":
        with pytest.raises(InputError, match=f"changes its {words} at frame 1"):
            times(path, KEEPING)
    with pytest.raises(InputError, match=named):
        relook.apply(path, silent, tmp_path / "o.mkv")
    assert not (tmp_path / "o.mkv").exists()


# IN18


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (("f.1.png", "f.2.png", "f.5.png"), r"missing: 3-4;"),
        (("f.1.png", "f.01.png", "f.2.png"), r"two pictures numbered 1;"),
        (("f.8.png", "f.09.png", "f.10.PNG"), None),
        (("f.9.png", "f.10.png", "f.10.PNG"), r"two pictures numbered 10;"),
        (("f.1.png", "f.2.png", "big f.3.png"), r"1 of 3 pictures unlike the others \(32 x 32, .*: 3 \(48 x 32,"),
        (("f.1.png", "f.2.png", "empty f.3.png"), r"1 of 3 pictures unlike the others \(32 x 32, .*: 3 \(empty\);"),
        (("f%d.1.png", "f%d.2.png"), None),
    ],
    ids=["gap", "doubled", "padding and case", "case", "sizes", "empty", "percent"],
)
def test_IN18_sequences_are_read_whole_or_refused_by_number(
    tmp_path: Path, names: tuple[str, ...], words: str | None
) -> None:
    for name in names:
        path = tmp_path / name.rsplit(" ", 1)[-1]
        cv2.imwrite(str(path), np.full((32, 48 if name.startswith("big") else 32, 3), 90, np.uint8))
        if name.startswith("empty"):
            path.write_bytes(b"")
    form = tmp_path if "%" in names[0] else tmp_path / "f.#.png"
    if words is None:
        assert len(times(form)) == len(names)
        return
    with pytest.raises(InputError, match=words):
        times(form)


def test_IN18_ten_thousand_pictures_are_found_at_once(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "p.000000.png"), np.zeros((8, 8, 3), np.uint8))
    for number in range(1, 10_000):
        os.link(tmp_path / "p.000000.png", tmp_path / f"p.{number:06d}.png")
    assert probe(tmp_path / "p.######.png").num_frames == 10_000


# IN20


def plant(folder: Path, kind: str, name: str) -> Path:
    path = folder / name
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(str(path))
    elif kind == "device":
        path.symlink_to("/dev/zero")
    elif kind == "dangling link":
        path.symlink_to("gone")
    else:
        (folder / "round").symlink_to(path)
        path.symlink_to(folder / "round")
    return path


@pytest.mark.parametrize("kind", ["pipe", "socket", "device", "dangling link", "link loop"])
@pytest.mark.parametrize("name", ["a.mp4", "a.png", "a.0001.exr", "a.edl", "a.otio", "a.look"])
def test_IN20_what_is_no_file_is_refused_at_once(tmp_path: Path, make_film: MakeFilm, kind: str, name: str) -> None:
    path = plant(tmp_path, kind, name)
    film = make_film("film.mkv", pan(2))
    before = time.process_time()
    with pytest.raises(RelookError) as refused:
        if name.endswith((".edl", ".otio")):
            read_cut_list(path)
        elif name.endswith(".look"):
            relook.apply(film, path, tmp_path / "o.mkv")
        elif name.endswith(".exr"):
            times(tmp_path / "a.####.exr")
        else:
            times(path)
    assert refused.value.exit_code in (2, 3) and name.split(".")[0] in str(refused.value)
    assert time.process_time() - before < 1


def test_IN20_a_folder_with_a_link_to_itself_is_read(tmp_path: Path) -> None:
    plant(tmp_path, "link loop", "b.png")
    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((8, 8, 3), np.uint8))
    assert len(times(tmp_path)) == 1


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write everywhere")
def test_IN20_a_film_in_a_folder_that_cannot_be_written_is_read(make_film: MakeFilm, tmp_path: Path) -> None:
    film = make_film("a.mkv", pan(2))
    tmp_path.chmod(0o555)
    try:
        assert len(times(film)) == 2
    finally:
        tmp_path.chmod(0o755)


# IN22


def test_IN22_an_encrypted_film_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    protected = {"encryption_scheme": "cenc-aes-ctr", "encryption_key": "76" * 16, "encryption_kid": "a7" * 16}
    with av.open(str(path), "w", options=protected) as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for codes in pan(5):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(codes, format="rgb24")))
        container.mux(stream.encode(None))
    with pytest.raises(InputError, match=r"is encrypted.*export it without protection"):
        probe(path)


@pytest.mark.parametrize(
    ("name", "tag", "other"),
    [("a.mov", b"avc1", b"R3D!"), ("a.mov", b"avc1", b"drmi"), ("a.mkv", b"V_FFV1", b"V_RAW9")],
)
def test_IN22_a_codec_that_nobody_knows_is_named(make_film: MakeFilm, name: str, tag: bytes, other: bytes) -> None:
    path = make_film(name, pan(5), **(H264 if name == "a.mov" else {}))
    path.write_bytes(path.read_bytes().replace(tag, other))
    with pytest.raises(InputError, match=r"a kind that FFmpeg does not decode.*export it"):
        probe(path)


# IN24


@pytest.mark.parametrize("kind", ["black", "white", "static", "noise", "strobe"])
def test_IN24_films_without_content_are_rendered_and_never_passed(
    make_film: MakeFilm, tmp_path: Path, silent: Look, kind: str
) -> None:
    """A still scene is judged by the marks that the look lays over it; noise is no picture that any look prescribes."""
    rng = np.random.default_rng(0)
    still = pan(1, width=160, height=96)[0]
    frames = {
        "black": [np.zeros_like(still)] * 12,
        "white": [np.full_like(still, 255)] * 12,
        "static": [still] * 12,
        "noise": [rng.integers(0, 256, still.shape, dtype=np.uint8) for _ in range(12)],
        "strobe": [np.full_like(still, 255 * (n % 2)) for n in range(12)],
    }[kind]
    source = make_film("a.mkv", frames)
    delivery = relook.apply(source, silent, tmp_path / "o.mkv")
    assert len(delivery.frame_hashes) == 12 and all(np.isfinite(delivery.flicker))
    with FilmReader(tmp_path / "o.mkv") as reader:
        assert all(bool(frame.pixels.isfinite().all()) for frame in reader.frames())
    report = relook.check(tmp_path / "o.mkv", silent, source=source)
    for shot in report.shots:
        assert (shot.verdict == "unjudged") == (kind in ("black", "white", "strobe")) and shot.verdict != "pass"
        assert [reason.code for reason in shot.reasons if shot.verdict == "unjudged"] in ([], ["not_judgeable"])
        assert all(np.isfinite(value) for value in shot.measures.values() if isinstance(value, float))
