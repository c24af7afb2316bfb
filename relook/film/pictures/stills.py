"""Folders of stills at any depth: every picture found, read by itself, and written under its own name and sub-folder."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Generator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from types import TracebackType
from typing import Final, NamedTuple, Self

from pydantic import TypeAdapter

from relook import faults
from relook.errors import DivergedError, InputError, UsageError
from relook.film.container.codecs import film_endings
from relook.film.container.opening import FILM_ENDINGS
from relook.film.frames import Frame
from relook.film.journal import Journal, Stretch
from relook.film.part import Part, require_ours
from relook.film.pictures.alpha import picture_alpha
from relook.film.pictures.metadata import carry_metadata
from relook.film.pictures.picture import Picture, PictureFacts
from relook.film.pictures.picture_file import read_picture, write_picture
from relook.film.pictures.profile import carry_profile
from relook.film.publish import disk_errors, file_hash, sync
from relook.film.reader import NativeFrame
from relook.film.sequence import PICTURE_ENDINGS, are_one_take, find_pictures, is_pictures

_OF_THE_SYSTEM: Final = ("Thumbs.db", "desktop.ini")
"""Files that Windows leaves in folders of pictures."""

_MOST_NAMED: Final = 8


class Refused(NamedTuple):
    """A still that was not rendered."""

    path: Path
    """In the folder that was given."""
    reason: str


@dataclass(frozen=True)
class StillsFolder:
    """What lies in a folder, at any depth; paths in it, in order."""

    path: Path
    stills: tuple[Path, ...]
    others: tuple[Path, ...]
    """Files of other kinds."""
    closed: tuple[Refused, ...]
    """Sub-folders that cannot be opened, or are links."""
    takes: tuple[tuple[Path, int], ...] = ()
    """Sub-folders whose own pictures are numbered like a take, and how many there are."""


def holds_stills(path: Path) -> bool:
    """Say whether a path is a folder of stills rather than a take, by its own pictures or because it has only sub-folders.

    Raises:
        InputError: its pictures are one take with numbers missing.
    """
    if not path.is_dir():
        return False
    has_own = any(Path(name).suffix.lower() in PICTURE_ENDINGS for name in os.listdir(path) if not name.startswith("."))
    return not has_own or find_pictures(path)[0] == "stills"


def names_folder(output: Path) -> bool:
    """Say whether an output is a folder: an existing one, or a name that is neither a film's nor a picture's."""
    return output.is_dir() or (not is_pictures(output) and output.suffix.lower() not in film_endings())


def find_stills(folder: Path) -> StillsFolder:
    """List a folder's stills and its other files at any depth; hidden files (`.name`) are ignored.

    Raises:
        InputError: it holds no picture.
    """
    stills: list[Path] = []
    others: list[Path] = []
    closed: list[Refused] = []

    def note(error: OSError) -> None:
        closed.append(Refused(Path(error.filename).relative_to(folder), f"it cannot be opened: {error.strerror}"))

    for here, subfolders, names in os.walk(folder, onerror=note):
        subfolders[:] = sorted(name for name in subfolders if not name.startswith("."))
        for link in (Path(here, name) for name in subfolders if Path(here, name).is_symlink()):
            closed.append(Refused(link.relative_to(folder), "it is a link to a folder; give that folder by itself"))
        for name in sorted(name for name in names if not name.startswith(".")):
            found = Path(here, name).relative_to(folder)
            if found.suffix.lower() in PICTURE_ENDINGS:
                stills.append(found)
            elif name not in _OF_THE_SYSTEM:
                others.append(found)
    films = [str(name) for name in others if name.suffix.lower() in FILM_ENDINGS]
    if not stills and films:
        more = f" and {len(films) - _MOST_NAMED} more" if len(films) > _MOST_NAMED else ""
        raise InputError(
            f"{folder} holds films, not pictures; give one of them: {', '.join(films[:_MOST_NAMED])}{more}"
        )
    if not stills:
        raise InputError(
            f"{folder} holds no pictures, nor do its sub-folders; relook reads {', '.join(sorted(PICTURE_ENDINGS))}"
        )
    takes = []
    for subfolder, group in groupby(stills, key=lambda still: still.parent):
        pictures = tuple(group)
        if subfolder != Path() and are_one_take(pictures):
            takes.append((subfolder, len(pictures)))
    return StillsFolder(folder, tuple(stills), tuple(others), tuple(closed), tuple(takes))


def read_stills(folder: StillsFolder) -> Generator[tuple[Path, NativeFrame | Refused], None, None]:
    """Yield each still's name with its picture, as the only frame of a film of its own, or why it cannot be read."""
    for name in folder.stills:
        path = folder.path / name
        if path.exists() and not path.is_file():
            yield name, Refused(name, "it is a pipe or a device, not a file")  # reading it might never end
            continue
        try:
            picture = read_picture(path)
        except InputError as error:
            yield name, Refused(name, str(error))
        else:
            yield name, NativeFrame(0, 0, 1, picture)


def require_stills_place(output: Path, folder: StillsFolder, *, overwrite: bool) -> None:
    """Refuse an unusable output folder before any work.

    Raises:
        UsageError: it is the input, or one lies inside the other; it is a file; or stills of these names exist.
    """
    require_ours(output)
    out, read = output.resolve(), folder.path.resolve()
    if out == read or read in out.parents or out in read.parents:
        raise UsageError(
            f"{output} and {folder.path} lie one inside the other; write the stills into a folder beside them"
        )
    if not out.parent.is_dir():
        raise UsageError(f"cannot write {output}: there is no folder {out.parent}; make it first")
    if out.exists() and not out.is_dir():
        raise UsageError(f"{output} is a file; give the name of a folder for the stills")
    if not os.access(out.parent, os.W_OK | os.X_OK) or (out.exists() and not os.access(out, os.W_OK | os.X_OK)):
        raise UsageError(f"cannot write {output}: no permission to write there")
    taken = [name for name in folder.stills if (out / name).exists()]
    if taken and not overwrite:
        raise UsageError(
            f"{len(taken)} stills exist already, the first is {output / taken[0]}; give another folder, or --overwrite "
            f"to replace them"
        )


class StillsWriter:
    """Writes stills with their sub-folders, names, transparency and profiles; they appear when all of them are done.

    Each is recorded once it is safe on disk, and an interrupted job continues with the rest.
    """

    def __init__(
        self, output: Path, *, key: str | None, receipt: Callable[[dict[str, str]], bytes], overwrite: bool = False
    ) -> None:
        """Prepare a folder.

        Args:
            key: a digest of all that the stills depend on; None if the job cannot be resumed.
            receipt: makes the receipt to publish beside the folder from the stills' names with their SHA-256 (hex).
            overwrite: replace existing files with the stills' names.
        """
        self._output, self._key, self._receipt, self._overwrites = output, key, receipt, overwrite

    def __enter__(self) -> Self:
        self._part = Part(self._output, folder=self._output)
        try:
            self._journal = Journal(self._part, self._key, understands=_is_told)
        except BaseException:
            self._part.leave()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        is_left = error is None or not isinstance(error, (UsageError, InputError, DivergedError))
        try:
            if kind is None and self._journal.stretches:
                self._publish()
                is_left = False
        finally:
            self._part.leave() if is_left and self._key and self._journal.stretches else self._part.clear()

    @property
    def count(self) -> int:
        """Say how many stills are written."""
        return self._journal.num_frames

    @property
    def done(self) -> dict[Path, dict[str, str]]:
        """Return, by name, the facts about each written still that `write` was given."""
        return {Path(done.facts["still"]): done.facts["told"] for done in self._journal.stretches}

    @property
    def num_clipped(self) -> int:
        """Count the stills with values that their colour space cannot encode."""
        return sum(done.facts["is_clipped"] for done in self._journal.stretches)

    @property
    def lost(self) -> tuple[str, ...]:
        """List in words the metadata that the new stills lack, each with the still's name."""
        return tuple(words for done in self._journal.stretches for words in done.facts["lost"])

    def write(self, name: Path, frame: Frame | None, source: Picture, told: dict[str, str]) -> None:
        """Write a still's new frame; None copies its own file.

        Raises:
            UsageError: it has transparency, which its ending cannot hold.
            InputError: its profile is damaged or not for RGB.
            ResourceError: it cannot be written.
        """
        target = self._part.made / name
        is_clipped, lost = False, tuple[str, ...]()
        with disk_errors(self._output):
            target.parent.mkdir(parents=True, exist_ok=True)
            if frame is None:
                shutil.copyfile(source.path, target)
        if frame is not None:
            try:
                alpha, facts = picture_alpha(source), PictureFacts(pixel_aspect=source.facts.pixel_aspect)
                depth = source.bit_depth
                is_clipped = write_picture(target, frame, bit_depth=depth, source=source, alpha=alpha, facts=facts)
                carry_profile(source.path, target)
                lost = tuple(f"{name}: {what}" for what in carry_metadata(source.path, target))
            except InputError:
                target.unlink()
                raise
        with disk_errors(self._output):
            faults.point("stretch.still")
            sync(target)
        count, place = self._journal.num_frames, target.relative_to(self._part.path).as_posix()
        known = {"still": str(name), "told": told, "is_clipped": bool(is_clipped), "lost": lost}
        self._journal.commit(Stretch(count, count + 1, {place: file_hash(target) or ""}, known))

    def _publish(self) -> None:
        files = {name: digest for done in self._journal.stretches for name, digest in done.files.items()}
        inside = self._part.made.name
        self._part.keep_receipt(self._receipt({str(Path(name).relative_to(inside)): files[name] for name in files}))
        self._journal.announce()
        self._part.publish(overwrite=self._overwrites)
        self._part.publish_receipt()


@dataclass(frozen=True)
class _Told:
    """What the journal records about a still."""

    still: str
    told: dict[str, str]
    is_clipped: bool
    lost: tuple[str, ...]


_TOLD: Final = TypeAdapter(_Told)


def _is_told(stretch: Stretch) -> bool:
    try:
        _TOLD.validate_python(stretch.facts)
    except ValueError:
        return False
    return stretch.stop == stretch.start + 1
