"""An output container before its first frame: its pictures' stream, tags, timecode, chapters and how it is turned."""

from __future__ import annotations

import io
import math
from fractions import Fraction
from typing import Any, Final

import av
from av import VideoCodecContext, VideoFrame
from av.container import OutputContainer
from av.stream import Disposition, Stream
from av.video.stream import VideoStream

from relook.film.container.codecs import Plan
from relook.film.container.inventory import Inventory, Track
from relook.film.frames import ColourTags, FilmInfo

_MUXER_OPTIONS: Final = {"avoid_negative_ts": "disabled", "fflags": "+bitexact"}
"""Keep stamps as they are (sound may begin before 0), and write the same bytes for the same film."""

QUICKTIME_CODES: Final = {
    **{"sqi": "alb", "hye": "arm", "eus": "baq", "mya": "bur", "zho": "chi", "nld": "dut", "kat": "geo", "deu": "ger"},
    **{"ell": "gre", "isl": "ice", "mkd": "mac", "msa": "may", "bod": "tib", "cym": "wel", "fre": "fra", "rum": "ron"},
    **{"cze": "ces", "slo": "slk"},
}
"""For languages with two codes in ISO 639-2, the one in FFmpeg's list of QuickTime languages."""

_CHAPTER_TICK: Final = Fraction(1, 10**9)
_FINEST_CLOCK: Final = 2**31 - 1


def time_base(source: FilmInfo, plan: Plan) -> Fraction:
    """Return the unit of the pictures' stamps: the source's or, in MP4 and MOV, which state no rate beside their stamps, one that
    fits the rate as well.

    Matroska's milliseconds would make every frame at 23.976 a second 41 or 42 long.
    """
    if plan.counts_frames:
        return 1 / source.frame_rate
    fine = math.lcm(source.time_base.denominator, source.frame_rate.numerator)
    is_even = (1 / (source.frame_rate * source.time_base)).denominator == 1
    if plan.muxer not in ("mp4", "mov") or is_even or fine > _FINEST_CLOCK:
        return source.time_base
    return Fraction(1, fine)


def open_output(target: str | io.BytesIO, source: FilmInfo, plan: Plan) -> OutputContainer:
    """Open a container for writing; nothing is written before its first packet."""
    options = dict(_MUXER_OPTIONS)
    if plan.muxer in ("mp4", "mov"):  # they round the first stamp to this clock, which else ticks every millisecond
        options["movie_timescale"] = str(time_base(source, plan).denominator)
    return av.open(target, "w", format=plan.muxer, container_options=options)


def add_pictures(output: OutputContainer, source: FilmInfo, plan: Plan, found: Inventory | None = None) -> VideoStream:
    """Add the stream of pictures, with the source's static HDR metadata where the encoder takes it."""
    stream = output.add_stream(plan.codec.encoder, rate=source.frame_rate, time_base=time_base(source, plan))
    assert isinstance(stream, VideoStream)
    set_up(stream.codec_context, source, plan, found)
    return stream


def set_up(context: VideoCodecContext, source: FilmInfo, plan: Plan, found: Inventory | None = None) -> None:
    """Configure an encoder."""
    context.width, context.height, context.pix_fmt = source.width, source.height, plan.pixel_format
    context.options = _with_hdr(plan.options, found)
    context.sample_aspect_ratio = source.sample_aspect
    tag(context, plan.colour)
    if plan.codec.tag and plan.muxer in ("mp4", "mov"):
        context.codec_tag = plan.codec.tag


def describe(output: OutputContainer, stream: VideoStream, found: Inventory, timecode: str | None) -> None:
    """Copy names, tags, timecode and the turn of the pictures."""
    if found.film.kind != "film":
        tags: dict[str, str] = {}
    else:
        tags = dict(found.tags) | ({"title": found.title} if found.title else {})
    output.metadata.update(tags)
    if timecode:
        stream.metadata["timecode"] = timecode
        if found.reel:
            stream.metadata["reel_name"] = found.reel
    if found.turn:
        stream.set_display_matrix(list(found.turn))
    for track in found.of_kind("pictures"):
        name_stream(output, stream, track)
        stream.disposition = Disposition(sum(Disposition[role] for role in track.roles))


def name_stream(output: OutputContainer, copy: Stream, track: Track) -> None:
    """Copy a stream's language and name in the container's own way."""
    in_mov = output.format.name in ("mov", "mp4")
    if track.language:
        copy.metadata["language"] = (
            QUICKTIME_CODES.get(track.language, track.language) if output.format.name == "mov" else track.language
        )
    if track.title:
        copy.metadata["handler_name" if in_mov else "title"] = track.title


def set_chapters(output: OutputContainer, found: Inventory) -> None:
    """Copy the chapters."""
    chapters: list[Any] = [
        {
            "id": number,
            "start": round(chapter.start_seconds / _CHAPTER_TICK),
            "end": round(chapter.stop_seconds / _CHAPTER_TICK),
            "time_base": _CHAPTER_TICK,
            "metadata": {"title": chapter.title},  # an empty one too: MP4 passes over a chapter without one
        }
        for number, chapter in enumerate(found.chapters, start=1)
    ]
    output.set_chapters(chapters)


def _with_hdr(options: dict[str, str], found: Inventory | None) -> dict[str, str]:
    if found is None or "x265-params" not in options:
        return dict(options)
    more = [options["x265-params"]]
    if found.mastering is not None:
        more.append(f"master-display={found.mastering.x265()}")
    if found.light_level is not None:
        more.append(f"max-cll={found.light_level.most_nits},{found.light_level.frame_average_nits}")
    return options | {"x265-params": ":".join(more)}


def tag(place: VideoFrame | VideoCodecContext, tags: ColourTags) -> None:
    """Set a frame's colour tags; ProRes loses them unless both frames and codec carry them."""
    place.color_primaries, place.color_trc, place.colorspace = tags.primaries, tags.transfer, tags.matrix
    place.color_range = 0 if tags.full_range is None else 2 if tags.full_range else 1
