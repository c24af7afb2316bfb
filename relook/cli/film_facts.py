"""What `relook info` says about a film: values for machines, lines for people."""

from __future__ import annotations

from dataclasses import asdict
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from relook.cli.display import showing_progress
from relook.errors import UsageError

if TYPE_CHECKING:
    from relook.film.container.inventory import Inventory


def film_facts(path: Path) -> dict[str, Any]:
    """Return what a film holds, in plain values."""
    from relook.film.container.inventory import inventory  # late: PyAV is slow to import, and `--help` must not wait
    from relook.film.container.picture_fate import depth_of, sampling_of
    from relook.film.reader import probe
    from relook.film.words import colour_words, pictures_words, turn_words
    from relook.timing import rate_text

    film = probe(path)
    found = inventory(film)
    seconds = None if film.num_frames is None else round(float(film.num_frames / film.frame_rate), 3)
    return {
        "path": str(film.path),
        "kind": film.kind,
        "taken": pictures_words(film),
        "size": f"{film.width}x{film.height}",
        "frame_rate": str(film.frame_rate),
        "frames_per_second": rate_text(film.frame_rate),
        "time_base": str(film.time_base),
        "start_seconds": round(float(found.start_seconds), 6),
        "num_frames": film.num_frames,
        "seconds": seconds,
        "timecode": film.timecode,
        "reel": found.reel,
        "bit_depth": film.bit_depth,
        "depth_in_words": depth_of(film),
        "pixel_format": film.pixel_format,
        "sampling": sampling_of(film.pixel_format),
        "colour": asdict(film.colour),
        "colour_in_words": colour_words(film) if film.kind == "film" else picture_colour_words(found),
        "mastering_display": None if found.mastering is None else str(found.mastering),
        "light_level": None if found.light_level is None else str(found.light_level),
        "sample_aspect": str(film.sample_aspect),
        "shown": turn_words(found.turn) or "upright",
        "field_order": found.field_order,
        "also": list(found.extras),
        "channels": list(found.channels),
        "title": found.title,
        "tags": dict(found.tags),
        "chapters": [
            {"title": c.title, "start_seconds": float(c.start_seconds), "stop_seconds": float(c.stop_seconds)}
            for c in found.chapters
        ],
        "streams": [asdict(track) for track in found.tracks],
        "audio": list(film.audio_codecs),
    }


def fate_facts(path: Path, ending: str) -> dict[str, Any]:
    """Return what becomes of everything in a film if it is written with an ending, ".mov" or "mov".

    Raises:
        UsageError: relook does not write that ending.
    """
    from relook.film.container.codecs import film_endings
    from relook.film.container.fate import fates
    from relook.film.container.inventory import inventory
    from relook.film.reader import probe
    from relook.film.sequence import PICTURE_ENDINGS

    wanted = "." + ending.lower().removeprefix(".")
    if wanted not in film_endings() and wanted not in PICTURE_ENDINGS:
        known = ", ".join((*film_endings(), *sorted(PICTURE_ENDINGS)))
        raise UsageError(f"--for {ending} is not an ending that relook writes; give one of {known}")
    return {"ending": wanted, "fates": [asdict(f) for f in fates(inventory(probe(path)), Path(f"out{wanted}"))]}


def shot_facts(path: Path) -> list[dict[str, Any]]:
    """Return a film's shots, with the timecodes of their first frames and of the frames after their last."""
    from relook.film.reader import probe
    from relook.film.shots import find_shots
    from relook.timing import advance_timecode

    film = probe(path)
    first = film.timecode or "00:00:00:00"
    with showing_progress() as on_progress:
        shots = find_shots(path, on_progress=on_progress)
    return [
        {
            "start_frame": shot.frames.start,
            "stop_frame": shot.frames.stop,
            "start_timecode": advance_timecode(first, shot.frames.start, film.frame_rate),
            "stop_timecode": advance_timecode(first, shot.frames.stop, film.frame_rate),
        }
        for shot in shots
    ]


def picture_colour_words(found: Inventory) -> str:
    """Say what the values of pictures mean unless the user names a colour space."""
    values = "scene-linear light" if found.is_linear else "display-referred values"
    return values + (", with an ICC profile" if found.has_profile else "")


def film_lines(facts: dict[str, Any]) -> list[str]:
    """Write the facts for people, leaving out what a film does not have."""
    lines = [f"{name:18} {value}" for name, value in _plain(facts).items() if value not in (None, "")]
    lines += [f"{'tag ' + name:18} {value}" for name, value in facts["tags"].items()]
    lines += [
        f"chapter            {c['start_seconds']:.3f} to {c['stop_seconds']:.3f} s  {c['title']}"
        for c in facts["chapters"]
    ]
    return lines + [_stream_line(stream) for stream in facts["streams"]]


def asked_lines(facts: dict[str, Any]) -> list[str]:
    """Write the other requested facts for people: the shots, and what becomes of a film with another ending."""
    lines = []
    for number, shot in enumerate(facts.get("shots", ())):
        lines.append(
            f"{f'shot {number}':18} frames {shot['start_frame']} to {shot['stop_frame'] - 1}, "
            f"{shot['start_timecode']} to {shot['stop_timecode']} (not included)"
        )
    fates = facts.get("for", {}).get("fates", ())
    lines += [
        f"{facts['for']['ending'] + ' ' + f['end']:18} {f['what']}{': ' if f['why'] else ''}{f['why']}" for f in fates
    ]
    return lines


def _plain(facts: dict[str, Any]) -> dict[str, Any]:
    """Return the names and values of the lines."""
    is_still, is_film = facts["kind"] == "stills", facts["kind"] == "film"
    rate = facts["frame_rate"] + ("" if "/" not in facts["frame_rate"] else f" ({facts['frames_per_second']})")
    aspect = Fraction(facts["sample_aspect"])
    width, height = facts["size"].split("x")
    shown = f", shown as {round(int(width) * aspect)} x {height}"
    order = facts["field_order"] if facts["field_order"] != "unknown" else ""
    counted = facts["num_frames"] is not None
    return {
        "path": facts["path"],
        "kind": "still" if is_still and facts["num_frames"] == 1 else facts["kind"],
        "taken": facts["taken"],
        "size": facts["size"],
        "frame rate": "" if is_still else f"{rate} {'frame' if rate == '1' else 'frames'} a second",
        "frames": f"{facts['num_frames']}" + ("" if is_still else f", {facts['seconds']:g} s") if counted else "",
        "first frame at": f"{facts['start_seconds']:g} s" if facts["start_seconds"] else "",
        "time stamps": f"in units of {facts['time_base']} s" if is_film else "",
        "timecode": facts["timecode"],
        "reel": facts["reel"],
        "depth": facts["depth_in_words"],
        "pixel format": f"{facts['sampling']} ({facts['pixel_format']})",
        "colour": facts["colour_in_words"],
        "mastering display": facts["mastering_display"],
        "light level": facts["light_level"],
        "pixel aspect": f"{facts['sample_aspect']}{shown}" if aspect != 1 else "1, square",
        "shown": facts["shown"],
        "field order": order
        + (": interlaced according to its header; apply needs --deinterlace" if "first" in order else ""),
        "also": ", ".join(facts["also"]),
        "channels": ", ".join(facts["channels"]),
        "title": facts["title"],
    }


def _stream_line(stream: dict[str, Any]) -> str:
    from relook.film.container.inventory import Track  # late: as above

    parts = [
        str(Track(stream["index"], stream["kind"], stream["codec"])),
        stream["form"],
        stream["language"],
        stream["title"],
        *stream["roles"],
    ]
    return f"{'stream ' + str(stream['index']):18} {', '.join(part for part in parts if part)}"
