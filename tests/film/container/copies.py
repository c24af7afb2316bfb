"""What a film holds, and its copy in another container, for the tests of what becomes of it."""

from __future__ import annotations

from pathlib import Path

from relook.film.container.inventory import Inventory, inventory
from relook.film.frames import WriteSettings
from relook.film.reader import FilmReader, probe
from relook.film.writer import FilmWriter
from relook.timing import FrameRange


def found(path: Path) -> Inventory:
    return inventory(probe(path))


def copy(source: Path, target: Path, wanted: FrameRange | None = None) -> Path:
    with FilmReader(source) as reader, FilmWriter(target, reader.info, WriteSettings(whole=wanted is None)) as writer:
        for frame in reader.frames(wanted):
            writer.copy(frame)
    return target
