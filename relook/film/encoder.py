"""Turn frames into a film container: pictures through an encoder, sound beside them, stamps and tags as in the source.

The pictures' stamps are the source's own; a film that begins before 0 is moved there with its sound, for players hide
what lies before. Where only a part of a film is written, the part begins at 0, its timecode is moved on, and its sound
is cut to it. MXF holds one frame a tick and nothing else: uneven stamps are refused there.
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import Final

import av
from av import VideoCodecContext, VideoFrame
from av.container import OutputContainer
from av.packet import Packet
from av.video.stream import VideoStream

from relook.errors import InputError, UsageError
from relook.film.codecs import Plan, plan_film
from relook.film.container import open_film
from relook.film.frames import ColourTags, FilmInfo, Frame
from relook.film.matroska import COUNT_TAG, COUNT_UNKNOWN
from relook.film.pixels import FromPixels, rows
from relook.film.tracks import Tracks, carried_streams, describe
from relook.timing import advance_timecode, rate_text

_MUXER_OPTIONS: Final = {"avoid_negative_ts": "disabled", "fflags": "+bitexact"}
"""Keep stamps as they are (sound may begin before 0), and give the same bytes for the same film."""

_FINEST_CLOCK: Final = 2**31 - 1

_CARRIED_TAGS: Final = ("title", "artist", "album", "comment", "description", "copyright", "date", "genre", "language")


def require_encodable(path: Path, source: FilmInfo, *, codec: str | None, with_audio: bool) -> None:
    """Try the output in memory: the encoder, the picture size, and every stream that comes along.

    Raises:
        UsageError: the ending, the codec, or a stream does not fit.
    """
    plan = plan_film(path, source, codec=codec)
    reason = _refusal(source, plan)
    if reason is not None:
        raise UsageError(
            f"{path.suffix} with {plan.codec.title} cannot hold a film of {source.width} x {source.height} at "
            f"{rate_text(source.frame_rate)} frames a second ({reason}); {_other_ending(source)}"
        )
    if source.kind != "film" or not with_audio:
        return
    with open_film(source.path) as container:
        for stream in carried_streams(container):
            if _refusal(source, plan, only=stream.index) is not None:
                raise UsageError(
                    f"{path.suffix} cannot hold the {describe(stream)} of {source.path} (stream {stream.index}); "
                    f"{_other_ending(source, only=stream.index)}, or leave the sound and subtitles out"
                )


class Encoder:
    """One container being filled; made with its first frame, which settles the pixel format and where time begins."""

    def __init__(self, path: Path, source: FilmInfo, plan: Plan, first: Frame, *, whole: bool) -> None:
        self.time_base = _time_base(source, plan)
        self.stamps: list[int] = []
        """The stamp of every frame written, in units of `time_base`."""
        self.tracks: Tracks | None = None
        self._source, self._plan, self._whole = source, plan, whole
        self._first = first.pts
        self._offset = 0 if whole and not plan.counts_frames and first.pts >= 0 else first.pts
        self._from_pixels = FromPixels(source, plan.pixel_format, plan.colour)
        self._durations: dict[int, int] = {}
        self._end = 0
        self._output = _open_container(str(path), source, plan)
        self._stream = _add_pictures(self._output, source, plan)
        self._describe(first)

    def carry_tracks(self, *, keeps_damage: bool = False) -> None:
        """Take the source's sound and subtitles along; to be called before the first frame is encoded."""
        start = self._source_time(0) if self._offset else None
        self.tracks = Tracks(self._source.path, start=start, keeps_damage=keeps_damage)
        self.tracks.attach(self._output)

    def encode(self, frame: Frame, *, untouched: bool) -> None:
        """Encode a frame's pixels, or the decoder's own frame untouched."""
        height, width = frame.pixels.shape[-2:]
        if (width, height) != (self._source.width, self._source.height):
            raise InputError(
                f"frame {frame.index} of {self._source.path} is {width} x {height}, but the film began with "
                f"{self._source.width} x {self._source.height}; write stills of different sizes into a folder"
            )
        if not untouched:
            picture = self._from_pixels(frame)
        elif frame.native.format.name == self._plan.pixel_format:
            picture = frame.native
        else:
            picture = self._from_pixels.convert(frame.native)
        self._stamp(picture, frame)
        self._mux(self._stream.encode(picture))

    def finish(self) -> None:
        """Write what is still in the encoder, the rest of the sound, and the container's end."""
        self._mux(self._stream.encode(None))
        if self.tracks is not None:
            self.tracks.write_until(self._output, None if self._whole else self._source_time(self._end))
        self.close()

    def close(self) -> None:
        """Close the files, finished or not."""
        if self.tracks is not None:
            self.tracks.close()
        self._output.close()

    def _describe(self, first: Frame) -> None:
        """Take over timecode, rotation, names and chapters."""
        source = self._source
        if self._plan.muxer == "matroska":
            self._stream.metadata[COUNT_TAG] = COUNT_UNKNOWN
        if source.timecode:
            moved = 0 if self._whole else first.index
            timecode = advance_timecode(source.timecode, moved, source.frame_rate) if moved else source.timecode
            self._stream.metadata["timecode"] = timecode
        rotation = first.native.rotation if isinstance(first.native, VideoFrame) else 0
        if rotation in (90, -90, 180, -180):
            self._stream.set_display_rotation(rotation)
        if source.kind == "film":
            with open_film(source.path) as container:
                known = {key.lower(): value for key, value in container.metadata.items()}
                self._output.metadata.update({key: known[key] for key in _CARRIED_TAGS if key in known})
                if self._whole:
                    self._output.set_chapters(container.chapters())

    def _stamp(self, picture: VideoFrame, frame: Frame) -> None:
        pts = self._tick(frame) if self._plan.counts_frames else self._exact(frame.pts)
        usual = max(1, round(1 / (self._source.frame_rate * self.time_base)))
        lasts = round(frame.duration * self._source.time_base / self.time_base)
        duration = (0 if self._plan.counts_frames else lasts) or usual
        picture.pts, picture.time_base, picture.pict_type = pts, self.time_base, 0
        _tag(picture, self._plan.colour)
        self.stamps.append(pts)
        self._durations[pts] = duration
        self._end = pts + duration

    def _exact(self, pts: int) -> int:
        """Give the stamp in this file's units: that of the even rate, where the source has it but for its rounding."""
        source = self._source
        if self.time_base == source.time_base:
            return pts - self._offset
        count = round((pts - self._first) * source.time_base * source.frame_rate)
        even = self._first * source.time_base + count / source.frame_rate
        time = even if abs(even - pts * source.time_base) <= source.time_base else pts * source.time_base
        return round((time - self._offset * source.time_base) / self.time_base)

    def _tick(self, frame: Frame) -> int:
        """Count frames, where the container knows no stamps; refuse a film whose stamps say something else."""
        tick = len(self.stamps)
        exact = (frame.pts - self._offset) * self._source.time_base * self._source.frame_rate
        if abs(exact - tick) > Fraction(1, 2):
            raise InputError(
                f"frame {frame.index} of {self._source.path} does not lie on an even "
                f"{rate_text(self._source.frame_rate)} frames a second, which .mxf needs; write .mov or .mkv instead"
            )
        return tick

    def _mux(self, packets: Iterable[Packet[VideoStream]]) -> None:
        for packet in packets:
            if packet.pts is not None:
                packet.duration = self._durations.pop(packet.pts, packet.duration or 0)
            if self.tracks is not None and packet.dts is not None:
                self.tracks.write_until(self._output, self._source_time(packet.dts))
            packet.stream = self._stream
            self._output.mux(packet)

    def _source_time(self, pts: int) -> Fraction:
        """Give the time on the source's clock, in seconds, of a stamp of this file."""
        return pts * self.time_base + self._offset * self._source.time_base


def _other_ending(source: FilmInfo, *, only: int | None = None) -> str:
    """Advise an ending that holds the film, or one of its streams."""
    for ending in (".mkv", ".mov", ".mp4"):
        if _refusal(source, plan_film(Path(f"out{ending}"), source), only=only) is None:
            return f"write {ending} instead"
    return "convert the film first"


def _time_base(source: FilmInfo, plan: Plan) -> Fraction:
    """Take the source's; in MP4 and MOV, which have no rate but that of their stamps, one that fits the rate as well.

    Matroska's milliseconds would make 41 and 42 of every 23.976 frames a second.
    """
    if plan.counts_frames:
        return 1 / source.frame_rate
    fine = math.lcm(source.time_base.denominator, source.frame_rate.numerator)
    is_even = (1 / (source.frame_rate * source.time_base)).denominator == 1
    if plan.muxer not in ("mp4", "mov") or is_even or fine > _FINEST_CLOCK:
        return source.time_base
    return Fraction(1, fine)


def _open_container(target: str | io.BytesIO, source: FilmInfo, plan: Plan) -> OutputContainer:
    options = dict(_MUXER_OPTIONS)
    if plan.muxer in ("mp4", "mov"):  # they round the first stamp to this clock, which else ticks every millisecond
        options["movie_timescale"] = str(_time_base(source, plan).denominator)
    return av.open(target, "w", format=plan.muxer, container_options=options)


def _add_pictures(output: OutputContainer, source: FilmInfo, plan: Plan) -> VideoStream:
    stream = output.add_stream(plan.codec.encoder, rate=source.frame_rate, time_base=_time_base(source, plan))
    assert isinstance(stream, VideoStream)
    context = stream.codec_context
    context.width, context.height, context.pix_fmt = source.width, source.height, plan.pixel_format
    context.options = dict(plan.options)
    context.sample_aspect_ratio = source.sample_aspect
    _tag(context, plan.colour)
    if plan.codec.tag and plan.muxer in ("mp4", "mov"):
        context.codec_tag = plan.codec.tag
    return stream


def _tag(place: VideoFrame | VideoCodecContext, tags: ColourTags) -> None:
    """Set the colour tags; ProRes loses them unless the frames carry them as well as the codec."""
    place.color_primaries, place.color_trc, place.colorspace = tags.primaries, tags.transfer, tags.matrix
    place.color_range = 0 if tags.full_range is None else 2 if tags.full_range else 1


def _refusal(source: FilmInfo, plan: Plan, *, only: int | None = None) -> str | None:
    """Begin the output in memory, for the pictures or for one carried stream; give the reason where that fails."""
    if plan.counts_frames and round(source.width * source.sample_aspect) != source.width:
        return "its pixels are not square"
    tracks = Tracks(source.path) if only is not None else None
    try:
        output = _open_container(io.BytesIO(), source, plan)
        stream = _add_pictures(output, source, plan) if tracks is None or plan.counts_frames else None
        if tracks is not None:
            tracks.attach(output, only)
        output.start_encoding()
        if stream is not None and plan.counts_frames:  # MXF writes its header with the first packet only
            output.mux(stream.encode(_black(source, plan)))
        if tracks is not None:  # and MP4 looks at the sound's layout when it ends
            tracks.write_one(output)
            output.close()
        return None
    except (av.error.FFmpegError, OSError, ValueError) as error:
        return getattr(error, "strerror", None) or str(error)
    finally:
        if tracks is not None:
            tracks.close()


def _black(source: FilmInfo, plan: Plan) -> VideoFrame:
    frame = VideoFrame(source.width, source.height, plan.pixel_format)
    for plane in rows(frame):
        plane[...] = 0
    frame.pts, frame.time_base = 0, _time_base(source, plan)
    return frame
