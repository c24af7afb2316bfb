"""Ask OpenTimelineIO what it can read."""

from __future__ import annotations

import opentimelineio as otio


def timeline_formats() -> tuple[str, ...]:
    """List the kinds of timelines that OpenTimelineIO reads here."""
    return tuple(sorted(otio.adapters.available_adapter_names()))
