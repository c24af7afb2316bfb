"""Facts about an output's frames that survive interruptions, for use once all are written."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field

from torch import Tensor

from relook.film.frames import Damage, Fault, FilmInfo, Frame, follows_evenly
from relook.timing import FrameRange


@dataclass(frozen=True)
class _Last:
    """The last frame's place in its film."""

    index: int
    pts: int


@dataclass
class Tally:
    """Facts gathered over consecutive frames."""

    hashes: list[str] = field(default_factory=list)
    """`frame_hash` of every frame."""
    faults: dict[int, Fault] = field(default_factory=dict)
    """Why frames are not the film's own, by their number in the source."""
    num_clipped: int = 0
    """Frames with values that the output cannot hold."""
    lost: list[str] = field(default_factory=list)
    """Layers and metadata of the source's pictures that the output cannot hold, in words."""
    is_uneven: bool = False
    """True if the time between two frames does not agree with their numbers."""
    last: _Last | None = None

    def add(self, frame: Frame, info: FilmInfo) -> None:
        """Take in one frame."""
        self.hashes.append(frame_hash(frame))
        if frame.fault:
            self.faults[frame.index] = frame.fault
        if self.last is not None:
            self.is_uneven |= not follows_evenly(self.last, frame, info)
        self.last = _Last(frame.index, frame.pts)

    def include(self, later: Tally) -> None:
        """Take in the frames that follow."""
        self.hashes += later.hashes
        self.faults |= later.faults
        self.num_clipped += later.num_clipped
        self.note_lost(later.lost)
        self.is_uneven |= later.is_uneven
        self.last = later.last

    def note_lost(self, words: Iterable[str]) -> None:
        """Add to what is lost, without repeats, in order."""
        self.lost = sorted({*self.lost, *words})

    @property
    def damage(self) -> tuple[Damage, ...]:
        """List the ranges of frames that are not the film's own."""
        found: list[Damage] = []
        for index, reason in sorted(self.faults.items()):
            if found and (found[-1].reason, found[-1].frames.stop) == (reason, index):
                found[-1] = Damage(FrameRange(found[-1].frames.start, index + 1), reason)
            else:
                found.append(Damage(FrameRange(index, index + 1), reason))
        return tuple(found)


def frame_hash(frame: Frame) -> str:
    """Digest a frame's pixels, and the values beyond them, with SHA-256 (hex)."""
    digest = hashlib.sha256(_flat(frame.pixels))
    if frame.beyond is not None:
        digest.update(_flat(frame.beyond))
    return digest.hexdigest()


def _flat(values: Tensor) -> memoryview:
    """View the values as contiguous memory, copying only if they are not."""
    return values.contiguous().numpy().reshape(-1).data
