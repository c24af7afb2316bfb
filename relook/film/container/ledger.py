"""The ledger of a film's frames: each frame that it should have was decoded or is known to be damaged.

FFmpeg skips lost data without a word: a Matroska film with a few hundred damaged bytes plays on with 72 of its 96
frames and no error. Three things reveal it: packets that yield no frame, gaps between the stamps of a film of
constant rate, and an end before the one that the header promises. A film begins with its first key frame; what depends
on earlier frames cannot be decoded at all.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Final

import numpy as np
from av import VideoFrame
from numpy.typing import NDArray

from relook.errors import InputError, UsageError
from relook.film.frames import Fault, FilmInfo
from relook.timing import advance_timecode, duration_text

Stamps = NDArray[np.int64]

_LISTING_NO_FRAMES: Final = ("matroska,webm", "mpegts", "mpeg", "flv", "")
"""Containers that store stamps beside the frames, so that both are lost together; where an index lists all frames
(MP4, MOV, MXF), a gap is intended. The empty name stands for a film whose index is useless because it was cut off."""

NO_STAMP: Final = -(2**62)

_REGULAR_SHARE: Final = 0.9
"""Smallest share of usual steps in a film of constant rate: lost frames leave few unusual ones."""
_MOST_LOST: Final = 1_000_000
"""Most lost frames that are given slots, or twice as many as are there: a damaged stamp may lie years ahead."""
_JUMP_STEPS: Final = 32
"""A stamp this many steps from both its neighbours in the order of decoding is itself damaged: codecs reorder up to 16."""


@dataclass(frozen=True)
class Taken:
    """A picture as it is shown."""

    picture: VideoFrame
    pts: int | None
    """None if the film has no stamps."""
    duration: int
    fault: Fault = ""
    """Not empty if the picture stands in for a damaged one."""


def as_decoded(frames: Iterable[VideoFrame], container: str) -> Iterator[Taken]:
    """Give every frame the stamp that the decoder reports.

    AVI stores only the order of decoding and begins at 0; there the time at which a frame comes out is its stamp.
    """
    began: int | None = None
    for frame in frames:
        if container == "avi" and frame.dts is not None:
            began = frame.dts if began is None else began
            yield Taken(frame, frame.dts - began, max(0, frame.duration or 0))
        else:
            yield Taken(frame, None if container == "avi" else frame.pts, max(0, frame.duration or 0))


@dataclass(frozen=True)
class PacketFacts:
    """What is known of a packet without decoding it."""

    pts: int | None
    duration: int
    """In units of the stream's time base; 0 if it is not known."""
    size: int
    """In bytes; an empty packet repeats the previous frame, or ends the film."""
    is_keyframe: bool
    is_discard: bool
    """True if an edit list hides its frame."""


@dataclass
class Packets:
    """The stamps of a film's picture packets, in the order in which they are decoded."""

    stamps: array[int] = field(default_factory=lambda: array("q"))
    keys: bytearray = field(default_factory=bytearray)
    """1 where decoding can begin."""
    first_key: int | None = None
    """The stamp of the first key frame, even where an edit list hides it."""

    def note(self, packet: PacketFacts) -> None:
        """Take a packet into account, unless an edit list hides its frame."""
        if packet.is_keyframe and self.first_key is None:
            self.first_key = packet.pts
        if packet.size and not packet.is_discard:
            self.stamps.append(NO_STAMP if packet.pts is None else packet.pts)
            self.keys.append(packet.is_keyframe)

    def are_stamped(self, container: str) -> bool:
        """Say whether every packet has a stamp, or so few lack one that theirs must be damaged."""
        if not self.stamps:
            return True
        without = self.stamps.count(NO_STAMP)
        lost = container in _LISTING_NO_FRAMES and without <= 0.1 * len(self.stamps) and self.stamps[0] != NO_STAMP
        return without == 0 or lost


@dataclass(frozen=True)
class Slots:
    """The stamps that a film's frames should have, in the order in which they are shown."""

    stamps: Stamps
    is_packet: NDArray[np.bool_]
    """False where the stamp belongs to a lost frame."""
    step: int
    """The usual distance between two stamps."""

    def nearest(self, pts: int) -> int | None:
        """Find the slot of a stamp, at most half a step away."""
        right = int(np.searchsorted(self.stamps, pts))
        near = min((n for n in (right - 1, right) if 0 <= n < len(self.stamps)), key=lambda n: self._off(n, pts))
        return near if self._off(near, pts) <= self.step / 2 else None

    def _off(self, slot: int, pts: int) -> int:
        return abs(int(self.stamps[slot]) - pts)


def find_slots(packets: Packets, container: str, usual: int, num_told: int | None = None) -> Slots:
    """Infer from its packets which frames a film should have, from the first key frame on.

    Args:
        container: FFmpeg's name for its format.
        usual: the distance of two frames by the film's frame rate, in units of its time base.
        num_told: how many packets there are, if the film says so.
    """
    listed = container not in _LISTING_NO_FRAMES or (num_told is not None and len(packets.stamps) >= num_told)
    order = np.array([stamp for stamp in packets.stamps if stamp != NO_STAMP], np.int64)
    if len(order) == 0:
        return Slots(order, np.ones(0, np.bool_), usual)
    first_key = order.min() if packets.first_key is None else packets.first_key
    stamps = np.unique(order if listed else order[~jumps(order, usual)])
    stamps = stamps[stamps >= first_key]
    steps = np.diff(stamps)
    step = max(1, int(np.median(steps))) if len(steps) else usual
    is_regular = np.abs(steps - step) <= max(1, step // 10)
    if listed or not len(steps) or is_regular.mean() < _REGULAR_SHARE:
        return Slots(stamps, np.ones(len(stamps), np.bool_), step)
    stamps = stamps[np.concatenate([[True], steps * 2 > step])]
    return _with_lost(stamps, step)


def jumps(order: Stamps, step: int) -> NDArray[np.bool_]:
    """Mark stamps, in the order of decoding, that lie far from their neighbours on both sides."""
    if len(order) < 3:
        return np.zeros(len(order), np.bool_)
    far = np.abs(np.diff(order)) > _JUMP_STEPS * step
    return np.concatenate([[False], far]) & np.concatenate([far, [True]])


def _with_lost(stamps: Stamps, step: int) -> Slots:
    """Fill gaps longer than one and a half steps with stamps, within reason."""
    steps = np.diff(stamps)
    most = max(2 * len(stamps), _MOST_LOST)
    lost = np.where(steps * 2 > step * 3, np.minimum(np.rint(steps / step), most).astype(np.int64) - 1, 0)
    lost = np.diff(np.minimum(np.cumsum(lost), most), prepend=0)
    counts = np.concatenate([lost, [0]]) + 1
    place = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    lengths = np.concatenate([steps, [0]])
    filled = np.repeat(stamps, counts) + np.rint(place * np.repeat(lengths / counts, counts)).astype(np.int64)
    return Slots(filled, place == 0, step)


def add_tail(slots: Slots, num_frames: int, rate_step: Fraction) -> Slots:
    """Append the frames between a film's last one and the end that its header promises."""
    last = int(slots.stamps[-1])
    tail = np.array([last + round(rate_step * (n + 1)) for n in range(num_frames)], np.int64)
    return Slots(
        np.concatenate([slots.stamps, tail]),
        np.concatenate([slots.is_packet, np.zeros(num_frames, np.bool_)]),
        slots.step,
    )


def require_all(slots: Slots, decoded: Sequence[int], num_unstamped: int, info: FilmInfo) -> None:
    """Refuse a film with a missing frame that its decoder did not report.

    A frame counts as there where one was decoded within 0.6 steps of its stamp: some codecs give packets to single
    fields, and to pictures that are never shown, with stamps beside those of their frames. Each decoded frame without
    a stamp makes up for one.
    """
    if not len(slots.stamps) or not decoded:
        return
    shown = np.unique(np.array(decoded, np.int64))
    steps = np.diff(shown)
    reach = 0.6 * max(slots.step, int(np.median(steps)) if len(steps) else 0)
    right = np.searchsorted(shown, slots.stamps)
    off = np.minimum(
        np.abs(shown[np.clip(right, 0, len(shown) - 1)] - slots.stamps),
        np.abs(shown[np.clip(right - 1, 0, len(shown) - 1)] - slots.stamps),
    )
    is_lost = (off > reach) & (slots.stamps > shown[0])
    num_lost = int(is_lost.sum()) - num_unstamped
    if num_lost > 0:
        raise InputError(
            f"{info.path} is damaged: {len(slots.stamps) - num_lost} of about {len(slots.stamps)} frames could be read, "
            f"and frame {place_text(int(is_lost.argmax()), info)} is the first of those missing; {REMEDY}"
        )


REMEDY: Final = "export it again from its source, or apply with --on-damage keep, which repeats the last good frame"


def place_text(frame: int, info: FilmInfo) -> str:
    """Name a frame by number, time and timecode."""
    return f"{frame} ({duration_text(frame / info.frame_rate)}, {timecode_of(frame, info)})"


def timecode_of(frame: int, info: FilmInfo) -> str:
    """Return a frame's timecode in the film's own count, or from zero if that does not reach so far."""
    with suppress(UsageError):
        return advance_timecode(info.timecode or "00:00:00:00", frame, info.frame_rate)
    return advance_timecode("00:00:00:00", frame, info.frame_rate)


def usual_step(info: FilmInfo) -> int:
    """Return the distance between two frames at the film's frame rate, in units of its time base."""
    return max(1, round(1 / (info.frame_rate * info.time_base)))
