"""What a render depends on, as a digest: by it a job knows its own unfinished output, and a folder of shots its films."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from relook.apply.delivery import RenderSettings
from relook.errors import InputChangedError
from relook.film.frames import FilmInfo
from relook.film.identity import Watched
from relook.film.pictures.stills import StillsFolder
from relook.look import Look
from relook.version import VERSION

LIBRARIES: Final = ("torch", "numpy", "av", "opencv-python-headless")
"""Those whose versions may change a frame."""


def job_key(info: FilmInfo, source: Watched, look: Look, settings: RenderSettings, *, edit: str = "") -> str | None:
    """Digest all that a film's frames depend on; None for a look that is in no file, which another run cannot know again.

    Args:
        edit: the cut list by which they are chosen, in any text that tells it from others.
    """
    if not look.sha256:
        return None
    facts = render_facts(look, settings) | settings_facts(settings)
    return digest_of(facts | {"film": str(info.path.absolute()), "source": source.digest, "edit": edit})


def stills_key(folder: StillsFolder, look: Look, settings: RenderSettings) -> str | None:
    """Digest all that the stills of a folder depend on; None as of `job_key`."""
    if not look.sha256:
        return None
    files = [(str(name), *found) for name, found in stills_stats(folder).items()]
    facts = render_facts(look, settings) | settings_facts(settings)
    return digest_of(facts | {"folder": str(folder.path.absolute()), "stills": files})


def stills_stats(folder: StillsFolder) -> dict[Path, tuple[int, ...]]:
    """Say what each still of a folder is for the file system."""
    return {name: _stat(folder.path / name) for name in folder.stills}


def require_stills_unchanged(folder: StillsFolder, before: dict[Path, tuple[int, ...]]) -> None:
    """Look at a folder's stills again.

    Raises:
        InputChangedError: one is not what it was, or is gone.
    """
    now = stills_stats(folder)
    if changed := [name for name in folder.stills if now[name] != before[name]]:
        raise InputChangedError(
            f"{folder.path / changed[0]} was changed while the stills were rendered; nothing was published; run the command "
            f"again when nobody writes it any more"
        )


def _stat(path: Path) -> tuple[int, ...]:
    """Say what a file is for the file system; nothing of one that cannot be reached."""
    try:
        found = path.stat()
    except OSError:
        return ()
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def render_facts(look: Look, settings: RenderSettings) -> dict[str, Any]:
    """List what changes frames beside the film that they are made of and which of its frames they are."""
    space = settings.colour_space
    return {
        "look": look.sha256,
        "dials": asdict(settings.dials),
        "seed": settings.seed,
        "allows_flashes": settings.allows_flashes,
        "wrap": settings.wrap,
        "colour_space": space and space.fingerprint,
        "device": settings.device.type,
        "software": software(),
    }


def settings_facts(settings: RenderSettings) -> dict[str, Any]:
    """List which frames of a film are taken, and how."""
    return {"frames": settings.frames and asdict(settings.frames), "mending": asdict(settings.mending)}


def software() -> dict[str, str]:
    """Return the versions of relook and of the libraries that may change a frame."""
    return {"relook": VERSION, **{name: version(name) for name in LIBRARIES}}


def digest_of(facts: dict[str, Any]) -> str:
    """Digest facts with SHA-256 (hex)."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
