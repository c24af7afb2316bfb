"""Digest all that a render depends on: jobs recognise their own unfinished output by it, and folders of shots their films."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from relook.apply.delivery import RenderSettings
from relook.film.container.codecs import film_endings
from relook.film.frames import FilmInfo
from relook.film.identity import Watched
from relook.look import Look
from relook.version import VERSION

LIBRARIES: Final = ("torch", "numpy", "av", "opencv-python-headless")
"""The libraries whose versions may change a frame."""


def job_key(path: Path, source: Watched, look: Look, settings: RenderSettings, *, choice: str = "") -> str | None:
    """Digest all that the frames of a film or of a folder of stills depend on; None for a job that cannot be resumed.

    That is a job with passes, or with a look that is not in a file, which another run could not recognise.

    Args:
        choice: the cut list or stills that choose the frames, as any text that is different for different ones.
    """
    if settings.passes or not look.sha256:
        return None
    facts = render_facts(look, settings) | settings_facts(settings)
    return digest_of(facts | {"film": str(path.absolute()), "source": source.digest, "edit": choice})


def take_key(info: FilmInfo, source: Watched, look: Look, settings: RenderSettings, output: Path) -> str:
    """Digest the same as `job_key` whatever range of frames is wanted, for pictures that ranges may give one by one; else ""."""
    if output.suffix.lower() in film_endings() or len(info.pictures) == 1:
        return ""
    return job_key(info.path, source, look, replace(settings, frames=None)) or ""


def render_facts(look: Look, settings: RenderSettings) -> dict[str, Any]:
    """List what affects frames other than the film, and which of its frames they are."""
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
    """List which frames of a film are rendered, and what is done about its faults."""
    frames = None if settings.frames is None else asdict(settings.frames)  # one that is empty counts as False
    return {"frames": frames, "mending": asdict(settings.mending)}


def software() -> dict[str, str]:
    """Return the versions of relook and of the libraries that may change a frame."""
    return {"relook": VERSION, **{name: version(name) for name in LIBRARIES}}


def digest_of(facts: dict[str, Any]) -> str:
    """Digest facts with SHA-256 (hex)."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
