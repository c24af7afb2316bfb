"""Films whose stamps, gaps or edit lists are odd: every frame has its place in time, or the film is refused (IN07, IN08, IN10)."""

from __future__ import annotations

import struct
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from relook.errors import InputError
from relook.film.reader import FilmReader, probe
from relook.film.shots import content_hash
from tests.film.odd_films import H264, KEEPING, MakeFilm, faults, pan, restamped, times

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
    with pytest.raises(InputError, match="frames without time stamps"):
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
    with pytest.raises(InputError, match=r"frames with the same time stamps as others \(1\)"):
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
