"""Read a small timeline, to see whether OpenTimelineIO works."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Final

import opentimelineio as otio

from relook.film.cuts.timeline import read_timeline

_FRAMES: Final = 12


def reads_timelines() -> bool:
    """Say whether a clip written to a timeline can be read back."""
    time = otio.opentime.RationalTime(_FRAMES, 24)
    clip = otio.schema.Clip("c", source_range=otio.opentime.TimeRange(time, time))
    timeline = otio.schema.Timeline("t", tracks=[otio.schema.Track(kind="Video", children=[clip])])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "t.otio"
        path.write_text(timeline.to_json_string(), encoding="utf-8")
        (event,) = read_timeline(path).events
        return (event.source.start, len(event.source)) == (_FRAMES, _FRAMES)
