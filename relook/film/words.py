"""A film's facts in words: colour, range, how its pictures are turned, and which pictures a path stands for."""

from __future__ import annotations

import math
import re
from typing import Final

from relook.film.colour import UNSPECIFIED, is_full_range, is_grey, is_rgb, matrix_of
from relook.film.frames import FilmInfo
from relook.film.hdr_light import is_hdr
from relook.film.sequence import ends_of, is_pattern, pattern_of, take_of
from relook.timing import FrameRange

_PRIMARIES: Final = {
    **{1: "BT.709", 4: "BT.470 M", 5: "BT.601 (625 lines)", 6: "BT.601 (525 lines)", 7: "SMPTE 240M", 8: "film"},
    **{9: "BT.2020", 10: "XYZ", 11: "DCI-P3", 12: "Display P3", 22: "EBU 3213"},
}
_TRANSFERS: Final = {
    **{1: "BT.709", 4: "gamma 2.2", 5: "gamma 2.8", 6: "BT.601", 7: "SMPTE 240M", 8: "linear", 9: "log 100:1"},
    **{10: "log 316:1", 11: "xvYCC", 12: "BT.1361", 13: "sRGB", 14: "BT.2020 10 bit", 15: "BT.2020 12 bit"},
    **{16: "PQ", 17: "SMPTE 428", 18: "HLG"},
}
_MATRICES: Final = {
    **{0: "RGB", 1: "BT.709", 4: "FCC", 5: "BT.601", 6: "BT.601", 7: "SMPTE 240M", 8: "YCgCo", 9: "BT.2020"},
    **{10: "BT.2020 constant luminance", 14: "ICtCp"},
}
"""Names of the code points of ITU-T H.273, tables 2 to 4."""


def colour_words(film: FilmInfo) -> str:
    """Describe a film's colour tags: "BT.2020 primaries, PQ transfer, BT.2020 matrix, legal range"."""
    tags, name = film.colour, film.pixel_format
    parts = [
        _named(tags.primaries, _PRIMARIES, "primaries"),
        _named(tags.transfer, _TRANSFERS, "transfer"),
    ]
    if is_hdr(film):
        parts.append("reference white taken as 203 nits")
    taken = _MATRICES.get(matrix_of(tags, film.height), "unknown")
    if is_grey(name):
        parts.append("no colour")
    elif is_rgb(name):
        parts.append("RGB")
    elif matrix_of(tags, film.height) != tags.matrix:
        parts.append(f"matrix untagged, taken as {taken}")
    else:
        parts.append(_named(tags.matrix, _MATRICES, "matrix"))
    span = "full range" if is_full_range(tags, name) else "legal range"
    is_said = tags.full_range is not None or is_rgb(name) or name.startswith("yuvj")
    parts.append(span if is_said else f"range untagged, taken as {span}")
    return ", ".join(parts)


def pictures_words(film: FilmInfo, wanted: FrameRange | None = None) -> str:
    """Say which pictures a path, or a range of it, stands for: "frames 1001 to 1048 of the take plate.####.exr"; "" for a film."""
    pictures = film.pictures if wanted is None else film.pictures[wanted.start : wanted.stop]
    if not pictures:
        return ""
    if film.kind == "sequence":
        start = ends_of(film.path, film.pictures)[0] + (0 if wanted is None else wanted.start)
        first, last = start, start + len(pictures) - 1
        numbers = f"frame {first}" if first == last else f"frames {first} to {last}"
        pattern = film.path.name if is_pattern(film.path) else pattern_of(film.pictures)
        return f"{numbers} of the take {pattern}"
    if len(film.pictures) > 1:
        return f"{len(pictures)} stills of {film.path}"
    take = [path for _, path in sorted(take_of(film.path))] if film.path.is_file() else []
    return f"{film.pictures[0].name} alone" + (
        f", not the {len(take)} of its take; {pattern_of(take)}, or its first picture, means them all" if take else ""
    )


def codec_words(codec: str) -> str:
    """Return a codec's name for people: "PCM 24 bit" for "pcm_s24le"; FFmpeg's name for others."""
    found = re.fullmatch(r"pcm_[suf](\d+)(le|be)?", codec)
    return f"PCM {found[1]} bit" if found else codec


def turn_words(matrix: tuple[int, ...]) -> str:
    """Describe a display matrix: "flipped left to right, turned upside down"; empty if pictures are upright."""
    if not matrix:
        return ""
    right, down, back_right, back_down = matrix[0], matrix[1], matrix[3], matrix[4]
    is_flipped = right * back_down < down * back_right
    if is_flipped:
        right, down = -right, -down
    turned = round(-math.degrees(math.atan2(down, right))) % 360
    words = {
        0: "",
        90: "turned 90 degrees anticlockwise",
        180: "turned upside down",
        270: "turned 90 degrees clockwise",
    }
    turn = words.get(turned, f"turned {turned} degrees anticlockwise")
    return ", ".join(part for part in ("flipped left to right" if is_flipped else "", turn) if part)


def _named(code: int, names: dict[int, str], what: str) -> str:
    return f"{what} untagged" if code in (0, UNSPECIFIED, 3) else f"{names.get(code, f'code {code}')} {what}"
