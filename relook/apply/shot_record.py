"""What the shots in a folder were made of: `relook-shots.json`, by which a changed edit renders only what changed.

A shot's key digests all that its file depends on: the pictures and sound of the source and the colour space they are in, where
its frames stand in the film's shots, the look, the dials, the seed, and the software. A file counts as ours only while it is, byte
for byte, the one written.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from relook.apply.delivery import RenderSettings
from relook.apply.events import film_label
from relook.apply.job import digest_of, render_facts
from relook.errors import InputError
from relook.film.container.tracks import tracks_hash
from relook.film.frames import FilmInfo, Shot
from relook.film.publish import disk_errors, write_whole
from relook.look import Look
from relook.timing import FrameRange

RECORD = "relook-shots.json"
SCHEMA = 1


@dataclass(frozen=True)
class FilmFacts:
    """A film as shots are made of it."""

    info: FilmInfo
    shots: tuple[Shot, ...]
    frame_hashes: Sequence[bytes]
    """Of the decoded frames, all of them."""


def shot_keys(facts: FilmFacts, ranges: Sequence[FrameRange], look: Look, settings: RenderSettings) -> list[str]:
    """Return for ranges of a film what their render depends on, as SHA-256 (hex)."""
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
    """Return, by file name, what the shots of a folder were made of.

    Raises:
        InputError: the record is there and cannot be read.
    """
    path = folder / RECORD
    if not path.exists():
        return {}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        shots = found["shots"] if found["schema"] == SCHEMA else None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} cannot be read ({error}); move it away, and the shots are rendered again") from error
    if not isinstance(shots, dict) or not all(
        isinstance(shot, dict) and {"key", "sha256"} <= shot.keys() for shot in shots.values()
    ):
        raise InputError(f"{path} is not of this version of relook; move it away, and the shots are rendered again")
    return shots


def write_record(folder: Path, shots: dict[str, dict[str, Any]], film: Path) -> None:
    """Put the record in its place in one step."""
    path = folder / RECORD
    with disk_errors(path):
        write_whole(path, json.dumps({"schema": SCHEMA, "film": film.name, "shots": shots}, indent=1).encode())
