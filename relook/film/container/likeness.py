"""Compare every frame of a film with its first: size, pixel format and pixel aspect must stay the same."""

from __future__ import annotations

from fractions import Fraction

from av import VideoFrame

from relook.errors import InputError
from relook.film.container.ledger import place_text
from relook.film.frames import FilmInfo


class Likeness:
    """Knows what all frames of a film have in common."""

    def __init__(self, info: FilmInfo) -> None:
        self._info = info
        self._format, self._aspect = "", Fraction(1)

    def change(self, frame: VideoFrame, aspect: Fraction | None) -> str:
        """Say in words what differs between a frame and the first one; empty if nothing does."""
        info, shape = self._info, aspect or Fraction(1)
        if not self._format:
            self._format, self._aspect = frame.format.name, shape
        if not self._has_size(frame):
            return f"size from {info.width} x {info.height} to {frame.width} x {frame.height}"
        if frame.format.name != self._format:
            return f"pixel format from {self._format} to {frame.format.name}"
        if shape != self._aspect:
            return f"pixel aspect from {self._aspect} to {shape}"
        return ""

    def fits(self, frame: VideoFrame) -> bool:
        """Say whether a frame has the size and the pixel format of the others."""
        return self._has_size(frame) and frame.format.name == self._format

    def _has_size(self, frame: VideoFrame) -> bool:
        return (frame.width, frame.height) == (self._info.width, self._info.height)

    def refuse(self, change: str, frame: int) -> None:
        """Raise the error for a film that changes at a frame."""
        raise InputError(
            f"{self._info.path} changes its {change} at frame {place_text(frame, self._info)}; split it there into two films"
        )
