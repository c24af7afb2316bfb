"""Render a long film and watch the memory of the process: it must not grow with the film.

    python benchmarks/memory.py [--minutes 10] [--look silent]

The film is the live-action sample clip, scaled to 640x272 at 25 frames a second, with sound, over and over. Prints the resident
memory along the film, and how much a straight line through it rises from end to end, as a share of its mean; the first tenth of
the film, while buffers fill, is left out of the line. Linux only.
"""

from __future__ import annotations

import argparse
import itertools
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

import relook
from relook.film.reader import FilmReader
from relook.progress import Progress
from relook.samples import sample_clip

WIDTH, HEIGHT, FRAME_RATE, SAMPLE_RATE = 640, 272, 25, 48_000
SAMPLE_EVERY_FRAMES = 250


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--look", default="silent")
    options = parser.parse_args()
    samples: list[tuple[float, float]] = []

    def watch(progress: Progress) -> None:
        if progress.stage == "rendering" and progress.done % SAMPLE_EVERY_FRAMES == 0:
            samples.append((progress.done, resident_mb()))
            sys.stderr.write(f"\rframe {progress.done:.0f}: {samples[-1][1]:.0f} MB\x1b[K")

    with tempfile.TemporaryDirectory() as folder:
        film = paint(Path(folder) / "long.mp4", num_frames=round(options.minutes * 60 * FRAME_RATE))
        started = (time.process_time(), time.monotonic())
        delivery = relook.apply(film, options.look, Path(folder) / "out.mp4", on_progress=watch)
        cpu, wall = time.process_time() - started[0], time.monotonic() - started[1]
    frames, resident = np.array([sample for sample in samples if sample[0] > 0.1 * len(delivery.frames)]).T
    slope = np.polyfit(frames, resident, 1)[0] * (frames[-1] - frames[0]) / resident.mean()
    sys.stdout.write(
        f"\n{len(delivery.frames)} frames of {WIDTH}x{HEIGHT} in {wall:.0f} s ({cpu / len(delivery.frames):.3f} CPU-s a frame)\n"
        f"resident memory {resident.min():.0f} to {resident.max():.0f} MB, slope {slope:+.1%} from end to end\n"
    )


def resident_mb() -> float:
    """Return the resident memory of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def paint(path: Path, *, num_frames: int) -> Path:
    """Write the long film, with a tone as its sound."""
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=Fraction(FRAME_RATE), options={"preset": "veryfast", "crf": "20"})
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        sound = container.add_stream("aac", rate=SAMPLE_RATE, layout="mono")
        for index, picture in enumerate(itertools.islice(itertools.cycle(sample_pictures()), num_frames)):
            container.mux(video.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
            container.mux(sound.encode(tone(index)))
        container.mux(video.encode(None))
        container.mux(sound.encode(None))
    return path


def sample_pictures() -> Iterator[NDArray[np.uint8]]:
    with FilmReader(sample_clip("bikes")) as reader:
        for frame in reader.frames():
            picture = (frame.pixels.numpy().transpose(1, 2, 0) * 255).round().astype(np.uint8)
            yield cv2.resize(picture, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)


def tone(frame: int) -> av.AudioFrame:
    count = SAMPLE_RATE // FRAME_RATE
    wave = 0.1 * np.sin(2 * np.pi * 440 * (np.arange(count) + frame * count) / SAMPLE_RATE)
    sound = av.AudioFrame.from_ndarray(wave.astype(np.float32)[None], format="fltp", layout="mono")
    sound.sample_rate, sound.pts = SAMPLE_RATE, frame * count
    return sound


if __name__ == "__main__":
    main()
