"""Set in a finished file what FFmpeg's muxer cannot: the display size in Matroska and WebM, the frame count in Matroska.

The track list grows by a few bytes; they are taken from the empty element that the muxer leaves before it, so that
nothing after the track list moves. Source: RFC 9559 (Matroska), RFC 8794 (EBML).
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

_SEGMENT: Final = 0x18538067
_SEEK_HEAD, _SEEK, _SEEK_POSITION = 0x114D9B74, 0x4DBB, 0x53AC
_VOID, _CRC = 0xEC, 0xBF
_TRACKS, _TRACK, _VIDEO = 0x1654AE6B, 0xAE, 0xE0
_DISPLAY_WIDTH, _DISPLAY_HEIGHT, _DISPLAY_UNIT = 0x54B0, 0x54BA, 0x54B2
_TAGS, _CLUSTER = 0x1254C367, 0x1F43B675
_HEAD_BYTES: Final = 2**20
_LONGEST_HEADER: Final = 12
"""Bytes of an element's ID and size."""

COUNT_TAG: Final = "NUMBER_OF_FRAMES"
"""The tag for a track's number of packets, as mkvmerge writes it."""
COUNT_UNKNOWN: Final = "0000000000"
"""What the tag must hold when writing begins."""
_COUNT: Final = re.compile(COUNT_TAG.encode() + rb"(?:\x44\x7a.{1,9})?\x44\x87." + COUNT_UNKNOWN.encode(), re.DOTALL)
"""The tag as stored in the file: its name, perhaps its language, and its value."""


class _Element(NamedTuple):
    id: int
    start: int
    """Position of its first byte in the buffer."""
    body: bytes

    @property
    def data(self) -> bytes:
        return _element(self.id, self.body)


def set_sample_aspect(path: Path, width: int, height: int, aspect: Fraction) -> None:
    """Write the size at which the pictures are shown, its width to the nearest pixel.

    Raises:
        ValueError: the file's head is not as FFmpeg's muxer writes it.
    """
    with path.open("r+b") as file:
        head = file.read(_HEAD_BYTES)
        start, changed = _with_display_size(head, round(width * aspect), height)
        file.seek(start)
        file.write(changed)


def set_frame_count(path: Path, count: int) -> None:
    """Write the number of frames into its tag.

    Raises:
        ValueError: the tag is not in the file's head, as FFmpeg's muxer writes it.
    """
    with path.open("r+b") as file:
        head = _head_to(file, _TAGS)
        *_, tags = _children(head, _body_of_segment(head), stop_at=_TAGS)
        rest = b"".join(part.data for part in _children(tags.body, 0) if part.id != _CRC)
        place = _COUNT.search(rest)
        told = f"{count:0{len(COUNT_UNKNOWN)}d}".encode()
        body = _checked(rest[: place.end() - len(told)] + told + rest[place.end() :]) if place else b""
        if tags.id != _TAGS or len(body) != len(tags.body):
            raise ValueError("there is no place for the count of frames")
        file.seek(tags.start + _size_on_disk(head, tags.start) - len(body))
        file.write(body)


def _head_to(file: BinaryIO, kind: int) -> bytes:
    """Read a file from its beginning up to and including the first element of a kind, past any fonts and pictures."""
    head = file.read(_HEAD_BYTES)
    position = _body_of_segment(head)
    while position + _LONGEST_HEADER <= len(head):
        identity, _, end = _header(head, position)
        head += file.read(max(end + _LONGEST_HEADER - len(head), 0))
        if identity in (kind, _CLUSTER):
            break
        position = end
    return head


def video_fields(file: BinaryIO, wanted: Sequence[int]) -> list[int]:
    """Return integers from the first picture track's settings by their IDs; 0 for those that are absent."""
    try:
        head = file.read(_HEAD_BYTES)
        tracks = _children(head, _body_of_segment(head), stop_at=_TRACKS)[-1]
        inside = [
            part for track in _children(tracks.body, 0) if track.id == _TRACK for part in _children(track.body, 0)
        ]
        video = next(part for part in inside if part.id == _VIDEO)
        found = {part.id: int.from_bytes(part.body, "big") for part in _children(video.body, 0)}
    except (ValueError, IndexError, StopIteration):
        return [0] * len(wanted)
    return [found.get(identity, 0) for identity in wanted]


def _with_display_size(head: bytes, width: int, height: int) -> tuple[int, bytes]:
    """Rebuild everything from the seek head to the end of the track list, in the same number of bytes."""
    segment = _body_of_segment(head)
    seek_head, void, *_, tracks = _children(head, segment, stop_at=_TRACKS)
    if seek_head.id != _SEEK_HEAD or void.id != _VOID:
        raise ValueError("the seek head and the space behind it are missing")
    new_tracks = _element(_TRACKS, _checked(_grown(tracks.body, width, height)))
    end = tracks.start + _size_on_disk(head, tracks.start)
    shift = len(new_tracks) - (end - tracks.start)
    moved = range(void.start + 1 - segment, tracks.start + 1 - segment)
    new_seek_head = _element(_SEEK_HEAD, _checked(_moved_seeks(seek_head.body, moved, shift)))
    rest = head[void.start + _size_on_disk(head, void.start) : tracks.start] + new_tracks
    room = end - seek_head.start - len(new_seek_head) - len(rest)
    if room < 9:
        raise ValueError("there is no room left for the display size")
    filler = bytes([_VOID, 0x01]) + (room - 9).to_bytes(7, "big") + bytes(room - 9)
    return seek_head.start, new_seek_head + filler + rest


def _grown(tracks: bytes, width: int, height: int) -> bytes:
    """Put the display size into the first track that has pictures; drop the checksum."""
    parts, done = [], False
    for track in _children(tracks, 0):
        if track.id == _TRACK and not done:
            inside = _children(track.body, 0)
            done = any(part.id == _VIDEO for part in inside)
            body = b"".join(_shown(part, width, height) if part.id == _VIDEO else part.data for part in inside)
            parts.append(_element(_TRACK, body))
        elif track.id != _CRC:
            parts.append(track.data)
    return b"".join(parts)


def _shown(video: _Element, width: int, height: int) -> bytes:
    replaced = (_DISPLAY_WIDTH, _DISPLAY_HEIGHT, _DISPLAY_UNIT)
    kept = b"".join(part.data for part in _children(video.body, 0) if part.id not in replaced)
    size = _element(_DISPLAY_WIDTH, width.to_bytes(4, "big")) + _element(_DISPLAY_HEIGHT, height.to_bytes(4, "big"))
    return _element(_VIDEO, kept + size)


def _moved_seeks(seek_head: bytes, moved: range, shift: int) -> bytes:
    """Correct the positions (counted from the segment's body) of what moves; drop the checksum."""
    parts = []
    for seek in _children(seek_head, 0):
        if seek.id == _CRC:
            continue
        fields = []
        for part in _children(seek.body, 0):
            position = int.from_bytes(part.body, "big")
            if part.id == _SEEK_POSITION and position in moved:
                part = part._replace(body=(position - shift).to_bytes(len(part.body), "big"))
            fields.append(part.data)
        parts.append(_element(_SEEK, b"".join(fields)))
    return b"".join(parts)


def _checked(body: bytes) -> bytes:
    """Put a checksum element before a body."""
    return _element(_CRC, zlib.crc32(body).to_bytes(4, "little")) + body


def _element(identity: int, body: bytes) -> bytes:
    length = 1 if len(body) < 127 else 2 if len(body) < 16_383 else 4
    size = (len(body) | 1 << 7 * length).to_bytes(length, "big")
    return identity.to_bytes((identity.bit_length() + 7) // 8, "big") + size + body


def _children(data: bytes, position: int, *, stop_at: int | None = None) -> list[_Element]:
    """List the elements in a buffer, up to and including the first one of a kind, or to its end."""
    found: list[_Element] = []
    while position < len(data) and (not found or found[-1].id != stop_at):
        identity, body, end = _header(data, position)
        if end > len(data):
            raise ValueError("the track list is not at the beginning of the file")
        found.append(_Element(identity, position, data[body:end]))
        position = end
    return found


def _body_of_segment(head: bytes) -> int:
    _, _, end = _header(head, 0)
    identity, body, _ = _header(head, end) if end + 12 < len(head) else (0, 0, 0)
    if identity != _SEGMENT:
        raise ValueError("this is not a Matroska file")
    return body


def _size_on_disk(head: bytes, position: int) -> int:
    return _header(head, position)[2] - position


def _header(data: bytes, position: int) -> tuple[int, int, int]:
    """Return an element's ID, and where its body begins and ends."""
    id_length = 9 - data[position].bit_length()
    identity = int.from_bytes(data[position : position + id_length], "big")
    at = position + id_length
    length = 9 - data[at].bit_length()
    size = int.from_bytes(data[at : at + length], "big") & ((1 << 7 * length) - 1)
    return identity, at + length, at + length + size
