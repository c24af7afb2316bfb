"""A decoded picture, and what a picture file of any kind can say about its take."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from relook.errors import InputError, UsageError
from relook.film.pictures.spaces import ColourSpace
from relook.film.pixels import Codes
from relook.timing import is_drop_frame, parse_timecode

MOST_PIXELS: Final = 2**27
"""Largest picture that is decoded, 16384 x 8192: a header may promise any size, and memory is asked for by it."""


@dataclass(frozen=True)
class PictureFacts:
    """What a picture's header says about its take, in terms common to all formats."""

    frame_rate: Fraction | None = None
    timecode: str | None = None
    """Of this picture; None too if it does not exist at the frame rate."""
    pixel_aspect: Fraction = Fraction(1)
    """Width of a pixel over its height."""
    chromaticities: tuple[float, ...] | None = None
    """x and y of red, green, blue and white, where they are not those of BT.709; written into EXR alone."""


class Alpha(NamedTuple):
    """Transparency: codes `[h w]`, of which `white` is opaque."""

    codes: Codes
    white: float


@dataclass(frozen=True)
class Picture:
    """One picture file as it was decoded."""

    path: Path
    codes: Codes
    """`[h w]` grey or `[h w c]` in the order blue, green, red and perhaps alpha: whole numbers from 0 to
    2^bit_depth - 1, or float16 or float32 of which 1 is white."""
    bit_depth: int
    is_linear: bool = False
    """True where values are proportional to light, False where they are display-referred."""
    to_bt709: NDArray[np.float64] | None = None
    """`[3 3]` from its linear RGB to that of ITU-R BT.709; None where it is that."""
    facts: PictureFacts = PictureFacts()
    header: Any = None
    """The file's own header as its reader gives it, to be written into a file of the same kind."""
    layers: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    """Further channels, `[h w]` by name: passed on untouched to a file of the same kind."""
    space: ColourSpace | None = None
    """The named colour space of its values, if one was given; it overrides `is_linear` and `to_bt709`, which the file states."""

    @property
    def is_float(self) -> bool:
        return self.codes.dtype.kind == "f"

    @property
    def white(self) -> float:
        """The code that stands for 1."""
        return 1.0 if self.is_float else 2.0**self.bit_depth - 1

    @property
    def alpha(self) -> Codes | None:
        return self.codes[..., 3] if self.codes.ndim == 3 and self.codes.shape[2] == 4 else None

    @property
    def is_grey(self) -> bool:
        return self.codes.ndim == 2

    @property
    def pixel_format(self) -> str:
        """FFmpeg's name of the layout."""
        packed = {8: ("gray", "bgr24", "bgra"), 16: ("gray16le", "bgr48le", "bgra64le")}
        kind = 0 if self.is_grey else 1 if self.alpha is None else 2
        if not self.is_float and self.bit_depth in packed:
            return packed[self.bit_depth][kind]
        return ("gray", "gbrp", "gbrap")[kind] + ("f" if self.is_float else "") + f"{self.bit_depth}le"


def require_size(path: Path, width: int, height: int) -> None:
    """Refuse a picture that is too large, before memory is asked for.

    Raises:
        InputError: it has more than `MOST_PIXELS` pixels, or none.
    """
    if 0 < width * height <= MOST_PIXELS:
        return
    fault = "too large" if width * height > 0 else "no size"
    raise InputError(
        f"{path} claims to be {width} x {height}, which is {fault}; relook reads pictures of up to {MOST_PIXELS} "
        f"pixels (16384 x 8192): scale it down, unless it is damaged"
    )


def require_finite_picture(path: Path, codes: NDArray[Any], names: str) -> None:
    """Refuse NaN and infinity in `[h w c]`, of which `names` has a letter a channel.

    Raises:
        InputError: there is one; it is named by column, row and channel, counted from 0.
    """
    finite = np.isfinite(codes)
    if finite.all():
        return
    row, column, channel = np.argwhere(~finite)[0].tolist()
    raise InputError(
        f"{path} holds {codes[row, column, channel]} at column {column}, row {row}, channel {names[channel]} "
        f"({np.count_nonzero(~finite)} such values in all); repair the picture: a look cannot be applied to such values"
    )


def existing_timecode(text: str, rate: Fraction | None) -> str | None:
    """Return a timecode if there is one at the rate (24 where none is given), else None.

    A drop-frame sign where the rate has no drop-frame counting is left out.
    """
    for label in (text, text.replace(";", ":")) if is_drop_frame(text) else (text,):
        try:
            parse_timecode(label, rate or Fraction(24))
        except UsageError:
            continue
        return label
    return None


def holds_timecode(rate: Fraction) -> bool:
    """Say whether EXR and DPX can name the frames of a rate: they count to 30 in a second (SMPTE ST 12-1)."""
    return rate <= 30


def exact_rate(value: float) -> Fraction | None:
    """Return the usual frame rate closest to a header's rounded number; None if the number is no frame rate."""
    if not np.isfinite(value) or not 0.9 <= value <= 1000:
        return None
    for rate in (Fraction(round(value)), Fraction(round(value * 1.001) * 1000, 1001)):
        if abs(float(rate) - value) < 4e-4 * value:  # 24 and 24000/1001 are 1e-3 apart
            return rate
    return Fraction(value).limit_denominator(1001)
