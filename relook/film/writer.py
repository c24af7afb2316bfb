"""Write films and pictures: encoded beside the caller's work, published whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Final, NamedTuple, Protocol, Self

from relook.errors import UsageError
from relook.film.container.codecs import film_endings, plan_film
from relook.film.container.fate import require_holdable
from relook.film.container.film_file import FilmFile
from relook.film.frames import FilmInfo, Frame
from relook.film.overlap import Behind
from relook.film.pictures.alpha import has_alpha
from relook.film.pictures.picture_file import Picture, holds_beyond, returns_to_space
from relook.film.pictures.picture_files import PictureFiles, require_free_names, takes_pictures
from relook.film.publish import require_place
from relook.film.sequence import PICTURE_ENDINGS, is_pattern
from relook.film.values import keeps_space

_QUEUED_FRAMES: Final = 2


class _Work(NamedTuple):
    frame: Frame
    copied: bool


class _Sink(Protocol):
    """Where encoded frames go; `finish` publishes, `discard` removes."""

    def add(self, frame: Frame, *, copied: bool) -> None: ...
    @property
    def num_clipped(self) -> int: ...
    def finish(self) -> None: ...
    def discard(self) -> None: ...


def check_output(
    path: Path,
    source: FilmInfo,
    *,
    overwrite: bool,
    codec: str | None = None,
    with_audio: bool = True,
    whole: bool = True,
    in_space: bool = False,
) -> tuple[str, ...]:
    """Refuse an output that cannot be written, before any work; nothing is made or changed.

    Returns what of the source is changed or left out, in words.

    Raises:
        UsageError: the place, the ending, the codec or a stream of the source does not fit, or the output is the input.
    """
    _require_other_place(path, source)
    if path.suffix.lower() in film_endings():
        require_place(path, overwrite=overwrite)
        return require_holdable(path, source, codec=codec, with_audio=with_audio, whole=whole)
    if takes_pictures(path, source):
        if codec is not None:
            raise UsageError(f"{path} means pictures, which take no codec; leave '{codec}' out")
        require_free_names(path, source, overwrite=overwrite)
        return require_holdable(path, source, codec=None, with_audio=with_audio, whole=whole, in_space=in_space)
    if path.suffix.lower() in PICTURE_ENDINGS and len(source.pictures) > 1:
        raise UsageError(
            f"{source.path} stands for {len(source.pictures)} pictures, and '{path.name}' for one; write "
            f"'{path.stem}.####{path.suffix}' or a folder (to render one alone, copy it to where it has no neighbours)"
        )
    folder = ", or a new folder" if source.pictures else ""
    raise UsageError(
        f"cannot write '{path}': end the name in {', '.join(film_endings())}, or give numbered pictures such as "
        f"'{path.stem or 'out'}.####.png'{folder}"
    )


def holds_alpha(path: Path, source: FilmInfo) -> bool:
    """Say whether a film at a path will hold transparency: the source has it, and the ending takes it."""
    return has_alpha(source.pixel_format) and has_alpha(plan_film(path, source).pixel_format)


class FilmWriter:
    """Write frames, in order, to a film file, to numbered pictures, or to a folder that keeps the pictures' names.

    Encoding goes on in a thread of its own; its errors are raised by the next call. The pixels of a frame must not be
    changed after it has been given. Leaving the `with` block cleanly reads the output back and puts it in its place;
    leaving it on an error removes what was made.
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

        Raises:
            UsageError: as `check_output`.
            LockedError: another job is writing the same output.
        """
        check_output(
            path, source, overwrite=overwrite, codec=codec, with_audio=with_audio, whole=whole, in_space=in_space
        )
        self._sink: _Sink
        if path.suffix.lower() in film_endings():
            self._sink = FilmFile(
                path, source, codec=codec, with_audio=with_audio, whole=whole, keeps_damage=keeps_damage
            )
        else:
            self._sink = PictureFiles(path, source)
        self._num_beyond = 0
        self.lost_channels: set[str] = set()
        """Layers of the source's pictures that the output does not hold."""
        self._holds_layers = _all_named(path, source, lambda ending: ending == ".exr")
        self._ending = None if _is_folder(path) else path.suffix
        self.keeps_space = keeps_space(source, self._ending)
        """True where the output is in the colour space that the source was said to be in."""
        self._is_clipping = not _all_named(path, source, holds_beyond)
        self._encoding: Behind[_Work] = Behind(self._encode, depth=_QUEUED_FRAMES)
        self._is_open = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self.discard()
        elif self._is_open:
            self._publish()

    @property
    def num_clipped(self) -> int:
        """Say how many frames have values that the output does not hold, when all is written."""
        return self._num_beyond + self._sink.num_clipped

    @property
    def num_lost_packets(self) -> int:
        """Say how many damaged packets of the sound were left out, when all is written."""
        return self._sink.num_lost_packets if isinstance(self._sink, FilmFile) else 0

    @property
    def forgets_time(self) -> bool:
        """True where frames are written without their stamps: as pictures."""
        return isinstance(self._sink, PictureFiles)

    def write(self, frame: Frame) -> None:
        """Encode a frame's pixels under its own stamp."""
        self._give(frame, copied=False)

    def copy(self, frame: Frame) -> None:
        """Hand on the source's own picture, without a trip through RGB: exact where the codec is lossless."""
        self._give(frame, copied=True)

    def _give(self, frame: Frame, *, copied: bool) -> None:
        picture = frame.native if isinstance(frame.native, Picture) else None
        is_back = self.keeps_space
        if picture is not None:
            is_back = returns_to_space(picture, self._ending or picture.path.suffix)
        self._num_beyond += self._is_clipping and frame.beyond is not None and not is_back
        if picture is not None:
            self.lost_channels |= set() if self._holds_layers else set(picture.layers)
        self._encoding.give(_Work(frame, copied=copied))

    def lost_layers(self) -> tuple[str, ...]:
        """Say in words which layers, and which metadata, of the source's pictures the output does not hold."""
        lost = sorted(self._sink.lost) if isinstance(self._sink, PictureFiles) else ()
        return (*(f"channel {name}: left out" for name in sorted(self.lost_channels)), *lost)

    def discard(self) -> None:
        """Give up: remove what was made; nothing is published."""
        if self._is_open:
            self._is_open = False
            self._encoding.stop()
            self._sink.discard()

    def _publish(self) -> None:
        try:
            self._encoding.finish()
            self._sink.finish()
        except BaseException:
            self.discard()
            raise
        self._is_open = False

    def _encode(self, work: _Work) -> None:
        self._sink.add(work.frame, copied=work.copied)


def _all_named(path: Path, source: FilmInfo, holds: Callable[[str], bool]) -> bool:
    """Say whether all files that are written have endings of a kind."""
    return all(holds(name.suffix.lower()) for name in (source.pictures if _is_folder(path) else (path,)))


def _is_folder(path: Path) -> bool:
    return not is_pattern(path) and path.suffix.lower() not in (*PICTURE_ENDINGS, *film_endings())


def _require_other_place(path: Path, source: FilmInfo) -> None:
    """Refuse to write over the source, by whatever name."""
    exists = path.exists() and source.path.exists()
    if path.absolute() == source.path.absolute() or (exists and os.path.samefile(path, source.path)):
        raise UsageError(f"{path} is the film that is being read; give the output another name")
    if not source.pictures or path.suffix.lower() in film_endings():
        return
    names_folder = path.is_dir() or not path.suffix
    folder, read = (path if names_folder else path.absolute().parent), source.pictures[0].absolute().parent
    single = len(source.pictures) == 1 and not names_folder
    if folder.is_dir() and os.path.samefile(folder, read) and not single:
        raise UsageError(f"{folder} holds the pictures that are being read; write into another folder")
