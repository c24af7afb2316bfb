"""Files that are no films and no pictures that relook reads: what they are, and what to do with them, in words."""

from __future__ import annotations

from pathlib import Path
from typing import Final

_LUT: Final = "a LUT, a table of colours, which relook does not read; lay it on in the grading or editing system"
_GRADE: Final = "a colour decision list, which relook does not read; lay it on in the grading or editing system"
_EDIT: Final = "an edit or project; export the edit as EDL (CMX 3600) or OTIO and give that to `relook apply --edl`"
_SOUND: Final = "sound without pictures; give the film that it belongs to"
_RAW: Final = "camera raw, which relook does not develop; make EXR, DPX, TIFF or ProRes of it first"
_PICTURE: Final = "a picture of a kind that relook does not read; save it as PNG, TIFF or EXR"
_PACKED: Final = "packed files; unpack them first"
_WEIGHTS: Final = "weights of a network; looks of relook end in .look"
_TEXT: Final = "text, or damaged; give a film, pictures or a look"

_BY_ENDING: Final = {
    **dict.fromkeys((".cube", ".3dl", ".lut", ".csp", ".spi1d", ".spi3d", ".clf", ".ctf", ".mga"), _LUT),
    **dict.fromkeys((".cdl", ".cc", ".ccc"), _GRADE),
    **dict.fromkeys((".aaf", ".fcpxml", ".xml", ".ale", ".prproj", ".drp", ".nk", ".aep", ".otioz", ".otiod"), _EDIT),
    **dict.fromkeys((".wav", ".aif", ".aiff", ".mp3", ".flac", ".m4a", ".aac", ".opus", ".bwf"), _SOUND),
    **dict.fromkeys((".r3d", ".braw", ".ari", ".arx", ".crm", ".dng", ".cr2", ".cr3", ".nef", ".arw", ".raf"), _RAW),
    **dict.fromkeys((".psd", ".psb", ".svg", ".heic", ".heif", ".jp2", ".j2k", ".tga", ".hdr", ".pdf"), _PICTURE),
    **dict.fromkeys((".zip", ".tar", ".gz", ".tgz", ".7z", ".rar"), _PACKED),
    **dict.fromkeys((".safetensors", ".pt", ".pth", ".ckpt", ".onnx"), _WEIGHTS),
    **dict.fromkeys((".edl", ".otio"), "a cut list; give it to `relook apply --edl`, and its film as the film"),
    ".look": "a look; give it as --look",
    ".toml": "a recipe, perhaps; give it to `relook train --preset`",
}
_BY_BEGINNING: Final = (
    (b"\x89PNG", 0, "a PNG picture under another name; let its name end in .png"),
    (b"\xff\xd8\xff", 0, "a JPEG picture under another name; let its name end in .jpg"),
    (b"II*\0", 0, "a TIFF picture under another name; let its name end in .tif"),
    (b"MM\0*", 0, "a TIFF picture under another name; let its name end in .tif"),
    (b"\x76\x2f\x31\x01", 0, "an EXR picture under another name; let its name end in .exr"),
    (b"SDPX", 0, "a DPX picture under another name; let its name end in .dpx"),
    (b"XPDS", 0, "a DPX picture under another name; let its name end in .dpx"),
    (b"ftyp", 4, "an MP4 or MOV film under another name; let its name end in .mp4 or .mov"),
    (b"\x1a\x45\xdf\xa3", 0, "a Matroska film under another name; let its name end in .mkv"),
    (b"8BPS", 0, _PICTURE),
    (b"%PDF", 0, _PICTURE),
    (b"WAVE", 8, _SOUND),
    (b"ID3", 0, _SOUND),
    (b"fLaC", 0, _SOUND),
    (b"PK\x03\x04", 0, _PACKED),
    (b"\x1f\x8b", 0, _PACKED),
)
_LOOKED_AT: Final = 512


def what_it_is(path: Path) -> str:
    """Say what a file that could not be read is, by its ending, else by its beginning; "" where neither tells.

    A file with an ending of its own kind that is merely damaged is told nothing about.
    """
    if words := _BY_ENDING.get(path.suffix.lower()):
        return words
    with path.open("rb") as file:
        head = file.read(_LOOKED_AT)
    for mark, at, words in _BY_BEGINNING:
        if head[at : at + len(mark)] == mark:
            return "" if path.suffix.lower() in words else words
    return _TEXT if _is_text(head) else ""


def _is_text(head: bytes) -> bool:
    try:
        text = head.decode("utf-8")
    except UnicodeDecodeError as error:
        text = head[: error.start].decode("utf-8") if error.start > len(head) - 4 else ""
    return bool(text) and all(letter.isprintable() or letter in "\r\n\t\f" for letter in text)
