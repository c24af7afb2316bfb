"""Damaged films: nothing is lost in silence, and with damage kept every frame has its place."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from relook.errors import InputError
from relook.film.container.inventory import inventory
from relook.film.container.ledger import Packets, find_slots, jumps
from relook.film.container.tracks import Tracks
from relook.film.frames import Mending
from relook.film.reader import FilmReader, NativeFrame, probe
from relook.film.shots import content_hash

KEEPING = Mending(keeps_damage=True)

Shown = list[tuple[int, str, bytes]]


def shown(path: Path, mending: Mending | None = None) -> Shown:
    """Give the stamp, the fault and the picture of every frame."""
    with FilmReader(path, *([mending] if mending else [])) as reader:
        return [(native.pts, native.fault, content_hash(native)) for native in reader.native_frames()]


def pan(count: int) -> list[Any]:
    """Draw frames of 64x48 that move over a large picture of flat squares."""
    squares = np.random.default_rng(0).integers(0, 256, (14, 8 + count, 3), dtype=np.uint8)
    large = np.kron(squares, np.ones((8, 8, 1), np.uint8))
    return [np.ascontiguousarray(large[n % 8 : n % 8 + 48, 2 * n : 2 * n + 64]) for n in range(count)]


@pytest.fixture
def film(make_film: Any) -> Callable[[str], Path]:
    """Return a function that writes 60 frames of H.264 with a key frame every 12, and sound.

    Without `mbtree=0`, x264 now and then makes other bytes of the same frames of this size, one time in four on a busy
    machine: then other bytes are spoilt too.
    """

    def make(name: str) -> Path:
        made: Path = make_film(
            name,
            pan(60),
            encoder="libx264",
            pixel_format="yuv420p",
            sounds=("aac",),
            options={"g": "12", "threads": "1", "x264-params": "scenecut=0:mbtree=0"},
        )
        return made

    return make


def spoil(path: Path, seed: int) -> Path:
    """Write a copy in which 60 bytes of a tenth of the file are others."""
    rng, data = random.Random(seed), bytearray(path.read_bytes())
    start = int(len(data) * rng.uniform(0.2, 0.8))
    for _ in range(60):
        data[rng.randrange(start, start + len(data) // 10)] = rng.randrange(256)
    spoilt = path.with_stem(f"spoilt{seed}")
    spoilt.write_bytes(data)
    return spoilt


def remuxed(path: Path, keep: Callable[[int], bool]) -> Path:
    """Write a copy without some of the picture packets, which are numbered in the order of decoding."""
    copy = path.with_stem("remuxed")
    with av.open(str(path)) as source, av.open(str(copy), "w") as made:
        original = source.streams.video[0]
        stream = made.add_stream_from_template(original)
        packets = [packet for packet in source.demux(original) if packet.size]
        for packet in (packet for number, packet in enumerate(packets) if keep(number)):
            packet.stream = stream
            made.mux(packet)
    return copy


@dataclass(frozen=True)
class Decoded:
    """What the decoder, in one thread, says of a film's packets in their order."""

    pictures: list[tuple[int, bytes]]
    """Those it calls whole, with their stamps."""
    faults: set[int | None]
    """The stamps of packets and frames that it calls damaged; None for what is no packet."""

    def shows(self, stamp: int, picture: bytes, *, off: float) -> bool:
        return any(abs(other - stamp) < off and same == picture for other, same in self.pictures)


def decoded_alone(path: Path) -> Decoded:
    pictures, faults = list[tuple[int, bytes]](), set[int | None]()
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.thread_type = "NONE"
        packets = container.demux(stream)
        while True:
            try:
                packet = next(packets, None)
            except (av.error.FFmpegError, IndexError):
                faults.add(None)
                packets = container.demux(stream)
                continue
            if packet is None:
                return Decoded(pictures, faults)
            try:
                frames = packet.decode()
            except av.error.FFmpegError:
                faults.add(packet.pts)
                continue
            faults |= {frame.pts for frame in frames if frame.is_corrupt}
            pictures += [(frame.pts or 0, content_hash(NativeFrame(0, 0, 0, frame))) for frame in frames]


def groups(path: Path) -> list[list[int]]:
    """Give the stamps of the frames from each key frame to the next, in the order of decoding."""
    found = list[list[int]]()
    with av.open(str(path)) as container:
        for packet in container.demux(video=0):
            if packet.is_keyframe:
                found.append([])
            if packet.size:
                found[-1].append(packet.pts or 0)
    return found


@pytest.mark.parametrize("name", ["a.mp4", *(pytest.param(name, marks=pytest.mark.slow) for name in ("a.mkv", "a.ts"))])
def test_IN06_spoilt_bytes_are_told_and_every_frame_keeps_its_place(film: Callable[[str], Path], name: str) -> None:
    """Spoilt H.264 is now and then still valid H.264, of another picture; nobody can tell that but by looking."""
    whole = film(name)
    clean = shown(whole)
    half = (clean[1][0] - clean[0][0]) / 2
    num_spoilt = num_listed = 0
    for seed in range(20):
        spoilt = spoil(whole, seed)
        decoder = decoded_alone(spoilt)
        try:
            read = shown(spoilt)
            assert not decoder.faults, "strict is silent only where the decoder is"
            assert [(stamp, picture) for stamp, _, picture in read] == decoder.pictures
            assert len(read) == 60
        except InputError as error:
            assert "damaged" in str(error) or "cut off" in str(error) or "changes its" in str(error)
        kept = shown(spoilt, KEEPING)
        assert len(kept) == len(clean)
        assert all(abs(ours[0] - true[0]) < half for ours, true in zip(kept, clean, strict=True))
        assert all(kept[n][2] == kept[n - 1][2] for n in range(1, 60) if kept[n][1])
        assert all(decoder.shows(stamp, picture, off=half) for stamp, fault, picture in kept if not fault)
        listed = {true[0] for ours, true in zip(kept, clean, strict=True) if ours[1]}
        for group in groups(whole):
            first = min((n for n, stamp in enumerate(group) if stamp in decoder.faults), default=len(group))
            assert set(group[first:]) <= listed, "what is decoded after a fault, up to the next key frame, is listed"
        wrong = [n for n in range(60) if kept[n][2] != clean[n][2]]
        num_spoilt, num_listed = num_spoilt + len(wrong), num_listed + sum(bool(kept[n][1]) for n in wrong)
    assert num_spoilt > 100 and num_listed >= 0.75 * num_spoilt, "the decoder itself calls few spoilt frames whole"


def test_lost_packets_are_missed_though_the_decoder_is_silent(make_film: Any, draw: Any) -> None:
    """IN06."""
    whole = make_film("a.mkv", draw(60, 32, 32), options={"g": "1"})
    lossy = remuxed(whole, lambda number: not 20 <= number < 35 and number != 50)
    with pytest.raises(InputError, match=r"44 of about 60 frames could be read, and frame 20 \(0.8 s, 00:00:00:20\)"):
        shown(lossy)
    clean, kept = shown(whole), shown(lossy, KEEPING)
    assert [n for n, (_, fault, _) in enumerate(kept) if fault == "missing"] == [*range(20, 35), 50]
    assert [picture for *_, picture in kept] == [
        clean[19 if 20 <= n < 35 else 49 if n == 50 else n][2] for n in range(60)
    ]
    assert all(abs(a[0] - b[0]) <= 1 for a, b in zip(kept, clean, strict=True))


def test_what_leans_on_a_lost_frame_is_lost_until_the_next_key_frame(film: Callable[[str], Path]) -> None:
    whole = film("a.mkv")
    clean, kept = shown(whole), shown(remuxed(whole, lambda number: number != 26), KEEPING)
    faults = [n for n, (_, fault, _) in enumerate(kept) if fault]
    assert len(kept) == 60
    assert faults[0] >= 24 and faults[-1] == 35, "the key frames are 24 and 36"
    assert all(kept[n][2] == clean[n][2] for n in range(60) if n not in faults)


@pytest.mark.parametrize("steps", [(1, 1, 2), (1, 3), (1, 1, 1, 1, 2), (5, 1, 2, 9)])
def test_uneven_stamps_are_no_damage(make_film: Any, draw: Any, steps: tuple[int, ...]) -> None:
    """IN07."""
    stamps = np.cumsum([steps[n % len(steps)] for n in range(40)]).tolist()
    path = make_film("a.mkv", draw(40, 32, 32), stamps=stamps)
    assert shown(path) == shown(path, KEEPING)
    assert len(shown(path)) == 40


def test_a_gap_in_an_indexed_film_is_meant(make_film: Any, draw: Any) -> None:
    path = make_film("a.mov", pan(40), encoder="mpeg4", pixel_format="yuv420p", stamps=[*range(20), *range(200, 220)])
    assert len(shown(path)) == len(shown(path, KEEPING)) == 40


@pytest.mark.parametrize("encoder", ["libx264", "libx265", "mpeg2video"])
def test_what_leans_on_frames_before_the_film_is_no_damage(make_film: Any, draw: Any, encoder: str) -> None:
    options = {"g": "12", "bf": "2", "x265-params": "log-level=none:keyint=12:open-gop=1", "x264-params": "open-gop=1"}
    whole = make_film(
        "a.ts",
        draw(48, 64, 64),
        encoder=encoder,
        pixel_format="yuv420p",
        options=options if encoder != "mpeg2video" else {"g": "12", "bf": "2"},
    )
    with av.open(str(whole)) as container:
        keys = [n for n, packet in enumerate(p for p in container.demux(video=0) if p.size) if packet.is_keyframe]
    cut = remuxed(whole, lambda number: number >= keys[1])
    assert shown(cut) == shown(cut, KEEPING)
    assert 30 <= len(shown(cut)) <= 48 - keys[1]


@pytest.mark.parametrize(
    "name",
    [
        "awkward/synthetic/vfr_dropped_every5th.mkv",
        "awkward/synthetic/vfr_gaps.mp4",
        "awkward/synthetic/editlist_negative_start.mp4",
        "awkward/synthetic/start_time_5s.ts",
        "awkward/real/fades.mp4",
        "awkward/real/no_duration.webm",
        "live-action/cityCC0.mpg",
    ],
)
def test_whole_films_are_whole(footage: Callable[[str], Path], name: str) -> None:
    assert shown(footage(name)) == shown(footage(name), KEEPING)


@pytest.mark.parametrize("name", ["a.mkv", "a.mp4"])
def test_a_film_that_is_cut_off_is_filled_up_to_its_promised_end(make_film: Any, tmp_path: Path, name: str) -> None:
    """IN05."""
    options = {"movflags": "faststart"} if name == "a.mp4" else {}
    whole = make_film("whole" + name[1:], pan(60), encoder="libx264", pixel_format="yuv420p", options={"g": "6"})
    if options:
        with av.open(str(whole)) as source, av.open(str(tmp_path / "fast.mp4"), "w", options=options) as made:
            stream = made.add_stream_from_template(source.streams.video[0])
            for packet in source.demux(video=0):
                if packet.size:
                    packet.stream = stream
                    made.mux(packet)
        whole = tmp_path / "fast.mp4"
    clean = shown(whole)
    data = whole.read_bytes()
    short = tmp_path / name
    short.write_bytes(data[: len(data) * 6 // 10])
    with pytest.raises(InputError, match=r"of about 60|damaged after \d+ of about 60"):
        shown(short)
    kept = shown(short, KEEPING)
    assert len(kept) == 60
    lost = [n for n, (_, fault, _) in enumerate(kept) if fault]
    assert lost == list(range(lost[0], 60)) and 10 < lost[0] < 45
    assert all(kept[n][2] == clean[n][2] for n in range(lost[0]))
    assert all(kept[n][2] == clean[lost[0] - 1][2] for n in lost)
    assert max(abs(a[0] - b[0]) for a, b in zip(kept, clean, strict=True)) <= probe(whole).frame_rate.denominator


@pytest.mark.parametrize("name", ["a.h264", "a.avi"])
def test_frames_without_stamps_cannot_be_placed(make_film: Any, draw: Any, name: str) -> None:
    path = make_film(name, draw(12, 64, 48), encoder="libx264", pixel_format="yuv420p", options={"bf": "2"})
    assert [stamp for stamp, *_ in shown(path)] == sorted({stamp for stamp, *_ in shown(path)})
    with pytest.raises(InputError, match="frames without time stamps"):
        shown(path, KEEPING)


def test_a_stamp_far_from_its_neighbours_is_spoilt() -> None:
    order = np.array([0, 3, 1, 2, 900, 6, 4, 5, 1000, 1003])
    assert jumps(order, 1).tolist() == [stamp == 900 for stamp in order]


def test_damaged_sound_is_left_out_and_counted(film: Callable[[str], Path], tmp_path: Path) -> None:
    whole = film("a.ts")
    data = bytearray(whole.read_bytes())
    headers = [place for place in range(len(data) - 1) if data[place : place + 2] == b"\xff\xf1"]
    for place in headers[40:44]:
        data[place + 2] = 0xFF
    whole.write_bytes(data)

    def carry(*, keeps_damage: bool) -> Tracks:
        tracks = Tracks(whole, keeps_damage=keeps_damage)
        with av.open(str(tmp_path / "o.mp4"), "w") as output:
            tracks.attach(output, inventory(probe(whole)).of_kind("sound"))
            tracks.write_until(output, None)
        tracks.close()
        return tracks

    with pytest.raises(InputError, match=r"the sound of .* is damaged"):
        carry(keeps_damage=False)
    assert carry(keeps_damage=True).num_lost > 0


def test_T7_lost_frames_get_places_within_reason() -> None:
    packets = Packets()
    packets.stamps.extend(number + number // 100 * 10**9 for number in range(2000))
    packets.first_key = 0
    slots = find_slots(packets, "matroska,webm", 1)
    assert 1_000_000 < len(slots.stamps) <= 1_002_000
