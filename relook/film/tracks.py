"""Carry a film's sound and subtitles into the output, packet for packet, beside the new pictures."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Final

import av
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.stream import Stream

from relook.errors import InputError
from relook.film.container import codec_name, open_film

_CARRIED_TAGS: Final = ("language", "title", "handler_name")
_CARRIED_KINDS: Final = ("audio", "subtitle")


class Tracks:
    """The sound and subtitle streams of a source film, on their way into an output container.

    Packets are read as the pictures advance, so that memory stays flat whatever the film's length.
    """

    def __init__(self, source: Path, *, start: Fraction | None = None) -> None:
        """Open the source; with `start`, carry only what lies from there on, and let it begin at 0."""
        self._path = source
        self._source = open_film(source)
        self._start = start
        self._streams: dict[int, Stream] = {}
        self._packets: Iterator[Packet[Stream]] = iter(())
        self._next: Packet[Stream] | None = None
        self.sizes: dict[int, tuple[int, int]] = {}
        """For each sound stream of the output: how many packets and bytes went into it."""

    def attach(self, output: OutputContainer, only: int | None = None) -> None:
        """Add this film's carried streams, or the one with index `only`, to an output that has not begun."""
        for stream in carried_streams(self._source):
            if only is None or stream.index == only:
                copy = output.add_stream_from_template(stream)
                copy.metadata.update({k: v for k, v in stream.metadata.items() if k in _CARRIED_TAGS})
                copy.disposition = stream.disposition
                _name_layout(stream, copy)
                self._streams[stream.index] = copy
                if stream.type == "audio":
                    self.sizes[copy.index] = (0, 0)
        if self._streams:
            self._packets = self._source.demux([self._source.streams[index] for index in self._streams])
            self._advance()

    def write_until(self, output: OutputContainer, seconds: Fraction | None) -> None:
        """Mux every packet that is due by a time on the source's clock; all the rest with None."""
        while self._next is not None and (seconds is None or _time(self._next) <= seconds):
            self._mux(output, self._next)
            self._advance()

    def write_one(self, output: OutputContainer) -> None:
        """Mux the first packet alone, to see whether the output takes it."""
        if self._next is not None:
            self._mux(output, self._next)

    def close(self) -> None:
        """Close the source."""
        self._next = None
        self._packets = iter(())
        self._source.close()

    def _mux(self, output: OutputContainer, packet: Packet[Stream]) -> None:
        copy = self._streams[packet.stream_index]
        if self._start is not None:
            end = _time(packet) + (packet.duration or 0) * packet.time_base
            if end <= self._start:
                return
            shift = round(self._start / packet.time_base)
            packet.pts = None if packet.pts is None else packet.pts - shift
            packet.dts = None if packet.dts is None else packet.dts - shift
        if copy.index in self.sizes:
            count, size = self.sizes[copy.index]
            self.sizes[copy.index] = (count + 1, size + packet.size)
        packet.stream = copy
        output.mux(packet)

    def _advance(self) -> None:
        try:
            self._next = next((packet for packet in self._packets if packet.size or packet.pts is not None), None)
        except (av.error.FFmpegError, OSError) as error:
            raise InputError(
                f"the sound of {self._path} is damaged: {error.strerror}; export it again, or leave the sound out"
            ) from error


def carried_streams(container: InputContainer) -> list[Stream]:
    """List the streams of a film that go into its render as they are."""
    return [stream for stream in container.streams if stream.type in _CARRIED_KINDS]


def tracks_hash(path: Path) -> str:
    """Digest the sound and subtitles of a film, packet by packet, with SHA-256 (hex)."""
    digest = hashlib.sha256()
    with open_film(path) as container:
        streams = carried_streams(container)
        try:
            for packet in container.demux(streams) if streams else ():
                digest.update(f"{packet.stream_index} {packet.pts} {packet.size}".encode())
                digest.update(bytes(packet))
        except (av.error.FFmpegError, OSError) as error:
            raise InputError(f"the sound of {path} is damaged: {error.strerror}; export it again") from error
    return digest.hexdigest()


def describe(stream: Stream) -> str:
    """Name a stream for people: "vorbis sound", "srt subtitles"."""
    return f"{codec_name(stream)} {'sound' if stream.type == 'audio' else 'subtitles'}"


def _name_layout(stream: Stream, copy: Stream) -> None:
    """Say that one channel is mono and two are stereo, where the source does not: MP4 must know for PCM."""
    if isinstance(stream, AudioStream) and isinstance(copy, AudioStream) and stream.codec_context.channels <= 2:
        copy.codec_context.layout = "mono" if stream.codec_context.channels == 1 else "stereo"


def _time(packet: Packet[Stream]) -> Fraction:
    stamp = packet.dts if packet.dts is not None else packet.pts
    return Fraction(0) if stamp is None else stamp * packet.time_base
