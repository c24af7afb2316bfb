"""Static HDR metadata: what the mastering display could show, and how bright the film is. Source: SMPTE ST 2086, CTA-861.3."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from fractions import Fraction
from typing import Self


@dataclass(frozen=True)
class MasteringDisplay:
    """The display that a film was graded on."""

    red: tuple[Fraction, Fraction]
    """CIE 1931 x and y."""
    green: tuple[Fraction, Fraction]
    blue: tuple[Fraction, Fraction]
    white: tuple[Fraction, Fraction]
    least_nits: Fraction
    peak_nits: Fraction

    @classmethod
    def parsed(cls, data: bytes) -> Self | None:
        """Read FFmpeg's AVMasteringDisplayMetadata; None if it is absent or incomplete."""
        if len(data) < 88:
            return None
        numbers = struct.unpack("=22i", data[:88])
        if not (numbers[20] and numbers[21] and all(numbers[1:20:2])):
            return None
        values = [Fraction(above, below) for above, below in zip(numbers[0:20:2], numbers[1:20:2], strict=True)]
        red, green, blue, white = ((values[index], values[index + 1]) for index in range(0, 8, 2))
        return cls(red, green, blue, white, least_nits=values[8], peak_nits=values[9])

    def __str__(self) -> str:
        return f"{float(self.least_nits):g} to {float(self.peak_nits):g} nits"

    def x265(self) -> str:
        """Write it as x265's option: chromaticities in 1/50000, nits in 1/10000, green first."""
        points = [
            f"{letter}({round(x * 50000)},{round(y * 50000)})"
            for letter, (x, y) in (("G", self.green), ("B", self.blue), ("R", self.red), ("WP", self.white))
        ]
        return "".join(points) + f"L({round(self.peak_nits * 10000)},{round(self.least_nits * 10000)})"


@dataclass(frozen=True)
class LightLevel:
    """The brightest pixel of a film, and its brightest frame on average, in nits."""

    most_nits: int
    frame_average_nits: int

    @classmethod
    def parsed(cls, data: bytes) -> Self | None:
        """Read FFmpeg's AVContentLightMetadata; None if it is absent."""
        return cls(*struct.unpack("=2I", data[:8])) if len(data) >= 8 else None

    def __str__(self) -> str:
        return f"at most {self.most_nits} nits, {self.frame_average_nits} on a frame's average"
