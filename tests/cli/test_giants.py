"""Films and pictures that promise more than memory holds are refused, or read within a gigabyte (T7)."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest

ROOT = Path(__file__).parents[2]


def big_avi(folder: Path) -> Path:
    """An AVI whose header says 60000 x 60000."""
    path = folder / "big.avi"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("rawvideo", rate=24)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "bgr24"
        container.mux(stream.encode(av.VideoFrame(64, 48, "bgr24")))
        container.mux(stream.encode())
    data = bytearray(path.read_bytes())
    at = data.index(b"strf") + 12
    assert struct.unpack("<ii", data[at : at + 8]) in ((64, 48), (64, -48))
    data[at : at + 8] = struct.pack("<ii", 60_000, 60_000)
    path.write_bytes(data)
    return path


def liar_mp4(folder: Path) -> Path:
    """An MP4 of 24 frames whose header says that it lasts for years."""
    data = bytearray((folder / "film.mp4").read_bytes())
    for kind, offset in ((b"mvhd", 20), (b"mdhd", 20), (b"tkhd", 24), (b"elst", 12)):
        at = data.index(kind)
        data[at + offset : at + offset + 4] = b"\x7f\xff\xff\xff"
    path = folder / "liar.mp4"
    path.write_bytes(data)
    return path


def liar_mkv(folder: Path) -> Path:
    """A Matroska film of 24 frames whose header says that it lasts for centuries."""
    path = folder / "liar.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=24)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for _ in range(24):
            container.mux(stream.encode(av.VideoFrame(64, 48, "yuv420p")))
        container.mux(stream.encode())
    data = path.read_bytes()
    assert data.count(b"00:00:01.000000000") == 1
    path.write_bytes(data.replace(b"00:00:01.000000000", b"9999999:59:59.0000"))
    return path


def far_mkv(folder: Path) -> Path:
    """A Matroska film whose second half lies centuries after its first."""
    path = folder / "far.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=24, options={"g": "1"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for number in range(24):
            for packet in stream.encode(av.VideoFrame(64, 48, "yuv420p")):
                packet.pts = packet.dts = number + (number >= 12) * 24 * 3600 * 24 * 36500
                container.mux(packet)
    return path


def many_streams(folder: Path) -> Path:
    path = folder / "many.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=24)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for _ in range(999):
            container.add_stream("pcm_s16le", rate=8000)
        container.mux(stream.encode(av.VideoFrame(64, 48, "yuv420p")))
        container.mux(stream.encode())
    return path


def much_metadata(folder: Path) -> Path:
    path = folder / "talk.mkv"
    with av.open(str(path), "w") as container:
        container.metadata["comment"] = "x" * 100_000_000
        stream = container.add_stream("ffv1", rate=24)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        container.mux(stream.encode(av.VideoFrame(64, 48, "yuv420p")))
        container.mux(stream.encode())
    return path


def giant_png(folder: Path) -> Path:
    import zlib

    path = folder / "giant.png"
    chunk = b"IHDR" + struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk)))
    return path


def giant_exr(folder: Path) -> Path:
    exr = pytest.importorskip("OpenEXR")
    path = folder / "giant.exr"
    exr.File({"type": exr.scanlineimage}, {"RGB": np.zeros((4, 4, 3), np.float16)}).write(str(path))
    data = bytearray(path.read_bytes())
    at = data.index(b"dataWindow\0box2i\0") + len(b"dataWindow\0box2i\0") + 4
    data[at : at + 16] = struct.pack("<4i", 0, 0, 2**31 - 2, 2**31 - 2)
    path.write_bytes(data)
    return path


READ = """
import sys
from pathlib import Path
from relook.errors import InputError
from relook.film.container.inventory import inventory
from relook.film.frames import Mending
from relook.film.reader import FilmReader
for path in sys.argv[1:]:
    for keeps in (False, True):
        try:
            with FilmReader(Path(path), Mending(keeps_damage=keeps)) as reader:
                print(len(list(reader.native_frames())), "of", len(inventory(reader.info).tracks))
        except InputError as error:
            print("refused:", error)
peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
print(int(peak.split()[1]) // 1024)
"""

GIANTS = {
    giant_png: ("60000 x 60000, which is too large", "60000 x 60000, which is too large"),
    giant_exr: ("giant.exr cannot be read", "giant.exr cannot be read"),
    big_avi: ("no frame of it can be read", "no frame of it can be read"),
    liar_mp4: ("24 of 1", "24 of 1"),
    liar_mkv: ("cut off: 24 of about", "its header promises"),
    far_mkv: ("24 of about", "more than that are missing"),
    many_streams: ("1 of 1000", "1 of 1000"),
    much_metadata: ("1 of", "1 of"),
}
"""What is said of each file, strictly and where damage is kept."""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
def test_T7_what_promises_giant_things_is_refused_or_read_within_a_gigabyte(media: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", READ, *(str(make(media)) for make in GIANTS)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    *lines, megabytes = done.stdout.splitlines()
    said = [pair[n] for pair in GIANTS.values() for n in (0, 1)]
    assert [line for line, words in zip(lines, said, strict=True) if words not in line] == []
    assert int(megabytes) < 1024
