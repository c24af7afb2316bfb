"""A film with a name that is its reel, and cut lists of it."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import opentimelineio as otio

from relook.timing import format_timecode, parse_timecode

RATE, START = Fraction(30000, 1001), "00:59:59;20"
NUM_FRAMES, SIZE = 90, (72, 96)
Cut = tuple[int, int]
"""First frame of the film, and the one after the last."""


def paint_film(path: Path, *, dark: Sequence[int] = (), loudness: int = 1) -> Path:
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


def source_label(frame: int) -> str:
    return format_timecode(parse_timecode(START, RATE) + frame, RATE, drop=True)


def write_edl(
    path: Path, cuts: Sequence[Cut], *, reels: Sequence[str] = (), notes: dict[int, str] | None = None
) -> Path:
    """Write an EDL of cuts, its record time from 10:00:00;00."""
    lines, record = ["TITLE: test"], parse_timecode("10:00:00;00", RATE)
    for number, (start, stop) in enumerate(cuts, start=1):
        reel = reels[number - 1] if reels else "A012C005_240101_R1AB"
        ends = [source_label(start), source_label(stop)]
        ends += [format_timecode(record + frames, RATE, drop=True) for frames in (0, stop - start)]
        lines += [f"{number:03d} {reel} V C {' '.join(ends)}", *filter(None, [(notes or {}).get(number)])]
        record += stop - start
    path.write_text("\n".join(lines))
    return path


def write_dissolving(path: Path) -> Path:
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
