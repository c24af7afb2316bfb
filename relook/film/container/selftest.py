"""Try every codec for real: write a few frames in memory as relook writes films, and read them back."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Final

import av
import numpy as np
from av import VideoFrame, library_versions
from av.container import InputContainer

from relook.film.container.codecs import Plan, film_endings, plan_film
from relook.film.container.output import add_pictures, open_output, tag, time_base
from relook.film.frames import FilmInfo

_SIZE: Final = (256, 144)
"""Width and height in pixels: the smallest that DNxHR accepts."""
_NUM_FRAMES: Final = 3
_MOST_OFF: Final = 8
"""How far a grey wedge may come back wrong on average, in 8-bit codes."""
_AV1_SIZE: Final = 64
_AV1: Final = base64.b64decode(
    "REtJRgAAIABBVjAxQABAABgAAAABAAAAAQAAAAAAAAAdAAAAAAAAAAAAAAASAAoKAAAAAq//jV8wCDINEADXAhlkwwIAAAgBXg=="
)
"""A film of one grey 64 x 64 picture, encoded by SVT-AV1: relook reads AV1 but does not write it."""

_ERRORS: Final = (av.error.FFmpegError, OSError, ValueError)
"""What PyAV raises; ValueError if FFmpeg was built without a codec."""


def library_words() -> str:
    """Name the FFmpeg libraries that PyAV includes."""
    wanted = ("libavcodec", "libavformat", "libavutil", "libswscale")
    return ", ".join(f"{name} {'.'.join(map(str, library_versions[name]))}" for name in wanted)


def plans() -> Iterator[Plan]:
    """Return a plan for every codec that films are written in."""
    seen = set()
    for ending in film_endings():
        for pixel_format, bits in (("yuv420p", 8), ("yuv422p10le", 10)):
            plan = plan_film(Path(f"trial{ending}"), _source(pixel_format, bits))
            if plan.codec.title not in seen:
                seen.add(plan.codec.title)
                yield plan


def codec_fault(plan: Plan) -> str | None:
    """Write a few frames and read them back; say what went wrong."""
    try:
        return _round_trip(plan)
    except _ERRORS as error:
        return _reason(error)


def av1_fault() -> str | None:
    """Decode a picture in AV1; say what went wrong."""
    try:
        with av.open(io.BytesIO(_AV1), "r") as container:
            assert isinstance(container, InputContainer)
            sizes = [(frame.width, frame.height) for frame in container.decode(video=0)]
    except _ERRORS as error:
        return _reason(error)
    return None if sizes == [(_AV1_SIZE, _AV1_SIZE)] else "no picture came out"


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)


def _source(pixel_format: str, bits: int) -> FilmInfo:
    return FilmInfo(
        path=Path("trial"),
        kind="film",
        width=_SIZE[0],
        height=_SIZE[1],
        frame_rate=Fraction(24),
        time_base=Fraction(1, 24),
        bit_depth=bits,
        pixel_format=pixel_format,
    )


def _round_trip(plan: Plan) -> str | None:
    source, target = _source(plan.pixel_format, 8), io.BytesIO()
    wedge = np.linspace(0, 255, _SIZE[0]).astype(np.uint8)
    shown = VideoFrame.from_ndarray(np.tile(wedge[None, :, None], (_SIZE[1], 1, 3)), format="rgb24")
    with open_output(target, source, plan) as output:
        stream = add_pictures(output, source, plan)
        for number in range(_NUM_FRAMES):
            frame = shown.reformat(format=plan.pixel_format)
            tag(frame, plan.colour)
            frame.pts, frame.time_base = number, time_base(source, plan)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    target.seek(0)
    with av.open(target, "r") as container:
        assert isinstance(container, InputContainer)
        frames = [frame.to_ndarray(format="gray") for frame in container.decode(video=0)]
    if len(frames) != _NUM_FRAMES:
        return f"{len(frames)} of {_NUM_FRAMES} frames came back"
    wanted = shown.reformat(format=plan.pixel_format).to_ndarray(format="gray").astype(np.int16)
    off = max(float(np.abs(frame - wanted).mean()) for frame in frames)
    return None if off <= _MOST_OFF else f"frames came back wrong by {off:.0f} of 255"
