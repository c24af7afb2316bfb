"""Read a damaged film to its end: where a frame is damaged or missing, the last good one stands in for it.

Frames that depend on a damaged one are damaged too, though decoders do not say so: after a fault, frames are good again from
the next key frame on. The stand-ins get the stamps that the frames would have, so that the sound stays in step.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable, Iterator
from dataclasses import replace
from fractions import Fraction
from typing import Final

import numpy as np
from av import VideoFrame

from relook.errors import InputError
from relook.film.container.counted import require_counted
from relook.film.container.decoding import lost_at_end
from relook.film.container.film_pass import FilmPass
from relook.film.container.ledger import (
    PacketFacts,
    Packets,
    Slots,
    Stamps,
    Taken,
    add_tail,
    find_slots,
    jumps,
    usual_step,
)
from relook.film.container.likeness import Likeness
from relook.film.container.messages import Ended
from relook.film.frames import Fault, FilmInfo

_MOST_HELD: Final = 32
_MOST_TAIL: Final = 10
"""If more than ten times as much is cut off as is there, the header is wrong."""
_WITHOUT_HEADER: Final = ("mpegts", "mpeg")
"""Containers whose headers state no end: FFmpeg takes it from the last stamps that it finds, whatever they are."""


class Keeper:
    """Knows a damaged film's frames by its packets, marks the damaged ones, and fills their places."""

    def __init__(self, info: FilmInfo) -> None:
        """Read all packets once, without decoding.

        Raises:
            InputError: the film has no time stamps, or more of it is missing than is there.
        """
        listing, container_name, ended = _listed(info)
        found = listing.packets
        self._order: Stamps = np.array(found.stamps, np.int64)
        self._keys = np.flatnonzero(np.frombuffer(found.keys, np.uint8))
        slots, tail = _slots_and_tail(listing, container_name, ended, info)
        self._num_before_tail = len(slots.stamps)
        self._slots = add_tail(slots, tail, 1 / (info.frame_rate * info.time_base)) if tail else slots
        self._sorter = np.argsort(self._order, kind="stable")
        self._by_stamp = self._order[self._sorter]
        self._most_held = _reordered(self._sorter)
        self._is_bad = jumps(self._order, usual_step(info))
        self._mark_neighbours_of_lost()
        self._next, self._count, self._num_unlike = 0, 0, 0
        self._likeness = Likeness(info)
        self._last: Taken | None = None

    def packet(self, packet: PacketFacts) -> None:
        pass

    def frame(self, frame: VideoFrame, aspect: Fraction | None) -> None:
        """Treat a frame unlike the others as damaged; refuse the film if a second key frame is unlike them."""
        change = self._likeness.change(frame, aspect)
        if change:
            self._num_unlike += frame.key_frame
            if self._num_unlike > 1:
                self._likeness.refuse(change, self._count)
            self.fault(frame.pts, change)
        self._count += 1

    def fault(self, pts: int | None, reason: str) -> None:
        """Mark a damaged frame and all that is decoded after it, up to the next key frame."""
        place = self._place_in_order(pts)
        if place is not None:
            self._is_bad[place : self._key_after(place)] = True

    def filled(self, frames: Iterable[VideoFrame]) -> Generator[Taken, None, None]:
        """Yield one picture for every frame that the film should have.

        A frame waits for those decoded before it but shown after it: damage in them is damage in it.
        """
        waiting: deque[VideoFrame] = deque()
        for frame in frames:
            waiting.append(frame)
            if len(waiting) > self._most_held:
                yield from self._placed(waiting.popleft())
        while waiting:
            yield from self._placed(waiting.popleft())
        yield from self._stand_ins(len(self._slots.stamps))

    def _placed(self, frame: VideoFrame) -> Iterator[Taken]:
        place, slot = self._place_in_order(frame.pts), self._slot_of(frame.pts)
        if (
            slot is None
            or slot < self._next
            or (place is not None and self._is_bad[place])
            or not self._likeness.fits(frame)
        ):
            return
        own = Taken(frame, self._stamp(slot), max(0, frame.duration or 0))
        if self._last is None:
            self._last = own
        yield from self._stand_ins(slot)
        self._last, self._next = own, slot + 1
        yield own

    def _stand_ins(self, stop: int) -> Iterator[Taken]:
        """Repeat the last good picture up to a slot; before the first good one, repeat that."""
        while self._last is not None and self._next < stop:
            yield replace(self._last, pts=self._stamp(self._next), duration=0, fault=self._fault_of(self._next))
            self._next += 1

    def _fault_of(self, slot: int) -> Fault:
        if slot >= self._num_before_tail:
            return "cut off"
        return "damaged" if self._slots.is_packet[slot] else "missing"

    def _mark_neighbours_of_lost(self) -> None:
        """Mark frames that may depend on lost ones: those decoded around and after them, up to the next key frame."""
        is_lost = ~self._slots.is_packet[: self._num_before_tail]
        edges = np.flatnonzero(np.diff(np.concatenate([[False], is_lost, [False]]).astype(np.int8)))
        stamps, reach = self._slots.stamps, self._most_held * self._slots.step
        for start, stop in zip(edges[::2], edges[1::2], strict=True):
            first, last = stamps[start], stamps[stop - 1]
            keys_before = self._keys[self._order[self._keys] < first]
            keys_after = self._keys[self._order[self._keys] > last]
            near = np.flatnonzero(self._order > first - reach)
            begin = max(int(near[0]) if len(near) else len(self._order), int(keys_before.max(initial=0)))
            end = int(keys_after.min(initial=len(self._order)))
            self._is_bad[begin : max(begin, end)] = True

    def _place_in_order(self, pts: int | None) -> int | None:
        """Find the packet with a stamp; return its number in the order of decoding."""
        if pts is None:
            return None
        found = int(np.searchsorted(self._by_stamp, pts))
        return int(self._sorter[found]) if found < len(self._by_stamp) and self._by_stamp[found] == pts else None

    def _slot_of(self, pts: int | None) -> int | None:
        return None if pts is None or not len(self._slots.stamps) else self._slots.nearest(pts)

    def _key_after(self, place: int) -> int:
        return int(self._keys[self._keys > place].min(initial=len(self._order)))

    def _stamp(self, slot: int) -> int:
        return int(self._slots.stamps[slot])


class _Listing:
    """Lists packets; it ignores faults, since decoding will meet them again."""

    def __init__(self, long: int) -> None:
        """`long`: frames that last longer than this, in units of the film's time base, count as held."""
        self.packets = Packets()
        self.held: dict[int, int] = {}
        """Durations of held frames, by stamp."""
        self._long = long

    def packet(self, packet: PacketFacts) -> None:
        self.packets.note(packet)
        if packet.pts is not None and packet.duration > self._long:
            self.held[packet.pts] = packet.duration

    def frame(self, frame: VideoFrame, aspect: Fraction | None) -> None:
        pass

    def fault(self, pts: int | None, reason: str) -> None:
        pass


def _listed(info: FilmInfo) -> tuple[_Listing, str, Ended]:
    """Read all packets of a film; return them, FFmpeg's name for the container, and how the film ended."""
    listing = _Listing(3 * usual_step(info))
    with FilmPass(info, listing, decodes=False) as film:
        deque(film.frames(), maxlen=0)
        container_name, ended = film.opened.container, film.ended
    is_out_of_order = container_name == "avi" and ended.is_reordered
    if is_out_of_order or not listing.packets.are_stamped(container_name):
        raise InputError(
            f"{info.path} has frames without time stamps, so there is no telling where lost ones belong; put it into "
            f".mkv or .mp4 first (ffmpeg -i {info.path.name} -c copy ...), or leave --on-damage keep out"
        )
    return listing, container_name, ended


def _slots_and_tail(listing: _Listing, container_name: str, ended: Ended, info: FilmInfo) -> tuple[Slots, int]:
    """Find the slots of a film's frames up to its last packet, and how many frames are cut off after it."""
    found, usual, num_frames = listing.packets, usual_step(info), len(listing.packets.stamps)
    require_counted(found, container_name, ended.num_told, info)
    slots = find_slots(found, container_name, usual, ended.num_told)
    _require_room(np.array(found.stamps, np.int64), slots, info)
    tail = 0
    if len(slots.stamps) and container_name not in _WITHOUT_HEADER:
        last = int(slots.stamps[-1])
        end = (last + listing.held.get(last, slots.step)) * info.time_base
        tail = lost_at_end(end, ended.promised, info)
    if tail > _MOST_TAIL * num_frames:
        raise InputError(
            f"{info.path} holds {num_frames} frames, but its header promises {tail} more; it is damaged: "
            f"export it again from its source"
        )
    if tail:
        slots = find_slots(found, "", usual)
    if int((~slots.is_packet).sum()) > num_frames:
        raise InputError(
            f"{info.path} is too damaged: {num_frames} frames are there, and more than that are missing; "
            f"export it again from its source"
        )
    return slots, tail


def _require_room(order: Stamps, slots: Slots, info: FilmInfo) -> None:
    """Refuse a film in which two frames share a stamp, unless others are missing whose stamps these could be."""
    doubled = len(order) - len(np.unique(order))
    if doubled > int((~slots.is_packet).sum()):
        raise InputError(
            f"{info.path} has frames with the same time stamps as others ({doubled}), so there is no telling where lost ones "
            f"belong; leave out --on-damage keep, and such a frame follows the one before it"
        )


def _reordered(sorter: Stamps) -> int:
    """Return the most frames that are shown before, but decoded after, another one."""
    ahead = sorter - np.arange(len(sorter))
    return min(_MOST_HELD, int(ahead.max(initial=0) - ahead.min(initial=0)))
