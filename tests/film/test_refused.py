"""What is no film, or a film that cannot be decoded at all, is refused by name."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from relook.errors import InputError
from relook.film.container.inventory import inventory
from relook.film.frames import Mending
from relook.film.reader import FilmReader, probe


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"plain text, not a film\n" * 20, "cannot be read as a film"),
        (np.random.default_rng(0).bytes(5000), "cannot be read"),
    ],
)
def test_what_is_no_film_is_refused(tmp_path: Path, content: bytes, words: str) -> None:
    """IN01."""
    path = tmp_path / "odd.mp4"
    path.write_bytes(content)
    with pytest.raises(InputError, match=words):
        probe(path)


def test_files_that_point_at_others_are_refused(make_film: Any, draw: Any, tmp_path: Path) -> None:
    film = make_film("film.mp4", draw(2, 64, 48), encoder="libx264", pixel_format="yuv420p")
    hostile = {
        "list.m3u8": f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{film}\n#EXT-X-ENDLIST\n",
        "list.mp4": f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile://{film}\n#EXT-X-ENDLIST\n",
        "join.mp4": f"ffconcat version 1.0\nfile '{film.name}'\n",
        "stream.sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\nc=IN IP4 127.0.0.1\nm=video 5004 RTP/AVP 96\n",
    }
    for name, text in hostile.items():
        (tmp_path / name).write_text(text)
        with pytest.raises(InputError, match="cannot be read as a film"):
            probe(tmp_path / name)


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    """IN20."""
    fifo = tmp_path / "pipe.mp4"
    os.mkfifo(fifo)
    (tmp_path / "link.mp4").symlink_to(tmp_path / "gone.mp4")
    (tmp_path / "empty").mkdir()
    for path, words in (
        (fifo, "not a regular file"),
        (Path("/dev/zero"), "not a regular file"),
        (tmp_path / "link.mp4", "cannot open"),
        (tmp_path / "none.mp4", "No such file"),
        (tmp_path / "empty", "holds no pictures"),
    ):
        with pytest.raises(InputError, match=words):
            probe(path)


def test_sound_alone_has_no_pictures(tmp_path: Path) -> None:
    """IN02."""
    path = tmp_path / "sound.mp4"
    with av.open(str(path), "w") as made:
        track = made.add_stream("aac", rate=48000)
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 2048), np.int16), format="s16", layout="stereo")
        sound.sample_rate = 48000
        made.mux(track.encode(sound))
        made.mux(track.encode(None))
    with pytest.raises(InputError, match="has no pictures"):
        probe(path)


@pytest.mark.parametrize("coded_as", [b"avc1", b"sowt"])
def test_what_nobody_can_decode_is_named(make_film: Any, draw: Any, coded_as: bytes) -> None:
    path = make_film("a.mov", draw(3, 64, 48), encoder="libx264", pixel_format="yuv420p", sounds=("pcm_s16le",))
    data = path.read_bytes()
    at = data.index(coded_as, data.index(b"stsd"))
    path.write_bytes(data[:at] + b"zzzz" + data[at + 4 :])
    if coded_as == b"avc1":
        with pytest.raises(InputError, match="does not decode"):
            probe(path)
    else:
        tracks = inventory(probe(path)).tracks
        assert [(track.kind, track.codec, track.form) for track in tracks[1:]] == [("sound", "unknown", "")]


@pytest.mark.parametrize("keeps_damage", [False, True])
@pytest.mark.parametrize("name", ["a.mov", "a.mkv"])
def test_a_film_without_any_frame_is_refused(tmp_path: Path, name: str, keeps_damage: bool) -> None:
    path = tmp_path / name
    with av.open(str(path), "w", container_options={"movflags": "faststart"} if name == "a.mov" else {}) as made:
        stream, track = made.add_stream("rawvideo", rate=24), made.add_stream("pcm_s16le", rate=48000)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "rgb24" if name == "a.mov" else "yuv420p"
        track.layout = "stereo"
        for number in range(12 if name == "a.mov" else 0):
            frame = av.VideoFrame(64, 48, stream.pix_fmt)
            frame.pts = number
            made.mux(stream.encode(frame))
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 2048), np.int16), format="s16", layout="stereo")
        sound.sample_rate = 48000
        made.mux(track.encode(sound))
    data = path.read_bytes()
    path.write_bytes(data[: data.index(b"mdat") + 4] if name == "a.mov" else data)
    with (
        FilmReader(path, Mending(keeps_damage=keeps_damage)) as reader,
        pytest.raises(InputError, match="no frame that can be decoded"),
    ):
        list(reader.frames())
