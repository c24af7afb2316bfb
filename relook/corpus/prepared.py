"""What a corpus holds, and what was left out of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from relook.timing import FrameRange

Side = Literal["source", "style"]
SIDES: tuple[Side, Side] = ("source", "style")
Reason = Literal["black", "single_colour", "blurred", "duplicate", "title", "over_limit"]


@dataclass(frozen=True)
class PreparedShot:
    """Frames of one shot, stored in one array."""

    name: str
    """Names the array in the corpus folder: "style-0003"."""
    side: Side
    origin: str
    """The film that it comes from, as text."""
    height: int
    width: int
    held_out: bool
    """True where training must never see it."""
    runs: tuple[FrameRange, ...]
    """Ranges of the array whose frames follow each other in the film; a still is a run of one."""
    film_frames: tuple[int, ...]
    """The number in its film of every stored frame."""
    bit_depth: int
    seconds: float
    """How much of the film it stands for."""

    @property
    def num_frames(self) -> int:
        """Return how many frames are stored."""
        return len(self.film_frames)

    @property
    def first_frame(self) -> int:
        """Return the number in its film of the first stored frame."""
        return self.film_frames[0]

    @property
    def num_pairs(self) -> int:
        """Return how many pairs of consecutive frames its runs hold."""
        return sum(len(run) - 1 for run in self.runs)

    @property
    def dtype(self) -> type[np.unsignedinteger[Any]]:
        """Return the type of the stored values: uint8 for 8-bit footage, else uint16 scaled to its full range."""
        return np.uint8 if self.bit_depth <= 8 else np.uint16


@dataclass(frozen=True)
class AnchorPair:
    """A frame and what an artist made of it, stored in one array `[2 h w 3]`, uint16."""

    name: str
    """Names the array in the corpus folder: "pair-0000"."""
    source: str
    target: str
    """The files that they came from, as text."""
    height: int
    width: int


@dataclass(frozen=True)
class Dropped:
    """Frames of one film that were left out for one reason."""

    side: Side
    origin: str
    reason: Reason
    frames: tuple[FrameRange, ...]
    """Numbers in the film."""

    @property
    def num_frames(self) -> int:
        """Return how many frames these are."""
        return sum(map(len, self.frames))

    @property
    def numbers(self) -> tuple[int, ...]:
        """Return each frame's number in the film."""
        return tuple(frame for frames in self.frames for frame in range(frames.start, frames.stop))


@dataclass(frozen=True)
class Sufficiency:
    """Whether the footage is enough to learn a look from."""

    level: Literal["good", "fair", "poor"]
    text: str
    """The verdict in plain words, what was dropped included."""


@dataclass(frozen=True)
class Lost:
    """A shot, or an artist's pair, whose array could no longer be used while it was drawn from."""

    name: str
    num_frames: int
    why: str
