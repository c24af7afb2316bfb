"""Write films and pictures, encoded in the background and published whole or not at all.

Frames are written in stretches, each of which is safe on disk before the next begins. An interrupted job leaves what is
done beside the output's place, and continues from there when it is started again.
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
from relook.film.frames import WHOLE, FilmInfo, Frame, WriteSettings
from relook.film.hdr_light import is_hdr
from relook.film.identity import Watched
from relook.film.journal import Journal, Stretch, was_being_shown
from relook.film.output_place import check_output, is_folder
from relook.film.overlap import Behind
from relook.film.part import Part
from relook.film.pictures.picture import Picture
from relook.film.pictures.picture_file import holds_beyond, returns_to_space
from relook.film.pictures.picture_files import PictureFiles, folder_of
from relook.film.tally import Tally
from relook.film.values import keeps_space

STRETCH_FRAMES: Final = 120
"""Most frames in a stretch: all the work that can be lost when a job is killed."""
_QUEUED_FRAMES: Final = 2
_FAILING_AGAIN: Final = (UsageError, InputError, DivergedError)
"""Errors that the same job would run into again."""
_TALLY: Final = TypeAdapter(Tally)


class _Work(NamedTuple):
    frame: Frame
    copied: bool


class _Sink(Protocol):
    """Where encoded frames go: `commit` ends a stretch, `finish` makes and digests what is to be published."""

    def add(self, frame: Frame, *, copied: bool) -> None: ...
    def commit(self) -> tuple[dict[str, str], dict[str, Any]]: ...
    def finish(self) -> str: ...
    def discard(self) -> None: ...


@dataclass(frozen=True)
class Written:
    """What was written, known when all of it is."""

    tally: Tally
    sha256: str
    """SHA-256 (hex) of the film's file; empty for pictures."""
    files: dict[str, str]
    """For pictures, each one's SHA-256 (hex) by name."""
    num_lost_packets: int
    """How many damaged sound packets were left out."""
    lost_layers: tuple[str, ...]
    """Layers and metadata of the source's pictures that the output cannot hold, in words."""
    forgets_time: bool
    """True if frames are written without their stamps, as pictures are."""
    keeps_space: bool
    """True if the output is in the colour space that was named for the source."""


@dataclass(frozen=True)
class Job:
    """What an output is made from, so that an interrupted job can continue and its receipt can be written."""

    key: str | None
    """A digest of all that the frames depend on; None if the job cannot be resumed."""
    source: Watched
    receipt: Callable[[Written], bytes]
    """Makes the receipt that is published beside the output, as `publish.receipt_of(output)`."""
    cuts: frozenset[int] = frozenset()
    """Numbers of frames that begin a shot; a stretch begins there too."""
    num_frames: int | None = None
    """How many frames there will be in all, if known."""
    beside: frozenset[str] = frozenset()
    """Names of pictures of the same take that were made before and stay."""


class FilmWriter:
    """Writes frames, in order, to a film file, to numbered pictures, or to a folder that keeps the pictures' names.

    Encoding runs in a thread of its own; its errors are raised by the next call. A frame's pixels must not be
    changed after it has been given. Leaving the `with` block cleanly reads the output back and puts it in its place;
    leaving it on an error removes what was made or, with a job, leaves it for the same job to continue.
    """

    def __init__(
        self,
        path: Path,
        source: FilmInfo,
        settings: WriteSettings = WHOLE,
        *,
        overwrite: bool = False,
        job: Job | None = None,
    ) -> None:
        """Check the output and lock its place.

        Args:
            path: a film (`.mp4 .m4v .mov .mkv .mxf .webm`), `out.####.exr`, `out.%04d.tif` or, if the source is
                pictures, a folder. Pictures keep the numbers of a sequence; those made from a film begin at 1001.
            source: the film that the frames come from; gives size, stamps, tags, sound and names.
            job: what the output is made from; without it an interrupted job leaves nothing behind to continue.

        Raises:
            UsageError: as `check_output`.
            LockedError: another job is writing the same output.
        """
        key, beside = (job.key, job.beside) if job else (None, frozenset[str]())
        check_output(path, source, settings, overwrite=overwrite or was_being_shown(path, key), beside=beside)
        self._source, self._job, self._overwrites = source, job, overwrite
        is_film = path.suffix.lower() in film_endings()
        self._part = Part(path, folder=None if is_film else folder_of(path))
        try:
            understands = _is_of_film if is_film else _has_tally
            self._journal = Journal(self._part, key, understands=understands)
            self._sink: _Sink
            if is_film:
                self._sink = FilmFile(self._part, source, settings, self._journal.stretches)
            else:
                self._sink = PictureFiles(self._part, path, source, num_done=self._journal.num_frames)
        except BaseException:
            self._part.leave()
            raise
        self.tally = Tally()
        """Facts about all frames that are safe on disk; about all frames once the writer is closed."""
        for stretch in self._journal.stretches:
            self.tally.include(_TALLY.validate_python(stretch.facts["tally"]))
        self.num_done = self._journal.num_frames
        """How many of the output's first frames an interrupted job has done; they must not be given again."""
        self._stretch = Tally(last=self.tally.last)
        self._ending = None if is_folder(path) else path.suffix
        self.keeps_space = keeps_space(source, self._ending)
        """True if the output is in the colour space that was named for the source."""
        self._holds_layers = _all_named(path, source, lambda ending: ending == ".exr")
        self._is_clipping = not is_film and not _all_named(path, source, holds_beyond)
        """True if no value beyond black and white is held; how much of it films hold, their encoder knows."""
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
        """Count the frames with values that the output cannot hold, once all are written."""
        return self.tally.num_clipped

    @property
    def num_given(self) -> int:
        """Count the frames that were done before or given."""
        return self.num_done + self._num_given

    @property
    def written(self) -> Written:
        """Describe what was written, once all of it is."""
        is_film, tally = isinstance(self._sink, FilmFile), self.tally
        files = {Path(name).name: digest for done in self._journal.stretches for name, digest in done.files.items()}
        return Written(
            tally,
            sha256=self._journal.made if is_film else "",
            files={} if is_film else files,
            num_lost_packets=self._sink.num_lost_packets if isinstance(self._sink, FilmFile) else 0,
            lost_layers=tuple(tally.lost),
            forgets_time=not is_film,
            keeps_space=self.keeps_space,
        )

    def write(self, frame: Frame) -> None:
        """Encode a frame's pixels under its own stamp."""
        self._give(frame, copied=False)

    def copy(self, frame: Frame) -> None:
        """Pass on the source's own picture without a trip through RGB: exact if the codec is lossless."""
        self._give(frame, copied=True)

    def _give(self, frame: Frame, *, copied: bool) -> None:
        self._encoding.give(_Work(frame, copied))
        self._num_given += 1

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
        """Leave what is done for the same job to continue, unless it would fail again."""
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
        """Sync a stretch to disk, and record it."""
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
    """Say whether a stretch recorded by another process has all the facts that a writer needs."""
    try:
        tally = _TALLY.validate_python(stretch.facts["tally"])
    except (KeyError, ValueError):
        return False
    return len(tally.hashes) == stretch.stop - stretch.start


def _is_of_film(stretch: Stretch) -> bool:
    """Say whether a stretch also has all that joining a film file needs."""
    return _has_tally(stretch) and FilmFile.understands(stretch)


def _all_named(path: Path, source: FilmInfo, holds: Callable[[str], bool]) -> bool:
    """Say whether `holds` is true of the endings of all files that are written."""
    return all(holds(name.suffix.lower()) for name in (source.pictures if is_folder(path) else (path,)))
