"""MXF lets sound begin and end with the pictures: what is longer is cut, what is shorter is filled with silence, and both are told."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from relook.film.container.even_sound import EvenSound
from relook.film.container.fate import fates
from relook.timing import FrameRange
from tests.film.container.copies import copy, found

FRAMES, RATE = 25, 48000
NUM_FRAMES, LENGTH = 5, 9600
"""Of the pictures; the length in samples."""
WIDTH, HEIGHT = 256, 128
"""The least that DNxHR takes, nearly."""


def counted(start: int, stop: int) -> np.ndarray[Any, np.dtype[np.int16]]:
    """Give samples that say where they are: 1 to 30000, again and again."""
    return (np.arange(start, stop) % 30_000 + 1).astype(np.int16)


def film(path: Path, *, samples: int = LENGTH, late: int = 0, pictures_late: int = 0) -> Path:
    """Make five pictures with sound that begins so many samples, and pictures that begin so many frames, after 0."""
    with av.open(str(path), "w") as made:
        stream: Any = made.add_stream("ffv1" if path.suffix == ".mkv" else "prores_ks", rate=FRAMES)
        stream.width, stream.height = WIDTH, HEIGHT
        stream.pix_fmt = "yuv422p" if path.suffix == ".mkv" else "yuv422p10le"
        stream.codec_context.time_base = Fraction(1, FRAMES)
        track: Any = made.add_stream("pcm_s16le", rate=RATE, layout="mono")
        for number in range(NUM_FRAMES):
            picture = av.VideoFrame(WIDTH, HEIGHT, stream.pix_fmt)
            for plane in picture.planes:
                plane.update(bytes(plane.buffer_size))
            picture.pts, picture.time_base = number + pictures_late, Fraction(1, FRAMES)
            made.mux(stream.encode(picture))
        made.mux(stream.encode(None))
        for start in range(0, samples, 1024):
            part = av.AudioFrame.from_ndarray(counted(start, min(samples, start + 1024))[None], layout="mono")
            part.pts, part.sample_rate, part.time_base = start + late, RATE, Fraction(1, RATE)
            made.mux(track.encode(part))
        made.mux(track.encode(None))
    return path


def heard(path: Path) -> Any:
    with av.open(str(path)) as container:
        return np.concatenate([frame.to_ndarray()[0] for frame in container.decode(audio=0)])


@pytest.mark.parametrize(
    ("ending", "samples", "late", "pictures_late"),
    [
        (".mov", LENGTH, 0, 0),
        (".mkv", LENGTH, 0, 0),
        (".mov", 9_000, 0, 0),
        (".mov", 6_000, 2_400, 0),
        (".mkv", 20_000, 0, 2),
    ],
    ids=["even", "even in Matroska", "short", "late", "long and early"],
)
def test_sound_of_another_length_goes_into_mxf_and_is_told(
    tmp_path: Path, ending: str, samples: int, late: int, pictures_late: int
) -> None:
    """IN14. Without this its muxer leaves out pictures, and late sound comes at once."""
    source = film(tmp_path / f"in{ending}", samples=samples, late=late, pictures_late=pictures_late)
    sound = heard(copy(source, tmp_path / "o.mxf"))
    early = pictures_late * RATE // FRAMES
    body = counted(early, min(samples, LENGTH + early - late))
    assert np.array_equal(sound, np.concatenate([np.zeros(late), body, np.zeros(LENGTH - late - len(body))]))
    (fate,) = [fate for fate in fates(found(source), Path("o.mxf")) if "sound" in fate.what]
    is_even = (samples, late, pictures_late) == (LENGTH, 0, 0)
    assert (fate.end, "filled with silence" in fate.why) == (("kept", False) if is_even else ("changed", True))


def test_a_part_of_a_film_goes_into_mxf_with_its_sound(tmp_path: Path) -> None:
    source = film(tmp_path / "in.mov")
    sound = heard(copy(source, tmp_path / "o.mxf", FrameRange(1, 4)))
    assert np.array_equal(sound, counted(1 * 1920, 4 * 1920))


@given(
    st.lists(st.tuples(st.integers(0, 40), st.integers(1, 50)), max_size=12), st.integers(-60, 60), st.integers(1, 300)
)
def test_every_sample_beside_the_pictures_keeps_its_time(parts: list[tuple[int, int]], first: int, most: int) -> None:
    """Draw where packets lie; what comes out is the sound on its time line, silence between, cut to the pictures."""
    even = EvenSound("pcm_s16le", channels=1, rate=100, lasts=Fraction(most, 100))
    line, out, at = np.zeros(most, np.int16), b"", first
    for gap, length in parts:
        at += gap
        data = (np.arange(length) + at + 1000).astype("<i2")
        out += b"".join(even.fitted(data.tobytes(), Fraction(at, 100)))
        begin, end = max(at, 0), min(at + length, most)
        if begin < end:
            line[begin:end] = data[begin - at : end - at]
        at += length
    out += b"".join(even.silence())
    assert np.array_equal(np.frombuffer(out, "<i2"), line)


def test_sound_that_goes_back_in_time_is_refused() -> None:
    even = EvenSound("pcm_s24le", channels=2, rate=1000, lasts=Fraction(1))
    assert len(b"".join(even.fitted(bytes(600), Fraction(0)))) == 600
    with pytest.raises(ValueError, match="the same time"):
        next(even.fitted(bytes(600), Fraction(1, 20)))
