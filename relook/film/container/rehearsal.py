"""Try in a decoder's process what relook then does in its own: open a film and decode its first frames.

Headers are read, and sound and subtitles copied, in relook's own process. Anything that makes FFmpeg crash, hang or exhaust
memory there does so here first, and is refused or left out. Combs are counted only in a decoder's process.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from relook.errors import InputError
from relook.film.combs import Combs, combs_of_places
from relook.film.container.apart import Task
from relook.film.container.decoder import CRASHED, Decoder, DiedError, order_of, unopenable
from relook.film.container.decoders import CAN_FORK
from relook.film.container.messages import COMBS, GarbledError, parse_combs
from relook.film.container.opening import MOST_PIXELS
from relook.film.regular import require_regular

_Identity = tuple[int, int, int, int]

_PIXELS: Final = MOST_PIXELS // 4
"""Memory is limited as for frames of this many pixels; 8K has twice as many, and still fits."""
_MOST_REMEMBERED: Final = 10_000
_done: dict[tuple[Task, _Identity], bool] = {}
"""Whether a rehearsal went well, by the file's state at the time."""


def require_opens(path: Path) -> None:
    """Refuse a film that FFmpeg does not survive opening.

    Raises:
        InputError: the decoder's process died twice, or there is no such file.
    """
    require_regular(path, "a film file, a folder of pictures or a pattern")
    if not CAN_FORK or _done.get(("opening", _identity(path))):
        return
    try:
        if _goes_well("opening", path) is None:
            _goes_well("opening", path, is_last=True)
    except DiedError as death:
        raise unopenable(path, death) from death
    _remember("opening", path, went_well=True)


def can_begin(path: Path) -> bool:
    """Say whether FFmpeg survives a film's first frames."""
    if not CAN_FORK:
        return True
    known = _done.get(("beginning", _identity(path)))
    if known is None:
        known = bool(_goes_well("beginning", path) or _goes_well("beginning", path))
        _remember("beginning", path, went_well=known)
    return known


def combs_apart(path: Path) -> Iterator[list[Combs]]:
    """Measure runs of frames at places spread over a film; what the decoder does not survive is left for the reader to refuse."""
    if not CAN_FORK:
        yield from combs_of_places(path)
        return
    decoder = Decoder(order_of(path, "combs", num_pixels=_PIXELS))
    try:
        for kind, body in decoder.messages():
            if kind == COMBS:
                yield parse_combs(body)
    except (DiedError, GarbledError):
        return
    finally:
        decoder.end()


def _goes_well(task: Task, path: Path, *, is_last: bool = False) -> bool | None:
    """Try something; None if the decoder died, True if it did not, even if it refused the film.

    Raises:
        DiedError: it died, and this was the last try.
    """
    decoder = Decoder(order_of(path, task, num_pixels=_PIXELS))
    try:
        if next(decoder.messages(), None) is not None:
            raise DiedError(CRASHED)
    except InputError:
        return True
    except DiedError:
        if is_last:
            raise
        return None
    finally:
        decoder.end()
    return True


def _identity(path: Path) -> _Identity:
    status = os.stat(path)
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def _remember(task: Task, path: Path, *, went_well: bool) -> None:
    if len(_done) >= _MOST_REMEMBERED:
        _done.clear()
    _done[task, _identity(path)] = went_well
