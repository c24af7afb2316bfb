"""What becomes of pictures, and of what else their files hold, on their way into another kind of picture or a codec.

Only the first picture is looked at: values beyond black and white are reported as a possibility.
"""

from __future__ import annotations

import re
from collections.abc import Set
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from av import VideoFormat

from relook.film.colour import is_full_range, is_grey, is_rgb
from relook.film.container.inventory import Inventory
from relook.film.frames import FilmInfo
from relook.film.pictures.dpx_tiff import written_depth
from relook.film.pictures.picture_file import holds_beyond, is_half_enough
from relook.film.sequence import PICTURE_ENDINGS

End = Literal["kept", "changed", "left out", "refused"]

PICTURES: Final = "pictures"
FLAT_PICTURES: Final = frozenset((".jpg", ".jpeg", ".bmp"))
"""Endings of pictures without transparency."""
_SHALLOW_PICTURES: Final = (*FLAT_PICTURES, ".webp")
_JPEG: Final = (".jpg", ".jpeg")
_OWN_HEADERS: Final = (".exr", ".dpx")
PROFILE: Final = "ICC colour profile"
_PROFILED: Final = frozenset((".png", ".tif", ".tiff", ".jpg", ".jpeg", ".webp"))


@dataclass(frozen=True)
class Fate:
    """What becomes of one thing that a film holds."""

    what: str
    end: End
    why: str = ""
    """What is changed, or why it cannot be kept and what to do."""

    def __str__(self) -> str:
        return f"{self.what}: {self.end}" + (f" ({self.why})" if self.why else "")


def picture_changes(
    found: Inventory, sampling: str, depth: str, *, is_full: bool, is_linear: bool = False
) -> list[str]:
    """Say in words what differs in pictures of a sampling ("RGB"), a depth ("10 bit"), a range and a kind of values."""
    film = found.film
    was_full = is_full_range(film.colour, film.pixel_format)
    changes = [
        (sampling_of(film.pixel_format), sampling),
        (depth_of(film), depth),
        ("full range" if was_full else "legal range", "full range" if is_full else "legal range"),
        (_values(found.is_linear), _values(is_linear)),
    ]
    return [f"{before} becomes {after}" for before, after in changes if before != after]


def as_picture_files(found: Inventory, ending: str) -> list[Fate]:
    """Say what becomes of pictures in files with an ending."""
    words = picture_changes(found, "RGB", _written_depth(found, ending), is_full=True, is_linear=ending == ".exr")
    words += ["as JPEG, not lossless"] if ending in _JPEG else []
    return [Fate(PICTURES, "changed" if words else "kept", "; ".join(words))]


def of_picture_files(found: Inventory, endings: Set[str]) -> list[Fate]:
    """Say what becomes of everything else in picture files, in files with other endings or in a film."""
    if not found.film.pictures:
        return []
    result = []
    if "float" in depth_of(found.film) and not all(map(holds_beyond, endings)):
        keeps = ".exr and float .tif keep them"
        result.append(Fate("values below black and above white", "changed", f"clipped, if there are any; {keeps}"))
    if endings != {".exr"}:
        result += [Fate(f"channel {name}", "left out") for name in found.channels]
    own = found.film.pictures[0].suffix.lower()
    if own in _OWN_HEADERS and endings != {own}:
        result.append(Fate(f"rest of the {own} header", "left out", f"only {own} holds it"))
    if found.has_profile and not endings <= PICTURE_ENDINGS:
        result.append(Fate(PROFILE, "left out", "films hold none"))
    elif found.has_profile and not endings <= _PROFILED:
        result.append(Fate(PROFILE, "refused", "write .png or .tif instead"))
    return result


def depth_of(film: FilmInfo) -> str:
    """Return the depth of a film's values in words: "10 bit", "32-bit float"."""
    is_float = re.search(r"f(16|32)", film.pixel_format)
    return f"{is_float[1]}-bit float" if is_float else f"{film.bit_depth} bit"


def sampling_of(pixel_format: str) -> str:
    """Name the colour of a pixel format: "RGB", "grey", "4:2:0"."""
    if is_rgb(pixel_format):
        return "RGB"
    if is_grey(pixel_format):
        return "grey"
    found = VideoFormat(pixel_format, 16, 16)
    return {(8, 8): "4:2:0", (8, 16): "4:2:2", (16, 16): "4:4:4", (16, 8): "4:4:0", (4, 16): "4:1:1"}.get(
        (found.chroma_width(), found.chroma_height()), "4:1:0"
    )


def _values(is_linear: bool) -> str:
    return "scene-linear" if is_linear else "display-referred"


def _written_depth(found: Inventory, ending: str) -> str:
    """Return in words the depth that `write_picture` chooses."""
    film = found.film
    is_float, bits = "float" in depth_of(film), int(depth_of(film).partition("-")[0].split()[0])
    if ending == ".exr":
        return "16-bit float" if is_half_enough(bits, is_linear=found.is_linear) else "32-bit float"
    if ending in _SHALLOW_PICTURES:
        return "8 bit"
    if ending == ".png":
        return "8 bit" if bits <= 8 else "16 bit"
    return "32-bit float" if is_float and holds_beyond(ending) else f"{written_depth(Path(f'o{ending}'), bits)} bit"
