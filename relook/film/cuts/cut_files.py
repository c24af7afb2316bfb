"""Cut lists on disk: EDLs and OpenTimelineIO timelines."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Final

from relook.errors import UsageError
from relook.film.cuts.cutlist import CutList
from relook.film.cuts.edl import read_edl
from relook.film.regular import require_regular

CUT_ENDINGS: Final = (".edl", ".otio")


def read_cut_list(path: Path, rate: Fraction | None = None, *, drop: bool | None = None) -> CutList:
    """Read the cut list in a file.

    Args:
        rate: exact frames per second of the film that it cuts; by default the one that suits the list.
        drop: whether that film's timecode is drop-frame; by default as the list.

    Raises:
        UsageError: its ending is not that of a cut list.
        InputError: it cannot be read.
    """
    ending = path.suffix.lower()
    if ending not in CUT_ENDINGS:
        raise UsageError(f"{path} is not a cut list; give an EDL (.edl) or an OpenTimelineIO timeline (.otio)")
    require_regular(path, "an EDL or an OpenTimelineIO timeline")
    if ending == ".edl":
        return read_edl(path, rate, drop=drop)
    from relook.film.cuts.timeline import read_timeline  # late: OpenTimelineIO takes a while to import

    return read_timeline(path, rate)
