"""Pictures on their way to disk: numbered by a pattern, a folder that keeps the source's names, or a single picture."""

from __future__ import annotations

import shutil
from collections.abc import Collection
from pathlib import Path
from typing import Any, Final

from relook import faults
from relook.errors import InputError, UsageError
from relook.film.frames import FilmInfo, Frame
from relook.film.hdr_light import in_codes, is_hdr
from relook.film.part import Part
from relook.film.pictures.alpha import picture_alpha
from relook.film.pictures.metadata import carry_metadata
from relook.film.pictures.picture import Picture, PictureFacts, existing_timecode, holds_timecode
from relook.film.pictures.picture_file import returns_to_space, write_picture
from relook.film.pictures.primaries import WIDE
from relook.film.pictures.profile import carry_profile
from relook.film.pictures.vfx import NEEDS_VFX, require_vfx
from relook.film.publish import disk_errors, file_hash, require_place, sync, sync_folder
from relook.film.sequence import (
    PICTURE_ENDINGS,
    ends_of,
    is_pattern,
    matching_pictures,
    numbered_name,
    own_number,
)
from relook.timing import FrameRange, advance_timecode

_FIRST_NUMBER: Final = 1001
"""Number of the first picture made from a film, or from pictures without numbers, as is customary in visual effects."""


def takes_pictures(path: Path, source: FilmInfo) -> bool:
    """Say whether an output path can hold this source as pictures."""
    if is_pattern(path):
        return True
    if path.suffix.lower() in PICTURE_ENDINGS:
        return len(source.pictures) == 1
    return bool(source.pictures) and (path.is_dir() or not path.suffix)


def require_free_names(path: Path, source: FilmInfo, *, overwrite: bool, beside: Collection[str] = frozenset()) -> None:
    """Refuse an unusable place for pictures before any work.

    Args:
        beside: names of pictures that may be there: those of the same take that are not made now.

    Raises:
        UsageError: the folder is missing or read-only, pictures of these names exist and may not be replaced, or a
            library for their ending is missing.
    """
    if path.suffix.lower() in NEEDS_VFX:
        require_vfx(path, UsageError)
    if not path.is_dir():
        require_place(path, overwrite=overwrite)
        taken = [picture for _, picture in matching_pictures(path)] if is_pattern(path) else []
    else:
        require_place(path / source.pictures[0].name, overwrite=True)
        taken = [path / picture.name for picture in source.pictures if (path / picture.name).exists()]
    taken = [picture for picture in taken if picture.name not in beside]
    if taken and not overwrite:
        raise UsageError(
            f"{len(taken)} pictures exist already, the first is {min(taken)}; give another name, or --overwrite to "
            f"replace them"
        )


def folder_of(path: Path) -> Path:
    """Return the folder that pictures go into, by the output's name."""
    return path.parent if is_pattern(path) or path.suffix.lower() in PICTURE_ENDINGS else path


def picture_names(path: Path, source: FilmInfo, frames: FrameRange) -> list[str]:
    """Name the pictures of some frames: by a pattern with their numbers, else as the source's pictures, or as the one output."""
    if is_pattern(path):
        first = _first_number(source)
        return [numbered_name(path, first + index) for index in range(frames.start, frames.stop)]
    if path.suffix.lower() in PICTURE_ENDINGS:
        return [path.name]
    return [picture.name for picture in source.pictures[frames.start : frames.stop]]


def _first_number(source: FilmInfo) -> int:
    if source.kind == "sequence":
        return ends_of(source.path, source.pictures)[0]
    own = own_number(source.pictures[0]) if len(source.pictures) == 1 else None
    return _FIRST_NUMBER if own is None else own


class PictureFiles:
    """Pictures being written; they appear in their folder when all of them are done."""

    def __init__(self, part: Part, path: Path, source: FilmInfo, *, num_done: int) -> None:
        self._part, self._source, self._path = part, source, path
        self._count = num_done
        self._stretch: list[Path] = []
        self._num_clipped = 0
        self._lost: set[str] = set()

    def add(self, frame: Frame, *, copied: bool) -> None:
        """Write one picture: new pixels with the source's transparency, or a copy of the source's own file."""
        picture = frame.native if isinstance(frame.native, Picture) else None
        (name,) = picture_names(self._path, self._source, FrameRange(frame.index, frame.index + 1))
        target = self._part.made / name
        if copied and picture is not None and picture.path.suffix.lower() == target.suffix.lower():
            with disk_errors(self._part.final):
                shutil.copyfile(picture.path, target)
        else:
            depth = picture.bit_depth if picture else self._source.bit_depth
            alpha, facts = picture_alpha(frame.native), self._facts(frame)
            is_from_space = picture is None and self._source.space is not None
            if is_hdr(self._source) and target.suffix.lower() != ".exr":
                frame = in_codes(frame, self._source)
                self._num_clipped += frame.beyond is not None
            self._num_clipped += write_picture(
                target, frame, bit_depth=depth, source=picture, alpha=alpha, facts=facts, is_from_space=is_from_space
            )
            # A profile speaks of the source's own values, and those are left where a space was named.
            if picture is not None and (picture.space is None or returns_to_space(picture, target.suffix)):
                carry_profile(picture.path, target)
            if picture is not None:
                self._lost |= set(carry_metadata(picture.path, target))
        self._stretch.append(target)
        self._count += 1

    def _facts(self, frame: Frame) -> PictureFacts:
        """Return the facts of the take at a frame; stills have none."""
        source = self._source
        if source.kind == "stills":
            return PictureFacts(pixel_aspect=source.sample_aspect)
        told = source.timecode if holds_timecode(source.frame_rate) else None
        first = existing_timecode(told, source.frame_rate) if told else None
        timecode = None if first is None else advance_timecode(first, frame.index, source.frame_rate)
        wide = WIDE.get(source.colour.primaries) if source.space is None else None
        return PictureFacts(source.frame_rate, timecode, source.sample_aspect, wide)

    def commit(self) -> tuple[dict[str, str], dict[str, Any]]:
        """Sync the pictures written since the last commit to disk; return their hashes and what is to be recorded about them.

        `num_clipped`: how many had values clipped that the source's colour space cannot encode. `lost`: metadata of the source's
        pictures that these cannot hold, in words.
        """
        files = {}
        with disk_errors(self._part.final):
            for picture in self._stretch:
                faults.point("stretch.picture")
                sync(picture)
                files[picture.relative_to(self._part.path).as_posix()] = file_hash(picture) or ""
            sync_folder(self._part.made)
        facts = {"num_clipped": self._num_clipped, "lost": sorted(self._lost)}
        self._num_clipped, self._stretch, self._lost = 0, [], set()
        return files, facts

    def finish(self) -> str:
        """Check that there is something to publish."""
        if not self._count:
            raise InputError(f"nothing was written to {self._part.final}: no frame was given")
        return "pictures"

    def discard(self) -> None:
        """Nothing is open."""
