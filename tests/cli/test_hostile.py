"""Films made to do harm: they crash a decoder, or point at other files and at the network; `test_giants` has those that lie."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import av
import numpy as np
import pytest

from relook.film.container import decoder, decoders

Run = Callable[[str], tuple[int, str, str]]
Tree = Callable[[Path], dict[str, str]]

INPUT, DAMAGE = 3, 4
ROOT = Path(__file__).parents[2]
APPLY = "apply film.mkv --look plain.look -o new.mkv --texture 0"


LISTEN = """
import socket, sys
listener = socket.socket()
listener.bind(("127.0.0.1", 0))
listener.listen(16)
listener.setblocking(False)
print(listener.getsockname()[1], flush=True)
for _ in sys.stdin:
    count = 0
    while True:
        try:
            listener.accept()[0].close()
        except BlockingIOError:
            break
        count += 1
    print(count, flush=True)
"""


@pytest.fixture
def port() -> Iterator[tuple[int, Callable[[], int]]]:
    """Let another process listen on a port of this machine; give its number, and a function that counts who has called."""
    command = [sys.executable, "-c", LISTEN]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as listening:
        assert listening.stdin is not None and listening.stdout is not None
        number, questions, answers = int(listening.stdout.readline()), listening.stdin, listening.stdout

        def hits() -> int:
            questions.write("?\n")
            questions.flush()
            return int(answers.readline())

        yield number, hits
        questions.close()


# T1


@pytest.fixture
def hostile(
    media: Path, tmp_path: Path, port: tuple[int, Callable[[], int]], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    """The folder of media with `film.mkv`, three shots of eight frames, each of which begins with a key frame."""
    random = np.random.default_rng(5)
    scenes = [np.kron(random.integers(0, 256, (12, 16, 3), np.uint8), np.ones((8, 8, 1), np.uint8)) for _ in range(3)]
    with av.open(str(media / "film.mkv"), "w") as container:
        stream = container.add_stream("libx264", rate=24, options={"g": "8", "bf": "0", "keyint_min": "8", "crf": "12"})
        stream.width, stream.height, stream.pix_fmt = 128, 96, "yuv420p"
        for number in range(24):
            frame = av.VideoFrame.from_ndarray(np.roll(scenes[number // 8], number, axis=1), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("RELOOK_PORT", str(port[0]))
    monkeypatch.setattr(decoder, "SILENT_SECONDS", 1.0)
    monkeypatch.chdir(media)
    decoders._end_starter()  # the next one has this home
    yield media
    decoders._end_starter()


DEEDS = {
    "segv": "the decoder crashed",
    "write": "the decoder tried something it may not do",
    "connect": "the decoder tried something it may not do",
    "hog": "the decoder asked for too much memory",
    "spin": "the decoder hung",
}


@pytest.mark.skipif(not decoders.CAN_FORK, reason="films are decoded in relook's own process here")
@pytest.mark.parametrize(
    "deed", [*list(DEEDS)[:4], pytest.param("spin", marks=pytest.mark.slow)], ids=[f"T1-{letter}" for letter in "abcde"]
)
def test_T1_a_decoder_taken_over_costs_its_frames_and_nothing_else(
    hostile: Path,
    tmp_path: Path,
    port: tuple[int, Callable[[], int]],
    run: Run,
    tree: Tree,
    monkeypatch: pytest.MonkeyPatch,
    deed: str,
) -> None:
    code, out, _ = run(APPLY.replace("new.mkv", "whole.mkv") + " --json")
    assert code == 0
    whole = json.loads(out.splitlines()[-1])["frame_hashes"]
    before = tree(tmp_path)
    monkeypatch.setenv("RELOOK_FAIL", f"packet 12:{deed}:1")
    code, out, err = run(APPLY)
    assert (code, out) == (INPUT, "")
    assert f"{DEEDS[deed]} at frame 12 (0.5 s, 00:00:00:12), twice" in err
    assert tree(tmp_path) == before
    code, out, _ = run(APPLY + " --on-damage keep --json")
    assert code == DAMAGE
    told = json.loads(out.splitlines()[-1])
    assert [(d["start_frame"], d["stop_frame"], d["reason"]) for d in told["damage"]] == [(12, 16, "damaged")]
    hashes = told["frame_hashes"]
    assert hashes[:12] == whole[:12] and hashes[16:] == whole[16:] and len(hashes) == 24
    after = tree(tmp_path)
    assert {name: after[name] for name in before} == before and "media/new.mkv" in after
    assert all(name.startswith("media/new.mkv") for name in set(after) - set(before))
    assert port[1]() == 0
    helper = decoders._starters[0].process.pid
    children = Path(f"/proc/{helper}/task/{helper}/children")
    assert not children.exists() or children.read_text().split() == []


# T2


def pointing_files(film: Path, port: int) -> dict[str, str]:
    """Give names and texts of files that make FFmpeg open others, if it is let."""
    url = f"http://127.0.0.1:{port}/a.ts"
    playlist = "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{}\n#EXT-X-ENDLIST\n"
    mpd = (
        '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" mediaPresentationDuration="PT1S" '
        'profiles="urn:mpeg:dash:profile:isoff-on-demand:2011"><Period><AdaptationSet mimeType="video/mp4">'
        f'<Representation id="1" bandwidth="1"><BaseURL>{url}</BaseURL></Representation></AdaptationSet></Period></MPD>'
    )
    return {
        "web.m3u8": playlist.format(url),
        "local.m3u8": playlist.format(film),
        "web.mp4": playlist.format(url),
        "local.mp4": playlist.format(f"file://{film}"),
        "absolute.mp4": f"ffconcat version 1.0\nfile '{film}'\n",
        "relative.mp4": f"ffconcat version 1.0\nfile '{film.name}'\n",
        "up.mp4": f"ffconcat version 1.0\nfile '../{film.parent.name}/{film.name}'\n",
        "stream.sdp": f"v=0\no=- 0 0 IN IP4 127.0.0.1\nc=IN IP4 127.0.0.1\nm=video {port} RTP/AVP 96\n",
        "list.mpd": mpd,
    }


def test_T2_files_that_point_at_others_open_nothing(
    media: Path, port: tuple[int, Callable[[], int]], run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A port of this machine is open, to see that nobody comes."""
    monkeypatch.chdir(media)
    number, hits = port
    files = pointing_files(media / "film.mp4", number)
    assert len(files) == 9
    for name, text in files.items():
        (media / name).write_text(text)
        for line in (f"info {name}", f"apply {name} --look plain.look -o new.mkv"):
            code, out, err = run(line)
            assert (code, out) == (INPUT, "") and f"{name} cannot be read as a film" in err
    assert hits() == 0
    with pytest.raises(av.error.FFmpegError):
        av.open(str(media / "web.m3u8"), options={"protocol_whitelist": "file,http,tcp"}, timeout=0.3)
    assert hits() > 0, "FFmpeg by itself does go there"
