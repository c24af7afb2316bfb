"""Open film files safely, and read what their headers promise.

Only regular local files in the containers listed here are opened, always by absolute path: a playlist or a URL inside a
file named `.mp4` would otherwise make FFmpeg read other files or the network.
"""

from __future__ import annotations

import re
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import Final

import av
from av import CodecContext, VideoCodecContext
from av.container import InputContainer
from av.stream import Disposition, Stream
from av.video.stream import VideoStream

from relook.errors import InputError, UsageError
from relook.film.container.edits import require_normal_speed
from relook.film.container.matroska import COUNT_TAG
from relook.film.container.pixel_formats import format_refusal
from relook.film.frames import ColourTags, FilmInfo
from relook.film.other_files import what_it_is
from relook.film.regular import require_regular
from relook.timing import parse_timecode

_ALLOWED: Final = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,mpegts,mpeg,mpegvideo,mxf,avi,gif,ogg,flv,asf,dv,ivf,nut,"
    "h264,hevc,yuv4mpegpipe"
)
"""FFmpeg's names for the containers that hold pictures themselves and point to no other file."""

_BARE: Final = ("h264", "hevc", "mpegvideo")
"""FFmpeg's names of pictures without a container: it gives most of them 25 frames a second."""

MOST_PIXELS: Final = 2**26
"""Largest picture that is decoded, in pixels: twice 8K. A header that claims 60000 x 60000 would take all memory."""

_TRANSPARENT_SAMPLING: Final = "yuv420p"
"""Of VP8 and VP9 pictures beside which transparency is decoded."""

FILM_ENDINGS: Final = (
    *(".mp4", ".m4v", ".mov", ".3gp", ".avif", ".mkv", ".webm", ".mxf", ".avi", ".gif", ".mpg", ".mpeg", ".m2v"),
    *(".vob", ".ts", ".mts", ".m2ts", ".ogv", ".flv", ".wmv", ".asf", ".dv", ".ivf", ".nut", ".y4m", ".h264", ".h265"),
)
"""Endings by which films in a folder are recognised; a film named directly may have any ending."""


def open_film(path: Path) -> InputContainer:
    """Open a film for reading.

    Raises:
        InputError: there is no such file, or it is not a regular file, or not a film.
    """
    require_regular(path, "a film file, a folder of pictures or a pattern")
    try:
        return av.open(
            str(path.absolute()),
            metadata_errors="replace",
            container_options={"format_whitelist": _ALLOWED, "protocol_whitelist": "file"},
        )
    except PermissionError as error:
        raise InputError(f"cannot open {path}: no permission to read it") from error
    except (av.error.FFmpegError, OSError, ValueError) as error:
        if path.stat().st_size == 0:
            raise InputError(f"{path} is empty; copy it or export it again") from error
        known = what_it_is(path) or (
            "damaged, cut off or of another kind; try it in a video player, or export it again"
        )
        raise InputError(f"{path} cannot be read as a film: it is {known}") from error


def picture_stream(container: InputContainer, path: Path) -> VideoStream:
    """Return the stream that holds the film's pictures; never cover art.

    The first one, unless another that moves is marked as default (an AVIF film begins with a still).
    """
    streams = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
    if any(stream.disposition & Disposition.dependent for stream in streams):
        raise InputError(f"{path} is a still made of tiles (HEIC), which relook does not put together; save it as PNG")
    if not streams:
        raise InputError(f"{path} has no pictures: it holds sound or data only")
    stream = max(streams, key=lambda s: (bool(s.disposition & Disposition.default), s.frames != 1))
    if stream.codec_context is None:
        raise InputError(
            f"{path} holds pictures of a kind that FFmpeg does not decode: a camera's raw, a rare codec, or encrypted ones; "
            f"export it from the camera maker's program, or from where it plays, as ProRes .mov or H.264 .mp4"
        )
    stream.codec_context.options = {"max_pixels": str(MOST_PIXELS)}
    stream.thread_type = "AUTO"
    return stream


def decoder(container: InputContainer, stream: VideoStream) -> VideoCodecContext:
    """Return the stream's decoder: FFmpeg's own, or another one if that ignores the transparency of VP8 and VP9."""
    if not _has_coded_alpha(container, stream):
        return stream.codec_context
    context = CodecContext.create("libvpx-vp9" if stream.codec_context.name == "vp9" else "libvpx", "r")
    assert isinstance(context, VideoCodecContext)
    context.extradata = stream.codec_context.extradata
    return context


def film_info(container: InputContainer, stream: VideoStream, path: Path) -> FilmInfo:
    """Read what a film's header says."""
    context = stream.codec_context
    is_file = path.is_file()
    if is_file and "mp4" in container.format.name:
        require_normal_speed(path)
    if is_file and _is_encrypted(path, stream):
        raise InputError(
            f"{path} is encrypted, and relook has no keys; export it without protection from where it plays"
        )
    if context.pix_fmt is None or context.format is None or not context.width or not context.height:
        raise InputError(f"{path} has a picture track but no frame of it can be read; it is damaged or incomplete")
    refusal = format_refusal(context.pix_fmt)
    if refusal is not None:
        raise InputError(f"{path} {refusal}")
    has_coded_alpha = _has_coded_alpha(container, stream)
    if has_coded_alpha and context.pix_fmt != _TRANSPARENT_SAMPLING:
        raise InputError(
            f"{path} has transparency beside {stream.codec_context.name} pictures of {context.pix_fmt}, which FFmpeg decodes for "
            f"{_TRANSPARENT_SAMPLING} alone; export it as ProRes 4444 .mov or FFV1 .mkv"
        )
    if context.width * context.height > MOST_PIXELS:
        raise InputError(
            f"{path} is {context.width} x {context.height}, more than the {MOST_PIXELS} pixels that relook decodes; "
            f"scale it down first"
        )
    return FilmInfo(
        path=path,
        kind="film",
        width=context.width,
        height=context.height,
        frame_rate=_frame_rate(stream),
        time_base=stream.time_base or Fraction(1, 1000),
        bit_depth=min(16, max(component.bits for component in context.format.components)),
        pixel_format="yuva420p" if has_coded_alpha else context.pix_fmt,
        colour=_colour_tags(stream),
        sample_aspect=_sample_aspect(stream),
        timecode=_timecode(container, stream, _frame_rate(stream)),
        num_frames=_num_frames(stream),
        audio_codecs=tuple(codec_name(s) for s in container.streams.audio),
    )


def _is_encrypted(path: Path, stream: VideoStream) -> bool:
    with open_film(path) as again, suppress(av.error.FFmpegError, OSError):
        packet = next(again.demux(again.streams[stream.index]), None)
        return packet is not None and packet.has_sidedata("encryption_info")
    return False


def promised_end(container: InputContainer, stream: Stream) -> Fraction | None:
    """Return when a stream ends according to the header, in seconds on the stream's clock; None if it does not say."""
    if stream.duration and stream.time_base:
        return ((stream.start_time or 0) + stream.duration) * stream.time_base
    tag = re.fullmatch(r"(\d+):(\d+):(\d+(?:\.\d+)?)", stream.metadata.get("DURATION", ""))
    if tag:
        return (int(tag[1]) * 60 + int(tag[2])) * 60 + Fraction(tag[3])
    if container.duration and len(container.streams) == 1:
        return Fraction((container.start_time or 0) + container.duration, av.time_base)
    return None


def _frame_rate(stream: VideoStream) -> Fraction:
    """Give the rate by the stamps; by the pictures' own header in a bare stream, and where FFmpeg knows no better."""
    coded = stream.codec_context.framerate
    by_stamps = (stream.guessed_rate, stream.average_rate, stream.base_rate)
    for rate in (coded, *by_stamps) if stream.container.format.name in _BARE else (*by_stamps, coded):
        if rate and 0 < rate <= 1000:
            is_rounded = rate > 60 and coded is not None and coded * 1001 == rate * 1000  # FFmpeg knows no 119.88
            return _exact_rate(Fraction(coded if is_rounded else rate))
    return Fraction(24)


def _has_coded_alpha(container: InputContainer, stream: VideoStream) -> bool:
    """Say whether transparency is coded beside the pictures of VP8 or VP9; films recorded by browsers claim it and have none."""
    if stream.metadata.get("alpha_mode") != "1" or not isinstance(container.name, str) or not container.name:
        return False
    with open_film(Path(container.name)) as again:
        packet = next(again.demux(again.streams[stream.index]), None)
        return packet is not None and packet.has_sidedata("matroska_block_additional")


def _exact_rate(rate: Fraction) -> Fraction:
    """Correct a rate to 24000/1001 or the like if it is that but for rounding: Matroska stores whole nanoseconds."""
    for exact in (Fraction(nominal * 1000, 1001) for nominal in (24, 30, 48, 60, 120)):
        if abs(rate / exact - 1) < Fraction(1, 100_000):
            return exact
    return rate


def num_frames_told(stream: VideoStream) -> int | None:
    """Return the exact number of a track's frames: in AVI by its index, in MXF by its header, in Matroska if it has that tag."""
    container = stream.container.format.name
    if container == "avi":
        return len(stream.index_entries) or None
    if container == "mxf":
        return stream.duration or None
    told = stream.metadata.get(COUNT_TAG, "")
    return int(told) if told.isdecimal() and int(told) else None


_UNSPECIFIED: Final = 2
_BT470BG: Final = 5
"""VP8's colours, which its containers do not state (RFC 6386, section 9.2): BT.601, legal range."""


def _colour_tags(stream: VideoStream) -> ColourTags:
    context = stream.codec_context
    full_range = {1: False, 2: True}.get(int(context.color_range))
    if context.name == "vp8" and int(context.colorspace) == _UNSPECIFIED:
        return ColourTags(int(context.color_primaries), int(context.color_trc), _BT470BG, False)
    return ColourTags(int(context.color_primaries), int(context.color_trc), int(context.colorspace), full_range)


def _sample_aspect(stream: VideoStream) -> Fraction:
    aspect = stream.sample_aspect_ratio or stream.codec_context.sample_aspect_ratio
    return Fraction(aspect) if aspect and aspect > 0 else Fraction(1)


def timecode_tags(container: InputContainer, stream: VideoStream) -> list[str]:
    """List what a film's tags say of its timecode, the nearest to the pictures first."""
    places = [stream.metadata, *(data.metadata for data in container.streams.data), container.metadata]
    return [tags[name] for name in ("timecode", "TIMECODE") for tags in places if tags.get(name)]


def _timecode(container: InputContainer, stream: VideoStream, rate: Fraction) -> str | None:
    """Give the first of the tags that is a timecode at the film's rate, in the form of ours."""
    for tag in timecode_tags(container, stream):
        parts = _TIMECODE.fullmatch(tag)
        if parts is not None:
            hours, minutes, seconds, mark, frames = parts.groups()
            for sign in ":" if mark == ":" else ";:":  # where the rate has no drop-frame counting, it was not meant
                text = f"{hours:0>2}:{minutes:0>2}:{seconds:0>2}{sign}{frames:0>2}"
                with suppress(UsageError):
                    parse_timecode(text, rate)
                    return text
    return None


_TIMECODE: Final = re.compile(r"(\d{1,2})[:;](\d{1,2})[:;](\d{1,2})([:;.])(\d{1,3})")
"""Drop-frame counting is written by other programs with a point, or semicolons throughout, too."""


def _num_frames(stream: VideoStream) -> int | None:
    """Count frames by duration where possible: an edit list may show fewer frames than the file stores."""
    if stream.duration and stream.time_base and stream.average_rate:
        return max(1, round(stream.duration * stream.time_base * stream.average_rate))
    return stream.frames or None


def codec_name(stream: Stream) -> str:
    """Return FFmpeg's name for the codec as a format, rather than for a decoder."""
    return stream.codec_context.codec.canonical_name if stream.codec_context else "unknown"
