"""Write the beginning of an output in memory, to see what it accepts and what can be read back."""

from __future__ import annotations

import io
from contextlib import nullcontext
from dataclasses import replace
from typing import Final

import av
from av import VideoFrame
from av.container import InputContainer

from relook.film.container.codecs import Plan
from relook.film.container.inventory import CARRIED, Inventory, Track, inventory_of
from relook.film.container.output import add_pictures, describe, open_output, set_chapters, tag, time_base
from relook.film.container.tracks import Tracks
from relook.film.frames import FilmInfo
from relook.film.pixels import rows

_TRIAL_SIZE: Final = (256, 144)
"""Width and height of the film that is written in memory: the smallest that DNxHR accepts."""

_TRIAL_FRAMES: Final = 3


def refused_tracks(found: Inventory, plan: Plan) -> frozenset[int]:
    """Write the first packet of each stream into an output of its own, and return those that fail."""
    return frozenset(t.index for t in found.of_kind(*CARRIED) if not _takes(found, plan, t))


def _takes(found: Inventory, plan: Plan, track: Track) -> bool:
    if track.kind in ("cover", "attachment") and plan.muxer in ("matroska", "webm"):
        return plan.muxer == "matroska"
    try:
        _write(found, plan, [track], with_pictures=plan.counts_frames)
    except (av.error.FFmpegError, OSError, ValueError):
        return False
    return True


def try_writing(found: Inventory, plan: Plan, tracks: list[Track]) -> Inventory:
    """Write a frame and the beginning of every stream, and read back what arrived."""
    written = _write(found, plan, tracks, with_pictures=True)
    with av.open(written, "r", metadata_errors="replace") as container:
        assert isinstance(container, InputContainer)
        return inventory_of(container)


def _write(found: Inventory, plan: Plan, tracks: list[Track], *, with_pictures: bool) -> io.BytesIO:
    source, target = found.film, io.BytesIO()
    small = replace(source, width=_TRIAL_SIZE[0], height=_TRIAL_SIZE[1])
    with Tracks(source.path) if source.kind == "film" else nullcontext() as carried:
        output = open_output(target, source, plan)
        if with_pictures:
            stream = add_pictures(output, small, plan, found)
            describe(output, stream, found, source.timecode)
            set_chapters(output, found)
        if carried is not None:
            carried.attach(output, tracks)
        output.start_encoding()
        if with_pictures:
            for number in range(_TRIAL_FRAMES):
                output.mux(stream.encode(_black(small, plan, number)))
            output.mux(stream.encode(None))
        if carried is not None:
            carried.write_first(output)
        output.close()
    target.seek(0)
    return target


def picture_refusal(source: FilmInfo, plan: Plan) -> str | None:
    """Begin the output in memory with the pictures alone, at their size; return the reason if that fails."""
    if plan.counts_frames and round(source.width * source.sample_aspect) != source.width:
        return "its pixels are not square"
    try:
        output = open_output(io.BytesIO(), source, plan)
        stream = add_pictures(output, source, plan)
        output.start_encoding()
        if plan.counts_frames:  # MXF writes its header with the first packet only
            output.mux(stream.encode(_black(source, plan)))
        return None
    except (av.error.FFmpegError, OSError, ValueError) as error:
        return getattr(error, "strerror", None) or str(error)


def _black(source: FilmInfo, plan: Plan, number: int = 0) -> VideoFrame:
    frame = VideoFrame(source.width, source.height, plan.pixel_format)
    for plane in rows(frame):
        plane[...] = 0
    base = time_base(source, plan)
    tag(frame, plan.colour)
    frame.pts, frame.time_base = number * max(1, round(1 / (source.frame_rate * base))), base
    return frame
