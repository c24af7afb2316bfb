"""Explain files that are neither films nor pictures that relook reads: what they are, and what to do with them."""

from __future__ import annotations

from pathlib import Path
from typing import Final

_LUT: Final = "a LUT, which relook does not read; apply it in the grading or editing system"
_GRADE: Final = "a colour decision list (CDL), which relook does not read; apply it in the grading or editing system"
_EDIT: Final = "an edit or project; export the edit as EDL (CMX 3600) or OTIO and give that to `relook apply --edl`"
_SOUND: Final = "sound without pictures; give the film it belongs to"
_RAW: Final = "camera raw, which relook does not develop; convert it to EXR, DPX, TIFF or ProRes first"
_PICTURE: Final = "a kind of picture that relook does not read; save it as PNG, TIFF or EXR"
_PACKED: Final = "an archive; unpack it first"
_WEIGHTS: Final = "neural network weights; relook's looks end in .look"
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
    **dict.fromkeys((".edl", ".otio"), "a cut list; give `relook apply` its film, and the list with --edl"),
    ".look": "a look; give it as --look",
    ".toml": "perhaps a recipe; give it to `relook train --preset`",
}
_BY_BEGINNING: Final = (
    (b"\x89PNG", 0, "a PNG picture with the wrong ending; rename it to end in .png"),
    (b"\xff\xd8\xff", 0, "a JPEG picture with the wrong ending; rename it to end in .jpg"),
    (b"II*\0", 0, "a TIFF picture with the wrong ending; rename it to end in .tif"),
    (b"MM\0*", 0, "a TIFF picture with the wrong ending; rename it to end in .tif"),
    (b"\x76\x2f\x31\x01", 0, "an EXR picture with the wrong ending; rename it to end in .exr"),
    (b"SDPX", 0, "a DPX picture with the wrong ending; rename it to end in .dpx"),
    (b"XPDS", 0, "a DPX picture with the wrong ending; rename it to end in .dpx"),
    (b"ftyp", 4, "an MP4 or MOV film with the wrong ending; rename it to end in .mp4 or .mov"),
    (b"\x1a\x45\xdf\xa3", 0, "a Matroska film with the wrong ending; rename it to end in .mkv"),
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
    """Say what an unreadable file is, by its ending or else by its first bytes; "" if neither tells.

    Nothing is said about a file that has the right ending and is merely damaged.
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
