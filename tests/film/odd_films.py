"""Films for the tests of odd inputs: what moves in them, packets under other stamps; and when and how well frames are read."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

from relook.film.frames import Mending
from relook.film.reader import FilmReader

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
