"""An output in the making: a locked folder `NAME.part` beside the output's place, where it is published once it is complete.

A second job on the same output is refused, and what a killed job left is continued, or cleared away. What is put in its
place is on disk before its name.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
from collections.abc import Collection, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final

from relook import faults
from relook.errors import ResourceError, UsageError
from relook.film.publish import (
    RECEIPT,
    disk_errors,
    exists_already,
    file_hash,
    is_there,
    part_name,
    receipt_of,
    room_text,
    sync,
    sync_folder,
    take_lock,
    write_whole,
)

_OURS: Final = re.compile(
    r"(journal\.jsonl|receipt\.json)(\.part)?|film\.\w+|pictures|\d{6,}\.pictures|\..*", re.DOTALL
)
"""Names that relook, or the system by itself, creates in the folder of an unfinished output."""
_NO_LINKS: Final = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EXDEV)
"""Errors of file systems without hard links."""


def require_ours(final: Path) -> None:
    """Refuse an output whose `NAME.part` exists but was not made by relook.

    Raises:
        UsageError: a file or a link has its name, or it holds other things.
    """
    path = final.with_name(part_name(final.name))
    try:
        is_ours = not path.is_symlink() and all(_OURS.fullmatch(left.name) for left in path.iterdir())
    except FileNotFoundError:
        return
    except NotADirectoryError:
        if not path.parent.is_dir():
            return
        is_ours = False
    if not is_ours:
        raise UsageError(
            f"{path} was not made by relook, which would make {final} there; move it away, or give the output another name"
        )


class Part:
    """An output in the making: a folder that only this process may use, until `clear` or `leave`."""

    def __init__(self, final: Path, *, folder: Path | None = None) -> None:
        """Make the folder, or take over what a killed job left in it.

        Args:
            final: the output's place, after which the folder is named.
            folder: where the pictures go, for an output of pictures; without it the output is the one file `final`.

        Raises:
            LockedError: another job is writing the same output.
            UsageError: as `require_ours`.
        """
        self.final = final
        self._num_bytes: int | None = None
        self.path = final.with_name(part_name(final.name))
        self.made = self.path / ("pictures" if folder is not None else f"film{final.suffix}")
        """Where to create what will be published: a file, or a folder of files."""
        self._folder = folder
        with disk_errors(self.path):
            self._lock = self._take_lock()

    def clear_but(self, kept: Collection[str]) -> None:
        """Clear away everything but some names, relative to `path`, from the folder and its folder of pictures."""
        with disk_errors(self.path):
            faults.point("part.clear")
            for left in self.path.iterdir():
                if left.name not in kept and not any(name.startswith(f"{left.name}/") for name in kept):
                    _remove(left)
            if self._folder is None:
                return
            for left in self.made.rglob("*"):
                if left.is_file() and left.relative_to(self.path).as_posix() not in kept:
                    left.unlink()
            self.made.mkdir(exist_ok=True)

    def require_held(self) -> None:
        """Check that the folder is still the one that was locked, before its name is used again.

        Raises:
            ResourceError: another program has moved it, or put a link or folder in its place.
        """
        if not is_there(self._lock, self.path):
            raise ResourceError(
                f"{self.path}, where {self.final.name} is being made, was moved or replaced by another program; nothing was "
                f"published: run the command again once no other program touches it"
            )

    def place_of(self, made: Path) -> Path | None:
        """Return the final place of a picture, given relative to `path`; None for what is not published."""
        in_pictures = self._folder is not None and made.parts[:1] == (self.made.name,)
        return self._folder / made.relative_to(self.made.name) if in_pictures and self._folder else None

    def publish(self, *, overwrite: bool = True) -> None:
        """Move what was made into its place; what is there already stays.

        Raises:
            UsageError: another program has meanwhile created something with that name, which may not be replaced.
            ResourceError: the disk is full or failed.
        """
        with disk_errors(self.final):
            if self._folder is None:
                faults.point("publish.sync")
                sync(self.made)
                _put(self.made, self.final, overwrite=overwrite)
                faults.point("publish.name")
            elif self._folder.is_dir():
                self._publish_pictures(self._folder, overwrite=overwrite)
            else:
                faults.point("publish.folder")
                os.replace(self.made, self._folder)
            sync_folder(self.final.absolute().parent)

    def _publish_pictures(self, folder: Path, *, overwrite: bool) -> None:
        """Move pictures into a folder that holds others."""
        places = {made: folder / made.relative_to(self.made) for made in sorted(self.made.rglob("*")) if made.is_file()}
        there = {} if overwrite else {made: place for made, place in places.items() if os.path.lexists(place)}
        for made, place in there.items():
            if not _is_same(made, place):
                raise exists_already(place)
        for made in sorted(places.keys() - there.keys()):
            place = places[made]
            place.parent.mkdir(parents=True, exist_ok=True)
            faults.point("publish.picture")
            _put(made, place, overwrite=overwrite)

    def keep_receipt(self, receipt: bytes) -> None:
        """Keep a receipt ready, to be put beside the output once that is in its place."""
        with disk_errors(self.final):
            faults.point("receipt.write")
            write_whole(self.path / RECEIPT, receipt)

    def publish_receipt(self) -> None:
        """Put the receipt in its place, if there is one."""
        receipt = self.path / RECEIPT
        if receipt.exists():
            with disk_errors(self.final):
                faults.point("receipt.replace")
                os.replace(receipt, receipt_of(self.final))
                sync_folder(self.final.absolute().parent)

    def require_room(self, share: float, new: Iterable[str]) -> None:
        """Stop if the disk will not hold the rest, judged by what there is so far.

        Args:
            share: how much of the output is done, 0 to 1; a film takes as much again when it is joined.
            new: the files added since the last call, relative to `path`; the first call looks at all.
        Raises:
            ResourceError: there is not enough room.
        """
        with disk_errors(self.final):
            if self._num_bytes is None:
                self._num_bytes = sum(path.stat().st_size for path in self.path.rglob("*") if path.is_file())
            else:
                self._num_bytes += sum((self.path / name).stat().st_size for name in new)
            there = self._num_bytes
            free = shutil.disk_usage(self.path).free
        needed = there / share * (1 if self._folder is not None else 2) - there
        if needed > free:
            raise ResourceError(
                f"{self.final} needs about {room_text(needed)} more and its disk has {room_text(free)}; free space and run the "
                f"same command again, which goes on here"
            )

    def clear(self) -> None:
        """Remove the folder."""
        faults.point("publish.clear")
        shutil.rmtree(self.path, ignore_errors=True)
        os.close(self._lock)

    def leave(self) -> None:
        """Release the folder for another job to take over, if anything is in it."""
        with suppress(OSError):
            self.path.rmdir()
        os.close(self._lock)

    def _take_lock(self) -> int:
        require_ours(self.final)
        busy = f"another job is writing {self.final}; wait for it, or give another name"
        return take_lock(self.path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0), busy, is_folder=True)


def _remove(path: Path) -> None:
    """Remove a file, a link, or a folder with everything in it."""
    shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()


def _is_same(made: Path, place: Path) -> bool:
    """Say whether what was made is in its place already, because its job died after putting it there."""
    return not place.is_symlink() and file_hash(place) == file_hash(made)


def _put(made: Path, final: Path, *, overwrite: bool) -> None:
    """Give a file its final name, by a link, which never replaces what has appeared there meanwhile."""
    faults.point("publish.replace")
    if not overwrite:
        if os.path.lexists(final) and _is_same(made, final):
            return
        try:
            os.link(made, final)
            return
        except FileExistsError as error:
            raise exists_already(final) from error
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            if final.exists():
                raise exists_already(final) from error
    os.replace(made, final)
