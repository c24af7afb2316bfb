"""Cut lists as files that a stranger may have written: good examples, and who reads them."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import opentimelineio as otio

from relook.film.cuts.cut_files import read_cut_list
from relook.film.cuts.cutlist import cut_list_in_words

EDLS = (
    b"TITLE: TRAILER 4\nFCM: DROP FRAME\n\n001  A001C002 V     C        01:00:10;00 01:00:12;00 00:00:00;00 00:00:02;00\n"
    b"* FROM CLIP NAME: A001C002.MOV\n002  A001C003 V     D    012 01:00:20;00 01:00:22;00 00:00:02;00 00:00:04;00\n"
    b"* TO CLIP NAME: A001C003.MOV\n003  AX       AA/V  C        00:00:01;00 00:00:02;00 00:00:04;00 00:00:05;00\n"
    b"M2   AX       048.0                00:00:01;00\n* FREEZE FRAME\n",
    b"TITLE: X\r\nFCM: NON-DROP FRAME\r\nFINAL CUT PRO REEL: A LONG NAME REPLACED BY: ALONG\r\n"
    b"001  ALONG    B     C        01:00:10:00 01:00:12:00 10:00:00:00 10:00:02:00\r\n"
    b"002  BL       V     C        00:00:00:00 00:00:01:00 10:00:02:00 10:00:03:00\r\n>>> SOURCE x\r\nnothing known\r\n",
)


@cache
def timelines() -> list[bytes]:
    def time(value: float, rate: float = 24.0) -> otio.opentime.RationalTime:
        return otio.opentime.RationalTime(value, rate)

    def clip(name: str) -> otio.schema.Clip:
        reference = otio.schema.ExternalReference(f"file:///a/{name}.mov", otio.opentime.TimeRange(time(0), time(500)))
        found = otio.schema.Clip(name, reference, otio.opentime.TimeRange(time(10), time(24)))
        found.metadata["cmx_3600"] = {"reel": "A001"}
        return found

    timelines = []
    for tracks in (1, 2):
        timeline = otio.schema.Timeline("cut", global_start_time=time(86400))
        for _ in range(tracks):
            track = otio.schema.Track("V", kind="Video")
            dissolve = otio.schema.Transition("d", "SMPTE_Dissolve", time(6), time(6))
            track.extend([clip("a"), dissolve, clip("b"), otio.schema.Gap(duration=time(12)), clip("c")])
            track[-1].effects.append(otio.schema.LinearTimeWarp(time_scalar=2.0))
            track[0].markers.append(otio.schema.Marker("m", otio.opentime.TimeRange(time(0), time(1))))
            timeline.tracks.append(track)
        timelines.append(timeline.to_json_string().encode())
    return [*timelines, json.dumps(_older(json.loads(timelines[0]))).encode()]


def _older(part: Any) -> Any:
    """Return a timeline as older programs write it: with `Clip.1`."""
    if isinstance(part, list):
        return [_older(one) for one in part]
    if not isinstance(part, dict):
        return part
    old = {name: _older(value) for name, value in part.items()}
    if old.get("OTIO_SCHEMA") == "Clip.2":
        old |= {"OTIO_SCHEMA": "Clip.1", "media_reference": old.pop("media_references")["DEFAULT_MEDIA"]}
        del old["active_media_reference_key"]
    return old


def read_as_cut_list(ending: str) -> Callable[[bytes, Path], object]:
    def read(data: bytes, folder: Path) -> object:
        path = folder / f"x{ending}"
        path.write_bytes(data)
        return cut_list_in_words(read_cut_list(path))

    return read
