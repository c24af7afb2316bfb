"""Small films for the tests of the film room, made with PyAV alone: the reader is not tested against our own writer.

Below them, what the tests of writing read and write with.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from relook.film.frames import FilmInfo, Frame
from relook.film.reader import FilmReader, probe
from relook.film.writer import FilmWriter
from relook.timing import FrameRange

Codes = NDArray[Any]
MakeFilm = Callable[..., Path]


def noise(count: int, width: int, height: int, *, bits: int = 8, seed: int = 0) -> list[Codes]:
    """Draw RGB frames `[h w 3]`: a fixed smooth picture with fresh noise on it, codes of `bits`."""
    rng = np.random.default_rng(seed)
    ramp = np.linspace(0.1, 0.9, width)[None, :, None] * np.linspace(0.5, 1, height)[:, None, None] * [1, 0.8, 0.6]
    frames = (np.clip(ramp + rng.normal(0, 0.05, ramp.shape), 0, 1) for _ in range(count))
    return [np.rint(frame * (2**bits - 1)).astype(np.uint8 if bits == 8 else np.uint16) for frame in frames]


def video_frame(codes: Codes, pixel_format: str) -> av.VideoFrame:
    """Turn RGB codes of 8 or 16 bit into a frame of any pixel format."""
    frame = av.VideoFrame.from_ndarray(codes, format="rgb24" if codes.dtype == np.uint8 else "rgb48le")
    return frame if frame.format.name == pixel_format else frame.reformat(format=pixel_format)


@pytest.fixture
def make_film(tmp_path: Path) -> MakeFilm:
    """Return a function that writes RGB frames to a film, with sound and tags where asked."""

    def make(
        name: str,
        frames: Sequence[Codes],
        *,
        encoder: str = "ffv1",
        pixel_format: str = "bgr0",
        rate: Fraction | int = 24,
        time_base: Fraction = Fraction(1, 24),
        stamps: Sequence[int] | None = None,
        sounds: Sequence[str] = (),
        tags: dict[str, Any] | None = None,
        timecode: str = "",
        options: dict[str, str] | None = None,
    ) -> Path:
        path = tmp_path / name
        with av.open(str(path), "w", container_options={"fflags": "+bitexact"}) as container:
            stream = container.add_stream(encoder, rate=rate, time_base=time_base, options=options or {})
            stream.height, stream.width = frames[0].shape[:2]
            stream.pix_fmt = pixel_format
            for key, value in (tags or {}).items():
                setattr(stream.codec_context, key, value)
            if timecode:
                stream.metadata["timecode"] = timecode
            tracks = [container.add_stream(codec, rate=48000) for codec in sounds]
            for index, codes in enumerate(frames):
                frame = video_frame(codes, pixel_format)
                frame.pts, frame.time_base = stamps[index] if stamps else index, time_base
                for key in ("color_primaries", "color_trc", "colorspace", "color_range"):
                    if tags and key in tags:
                        setattr(frame, key, tags[key])
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
            for number, track in enumerate(tracks):
                _sing(container, track, float(len(frames) / rate), 220.0 * (number + 1))
        return path

    return make


def _sing(container: Any, track: Any, seconds: float, pitch: float) -> None:
    samples = np.sin(np.arange(int(48000 * seconds)) * pitch * 2 * np.pi / 48000) * 8000
    for start in range(0, len(samples), 1024):
        part = samples[start : start + 1024].astype(np.int16)
        sound = av.AudioFrame.from_ndarray(np.repeat(part, 2)[None], format="s16", layout="stereo")
        sound.pts, sound.sample_rate, sound.time_base = start, 48000, Fraction(1, 48000)
        container.mux(track.encode(sound))
    container.mux(track.encode(None))


@pytest.fixture(scope="session")
def draw() -> Callable[..., list[Codes]]:
    """Return `noise`."""
    return noise


def render(
    source: Path, target: Path, *, copied: bool = False, wanted: FrameRange | None = None, **kwargs: Any
) -> FilmInfo:
    with FilmReader(source) as reader, FilmWriter(target, reader.info, **kwargs) as writer:
        for frame in reader.frames(wanted):
            (writer.copy if copied else writer.write)(frame)
    return probe(target)


def stamps(path: Path, wanted: FrameRange | None = None) -> list[Fraction]:
    with FilmReader(path) as reader:
        return [native.pts * reader.info.time_base for native in reader.native_frames(wanted)]


def pixels(path: Path) -> list[torch.Tensor]:
    with FilmReader(path) as reader:
        return [frame.pixels for frame in reader.frames()]


def numbered(count: int, width: int, height: int, *, bits: int = 8) -> tuple[FilmInfo, list[Frame]]:
    """Draw frames whose pixels are exact codes, and the film they could come from."""
    values = torch.randint(0, 2**bits, (count, 3, height, width), generator=torch.Generator().manual_seed(bits))
    pixel_format = "bgr0" if bits == 8 else f"gbrp{bits}le"
    info = FilmInfo(Path("none.mkv"), "stills", width, height, Fraction(24), Fraction(1, 24), bits, pixel_format)
    return info, [Frame(i, i, 1, drawn.float() / (2**bits - 1)) for i, drawn in enumerate(values)]


@pytest.fixture(scope="session", name="render")
def _render() -> Callable[..., Any]:
    """Return `render`."""
    return render


@pytest.fixture(scope="session", name="stamps")
def _stamps() -> Callable[..., Any]:
    """Return `stamps`."""
    return stamps


@pytest.fixture(scope="session", name="pixels")
def _pixels() -> Callable[..., Any]:
    """Return `pixels`."""
    return pixels


@pytest.fixture(scope="session", name="numbered")
def _numbered() -> Callable[..., Any]:
    """Return `numbered`."""
    return numbered
