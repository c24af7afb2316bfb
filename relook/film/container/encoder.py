"""Turn frames into a film container: pictures through an encoder, sound beside them, stamps and tags as in the source.

The pictures' stamps are the source's own; a film that begins before 0 is moved there with its sound, for players hide
what lies before. Where only a part of a film is written, the part begins at 0, its timecode is moved on, and its sound
is cut to it. MXF holds one frame a tick and nothing else: uneven stamps are refused there.

A film that was said to be in a colour space is written in that space again, under the tags that it has.
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import Final

from av import VideoFrame
from av.packet import Packet
from av.video.stream import VideoStream

from relook.errors import InputError
from relook.film.container.codecs import Plan
from relook.film.container.fate import carried
from relook.film.container.inventory import inventory
from relook.film.container.matroska import COUNT_TAG, COUNT_UNKNOWN
from relook.film.container.output import add_pictures, describe, open_output, set_chapters, tag, time_base
from relook.film.container.tracks import Tracks
from relook.film.frames import FilmInfo, Frame
from relook.film.pictures.alpha import frame_alpha, has_alpha, put_alpha
from relook.film.pictures.in_space import in_space
from relook.film.pixels import FromPixels
from relook.timing import advance_timecode, rate_text

_X265_FORGETS: Final = 2
"""Films of so few frames get decoding stamps from memory that x265 never filled; none of their frames change places."""


class Encoder:
    """One container being filled; made with its first frame, which settles the pixel format and where time begins."""

    def __init__(self, path: Path, source: FilmInfo, plan: Plan, first: Frame, *, whole: bool) -> None:
        self.time_base = time_base(source, plan)
        self.stamps: list[int] = []
        """The stamp of every frame written, in units of `time_base`."""
        self.tracks: Tracks | None = None
        self.num_clipped = 0
        """Frames with values that the film's colour space has no code for."""
        self._source, self._plan, self._whole = source, plan, whole
        self._first = first.pts
        self._offset = 0 if whole and not plan.counts_frames and first.pts >= 0 else first.pts
        self._from_pixels = FromPixels(source, plan.pixel_format, plan.colour)
        self._durations: dict[int, int] = {}
        self._end = 0
        self._inventory = inventory(source)
        self._output = open_output(str(path), source, plan)
        self._stream = add_pictures(self._output, source, plan, self._inventory)
        self._describe(first)

    def carry_tracks(self, *, keeps_damage: bool = False) -> None:
        """Take the source's other streams along; to be called before the first frame is encoded."""
        start = self._source_time(0) if self._offset else None
        self.tracks = Tracks(self._source.path, start=start, keeps_damage=keeps_damage)
        self.tracks.attach(self._output, carried(self._inventory, self._plan))

    def encode(self, frame: Frame, *, untouched: bool) -> None:
        """Encode a frame's pixels, or the decoder's own frame untouched."""
        height, width = frame.pixels.shape[-2:]
        if (width, height) != (self._source.width, self._source.height):
            raise InputError(
                f"frame {frame.index} of {self._source.path} is {width} x {height}, but the film began with "
                f"{self._source.width} x {self._source.height}; write stills of different sizes into a folder"
            )
        if not untouched or not self._from_pixels.keeps_matrix:
            picture = self._from_pixels(self._as_source(frame))
        elif frame.native.format.name == self._plan.pixel_format:
            picture = frame.native
        else:
            picture = self._from_pixels.convert(frame.native)
        if picture is not frame.native:
            self._keep_alpha(frame, picture)
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

    def _as_source(self, frame: Frame) -> Frame:
        """Take a film's values back to the space that it is in; those of pictures are for the display."""
        space = self._source.space if self._source.kind == "film" else None
        if space is None:
            return frame
        frame, is_clipped = in_space(frame, space, half_code=self._from_pixels.half_code)
        self.num_clipped += is_clipped
        return frame

    def _describe(self, first: Frame) -> None:
        """Take over timecode, rotation, names and chapters."""
        source = self._source
        if self._plan.muxer == "matroska":
            self._stream.metadata[COUNT_TAG] = COUNT_UNKNOWN
        timecode = source.timecode
        if timecode and not self._whole and first.index:
            timecode = advance_timecode(timecode, first.index + first.drift, source.frame_rate)
        describe(self._output, self._stream, self._inventory, timecode)
        if self._whole:
            set_chapters(self._output, self._inventory)

    def _keep_alpha(self, frame: Frame, picture: VideoFrame) -> None:
        """Write the source's transparency beside the new colours; refuse to lose any."""
        alpha = frame_alpha(frame.native)
        if alpha is None:
            return
        if has_alpha(self._plan.pixel_format):
            put_alpha(picture, *alpha)
        elif int(alpha[0].min()) < 2 ** alpha[1] - 1:
            raise InputError(
                f"frame {frame.index} of {self._source.path} is transparent, which {self._plan.codec.title} here cannot "
                f"hold; write .mkv or .mov instead"
            )

    def _stamp(self, picture: VideoFrame, frame: Frame) -> None:
        pts = self._tick(frame) if self._plan.counts_frames else self._exact(frame.pts)
        usual = max(1, round(1 / (self._source.frame_rate * self.time_base)))
        lasts = round(frame.duration * self._source.time_base / self.time_base)
        duration = (0 if self._plan.counts_frames else lasts) or usual
        picture.pts, picture.time_base, picture.pict_type = pts, self.time_base, 0
        tag(picture, self._plan.colour)
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
            if len(self.stamps) <= _X265_FORGETS and self._plan.codec.encoder == "libx265":
                packet.dts = packet.pts
            if self.tracks is not None and packet.dts is not None:
                self.tracks.write_until(self._output, self._source_time(packet.dts))
            packet.stream = self._stream
            self._output.mux(packet)

    def _source_time(self, pts: int) -> Fraction:
        """Give the time on the source's clock, in seconds, of a stamp of this file."""
        return pts * self.time_base + self._offset * self._source.time_base
