"""Join the stretches of encoded pictures into one film, with sound beside them, stamps and tags as in the source."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

from av.packet import Packet
from av.stream import Stream

from relook import faults
from relook.film.container.codecs import Plan
from relook.film.container.encoder import Coded, Origin, Pictures, offset_of
from relook.film.container.fate import carried
from relook.film.container.inventory import Inventory
from relook.film.container.matroska import COUNT_TAG, COUNT_UNKNOWN
from relook.film.container.output import add_pictures, describe, open_output, set_chapters, time_base
from relook.film.container.tracks import Tracks
from relook.film.frames import FilmInfo
from relook.timing import advance_timecode


@dataclass(frozen=True)
class Joined:
    """What went into a film, to be compared with what can be read from it."""

    stamps: tuple[int, ...]
    """Stamps of the pictures in order, in units of `time_base`."""
    time_base: Fraction
    tracks: dict[int, tuple[int, int, str]] = field(default_factory=dict)
    """For each other stream of sound or pictures: the number of packets and of bytes, and the bytes' SHA-256 (hex)."""
    num_lost: int = 0
    """How many damaged sound packets were left out."""


def join(
    target: Path,
    stretches: Sequence[tuple[Path, Pictures]],
    plan: Plan,
    found: Inventory,
    *,
    whole: bool,
    tracks: Tracks | None,
) -> Joined:
    """Fill a container with encoded pictures from files, interleaved with the source's other streams.

    Args:
        tracks: the source's other streams; None leaves them out.
    """
    source, origin = found.film, stretches[0][1].origin
    base = time_base(source, plan)
    coded = [picture for _, pictures in stretches for picture in pictures.coded]
    stamps = sorted(picture.pts for picture in coded)
    usual = max(1, round(1 / (source.frame_rate * base)))
    offset = offset_of(origin, plan, whole=whole) * source.time_base
    output = open_output(str(target), source, plan)
    try:
        stream = add_pictures(output, source, plan, found)
        if plan.muxer == "matroska":
            stream.metadata[COUNT_TAG] = COUNT_UNKNOWN
        describe(output, stream, found, _timecode(source, origin, whole=whole))
        if whole:
            set_chapters(output, found)
        if tracks is not None:
            tracks.attach(output, carried(found, plan))
        for picture, data, dts in zip(coded, _data(stretches), decoding_stamps(coded, stamps, usual), strict=True):
            if tracks is not None:
                tracks.write_until(output, dts * base + offset)
            packet = _packet(picture, data, dts=dts, base=base)
            packet.stream = stream
            faults.point("join.packet")
            output.mux(packet)
        if tracks is not None:
            end = max(picture.pts + picture.duration for picture in coded)
            tracks.write_until(output, None if whole else end * base + offset)
            tracks.write_silence(output)
        faults.point("join.close")
    finally:
        if tracks is not None:
            tracks.close()
        output.close()
    heard, num_lost = (dict(tracks.told), tracks.num_lost) if tracks is not None else ({}, 0)
    return Joined(tuple(stamps), base, heard, num_lost)


def _packet(picture: Coded, data: bytes, *, dts: int, base: Fraction) -> Packet[Stream]:
    packet = Packet(data)
    packet.pts, packet.dts, packet.duration, packet.time_base = picture.pts, dts, picture.duration, base
    packet.is_keyframe = picture.is_key
    return packet


def decoding_stamps(coded: Sequence[Coded], stamps: Sequence[int], usual: int) -> list[int]:
    """Return each picture's decoding stamp: the stamps in order, delayed until none is later than its picture's own.

    Args:
        coded: in the order of decoding.
        stamps: all pictures' stamps, in order.
        usual: the distance of the stamps that are added before the first.
    """
    delay = 0
    for number, picture in enumerate(coded):
        while number >= delay and stamps[number - delay] > picture.pts:
            delay += 1
    early = [stamps[0] - usual * count for count in range(delay, 0, -1)]
    return [*early, *stamps][: len(coded)]


def _data(stretches: Sequence[tuple[Path, Pictures]]) -> Iterator[bytes]:
    for path, pictures in stretches:
        with path.open("rb") as file:
            for picture in pictures.coded:
                yield file.read(picture.size)


def _timecode(source: FilmInfo, origin: Origin, *, whole: bool) -> str | None:
    """Return the timecode of the first frame that is written."""
    if source.timecode and not whole and origin.index:
        return advance_timecode(source.timecode, origin.index + origin.drift, source.frame_rate)
    return source.timecode
