"""OpenEXR pictures: scene-linear half or float of any values, with every layer and every entry of the header kept.

Pixels are read by OpenImageIO, which notices every damage, headers and files are made by OpenEXR, which knows every entry.
The picture is the data window; both windows are kept. Red, green and blue, or Y alone, go through a look; alpha and all
other layers are passed on as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from itertools import groupby
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from relook.errors import InputError
from relook.film.pictures.picture import Picture, PictureFacts, existing_timecode, require_finite_picture, require_size
from relook.film.pictures.primaries import to_bt709
from relook.film.pictures.vfx import image_io, open_exr, words_of

_OF_THE_FILE: Final = ("channels", "type", "tiles", "chunkCount", "version", "name", "lineOrder", "preview")
"""Entries that describe the old pixels' layout, or hold a preview of them."""

Layers = dict[str, NDArray[Any]]


def read_exr(path: Path) -> Picture:
    """Read an EXR picture.

    Raises:
        InputError: it is damaged, deep, of several parts, without red, green and blue, or holds NaN or infinity.
    """
    header = _header(path)
    layers = _layers(path)
    names = "BGRA" if "A" in layers else "BGR"
    if all(name in layers for name in names):
        codes = np.stack([layers.pop(name) for name in names], axis=-1)
        require_finite_picture(path, codes[..., :3], names)
    else:
        codes = layers.pop("Y")
        require_finite_picture(path, codes[..., None], "Y")
    matrix = to_bt709(path, header.get("chromaticities"))
    return Picture(path, codes, codes.itemsize * 8, True, matrix, _facts(header), header, layers)


def _header(path: Path) -> dict[str, Any]:
    try:
        with open_exr().File(str(path), separate_channels=True, header_only=True) as file:
            parts = [dict(part.header) for part in file.parts]
    except (RuntimeError, ValueError) as error:
        raise _damaged(path, "") from error
    if len(parts) != 1:
        raise InputError(
            f"{path} has {len(parts)} parts; relook reads only EXR pictures of one part: write each to a file of its own"
        )
    return parts[0]


def _layers(path: Path) -> Layers:
    """Read every channel by name, in its own type."""
    io = image_io()
    opened = io.ImageInput.open(str(path))
    if opened is None:
        words = words_of(io)
        if "ubsampled" in words:
            raise _no_colours(path, "luminance and subsampled chroma")
        raise _damaged(path, words)
    try:
        spec = opened.spec()
        _require_kind(path, spec)
        require_size(path, spec.width, spec.height)
        formats = [str(spec.channelformat(index)) for index in range(spec.nchannels)]
        layers: Layers = {}
        for kind, group in groupby(range(spec.nchannels), key=lambda index: formats[index]):
            indices = list(group)
            pixels = opened.read_image(0, 0, indices[0], indices[-1] + 1, kind)
            if pixels is None:
                raise _damaged(path, words_of(opened))
            for place, index in enumerate(indices):
                layers[spec.channelnames[index]] = pixels.reshape(spec.height, spec.width, -1)[..., place]
        return layers
    finally:
        opened.close()


def _require_kind(path: Path, spec: Any) -> None:
    names = set(spec.channelnames)
    if spec.deep:
        raise InputError(f"{path} is a deep picture; relook reads flat ones: flatten it first")
    if {"Y", "BY", "RY"} <= names:
        raise _no_colours(path, "luminance and chroma")
    if not ({"R", "G", "B"} <= names or "Y" in names):
        shown = ", ".join(sorted(names)[:8])
        raise _no_colours(path, f"the channels {shown}")
    for index, name in enumerate(spec.channelnames):
        if name in ("R", "G", "B", "A", "Y") and str(spec.channelformat(index)) not in ("half", "float"):
            raise InputError(f"{path} has integers in channel {name}; relook reads half and float EXR: convert it")


def _no_colours(path: Path, what: str) -> InputError:
    return InputError(f"{path} holds {what}; relook reads EXR with channels R, G, B, or Y alone: convert it first")


def _damaged(path: Path, words: str) -> InputError:
    return InputError(f"{path} cannot be read as an EXR picture{words}: it is damaged; render it again")


def _facts(header: Mapping[str, Any]) -> PictureFacts:
    rate = header.get("framesPerSecond")
    rate = rate if isinstance(rate, Fraction) and rate > 0 else None
    code, timecode = header.get("timeCode"), None
    if code is not None:
        sign = ";" if code.dropFrame else ":"
        text = f"{code.hours:02d}:{code.minutes:02d}:{code.seconds:02d}{sign}{code.frame:02d}"
        timecode = existing_timecode(text, rate)
    aspect = Fraction(header.get("pixelAspectRatio", 1.0)).limit_denominator(1000)
    return PictureFacts(rate, timecode, aspect if aspect > 0 else Fraction(1))


def write_exr(
    path: Path,
    light: NDArray[np.float32],
    *,
    alpha: NDArray[Any] | None,
    depth: int,
    source: Picture | None,
    facts: PictureFacts,
) -> None:
    """Write an EXR picture; from an EXR source it keeps header, windows, compression and layers.

    Args:
        light: `[h w 3]`, RGB, linear with BT.709 primaries, or in the source's own named colour space.
        alpha: `[h w]`, 0..1.
        depth: 16 for half, 32 for float.
        facts: what the header says if there is no EXR header to keep.
    Raises:
        OSError: the file cannot be written.
    """
    exr = open_exr()
    kept = source.header if source is not None and source.is_linear else None
    if kept is not None:
        header = {name: value for name, value in kept.items() if name not in _OF_THE_FILE}
    else:
        header = {"compression": exr.ZIP_COMPRESSION, **_entries(facts)}
    header["type"] = exr.scanlineimage
    if kept is not None and source is not None and source.to_bt709 is not None and source.space is None:
        light = light @ np.linalg.inv(source.to_bt709).T.astype(np.float32)
    dtype = np.float16 if depth == 16 else np.float32
    channels = {name: np.ascontiguousarray(light[..., place], dtype) for place, name in enumerate("RGB")}
    if alpha is not None:
        channels["A"] = np.ascontiguousarray(alpha, dtype)
    if kept is not None and source is not None:
        channels |= {name: np.ascontiguousarray(layer) for name, layer in source.layers.items()}
    try:
        with exr.File(header, channels) as file:
            file.write(str(path))
    except RuntimeError as error:
        raise OSError(0, str(error)) from error


def _entries(facts: PictureFacts) -> dict[str, Any]:
    entries: dict[str, Any] = {"pixelAspectRatio": float(facts.pixel_aspect)}
    if facts.chromaticities is not None:
        entries["chromaticities"] = facts.chromaticities
    if facts.frame_rate is not None:
        entries["framesPerSecond"] = facts.frame_rate
    if facts.timecode is not None:
        hours, minutes, seconds, frame = (int(part) for part in facts.timecode.replace(";", ":").split(":"))
        code = open_exr().TimeCode()
        code.hours, code.minutes, code.seconds, code.frame = hours, minutes, seconds, frame
        code.dropFrame = ";" in facts.timecode
        entries["timeCode"] = code
    return entries
