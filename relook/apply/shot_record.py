"""Record what the shots in a folder were made from (`relook-shots.json`), so that a changed edit renders only what changed.

A shot's key digests all that its file depends on: the pictures and sound of the source and their colour space, where
its frames stand in the film's shots, the look, the dials, the seed, and the software. A file counts as ours only if it is, byte
for byte, the one written; the record itself is sealed as a receipt is.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, TypeAdapter

from relook.apply.delivery import RenderSettings
from relook.apply.events import film_label
from relook.apply.job import digest_of, render_facts
from relook.errors import InputError
from relook.film.container.tracks import tracks_hash
from relook.film.frames import FilmInfo, Shot
from relook.film.publish import disk_errors, write_whole
from relook.look import Look
from relook.receipt import CHANGED, sealed, unsealed
from relook.strict import parsed, read_regular
from relook.timing import FrameRange

RECORD = "relook-shots.json"
SCHEMA = 1
_MOST_BYTES = 64 << 20
_LONGEST_NAME_BYTES = 255
_Count = Annotated[int, Field(ge=0, le=1_000_000_000)]
_Digest = Annotated[str, Field(pattern="^([0-9a-f]{64})?$")]
"""Empty for a shot that is being rendered."""


@dataclass(frozen=True)
class _Entry:
    """What the record says about one file."""

    event: str
    cut: tuple[_Count, _Count]
    frames: tuple[_Count, _Count]
    cut_timecode: tuple[str, ...]
    key: _Digest
    sha256: _Digest


@dataclass(frozen=True)
class _Record:
    schema: int
    film: str
    shots: dict[str, _Entry]


_RECORD = TypeAdapter(_Record)
_ENTRY = TypeAdapter(_Entry)


@dataclass(frozen=True)
class FilmFacts:
    """The facts about a film that its shots depend on."""

    info: FilmInfo
    shots: tuple[Shot, ...]
    frame_hashes: Sequence[bytes]
    """Hashes of all decoded frames."""


def shot_keys(facts: FilmFacts, ranges: Sequence[FrameRange], look: Look, settings: RenderSettings) -> list[str]:
    """Digest what the render of each range of a film depends on, as SHA-256 (hex)."""
    info = facts.info
    shared = render_facts(look, settings) | {
        "source": [
            str(info.frame_rate),
            str(info.time_base),
            str(info.sample_aspect),
            info.pixel_format,
            asdict(info.colour),
        ],
        "sound": tracks_hash(info.path) if info.kind == "film" else "",
    }
    return [digest_of(shared | _range_facts(facts, frames)) for frames in ranges]


def _range_facts(facts: FilmFacts, frames: FrameRange) -> dict[str, Any]:
    pictures = hashlib.sha256(b"".join(facts.frame_hashes[frames.start : frames.stop])).hexdigest()
    places = [
        (shot.content_hash, max(frames.start, shot.frames.start) - shot.frames.start)
        for shot in facts.shots
        if shot.frames.start < frames.stop and frames.start < shot.frames.stop
    ]
    return {
        "frames": [frames.start, frames.stop],
        "pictures": pictures,
        "places": places,
        "starts": film_label(facts.info, frames.start),
    }


def read_record(folder: Path) -> dict[str, dict[str, Any]]:
    """Return, by file name, what the shots in a folder were made from.

    Raises:
        InputError: the record exists but cannot be read.
    """
    path = folder / RECORD
    if not path.exists():
        return {}
    remedy = "move it away, and the shots are rendered again"
    try:
        told, is_whole = unsealed(read_regular(path, _MOST_BYTES))
        if told["schema"] != SCHEMA:
            raise InputError(f"{path} is from another version of relook; {remedy}")
        record = parsed(_RECORD, json.dumps(told))
        if not is_whole:
            raise ValueError(CHANGED)
        if strange := [name for name in record.shots if not is_shot_file(name)]:
            raise ValueError(f"{strange[0][:80]!r} is not the name of a shot")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{path} cannot be read ({reason}); {remedy}") from error
    return {name: _ENTRY.dump_python(entry, mode="json") for name, entry in record.shots.items()}


def is_shot_file(name: str) -> bool:
    """Say whether a name can be that of a shot's file, in the folder itself."""
    return re.fullmatch(r"\w[\w.-]*", name) is not None and len(name.encode()) <= _LONGEST_NAME_BYTES


def write_record(folder: Path, shots: dict[str, dict[str, Any]], film: Path) -> None:
    """Write the record in one step."""
    path = folder / RECORD
    with disk_errors(path):
        write_whole(path, sealed({"schema": SCHEMA, "film": film.name, "shots": shots}))
