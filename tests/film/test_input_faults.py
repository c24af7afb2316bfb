"""The list of what may be wrong or odd with an input, IN01 to IN24: one test or one docstring with its name for each.

Here is what cannot be read, or not whole: IN02, IN05, IN18, IN20, IN22. Shown elsewhere, by the name in a docstring or a
test's name: IN01, IN02 (test_refused), IN03, IN04, IN13, IN17, IN24 (test_odd_content), IN06 (container/test_ledger), IN07
(test_odd_times, test_time), IN08, IN10 (test_odd_times), IN09 (test_time), IN11, IN15 (container/test_fate), IN12, IN14, IN16
(test_writer), IN19 (tests/cli/test_names). IN21, long films in constant memory, is measured by benchmarks/memory.py. IN23, a
film that still grows, is not here yet.
"""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

import relook
from relook.errors import InputError, RelookError
from relook.film.cuts.cut_files import read_cut_list
from relook.film.reader import probe
from tests.film.odd_films import H264, KEEPING, MakeFilm, faults, pan, restamped, times

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
