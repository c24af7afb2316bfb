"""Try shot detection for real: paint a film with one cut, and find it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import av
import numpy as np

from relook.film.shots import find_shots

_SIZE: Final = (48, 64)
_CUT: Final = 12
"""Frames before the cut, and as many after it; at 24 a second."""


def shots_fault(folder: Path) -> str | None:
    """Write a film to a folder and find its cut; say what went wrong."""
    path = folder / "cut.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=24)
        stream.height, stream.width, stream.pix_fmt = *_SIZE, "gray"
        for number in range(2 * _CUT):
            level = np.full(_SIZE, 40 if number < _CUT else 200, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(level, format="gray")))
        container.mux(stream.encode(None))
    starts = [shot.frames.start for shot in find_shots(path)]
    return None if starts == [0, _CUT] else f"shots begin at frames {starts}, and should at 0 and {_CUT}"
