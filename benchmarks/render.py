"""Measure what rendering costs, stage by stage, at 540p, 1080p and 2160p, in one run.

    python benchmarks/render.py [--frames 6] [--look silent]

Prints CPU-seconds and milliseconds of wall time per frame, and the peak memory of a process of its own, for decode + encode
alone, for each dial alone and for the whole look, each with decode and encode taken off; beside them CycleGAN's generator as
published (9 residual blocks at 256 channels), which says what a network of that kind costs on the same machine.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import torch
from resnet import ResNetGenerator, to_signed

from relook.apply.frame import FrameRenderer
from relook.film.frames import Frame
from relook.film.reader import FilmReader
from relook.film.writer import FilmWriter
from relook.look import load_look
from relook.recipe.dials import Dials

SIZES = {"540p": (960, 540), "1080p": (1920, 1080), "2160p": (3840, 2160)}
STAGES: dict[str, Dials | None] = {
    "decode + encode alone": None,
    "grade": Dials(detail=0, texture=0),
    "detail": Dials(grade=0, texture=0),
    "texture": Dials(grade=0, detail=0),
    "whole look": Dials(),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=6)
    parser.add_argument("--look", default="silent")
    parser.add_argument("--one", nargs=2, metavar=("STAGE", "FILM"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        measure_here(options.one[0], Path(options.one[1]), options.look)
        return
    sys.stdout.write(f"threads {torch.get_num_threads()}, torch {torch.__version__}, {options.frames} frames a row\n")
    sys.stdout.write(f"{'size':6} {'stage':28} {'CPU-s/frame':>12} {'wall ms':>9} {'peak MB':>8}\n")
    with tempfile.TemporaryDirectory() as folder:
        for name, size in SIZES.items():
            film = paint(Path(folder) / f"{name}.mp4", size, options.frames)
            alone = 0.0
            for stage in [*STAGES, "CycleGAN's generator"]:
                cpu, wall, peak = measure(stage, film, options.look)
                row = cpu if stage in (next(iter(STAGES)), "CycleGAN's generator") else max(cpu - alone, 0)
                alone = cpu if STAGES.get(stage, Dials()) is None else alone
                sys.stdout.write(f"{name:6} {stage:28} {row:12.3f} {wall * 1000:9.0f} {peak:8.0f}\n")
                sys.stdout.flush()


def measure(stage: str, film: Path, look: str) -> tuple[float, float, float]:
    """Measure a stage in a process of its own: CPU-seconds and seconds per frame, peak MB."""
    command = [sys.executable, __file__, "--look", look, "--one", stage, str(film)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    cpu, wall, peak = (float(value) for value in done.stdout.split()[-3:])
    return cpu, wall, peak


def measure_here(stage: str, film: Path, look: str) -> None:
    """Render a film and print CPU-seconds and seconds per frame after the first, and peak MB."""
    if stage.startswith("CycleGAN"):
        figures = run_cyclegan(film)
    else:
        dials = STAGES[stage]
        figures = run_look(film, FrameRenderer(load_look(look), dials, device=torch.device("cpu")) if dials else None)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    sys.stdout.write(f"{figures[0]} {figures[1]} {peak}\n")


def run_look(film: Path, renderer: FrameRenderer | None) -> tuple[float, float]:
    output = film.with_name("out.mp4")
    with FilmReader(film) as reader, FilmWriter(output, reader.info, overwrite=True) as writer:
        started = (time.process_time(), time.monotonic())
        count = 0
        for frame in reader.frames():
            pixels = renderer.render(frame.pixels, seed=1, number=frame.index) if renderer else frame.pixels
            writer.write(Frame(frame.index, frame.pts, frame.duration, pixels))
            count += 1
    return (time.process_time() - started[0]) / count, (time.monotonic() - started[1]) / count


def run_cyclegan(film: Path) -> tuple[float, float]:
    """Run the network once on a crop of 256 rows at most, scaled to the frame: a whole 2160p frame does not fit in memory."""
    with FilmReader(film) as reader:
        pixels = next(iter(reader.frames())).pixels[None]
    share = min(1.0, 256 * 256 / (pixels.shape[-2] * pixels.shape[-1]))
    crop = pixels[..., :256, :256]
    net = ResNetGenerator(torch.Generator()).eval()
    with torch.inference_mode():
        net(to_signed(crop[..., :64, :64]))
        started = (time.process_time(), time.monotonic())
        net(to_signed(crop))
    return (time.process_time() - started[0]) / share, (time.monotonic() - started[1]) / share


def paint(path: Path, size: tuple[int, int], num_frames: int) -> Path:
    """Write a film of moving shapes on a gradient."""
    width, height = size
    ramp = np.linspace(30, 220, width)[None, :, None] * np.linspace(0.6, 1, height)[:, None, None] * [1, 0.8, 0.7]
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(24))
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for index in range(num_frames):
            picture = ramp.astype(np.uint8)
            for k in range(40):
                centre = ((k * 197 + index * 7) % width, (k * 131 + index * 3) % height)
                cv2.circle(picture, centre, 20 + k, (k * 6, 255 - k * 5, 90), -1, cv2.LINE_AA)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")))
        container.mux(stream.encode(None))
    return path


if __name__ == "__main__":
    main()
