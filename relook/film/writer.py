"""Write films and pictures: encoded beside the caller's work, published whole or not at all.

Frames are written by stretches, each of which is safe on disk before the next begins. A job that is broken off leaves what is
done beside the output's place, and goes on behind it when it is started again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, NamedTuple, Protocol, Self

from pydantic import TypeAdapter

from relook.errors import DivergedError, InputError, KilledDecoderError, UsageError
from relook.film.container.codecs import film_endings
from relook.film.container.film_file import FilmFile
from relook.film.frames import FilmInfo, Frame
from relook.film.hdr_light import is_hdr
from relook.film.identity import Watched
from relook.film.journal import Journal, Stretch, was_being_shown
from relook.film.output_place import check_output, is_folder
from relook.film.overlap import Behind
from relook.film.part import Part
from relook.film.pictures.picture_file import Picture, holds_beyond, returns_to_space
from relook.film.pictures.picture_files import PictureFiles, folder_of
from relook.film.tally import Tally
from relook.film.values import keeps_space

STRETCH_FRAMES: Final = 120
"""A stretch is no longer than this: so much work is lost at most when a job is killed."""
_QUEUED_FRAMES: Final = 2
_FAILING_AGAIN: Final = (UsageError, InputError, DivergedError)
"""Errors that the same job would meet again."""
_TALLY: Final = TypeAdapter(Tally)


class _Work(NamedTuple):
    frame: Frame
    copied: bool


class _Sink(Protocol):
    """Where encoded frames go: `commit` ends a stretch, `finish` makes of all what is to be published, and digests it."""

    def add(self, frame: Frame, *, copied: bool) -> None: ...
    def commit(self) -> tuple[dict[str, str], dict[str, Any]]: ...
    def finish(self) -> str: ...
    def discard(self) -> None: ...


@dataclass(frozen=True)
class Written:
    """What was written, when all of it is."""

    tally: Tally
    sha256: str
    """Of the film's file (hex); empty for pictures."""
    files: dict[str, str]
    """Of pictures, each one's SHA-256 (hex) by its name."""
    num_lost_packets: int
    """How many damaged packets of the sound were left out."""
    lost_layers: tuple[str, ...]
    """Which layers, and which metadata, of the source's pictures the output does not hold, in words."""
    forgets_time: bool
    """True where frames are written without their stamps: as pictures."""
    keeps_space: bool
    """True where the output is in the colour space that the source was said to be in."""


@dataclass(frozen=True)
class Job:
    """What an output is made of, so that its making can be gone on with, and be told afterwards."""

    key: str | None
    """A digest of all that the frames depend on; None where it cannot be gone on with."""
    source: Watched
    receipt: Callable[[Written], bytes]
    """Gives what is published beside the output, as `publish.receipt_of(output)`."""
    cuts: frozenset[int] = frozenset()
    """Numbers of frames that begin a shot; a stretch begins there too."""
    num_frames: int | None = None
    """How many there will be in all, where that is known."""


class FilmWriter:
    """Write frames, in order, to a film file, to numbered pictures, or to a folder that keeps the pictures' names.

    Encoding goes on in a thread of its own; its errors are raised by the next call. The pixels of a frame must not be
    changed after it has been given. Leaving the `with` block cleanly reads the output back and puts it in its place;
    leaving it on an error removes what was made, or with a job leaves it for the same job to go on with.
    """

    def __init__(
        self,
        path: Path,
        source: FilmInfo,
        *,
        overwrite: bool = False,
        codec: str | None = None,
        with_audio: bool = True,
        whole: bool = True,
        keeps_damage: bool = False,
        in_space: bool = False,
        job: Job | None = None,
    ) -> None:
        """Check the output and lock its place.

        Args:
            path: a film (`.mp4 .m4v .mov .mkv .mxf .webm`), `out.####.exr`, `out.%04d.tif`, or, where the source is
                pictures, a folder. Pictures keep the numbers of a sequence; those made of a film begin at 1001.
            source: the film that the frames come from; it gives size, stamps, tags, sound and names.
            codec: one of `codecs.CODECS`, instead of the one that goes with the ending.
            with_audio: take the source's sound and subtitles along.
            whole: False where only a part of the source is written: its sound is cut to it and it begins at 0.
            keeps_damage: leave out damaged sound, which else is an error.
            in_space: the source's pictures were said to be in a colour space, whatever their profiles say.
            job: what the output is made of; without it nothing is left to go on with when the making is broken off.

        Raises:
            UsageError: as `check_output`.
            LockedError: another job is writing the same output.
        """
        self._overwrites = overwrite
        is_free = overwrite or was_being_shown(path, job.key if job else None)
        check_output(
            path, source, overwrite=is_free, codec=codec, with_audio=with_audio, whole=whole, in_space=in_space
        )
        self._source, self._job = source, job
        is_film = path.suffix.lower() in film_endings()
        self._part = Part(path, folder=None if is_film else folder_of(path))
        try:
            self._journal = Journal(
                self._part,
                job.key if job else None,
                understands=lambda stretch: _has_tally(stretch) and (not is_film or FilmFile.understands(stretch)),
            )
            done = self._journal.stretches
            self._sink: _Sink
            if is_film:
                self._sink = FilmFile(
                    self._part,
                    source,
                    codec=codec,
                    with_audio=with_audio,
                    whole=whole,
                    keeps_damage=keeps_damage,
                    done=done,
                )
            else:
                self._sink = PictureFiles(self._part, path, source, num_done=self._journal.num_frames)
        except BaseException:
            self._part.leave()
            raise
        self.tally = Tally()
        """Of all frames that are safe; of all there are when the writer is closed."""
        for stretch in done:
            self.tally.include(_TALLY.validate_python(stretch.facts["tally"]))
        self.num_done = self._journal.num_frames
        """How many of the output's first frames are done, by a job that was broken off; they must not be given again."""
        self._stretch = Tally(last=self.tally.last)
        self._holds_layers = _all_named(path, source, lambda ending: ending == ".exr")
        self._ending = None if is_folder(path) else path.suffix
        self.keeps_space = keeps_space(source, self._ending)
        """True where the output is in the colour space that the source was said to be in."""
        self._is_clipping = not is_film and not _all_named(path, source, holds_beyond)
        """True where no value beyond black and white is held; how much of it films hold, their encoder knows."""
        self._encoding: Behind[_Work] = Behind(self._encode, depth=_QUEUED_FRAMES)
        self._num_given = 0
        self._is_open = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None and self._is_open:
            self._publish()
        elif error is not None:
            self._give_up(error)

    @property
    def num_clipped(self) -> int:
        """Say how many frames have values that the output does not hold, when all is written."""
        return self.tally.num_clipped

    @property
    def num_given(self) -> int:
        """Say how many frames there are, done before or given."""
        return self.num_done + self._num_given

    @property
    def written(self) -> Written:
        """Say what was written, when all of it is."""
        is_film, tally = isinstance(self._sink, FilmFile), self.tally
        files = {Path(name).name: digest for done in self._journal.stretches for name, digest in done.files.items()}
        return Written(
            tally,
            sha256=self._journal.made if is_film else "",
            files={} if is_film else files,
            num_lost_packets=self._sink.num_lost_packets if isinstance(self._sink, FilmFile) else 0,
            lost_layers=self.lost_layers(),
            forgets_time=not is_film,
            keeps_space=self.keeps_space,
        )

    def write(self, frame: Frame) -> None:
        """Encode a frame's pixels under its own stamp."""
        self._give(frame, copied=False)

    def copy(self, frame: Frame) -> None:
        """Hand on the source's own picture, without a trip through RGB: exact where the codec is lossless."""
        self._give(frame, copied=True)

    def _give(self, frame: Frame, *, copied: bool) -> None:
        self._encoding.give(_Work(frame, copied))
        self._num_given += 1

    def lost_layers(self) -> tuple[str, ...]:
        """Say in words which layers, and which metadata, of the source's pictures the output does not hold."""
        return tuple(self.tally.lost)

    def discard(self) -> None:
        """Give up: remove what was made; nothing is published."""
        if self._close():
            self._part.clear()

    def _close(self) -> bool:
        if not self._is_open:
            return False
        self._is_open = False
        self._encoding.stop()
        self._sink.discard()
        return True

    def _give_up(self, error: BaseException) -> None:
        """Leave what is done for the same job to go on with, where it can be the same and would not fail again."""
        is_resumable = (
            self._job is not None
            and self._job.key
            and self._journal.stretches
            and (not isinstance(error, _FAILING_AGAIN) or isinstance(error, KilledDecoderError))
        )
        if self._close():
            self._part.leave() if is_resumable else self._part.clear()

    def _publish(self) -> None:
        try:
            self._encoding.finish()
            self._part.require_held()
            if self._stretch.hashes:
                self._commit()
            self._journal.made = self._sink.finish()
            if self._job is not None:
                self._job.source.require_unchanged()
                self._part.keep_receipt(self._job.receipt(self.written))
            self._journal.announce()
            self._show()
            self._part.clear()
        except BaseException as error:
            self._give_up(error)
            raise
        self._is_open = False

    def _show(self) -> None:
        try:
            self._part.publish(overwrite=self._overwrites)
            self._part.publish_receipt()
        except UsageError:  # what has come into its place may go again
            if self._close():
                self._part.leave()
            raise

    def _encode(self, work: _Work) -> None:
        self._part.require_held()
        frame, is_cut = work.frame, self._job is not None and work.frame.index in self._job.cuts
        if self._stretch.hashes and (is_cut or len(self._stretch.hashes) >= STRETCH_FRAMES):
            self._commit()
        self._sink.add(frame, copied=work.copied)
        self._stretch.add(frame, self._source)
        self._note_losses(frame)

    def _note_losses(self, frame: Frame) -> None:
        picture = frame.native if isinstance(frame.native, Picture) else None
        is_back = self.keeps_space or is_hdr(self._source)
        if picture is not None:
            is_back = returns_to_space(picture, self._ending or picture.path.suffix)
        self._stretch.num_clipped += self._is_clipping and frame.beyond is not None and not is_back
        if picture is not None and not self._holds_layers:
            self._stretch.note_lost(f"channel {name}: left out" for name in picture.layers)

    def _commit(self) -> None:
        """See a stretch safe on disk, and note that it is."""
        files, facts = self._sink.commit()
        stretch, self._stretch = self._stretch, Tally(last=self._stretch.last)
        stretch.num_clipped += facts.pop("num_clipped")
        stretch.note_lost(facts.pop("lost", ()))
        if self._job is not None:
            self._job.source.look_again()
        start = self._journal.num_frames
        facts["tally"] = _TALLY.dump_python(stretch, mode="json")
        self._journal.commit(Stretch(start, start + len(stretch.hashes), files, facts))
        self.tally.include(stretch)
        if self._job is not None and self._job.num_frames:
            self._part.require_room(self._journal.num_frames / self._job.num_frames, files)


def _has_tally(stretch: Stretch) -> bool:
    """Say whether a stretch that another process noted tells what a writer wants to know of its frames."""
    try:
        tally = _TALLY.validate_python(stretch.facts["tally"])
    except (KeyError, ValueError):
        return False
    return len(tally.hashes) == stretch.stop - stretch.start


def _all_named(path: Path, source: FilmInfo, holds: Callable[[str], bool]) -> bool:
    """Say whether all files that are written have endings of a kind."""
    return all(holds(name.suffix.lower()) for name in (source.pictures if is_folder(path) else (path,)))
