"""A look with every mark of film, a film to render in it, and cut lists of that film."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import opentimelineio as otio
import pytest
import torch

from relook.apply.delivery import Delivery, RenderSettings
from relook.apply.render import render_film
from relook.film.reader import FilmReader
from relook.look import Card, Look, load_look, save_look
from relook.nets.generator import Generator
from relook.recipe.mechanics import (
    Aperture,
    Breath,
    Cranking,
    Dust,
    Grain,
    Halation,
    Mechanics,
    Scratches,
    Unevenness,
    Weave,
)
from relook.recipe.settings import Recipe
from relook.timing import format_timecode, parse_timecode

RATE, START = Fraction(30000, 1001), "00:59:59;20"
NUM_FRAMES, SIZE = 90, (72, 96)
Cut = tuple[int, int]
"""First frame of the film, and the one after the last."""
WORN = Mechanics(
    reference_height=144,
    grain=Grain(strength=((0.05, 0.04, 0.06),) * 8, correlation=(0.5, 0.5, 0.4)),
    breath=Breath(exposure=0.03, contrast=0.02, colour=(0.01, 0.01)),
    weave=Weave(across_px=0.5, down_px=0.8, rotation_degrees=0.05),
    dust=Dust(dark_per_frame=4.0, bright_per_frame=4.0, opacity=(0.5, 0.5), hairs_per_frame=1.0),
    scratches=Scratches(per_frame=2.0, contrast=0.1),
    unevenness=Unevenness(strength=0.02),
    cranking=Cranking(held_share=0.25),
    halation=Halation(radius_px=4.0, strength=(0.2, 0.1, 0.1)),
    aperture=Aperture(inset_px=(2.0, 2.0, 2.0, 2.0), corner_radius_px=12.0),
    softness_px=0.8,
)


@pytest.fixture(scope="session")
def worn() -> Look:
    """Return a look whose grade, vignette and detail are as if learned, with all marks."""
    torch.manual_seed(1)
    generator = Generator(Recipe().generator)
    with torch.no_grad():
        for parameter in generator.parameters():
            parameter.add_(0.02 * torch.randn(parameter.shape))
        generator.spatial.map.zero_()
        generator.spatial.darken_corners(-0.3)
    return Look(Card(name="worn", recipe=Recipe(), mechanics=WORN, reach_px=32), generator.requires_grad_(False))


@pytest.fixture(scope="session")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Paint a film whose name is its reel."""
    return _paint(tmp_path_factory.mktemp("film") / "A012C005_240101_R1AB.mov")


def _paint(path: Path, *, dark: Sequence[int] = (), loudness: int = 1) -> Path:
    """Paint a lossless film of two shots, 50 and 40 frames, drop-frame, with sound; some of its frames may be darker."""
    random = np.random.default_rng(0)
    scenes = [random.uniform(0.3, 1, (9, 30, 3)), random.uniform(0, 0.4, (9, 30, 3))]
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=RATE, options={"qp": "0"})
        stream.height, stream.width, stream.pix_fmt = *SIZE, "yuv420p"
        stream.metadata["timecode"] = START
        sound = container.add_stream("pcm_s16le", rate=48000)
        for index in range(NUM_FRAMES):
            wide = np.kron(scenes[index >= 50], np.ones((8, 8, 1)))[:, index : index + SIZE[1]]
            codes = np.ascontiguousarray((wide * (250 if index in dark else 255)).astype(np.uint8))
            container.mux(stream.encode(av.VideoFrame.from_ndarray(codes, format="rgb24")))
        container.mux(stream.encode(None))
        samples = np.full((1, 2 * 144_000), loudness, np.int16)
        tone = av.AudioFrame.from_ndarray(samples, format="s16", layout="stereo")
        tone.sample_rate = 48000
        container.mux(sound.encode(tone))
    return path


@pytest.fixture(scope="session")
def look(worn: Look, tmp_path_factory: pytest.TempPathFactory) -> Look:
    """Return a look with a file, and so with a hash."""
    path = tmp_path_factory.mktemp("look") / "worn.look"
    save_look(worn, path)
    return load_look(path)


@pytest.fixture(scope="session")
def whole(film: Path, look: Look, tmp_path_factory: pytest.TempPathFactory) -> tuple[Delivery, list[bytes]]:
    """Render the whole film."""
    output = tmp_path_factory.mktemp("whole") / "whole.mov"
    return render_film(film, look, output, settings=RenderSettings()), _pictures(output)


def _pictures(path: Path) -> list[bytes]:
    with FilmReader(path) as reader:
        return [frame.pixels.numpy().tobytes() for frame in reader.frames()]


def _source_label(frame: int) -> str:
    return format_timecode(parse_timecode(START, RATE) + frame, RATE, drop=True)


def _written(
    path: Path, cuts: Sequence[Cut], *, reels: Sequence[str] = (), notes: dict[int, str] | None = None
) -> Path:
    """Write an EDL of cuts, its record time from 10:00:00;00."""
    lines, record = ["TITLE: test"], parse_timecode("10:00:00;00", RATE)
    for number, (start, stop) in enumerate(cuts, start=1):
        reel = reels[number - 1] if reels else "A012C005_240101_R1AB"
        ends = [_source_label(start), _source_label(stop)]
        ends += [format_timecode(record + frames, RATE, drop=True) for frames in (0, stop - start)]
        lines += [f"{number:03d} {reel} V C {' '.join(ends)}", *filter(None, [(notes or {}).get(number)])]
        record += stop - start
    path.write_text("\n".join(lines))
    return path


def _dissolving(path: Path) -> Path:
    """Write a timeline that fades in, dissolves over eight frames, has a gap, and fades out."""

    def time(frames: int) -> otio.opentime.RationalTime:
        return otio.opentime.RationalTime(frames, 30000 / 1001)

    def clip(start: int, length: int) -> otio.schema.Clip:
        media = otio.schema.ExternalReference(
            "A012C005_240101_R1AB.mov", otio.opentime.TimeRange(time(0), time(NUM_FRAMES))
        )
        return otio.schema.Clip("c", media, otio.opentime.TimeRange(time(start), time(length)))

    def cross(before: int, after: int) -> otio.schema.Transition:
        return otio.schema.Transition("", "SMPTE_Dissolve", time(before), time(after))

    gap = otio.schema.Gap(duration=time(3))
    children = [cross(0, 2), clip(60, 10), cross(4, 4), clip(20, 12), gap, clip(5, 6), cross(3, 0)]
    track = otio.schema.Track(kind=otio.schema.TrackKind.Video, children=children)
    otio.adapters.write_to_file(otio.schema.Timeline("t", tracks=[track]), str(path))
    return path


@pytest.fixture(scope="session")
def pictures() -> Callable[[Path], list[bytes]]:
    """Return `_pictures`."""
    return _pictures


@pytest.fixture(scope="session")
def source_label() -> Callable[[int], str]:
    """Return `_source_label`."""
    return _source_label


@pytest.fixture(scope="session")
def written() -> Callable[..., Path]:
    """Return `_written`."""
    return _written


@pytest.fixture(scope="session")
def dissolving() -> Callable[[Path], Path]:
    """Return `_dissolving`."""
    return _dissolving


@pytest.fixture(scope="session")
def paint() -> Callable[..., Path]:
    """Return `_paint`."""
    return _paint
