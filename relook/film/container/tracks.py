"""Carry a film's other streams into the output, packet for packet, beside the new pictures."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Final, Self

import av
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.packet import Packet
from av.stream import AttachmentStream, Disposition, Stream

from relook.errors import InputError
from relook.film.container.even_sound import SAMPLE_BYTES, EvenSound
from relook.film.container.inventory import Track
from relook.film.container.opening import open_film
from relook.film.container.output import name_stream
from relook.timing import duration_text

_LOOKED_AT: Final = 2000
"""Most packets that are read in search of the first one of every stream."""
_MOST_FAILURES: Final = 1000
_LONGEST_JUMP_SECONDS: Final = 10

_NO_TEXT: Final = b"\0\0"
"""What MP4 holds between two subtitles: its muxer puts it there by itself."""

_SOME_SECONDS: Final = Fraction(1, 50)
"""How long a single packet of sound lasts that does not say."""

_HASHED_KINDS: Final = ("audio", "subtitle")

_PICTURE_ENDINGS: Final = {"mjpeg": "jpg", "png": "png", "bmp": "bmp", "gif": "gif", "tiff": "tif", "webp": "webp"}


class Heard:
    """A digest of one stream's packets, to compare with what is read back."""

    def __init__(self) -> None:
        self._count, self._size, self._digest = 0, 0, hashlib.sha256()

    def add(self, data: bytes) -> None:
        """Take in one packet."""
        self._count, self._size = self._count + 1, self._size + len(data)
        self._digest.update(data)

    def told(self) -> tuple[int, int, str]:
        """Return the number of packets and of bytes, and the bytes' SHA-256 (hex)."""
        return self._count, self._size, self._digest.hexdigest()


class Tracks:
    """The streams of a source film other than its pictures, on their way into an output container.

    Packets are read as the pictures advance, so that memory use does not grow with the film's length.
    """

    def __init__(
        self,
        source: Path,
        *,
        start: Fraction | None = None,
        is_part: bool = False,
        keeps_damage: bool = False,
        evenly: Fraction | None = None,
    ) -> None:
        """Open the source.

        Args:
            start: let what lies there begin at 0.
            is_part: leave out what lies before `start`.
            keeps_damage: leave out what is damaged and count it; by default it is an error.
            evenly: let sound begin and end with the pictures, which last this many seconds.
        """
        self._path = source
        self._keeps_damage = keeps_damage
        self._read_until: dict[int, Fraction] = {}
        self._usual: dict[int, int] = {}
        """The last step between two packets of a sound: MP4 hides a last one that is said to last no time."""
        self._steady, self._moved = set[int](), dict[int, int]()
        """Sounds whose stamps went on evenly; and how far their stamps are moved, in units of their time base."""
        self.num_lost = 0
        """How many damaged packets were left out."""
        self._source = open_film(source)
        self._start, self._is_part = start, is_part
        self._streams: dict[int, Stream] = {}
        self._packets: Iterator[Packet[Stream]] = iter(())
        self._next: Packet[Stream] | None = None
        self._heard: dict[int, Heard] = {}
        self._texts: set[int] = set()
        self._evenly = evenly
        self._even: dict[int, EvenSound] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def attach(self, output: OutputContainer, tracks: Collection[Track]) -> None:
        """Add some of this film's streams to an output before its first packet, attachments last."""
        in_matroska = output.format.name == "matroska"
        files = [track for track in tracks if track.kind == "attachment" or (track.kind == "cover" and in_matroska)]
        for track in tracks:
            if track not in files:
                self._add(output, self._source.streams[track.index], track)
        for track in files:
            stream = self._source.streams[track.index]
            self._add_file(output, stream, track)
        if self._streams:
            self._packets = self._source.demux([self._source.streams[index] for index in self._streams])
            self._advance()

    def write_until(self, output: OutputContainer, seconds: Fraction | None) -> None:
        """Mux every packet that is due before a time on the source's clock; with None, all the rest."""
        while self._next is not None and (seconds is None or _time(self._next) < seconds):
            self._mux(output, self._next)
            self._advance()

    def write_first(self, output: OutputContainer) -> None:
        """Mux the first packet of each stream, if it comes soon enough, to see whether the output accepts it."""
        waited = set(self._streams)
        for _ in range(_LOOKED_AT):
            if self._next is None or not waited:
                return
            if self._next.stream_index in waited:
                waited.remove(self._next.stream_index)
                self._mux(output, self._next)
            self._advance()

    def write_silence(self, output: OutputContainer) -> None:
        """Fill sound that is to end with the pictures, and ends before."""
        for index, even in self._even.items():
            for part in even.silence():
                self._mux_samples(output, index, part)

    @property
    def told(self) -> dict[int, tuple[int, int, str]]:
        """Return what went into each stream of sound or pictures of the output; see `Heard.told`."""
        return {index: heard.told() for index, heard in self._heard.items()}

    def close(self) -> None:
        """Close the source."""
        self._next = None
        self._packets = iter(())
        self._source.close()

    def _add(self, output: OutputContainer, stream: Stream, track: Track) -> None:
        copy = output.add_stream_from_template(stream, opaque=True)
        name_stream(output, copy, track)
        copy.disposition = stream.disposition
        _name_layout(stream, copy)
        self._streams[stream.index] = copy
        if isinstance(stream, AudioStream):
            self._usual[stream.index] = max(1, round(_SOME_SECONDS / (stream.time_base or _SOME_SECONDS)))
        if track.codec == "mov_text":
            self._texts.add(stream.index)
        if self._evenly is not None and isinstance(stream, AudioStream) and track.codec in SAMPLE_BYTES:
            channels, rate = stream.codec_context.channels, stream.codec_context.sample_rate
            self._even[stream.index] = EvenSound(track.codec, channels=channels, rate=rate, lasts=self._evenly)
        if track.kind in ("sound", "video"):
            self._heard[copy.index] = Heard()

    def _add_file(self, output: OutputContainer, stream: Stream, track: Track) -> None:
        if isinstance(stream, AttachmentStream):
            name, kind, data = track.form, stream.mimetype or "application/octet-stream", stream.data
        else:
            ending = _PICTURE_ENDINGS.get(track.codec, track.codec)
            name, kind = f"cover.{ending}", f"image/{'jpeg' if ending == 'jpg' else ending}"
            data = _first_packet(self._path, track.index)
        copy = output.add_attachment(name, kind, data)
        name_stream(output, copy, track)

    def _mux(self, output: OutputContainer, packet: Packet[Stream]) -> None:
        copy = self._streams[packet.stream_index]
        if self._start is not None and not copy.disposition & Disposition.attached_pic:
            end = _time(packet) + (packet.duration or 0) * packet.time_base
            if end <= self._start and self._is_part:
                return
            shift = round(self._start / packet.time_base)
            packet.pts = None if packet.pts is None else packet.pts - shift
            packet.dts = None if packet.dts is None else packet.dts - shift
        if packet.stream_index in self._even:
            self._mux_evenly(output, packet)
            return
        data, time = bytes(packet), _time(packet)
        packet.duration = packet.duration or self._usual.get(packet.stream_index, 0)
        packet.stream = copy
        try:
            output.mux(packet)
        except (av.error.InvalidDataError, av.error.ArgumentError, av.error.PatchWelcomeError) as error:
            self._lose(error, f" at {duration_text(time)}")
            return
        if copy.index in self._heard:
            self._heard[copy.index].add(data)

    def _mux_evenly(self, output: OutputContainer, packet: Packet[Stream]) -> None:
        """Mux what of a packet, whose stamp is already the output's, lies beside the pictures."""
        even, index = self._even[packet.stream_index], packet.stream_index
        try:
            for part in even.fitted(bytes(packet), _time(packet)):
                self._mux_samples(output, index, part)
        except ValueError as error:
            raise InputError(
                f"the sound of {self._path} cannot be cut to the pictures at {duration_text(_time(packet))}: {error}; "
                f"write .mov or .mkv instead"
            ) from error

    def _mux_samples(self, output: OutputContainer, index: int, data: bytes) -> None:
        copy = self._streams[index]
        packet: Packet[Stream] = Packet(data)
        packet.stream = copy
        output.mux(packet)
        self._heard[copy.index].add(data)

    def _advance(self) -> None:
        for _ in range(_MOST_FAILURES):
            try:
                self._next = next((packet for packet in self._packets if self._is_whole(packet)), None)
                return
            except (av.error.FFmpegError, OSError, IndexError) as error:
                self._lose(error)
                self._packets = self._source.demux([self._source.streams[index] for index in self._streams])
        self._next = None

    def _is_whole(self, packet: Packet[Stream]) -> bool:
        """Skip empty packets and, in a film known to be damaged, sound whose stamp has jumped.

        Sound muxed far ahead of its time would shut out everything after it.
        """
        if not packet.size and packet.pts is None:
            return False
        if packet.stream_index in self._texts and bytes(packet) == _NO_TEXT:
            return False
        time = _time(packet)
        step = time - self._read_until.get(packet.stream_index, time)
        self._read_until[packet.stream_index] = time
        if packet.stream.type != "audio":
            return True
        self._follow(packet, step)
        is_jump = abs(step) > _LONGEST_JUMP_SECONDS and packet.stream_index not in self._steady
        if self._keeps_damage and is_jump:
            self.num_lost += 1
            return False
        return True

    def _follow(self, packet: Packet[Stream], step: Fraction) -> None:
        """Let sound whose stamps begin again follow what came before, as its pictures do; films are joined byte for byte.

        After a stamp that jumped ahead, to come back is no new beginning.
        """
        index, base = packet.stream_index, packet.time_base
        if step < 0 and index in self._steady:
            self._moved[index] = self._moved.get(index, 0) + self._usual[index] - round(step / base)
        elif 0 < step <= 1:
            self._usual[index] = round(step / base)
            self._steady.add(index)
        elif step:
            self._steady.discard(index)
        if index in self._moved:
            packet.pts = None if packet.pts is None else packet.pts + self._moved[index]
            packet.dts = None if packet.dts is None else packet.dts + self._moved[index]

    def _lose(self, error: BaseException, where: str = "") -> None:
        if not self._keeps_damage:
            reason = getattr(error, "strerror", None) or "it cannot be read further"
            raise InputError(
                f"the sound of {self._path} is damaged{where}: {reason}; export it again, or apply with "
                f"--on-damage keep, which leaves out what is damaged"
            ) from error
        self.num_lost += 1


def _first_packet(path: Path, index: int) -> bytes:
    with open_film(path) as container:
        return bytes(next(container.demux(container.streams[index])))


def tracks_hash(path: Path) -> str:
    """Digest the sound and subtitles of a film, packet by packet, with SHA-256 (hex)."""
    digest = hashlib.sha256()
    with open_film(path) as container:
        streams = [stream for stream in container.streams if stream.type in _HASHED_KINDS]
        try:
            for packet in container.demux(streams) if streams else ():
                digest.update(f"{packet.stream_index} {packet.pts} {packet.size}".encode())
                digest.update(bytes(packet))
        except (av.error.FFmpegError, OSError) as error:
            raise InputError(f"the sound of {path} is damaged: {error.strerror}; export it again") from error
    return digest.hexdigest()


def _name_layout(stream: Stream, copy: Stream) -> None:
    """Call one channel mono and two stereo if the source does not say: MP4 needs to know for PCM."""
    if isinstance(stream, AudioStream) and isinstance(copy, AudioStream) and stream.codec_context.channels <= 2:
        copy.codec_context.layout = "mono" if stream.codec_context.channels == 1 else "stereo"


def _time(packet: Packet[Stream]) -> Fraction:
    stamp = packet.dts if packet.dts is not None else packet.pts
    return Fraction(0) if stamp is None else stamp * packet.time_base
