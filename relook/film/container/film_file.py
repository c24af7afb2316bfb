"""A film file on its way to disk: encoded into a part file, read back, then shown in its place."""

from __future__ import annotations

from contextlib import suppress
from fractions import Fraction
from pathlib import Path

from av import VideoFrame

from relook.errors import InputError, RelookError, ResourceError
from relook.film.container.codecs import plan_film
from relook.film.container.encoder import Encoder
from relook.film.container.matroska import set_frame_count, set_sample_aspect
from relook.film.container.opening import open_film, picture_stream
from relook.film.frames import FilmInfo, Frame
from relook.film.publish import Part, disk_errors


class FilmFile:
    """A film file being written; nobody sees it before it has been read back whole."""

    def __init__(
        self, path: Path, source: FilmInfo, *, codec: str | None, with_audio: bool, whole: bool, keeps_damage: bool
    ) -> None:
        self._source, self._codec, self._whole, self._keeps_damage = source, codec, whole, keeps_damage
        self._with_audio = with_audio and source.kind == "film"
        self._part = Part(path)
        self._encoder: Encoder | None = None

    def add(self, frame: Frame, *, copied: bool) -> None:
        """Encode one frame: its pixels, or with `copied` the decoder's own frame where there is one."""
        untouched = copied and isinstance(frame.native, VideoFrame)
        with disk_errors(self._part.final):
            if self._encoder is None:
                plan = plan_film(self._part.final, self._source, codec=self._codec, untouched=untouched)
                self._encoder = Encoder(self._part.path, self._source, plan, frame, whole=self._whole)
                if self._with_audio:
                    self._encoder.carry_tracks(keeps_damage=self._keeps_damage)
            self._encoder.encode(frame, untouched=untouched)

    def finish(self) -> None:
        """Write the rest, read the file back, and put it in its place."""
        if self._encoder is None:
            raise InputError(f"nothing was written to {self._part.final}: no frame was given")
        with disk_errors(self._part.final):
            self._encoder.finish()
            self._keep_sample_aspect()
            self._keep_count(len(self._encoder.stamps))
        fault = read_back(self._part.path, self._encoder)
        if fault is not None:
            raise ResourceError(
                f"{self._part.final} was written but does not read back whole ({fault}); its disk may be full or "
                f"faulty, and nothing was published"
            )
        self._part.publish()

    def _keep_sample_aspect(self) -> None:
        source, ending = self._source, self._part.final.suffix.lower()
        if ending in (".mkv", ".webm") and source.sample_aspect != 1:
            try:
                set_sample_aspect(self._part.path, source.width, source.height, source.sample_aspect)
            except ValueError as error:
                raise ResourceError(
                    f"{self._part.final} cannot keep pixels of {source.sample_aspect}: {error}; write .mov instead"
                ) from error

    def _keep_count(self, count: int) -> None:
        """Say how many frames there are, so that a gap in their stamps is not taken for a loss."""
        if self._part.final.suffix.lower() == ".mkv":
            try:
                set_frame_count(self._part.path, count)
            except ValueError as error:
                raise ResourceError(f"{self._part.final} cannot be finished: {error}; write .mov instead") from error

    @property
    def num_clipped(self) -> int:
        """Say how many frames have values that the film's colour space has no code for."""
        return self._encoder.num_clipped if self._encoder is not None else 0

    @property
    def num_lost_packets(self) -> int:
        """Say how many damaged packets of the sound were left out."""
        tracks = self._encoder.tracks if self._encoder is not None else None
        return tracks.num_lost if tracks is not None else 0

    def discard(self) -> None:
        """Remove everything written."""
        if self._encoder is not None:
            with suppress(RelookError), disk_errors(self._part.final):
                self._encoder.close()
        self._part.discard()


def read_back(path: Path, encoder: Encoder) -> str | None:
    """Read every packet of a finished file; say what differs from what went in, None where nothing does.

    FFmpeg reports no error for some full disks; what can be read again is the only proof.
    """
    expected = sorted(stamp * encoder.time_base for stamp in encoder.stamps)
    sizes = encoder.tracks.sizes if encoder.tracks is not None else {}
    try:
        found, heard, tick = _packets(path, list(sizes))
    except RelookError as error:
        return str(error)
    if len(found) != len(expected):
        return f"{len(found)} of {len(expected)} frames"
    for index, (wrote, read) in enumerate(zip(expected, sorted(found), strict=True)):
        if abs(wrote - read) > tick / 2:
            return f"frame {index} is at {float(read):.3f} s instead of {float(wrote):.3f} s"
    for stream, (count, size) in sizes.items():
        if heard[stream][0] != count and heard[stream][1] != size:
            return f"{heard[stream][0]} of {count} sound packets"
    return None


def _packets(path: Path, sounds: list[int]) -> tuple[list[Fraction], dict[int, tuple[int, int]], Fraction]:
    """Read the stamps of the pictures, packets and bytes of each sound stream, and the unit of the stamps."""
    found: list[Fraction] = []
    heard = dict.fromkeys(sounds, (0, 0))
    with open_film(path) as container, disk_errors(path):
        pictures = picture_stream(container, path)
        for packet in container.demux():
            if packet.stream_index == pictures.index and packet.pts is not None:
                found.append(packet.pts * packet.time_base)
            elif packet.stream_index in heard and packet.size:
                count, size = heard[packet.stream_index]
                heard[packet.stream_index] = (count + 1, size + packet.size)
        return found, heard, pictures.time_base or Fraction(1, 1000)
