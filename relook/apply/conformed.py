"""Render a cut list as one film: its events in record order, as long as the edit, without sound.

A dissolve is a linear mix of both rendered sides, in display values; frame k of n shows (k + 1)/(n + 1) of the incoming side.
Gaps in the list and black events are black, or transparent if film and output hold transparency: colours are then mixed
by how opaque each side is, so that what emerges from such a gap has its own colours at once. Each run of events that goes
forward in the source is one pass over the film, since films are read from their beginning.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import repeat
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from relook.apply.delivery import Delivery, RenderSettings
from relook.apply.events import MOST_NAMED, PlacedEvent, Placing, evenly, place_events
from relook.apply.exposures import renderer_of, shown_frames
from relook.apply.job import job_key
from relook.apply.receipt import delivered_already, receipt_for
from relook.apply.render import tell_before_work, with_unforeseen
from relook.errors import InputError
from relook.film.cuts.cutlist import CutList
from relook.film.frames import FilmInfo, Frame, Shot, WriteSettings
from relook.film.identity import watch
from relook.film.journal import was_being_shown
from relook.film.output_place import check_output, holds_alpha
from relook.film.pictures.alpha import mixed_alpha, opacity
from relook.film.pictures.picture import Alpha
from relook.film.reader import FilmReader
from relook.film.shots import find_shots
from relook.film.words import pictures_words
from relook.film.writer import FilmWriter, Job, Written
from relook.look import Look
from relook.progress import OnProgress, Progress, ignore
from relook.timing import FrameRange, format_timecode

WITHOUT_SOUND = "a film made from a cut list has no sound, subtitles or other tracks; add these in the editing system"
PICTURES_ALONE = WriteSettings(with_audio=False, whole=False)


@dataclass(frozen=True)
class Segment:
    """Consecutive frames of an edit; a side that is None is black."""

    length: int
    incoming: FrameRange | None = None
    outgoing: FrameRange | None = None
    is_dissolve: bool = False
    num_before: int = 0
    """For a dissolve, how many of its first frames are left out."""


def render_conformed(
    film: Path, look: Look, output: Path, cuts: CutList, *, settings: RenderSettings, on_progress: OnProgress = ignore
) -> Delivery:
    """Render the events of a cut list into one film.

    Raises:
        UsageError: the output cannot be written.
        InputError: the film cannot be read, or the list cannot be rendered in full: see `place_events` and `segments_of`.
    """
    with FilmReader(film, space=settings.colour_space) as reader:
        info = replace(reader.info, timecode=_record_start(cuts, reader.info))
        watched = watch(info)
        key = job_key(info.path, watched, look, settings, choice=repr(cuts))
        before = None if settings.overwrite else delivered_already(output, key)
        if before is not None:
            return before
        writing = replace(PICTURES_ALONE, untouched=settings.dials.is_off)
        replaces = settings.overwrite or was_being_shown(output, key)
        left_out = check_output(output, info, writing, overwrite=replaces)
        tell_before_work(pictures_words(info), left_out, on_progress)
        shots = find_shots(film, space=settings.colour_space, on_progress=on_progress)
        placing = place_events(cuts, reader.info, shots[-1].frames.stop)
        edit = _Edit(output, info, placing, shots, left_out, settings)
        segments = segments_of(cuts, placing)
        has_alpha = holds_alpha(output, info)
        source = _Source(reader, shots, look, settings, black_alpha=_clear(info) if has_alpha else None)
        total = sum(segment.length for segment in segments)

        def receipt(written: Written) -> bytes:
            return receipt_for(edit.delivery(written, source.flicker), written, info, look, settings, key)

        job = Job(key, watched, receipt, num_frames=total)
        with FilmWriter(output, info, writing, overwrite=settings.overwrite, job=job) as writer:
            rest = after(segments, writer.num_done)
            for index, frame in enumerate(_joined(rest, source), start=writer.num_done):
                stamp = round(index / (info.frame_rate * info.time_base))
                is_copied = settings.dials.is_off and not (frame.native is None or isinstance(frame.native, Alpha))
                (writer.copy if is_copied else writer.write)(replace(frame, index=index, pts=stamp, duration=0))
                on_progress(Progress("rendering", index + 1, total))
    return edit.delivery(writer.written, source.flicker)


@dataclass(frozen=True)
class _Edit:
    """A cut list placed on its film, with what a delivery says about it."""

    output: Path
    info: FilmInfo
    placing: Placing
    shots: tuple[Shot, ...]
    left_out: tuple[str, ...]
    settings: RenderSettings

    def delivery(self, written: Written, flicker: tuple[float, float]) -> Delivery:
        """Describe the result."""
        used = [event.frames for event in self.placing.placed if event.frames is not None]
        space = self.settings.colour_space
        return Delivery(
            self.output,
            FrameRange(min(part.start for part in used), max(part.stop for part in used)),
            tuple(written.tally.hashes),
            self.shots,
            flicker,
            left_out=with_unforeseen(self.left_out, written.lost_layers),
            num_clipped=written.tally.num_clipped,
            colour_space=space.name if space and written.keeps_space else "",
            notes=(*self.placing.notes, WITHOUT_SOUND),
            taken=pictures_words(self.info),
        )


def after(segments: Sequence[Segment], count: int) -> list[Segment]:
    """Drop the first frames of an edit."""
    left: list[Segment] = []
    for segment in segments:
        gone = min(count, segment.length)
        count -= gone
        if gone < segment.length:
            incoming, outgoing = _later(segment.incoming, gone), _later(segment.outgoing, gone)
            rest = segment.length - gone
            left.append(Segment(rest, incoming, outgoing, segment.is_dissolve, segment.num_before + gone))
    return left


def _later(side: FrameRange | None, gone: int) -> FrameRange | None:
    return None if side is None else FrameRange(side.start + gone, side.stop)


def segments_of(cuts: CutList, placing: Placing) -> list[Segment]:
    """Divide an edit into runs of frames and dissolves, in record order, without gaps.

    Raises:
        InputError: events overlap or come from other reels, so that the film would differ from the list.
    """
    if placing.foreign:
        names = ", ".join(f"{event.number} ({event.reel or event.name})" for event in placing.foreign[:MOST_NAMED])
        raise InputError(
            f"{len(placing.foreign)} events come from other reels: {names}; give a folder as -o to get one film per shot of this reel"
        )
    placed = {id(event.event): event for event in placing.placed}
    segments: list[Segment] = []
    at = None
    for event in cuts.events:
        if event.kind == "sound":
            continue
        gap = event.record.start - (event.record.start if at is None else at)
        if gap < 0:
            raise InputError(
                f"event {event.number} begins before the previous one ends; give a folder as -o to get one film per shot"
            )
        segments += [Segment(gap)] if gap else []
        segments += _segments(placed.get(id(event)), len(event.record), event.dissolve.frames if event.dissolve else 0)
        at = event.record.stop
    return segments


def _segments(event: PlacedEvent | None, length: int, dissolve: int) -> list[Segment]:
    """Split an event into its dissolve and the rest."""
    frames, outgoing = (event.frames, event.outgoing) if event else (None, None)

    def part(start: int, stop: int) -> FrameRange | None:
        return None if frames is None else FrameRange(frames.start + start, frames.start + stop)

    segments = [Segment(dissolve, part(0, dissolve), outgoing, is_dissolve=True)] if dissolve else []
    return segments + ([Segment(length - dissolve, part(dissolve, length))] if length > dissolve else [])


class _Source:
    """Renders any run of a film's frames, for two passes at a time."""

    def __init__(
        self,
        reader: FilmReader,
        shots: tuple[Shot, ...],
        look: Look,
        settings: RenderSettings,
        *,
        black_alpha: Alpha | None = None,
    ) -> None:
        """Prepare both passes; black is opaque unless `black_alpha` is given."""
        self.info, self._black_alpha = reader.info, black_alpha
        self._reader, self._shots, self._seed = reader, shots, settings.seed
        self.renderers = [renderer_of(look, settings, self.info.frame_rate) for _ in range(2)]

    @property
    def flicker(self) -> tuple[float, float]:
        """For `Delivery.flicker`."""
        return self.renderers[0].flicker

    def frames(self, ranges: Sequence[FrameRange | None], *, side: int = 0) -> Iterator[Frame]:
        """Yield the frames of ascending ranges, or endless black."""
        wanted = [part for part in ranges if part is not None]
        if wanted:
            shown = shown_frames(self._reader, wanted, self._shots, self.renderers[side], seed=self._seed)
            return evenly(shown, self.info)
        black = torch.zeros(3, self.info.height, self.info.width)
        return repeat(Frame(0, 0, 0, black, native=self._black_alpha))


def _clear(info: FilmInfo) -> Alpha:
    return Alpha(np.zeros((info.height, info.width), np.uint16), 65535.0)


def _joined(segments: Sequence[Segment], source: _Source) -> Iterator[Frame]:
    run: list[FrameRange] = []
    for segment in segments:
        if run and (segment.is_dissolve or segment.incoming is None or segment.incoming.start < run[-1].stop):
            yield from source.frames(run)
            run = []
        if segment.is_dissolve:
            yield from _dissolved(segment, source)
        elif segment.incoming is None:
            yield from (frame for frame, _ in zip(source.frames([None]), range(segment.length), strict=False))
        else:
            run.append(segment.incoming)
    if run:
        yield from source.frames(run)


def _dissolved(segment: Segment, source: _Source) -> Iterator[Frame]:
    sides = source.frames([segment.outgoing], side=1), source.frames([segment.incoming])
    for k, (old, new) in enumerate(zip(*sides, strict=False)):
        if k == segment.length:
            return
        share = (segment.num_before + k + 1) / (segment.num_before + segment.length + 1)
        weight = _weight(old, new, share)
        alpha = mixed_alpha(old.native, new.native, share)
        yield replace(
            new, pixels=torch.lerp(old.pixels, new.pixels, weight), native=alpha, beyond=_beyond(old, new, weight)
        )


def _weight(old: Frame, new: Frame, share: float) -> Tensor:
    """Return the incoming side's weight in a mix of colours, for each pixel by how opaque both sides are; `share` if equally."""
    sides = [opacity(side.native) for side in (old, new)]
    first, second = (torch.ones(()) if side is None else torch.from_numpy(side) for side in sides)
    whole = first * (1 - share) + second * share
    return torch.where((whole == 0) | (first == second), torch.tensor(share), second * share / whole.clamp(min=1e-9))


def _beyond(old: Frame, new: Frame, share: Tensor) -> Tensor | None:
    """Mix both sides' values beyond black and white."""
    if old.beyond is None and new.beyond is None:
        return None
    first, second = (torch.zeros_like(side.pixels) if side.beyond is None else side.beyond for side in (old, new))
    return torch.lerp(first, second, share)


def _record_start(cuts: CutList, info: FilmInfo) -> str:
    first = min((event.record.start for event in cuts.events if event.kind != "sound"), default=0)
    return format_timecode(first, info.frame_rate, drop=cuts.drop)
