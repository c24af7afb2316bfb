"""The identity: a film rendered with all dials at 0 is the film that went in, as near as its output can hold it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray

import relook
from relook.errors import UsageError
from relook.film.container.fate import fates
from relook.film.container.inventory import inventory
from relook.film.pixels import rows
from relook.film.reader import FilmReader, probe
from tests.film.test_zoo import ZOO, in_the_zoo

WITHIN = {"ffv1": 0, "hevc": 0, "vp9": 0, "h264": 1, "prores": 4}
"""By how many codes a sample may be off, at the source's depth or 10 bits; DNxHR has a fixed rate and no such bound."""
ENDINGS = (".mkv", ".mp4", ".mov", ".webm")
QUICK = ("libx264-yuv420p-.mp4", "libx265-yuv420p10le-.mp4", "prores_ks-yuv422p10le-.mov", "libvpx-vp9-yuva420p-.mkv")
CASES = {f"{row[1]}-{row[2]}-{ending}": (row, ending) for row in ZOO for ending in ENDINGS}


@pytest.mark.parametrize(
    ("row", "ending"),
    [pytest.param(*case, id=name, marks=() if name in QUICK else pytest.mark.slow) for name, case in CASES.items()],
)
def test_dials_at_zero_give_the_film_back_in_every_depth_and_colour(
    make_film: Any, draw: Any, tmp_path: Path, require_same: Any, row: Any, ending: str
) -> None:
    name = row[0]
    source = in_the_zoo(
        make_film,
        draw,
        row,
        sounds=("libopus",) if ending == ".webm" and name.endswith("mkv") else (),
        timecode="01:00:00:00" if name.endswith("mov") and ending == ".mov" else "",
    )
    target = tmp_path / f"out{ending}"
    ends = fates(inventory(probe(source)), target, untouched=True)
    if any(fate.end == "refused" for fate in ends):
        with pytest.raises(UsageError, match=r"write \.(mkv|mov)"):
            relook.apply(source, "silent", target, strength=0)
        assert not target.exists()
        return
    delivery = relook.apply(source, "silent", target, strength=0)
    assert delivery.left_out == tuple(str(fate) for fate in ends if fate.end in ("changed", "left out"))
    if any("becomes" in fate.why for fate in ends):
        return
    require_same(source, target, None)
    before, after = decoded(source), decoded(target)
    assert len(before) == len(after) == 4
    if probe(source).pixel_format == probe(target).pixel_format:
        worst = max(int(np.abs(a - b).max()) for a, b in zip(before, after, strict=True))
        assert worst <= WITHIN[coded_as(target)] * 2 ** max(probe(source).bit_depth - 10, 0)


def decoded(path: Path) -> list[NDArray[np.int64]]:
    """Give the codes of each frame as the decoder gave them, plane after plane."""
    with FilmReader(path) as reader:
        kind = np.uint8 if reader.info.bit_depth == 8 else np.uint16
        frames: list[Any] = [native.picture for native in reader.native_frames()]
        return [
            np.concatenate([np.ascontiguousarray(part).view(kind).ravel() for part in rows(frame)]).astype(np.int64)
            for frame in frames
        ]


def coded_as(path: Path) -> str:
    with av.open(str(path)) as container:
        return str(container.streams.video[0].codec_context.name)
