"""All that a film carries: its streams and the facts about its pictures, found without decoding more than its beginning."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Final, Literal

from av import VideoFrame
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.stream import AttachmentStream, Disposition, Stream
from av.video.stream import VideoStream

from relook.errors import InputError
from relook.film.container.cropping import shown_part
from relook.film.container.decoding import first_frames
from relook.film.container.even_sound import Span, are_even
from relook.film.container.hdr import LightLevel, MasteringDisplay
from relook.film.container.opening import (
    codec_name,
    film_info,
    open_film,
    picture_stream,
    promised_end,
    timecode_tags,
)
from relook.film.container.rehearsal import can_begin
from relook.film.frames import FilmInfo
from relook.film.pictures.alpha import frame_alpha, has_alpha, is_opaque
from relook.film.pictures.picture_file import read_picture
from relook.film.pictures.profile import profile_of
from relook.film.words import codec_words
from relook.timing import rate_text

Kind = Literal[
    "pictures", "video", "cover", "still", "sound", "subtitles", "timecode", "chapters", "data", "attachment"
]

CARRIED: Final[tuple[Kind, ...]] = ("video", "cover", "sound", "subtitles", "data", "attachment")
"""Kinds of streams that are copied into a render; timecode and chapters are written anew, stills of an AVIF are dropped."""

_ONE: Final = 1 << 16
_SAME_SECONDS: Final = Fraction(1, 500)
_TECHNICAL: Final = (
    *("major_brand", "minor_version", "compatible_brands", "encoder", "duration", "timecode", "reel_name"),
    *("handler_name", "vendor_id", "alpha_mode", "filename", "mimetype", "language", "title"),
)
"""Tags that describe a container rather than a film, and tags that have a field of their own in `Inventory`."""

_SIDE_DATA: Final = {
    "A53_CC": "closed captions inside the pictures",
    "DOVI_METADATA": "Dolby Vision",
    "DOVI_RPU_BUFFER": "Dolby Vision",
    "DYNAMIC_HDR_PLUS": "HDR10+ dynamic metadata",
    "DYNAMIC_HDR_VIVID": "HDR Vivid dynamic metadata",
    "AMBIENT_VIEWING_ENVIRONMENT": "ambient viewing environment",
    "STEREO3D": "stereoscopic arrangement",
    "SPHERICAL": "spherical projection",
    "ICC_PROFILE": "ICC colour profile",
    "AFD": "active format description",
    "FILM_GRAIN_PARAMS": "film grain parameters",
}
"""Names of the pictures' side data that a render cannot keep; panning, user text and the like do not count."""


@dataclass(frozen=True)
class Track:
    """One stream of a film."""

    index: int
    kind: Kind
    codec: str
    form: str = ""
    """"480x270" of pictures, "stereo, 48000 Hz" of sound, the file's name of an attachment."""
    language: str | None = None
    title: str | None = None
    roles: tuple[str, ...] = ()
    """FFmpeg's names for dispositions: "default", "forced", "comment" and others."""

    def __str__(self) -> str:
        """Name it for people: "vorbis sound", "srt subtitles"."""
        return f"{codec_words(self.codec)} {self.kind}" if self.codec != "unknown" else self.kind


@dataclass(frozen=True)
class Chapter:
    """A chapter; its times are on the film's own clock."""

    title: str
    start_seconds: Fraction
    stop_seconds: Fraction


@dataclass(frozen=True)
class Inventory:
    """What a film holds."""

    film: FilmInfo
    tracks: tuple[Track, ...] = ()
    chapters: tuple[Chapter, ...] = ()
    title: str | None = None
    tags: tuple[tuple[str, str], ...] = ()
    """The container's other tags, in lower case, sorted."""
    start_seconds: Fraction = Fraction(0)
    """When the first frame is shown, on the container's clock."""
    turn: tuple[int, ...] = ()
    """The display matrix, nine numbers in 16.16 fixed point, where pictures are shown turned or flipped; else empty."""
    field_order: str = "unknown"
    """By the header: "progressive", "top field first", "bottom field first" or "unknown"."""
    reel: str | None = None
    mastering: MasteringDisplay | None = None
    light_level: LightLevel | None = None
    extras: tuple[str, ...] = ()
    """Other facts inside the pictures, in words."""
    is_opaque: bool = True
    """False where one of the first frames is transparent somewhere."""

    uneven: frozenset[int] = frozenset()
    """Numbers of the streams of sound that by the header do not begin and end with the pictures, or may not."""
    channels: tuple[str, ...] = ()
    """For pictures, what the first one holds besides colours and transparency."""
    is_linear: bool = False
    """True where pictures hold scene-linear light."""
    has_profile: bool = False
    """True where the first picture has an ICC profile."""

    def of_kind(self, *kinds: Kind) -> tuple[Track, ...]:
        """Return the streams of some kinds, in order."""
        return tuple(track for track in self.tracks if track.kind in kinds)


def inventory(film: FilmInfo) -> Inventory:
    """List what a film holds; sequences and stills hold only pictures.

    Raises:
        InputError: the film can no longer be opened.
    """
    if film.kind != "film":
        if not film.pictures:
            return Inventory(film)
        picture = read_picture(film.pictures[0])
        alpha = frame_alpha(picture)
        return Inventory(
            film,
            is_opaque=alpha is None or bool((alpha[0] == 2 ** alpha[1] - 1).all()),
            channels=tuple(sorted(picture.layers)),
            is_linear=picture.is_linear,
            has_profile=_has_profile(picture.path),
        )
    is_readable = can_begin(film.path)
    with open_film(film.path) as container:
        return inventory_of(container, film, is_readable=is_readable)


def _has_profile(path: Path) -> bool:
    try:
        return profile_of(path.read_bytes(), path) is not None
    except InputError:  # a damaged one: told where it is to be carried
        return True


def inventory_of(container: InputContainer, film: FilmInfo | None = None, *, is_readable: bool = True) -> Inventory:
    """List what an open container holds.

    Args:
        is_readable: False where its first frames cannot be looked at.
    """
    path = film.path if film is not None else Path(container.name or "film")
    pictures = picture_stream(container, path)
    told = film_info(container, pictures, path)
    film = film or told
    tags = {key.lower(): value for key, value in container.metadata.items()}
    reels = (s.metadata.get("reel_name") for s in (pictures, *container.streams.data))
    tracks = tuple(_track(stream, pictures, container) for stream in container.streams)
    start = (pictures.start_time or 0) * (pictures.time_base or Fraction(0))
    chapters = tuple(_chapters(container))
    frames = list(first_frames(container, pictures)) if is_readable else []
    sides = [_side_data(frame) for frame in frames]
    matrix = next((side["DISPLAYMATRIX"] for side in sides if "DISPLAYMATRIX" in side), b"")
    mastering = next(
        (side["MASTERING_DISPLAY_METADATA"] for side in sides if "MASTERING_DISPLAY_METADATA" in side), b""
    )
    light = next((side["CONTENT_LIGHT_LEVEL"] for side in sides if "CONTENT_LIGHT_LEVEL" in side), b"")
    extras = {words for name, words in _SIDE_DATA.items() if any(name in side for side in sides)}
    shown = _span(container, pictures)
    odd = timecode_tags(container, pictures) if told.timecode is None else []
    cropped = shown_part(path, container.format.name, film.width, film.height) if path.is_file() else ""
    return Inventory(
        film=film,
        tracks=tracks,
        chapters=chapters,
        title=tags.get("title"),
        tags=tuple(sorted((key, value) for key, value in tags.items() if key not in _TECHNICAL)),
        start_seconds=start,
        turn=_turn(matrix),
        field_order=_FIELD_ORDERS.get(int(pictures.codec_context.field_order), "unknown"),
        # The reel is what the film's own timecode counts on: an edit of it has another.
        reel=next((reel for reel in reels if reel), None) if film.timecode == told.timecode else None,
        mastering=MasteringDisplay.parsed(mastering),
        light_level=LightLevel.parsed(light),
        extras=(
            *sorted(extras),
            *((f"cropping to {cropped}",) if cropped else ()),
            *((f"'{odd[0]}', no timecode at {rate_text(film.frame_rate)} frames a second",) if odd else ()),
        ),
        is_opaque=not has_alpha(film.pixel_format) or all(is_opaque(frame) for frame in frames),
        uneven=frozenset(s.index for s in container.streams.audio if not are_even(_span(container, s), shown)),
    )


_FIELD_ORDERS: Final = {
    1: "progressive",
    2: "top field first",
    3: "bottom field first",
    4: "top field first",
    5: "bottom field first",
}
"""By FFmpeg's AVFieldOrder: coded and shown top first, bottom first, and the two orders in which coding and showing differ."""


def _span(container: InputContainer, stream: Stream) -> Span:
    start = None if stream.start_time is None or not stream.time_base else stream.start_time * stream.time_base
    return start, promised_end(container, stream)


def _track(stream: Stream, pictures: VideoStream, container: InputContainer) -> Track:
    kind = _kind(stream, pictures, container)
    language = stream.metadata.get("language")
    name = stream.name if isinstance(stream, AttachmentStream) else None
    form = name or ""
    if not stream.codec_context:  # FFmpeg knows no decoder for it
        pass
    elif isinstance(stream, VideoStream):
        form = f"{stream.codec_context.width}x{stream.codec_context.height}"
    elif isinstance(stream, AudioStream):
        layout = stream.codec_context.layout.name or f"{stream.codec_context.channels} channels"
        form = f"{layout}, {stream.codec_context.sample_rate} Hz"
    roles = tuple(role.name for role in Disposition if role & stream.disposition and role.name)
    return Track(
        index=stream.index,
        kind=kind,
        codec=(stream.mimetype or "unknown") if isinstance(stream, AttachmentStream) else codec_name(stream),
        form=form,
        language=None if language in ("und", "") else language,
        title=_title(stream),
        roles=roles,
    )


def _title(stream: Stream) -> str | None:
    """Return a stream's name; MP4 stores it as the handler's, where programs put their own if there is none."""
    handler = stream.metadata.get("handler_name", "")
    is_program = any(word in handler for word in ("andler", "Core Media", "GPAC"))
    return stream.metadata.get("title") or (None if is_program else handler or None)


def _kind(stream: Stream, pictures: VideoStream, container: InputContainer) -> Kind:
    if stream.index == pictures.index:
        return "pictures"
    if stream.type == "video":
        if stream.disposition & Disposition.attached_pic:
            return "cover"
        return "still" if stream.time_base == 1 and stream.duration is None and stream.frames == 1 else "video"
    if stream.type == "data":
        if any(key.lower() == "timecode" for key in stream.metadata):
            return "timecode"
        return "chapters" if stream.frames and stream.frames == len(container.chapters()) else "data"
    if stream.type == "subtitle" and _names_chapters(stream, container):
        return "chapters"
    kinds: dict[str, Kind] = {"audio": "sound", "subtitle": "subtitles", "attachment": "attachment"}
    return kinds.get(stream.type, "data")


def _names_chapters(stream: Stream, container: InputContainer) -> bool:
    """Say whether subtitles are the titles of chapters: FFmpeg's muxer forgets to say so where there is timecode too."""
    starts = [chapter.start_seconds for chapter in _chapters(container)]
    if not starts or stream.frames != len(starts):
        return False
    begins = [entry.timestamp * (stream.time_base or Fraction(0)) for entry in stream.index_entries]
    return len(begins) == len(starts) and all(abs(a - b) <= _SAME_SECONDS for a, b in zip(begins, starts, strict=True))


def _chapters(container: InputContainer) -> Iterator[Chapter]:
    for chapter in container.chapters():
        base = chapter["time_base"] or Fraction(1)
        yield Chapter(chapter["metadata"].get("title", ""), chapter["start"] * base, chapter["end"] * base)


def _side_data(frame: VideoFrame) -> dict[str, bytes]:
    """Return a frame's side data by FFmpeg's names."""
    try:
        sides: Any = frame.side_data  # a mapping by its type, but what it goes through are its values
        return {side.type.name: bytes(side) for side in sides}
    except ValueError:  # PyAV reads none of it where it does not know one kind
        return {}


def _turn(matrix: bytes) -> tuple[int, ...]:
    """Return the display matrix if it turns or flips, without the shift that keeps a turned picture in place."""
    if len(matrix) != 36:
        return ()
    right, down, _, back_right, back_down, *_ = struct.unpack("=9i", matrix)
    if (right, down, back_right, back_down) in ((_ONE, 0, 0, _ONE), (0, 0, 0, 0)):
        return ()
    return (right, down, 0, back_right, back_down, 0, 0, 0, _ONE << 14)
