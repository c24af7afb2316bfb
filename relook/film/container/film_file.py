"""A film file on its way to disk: encoded in stretches, joined, read back, then published."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

from av import VideoFrame
from pydantic import TypeAdapter

from relook import faults
from relook.errors import InputError, RelookError, ResourceError
from relook.film.container.codecs import Plan, plan_film
from relook.film.container.encoder import Encoder, Origin, Pictures, offset_of, samples
from relook.film.container.inventory import inventory
from relook.film.container.joining import Joined, join
from relook.film.container.matroska import set_frame_count, set_sample_aspect
from relook.film.container.opening import open_film, picture_stream
from relook.film.container.tracks import Heard, Tracks
from relook.film.frames import FilmInfo, Frame, WriteSettings
from relook.film.journal import Stretch
from relook.film.part import Part
from relook.film.publish import disk_errors, file_hash

_PICTURES: Final = TypeAdapter(Pictures)


class FilmFile:
    """A film file being written; it is published only after it has been read back whole."""

    def __init__(self, part: Part, source: FilmInfo, settings: WriteSettings, done: list[Stretch]) -> None:
        """Continue after the stretches that are done."""
        self._part, self._source, self._settings = part, source, settings
        self._stretches = [
            (part.path / next(iter(d.files)), _PICTURES.validate_python(d.facts["pictures"])) for d in done
        ]
        self._found = inventory(source)
        self._origin = self._stretches[0][1].origin if self._stretches else None
        self._num_done = done[-1].stop if done else 0
        self._encoder: Encoder | None = None
        self.num_lost_packets = 0
        """How many damaged packets of the sound were left out, once the film is joined."""

    @staticmethod
    def understands(stretch: Stretch) -> bool:
        """Say whether a stretch recorded by another process has all that joining its pictures needs."""
        try:
            pictures = _PICTURES.validate_python(stretch.facts["pictures"])
        except (KeyError, ValueError):
            return False
        is_whole = len(pictures.coded) == stretch.stop - stretch.start
        return len(stretch.files) == 1 and is_whole and all(one.size >= 0 for one in pictures.coded)

    def add(self, frame: Frame, *, copied: bool) -> None:
        """Encode one frame: its pixels, or with `copied` the decoder's own frame where there is one."""
        untouched = copied and isinstance(frame.native, VideoFrame)
        with disk_errors(self._part.final):
            if self._origin is None:
                self._origin = Origin(frame.index, frame.pts, frame.drift, untouched)
            if self._encoder is None:
                whole, done = self._settings.whole, self._num_done
                self._encoder = Encoder(self._path(), self._plan(), self._found, self._origin, whole=whole, done=done)
            self._encoder.encode(frame, untouched=untouched)

    def commit(self) -> tuple[dict[str, str], dict[str, Any]]:
        """Sync the stretch to disk; return its files with their hashes, and the facts to record about it."""
        assert self._encoder is not None
        path = self._path()
        with disk_errors(self._part.final):
            pictures, digest = self._encoder.finish()
        facts = {"pictures": _PICTURES.dump_python(pictures, mode="json"), "num_clipped": self._encoder.num_clipped}
        self._encoder = None
        self._stretches.append((path, pictures))
        self._num_done += len(pictures.coded)
        return {path.name: digest}, facts

    def finish(self) -> str:
        """Join the stretches and read the film back; return its SHA-256 (hex)."""
        if self._origin is None:
            raise InputError(f"nothing was written to {self._part.final}: no frame was given")
        made = self._part.made
        with disk_errors(self._part.final):
            faults.point("join.begin")
            tracks, whole = self._tracks(self._origin), self._settings.whole
            joined = join(made, self._stretches, self._plan(), self._found, whole=whole, tracks=tracks)
            self.num_lost_packets = joined.num_lost
            self._keep_sample_aspect(made)
            self._keep_count(made, len(joined.stamps))
            faults.point("join.read_back")
        fault = read_back(made, joined, [pictures for _, pictures in self._stretches])
        if fault is not None:
            raise ResourceError(
                f"{self._part.final} was written but does not read back whole ({fault}); its disk may be full or "
                f"faulty, and nothing was published: check the disk and run the same command again; if this message comes "
                f"again, remove {self._part.path} first"
            )
        digest = file_hash(made)
        assert digest is not None
        return digest

    def discard(self) -> None:
        """Close the open file."""
        if self._encoder is not None:
            self._encoder.close()

    def _path(self) -> Path:
        """Return the file of the stretch being written."""
        return self._part.path / f"{len(self._stretches):06d}.pictures"

    def _plan(self) -> Plan:
        untouched = self._origin is not None and self._origin.untouched
        return plan_film(self._part.final, self._source, codec=self._settings.codec, untouched=untouched)

    def _tracks(self, origin: Origin) -> Tracks | None:
        if not self._settings.with_audio or self._source.kind != "film":
            return None
        start = offset_of(origin, self._plan(), whole=self._settings.whole) * self._source.time_base
        evenly = self._num_done / self._source.frame_rate if self._plan().counts_frames else None
        return Tracks(
            self._source.path,
            start=start or None,
            is_part=not self._settings.whole,
            keeps_damage=self._settings.keeps_damage,
            evenly=evenly,
        )

    def _keep_sample_aspect(self, made: Path) -> None:
        source, ending = self._source, self._part.final.suffix.lower()
        if ending in (".mkv", ".webm") and source.sample_aspect != 1:
            try:
                set_sample_aspect(made, source.width, source.height, source.sample_aspect)
            except ValueError as error:
                raise ResourceError(
                    f"{self._part.final} cannot keep pixels of {source.sample_aspect}: {error}; write .mov instead"
                ) from error

    def _keep_count(self, made: Path, count: int) -> None:
        """Record how many frames there are, so that a gap in their stamps is not mistaken for a loss."""
        if self._part.final.suffix.lower() == ".mkv":
            try:
                set_frame_count(made, count)
            except ValueError as error:
                raise ResourceError(f"{self._part.final} cannot be finished: {error}; write .mov instead") from error


def read_back(path: Path, joined: Joined, stretches: list[Pictures]) -> str | None:
    """Read a finished film to its end; say what differs from what went in, or None.

    FFmpeg reports no error for some full disks; what can be read and decoded again is the only proof.
    """
    try:
        found, heard, tick = _packets(path, list(joined.tracks))
    except RelookError as error:
        return str(error)
    if len(found) != len(joined.stamps):
        return f"{len(found)} of {len(joined.stamps)} frames"
    for index, (stamp, found_stamp) in enumerate(zip(joined.stamps, sorted(found), strict=True)):
        wrote, read = stamp * joined.time_base, found_stamp * tick
        if abs(wrote - read) > tick / 2:
            return f"frame {index} is at {float(read):.3f} s instead of {float(wrote):.3f} s"
    for stream, (count, size, digest) in joined.tracks.items():
        num, bytes_read, found_digest = heard[stream]
        if num != count and bytes_read != size:
            return f"{num} of {count} sound packets"
        if bytes_read == size and found_digest != digest:
            return f"the sound of stream {stream} is not what was written"
    try:
        return _decoded_fault(path, stretches)
    except RelookError as error:
        return str(error)


def _packets(path: Path, sounds: list[int]) -> tuple[list[int], dict[int, tuple[int, int, str]], Fraction]:
    """Read the stamps of the pictures, what each sound stream holds (as in `Joined`), and the unit of the stamps."""
    found: list[int] = []
    heard = {stream: Heard() for stream in sounds}
    with open_film(path) as container, disk_errors(path):
        pictures = picture_stream(container, path)
        for packet in container.demux():
            if packet.stream_index == pictures.index and packet.pts is not None:
                found.append(packet.pts)
            elif packet.stream_index in heard and packet.size:
                heard[packet.stream_index].add(bytes(packet))
        return found, {index: stream.told() for index, stream in heard.items()}, pictures.time_base or Fraction(1, 1000)


def _decoded_fault(path: Path, stretches: list[Pictures]) -> str | None:
    """Decode all pictures; say which are damaged or, with a lossless codec, differ from what was encoded."""
    number = 0
    with open_film(path) as container, disk_errors(path):
        frames = container.decode(picture_stream(container, path))
        for pictures in stretches:
            if fault := _stretch_fault(frames, pictures, first=number):
                return fault
            number += len(pictures.coded)
    return None


def _stretch_fault(frames: Iterator[VideoFrame], pictures: Pictures, *, first: int) -> str | None:
    """Decode the pictures of a stretch, the first of which has the number given."""
    digest, stop = hashlib.sha256(), first + len(pictures.coded)
    for number in range(first, stop):
        frame = next(frames, None)
        if frame is None or frame.is_corrupt:
            return f"frame {number} cannot be decoded"
        for part in samples(frame) if pictures.decoded else ():
            digest.update(part.data)
    if pictures.decoded and digest.hexdigest() != pictures.decoded:
        return f"frames {first} to {stop - 1} are not what was written"
    return None
