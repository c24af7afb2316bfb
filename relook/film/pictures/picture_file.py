"""Single picture files: read to code values and written back, 8 to 16 bit and float.

Transparency takes no part in a look: it is kept with the source picture and written back untouched into endings that can
hold it. EXR pictures are scene-linear, and go through the primaries that they name and the curve of `scene_light`; pictures with
a named colour space go through OpenColorIO instead, and are in that space again if written as the same kind of file.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from relook.errors import InputError, ResourceError, UsageError
from relook.film.frames import Frame
from relook.film.other_files import what_it_is
from relook.film.pictures.dpx_tiff import read_dpx_or_tiff, write_dpx_or_tiff, written_depth
from relook.film.pictures.exr import read_exr, write_exr
from relook.film.pictures.in_space import in_space
from relook.film.pictures.picture import Alpha, Picture, PictureFacts
from relook.film.pictures.png import (
    chunks_of,
    is_png,
    kept_chunks,
    png_facts,
    require_png_size,
    with_chunks,
    with_clear_grey,
)
from relook.film.pictures.scene_light import apart, to_display, to_light, to_straight_light
from relook.film.pictures.single import require_single
from relook.film.pictures.straight import mark_as_multiplied, unmultiplied
from relook.film.pictures.tiff import EXTRA_SAMPLES, PREMULTIPLIED, SHORT, STRAIGHT, with_tags
from relook.film.pictures.vfx import NEEDS_VFX, has_vfx, require_vfx
from relook.film.pixels import Codes, require_finite, to_codes, to_unit
from relook.film.publish import disk_errors
from relook.film.regular import require_regular

cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)  # else it prints what is raised here

_HOLDS_ALPHA: Final = (".png", ".tif", ".tiff", ".webp", ".exr", ".dpx")
_HOLDS_16_BIT: Final = (".png", ".tif", ".tiff")
_TIFF: Final = (".tif", ".tiff")
_WRITE_OPTIONS: Final = {
    ".jpg": (cv2.IMWRITE_JPEG_QUALITY, 95),
    ".jpeg": (cv2.IMWRITE_JPEG_QUALITY, 95),
    ".webp": (cv2.IMWRITE_WEBP_LOSSLESS_MODE, cv2.IMWRITE_WEBP_LOSSLESS_PRESERVE_COLOR),
}
"""JPEG at quality 95; WebP lossless, in transparent areas too."""
_MOST_HALF_BITS: Final = 12
"""Linear half floats keep display-referred codes of up to this many bits distinct."""


def read_picture(path: Path) -> Picture:
    """Decode a picture file.

    Raises:
        InputError: it cannot be read, is of a kind that is not supported, or needs the extra `vfx`.
    """
    ending = path.suffix.lower()
    require_regular(path, "picture files")
    try:
        with path.open("rb") as file:
            file.read(1)
    except OSError as error:
        raise InputError(f"cannot open {path}: {error.strerror}; check the path") from error
    if ending in NEEDS_VFX:
        require_vfx(path)
        return read_exr(path) if ending == ".exr" else read_dpx_or_tiff(path)
    if ending not in _TIFF or not has_vfx():
        return _read_by_opencv(path)
    encoded = np.fromfile(path, np.uint8)
    require_single(path, encoded.tobytes())
    alpha_kind = mark_as_multiplied(encoded, path)
    picture = read_dpx_or_tiff(path)
    return _straight(picture) if alpha_kind == PREMULTIPLIED else picture


def _read_by_opencv(path: Path) -> Picture:
    data = path.read_bytes()
    chunks = kept_chunks(data) if is_png(data) else ()
    if is_png(data):
        require_png_size(path, data)
    require_single(path, data)
    encoded = np.frombuffer(bytearray(data), np.uint8)
    alpha_kind = mark_as_multiplied(encoded, path)
    # Cameras store JPEGs on their side and say so in EXIF; "unchanged" would ignore that.
    flags = cv2.IMREAD_ANYCOLOR if data.startswith(b"\xff\xd8") else cv2.IMREAD_UNCHANGED
    try:
        codes = cv2.imdecode(encoded, flags) if data else None
    except cv2.error as error:
        raise InputError(f"{path} cannot be read as a picture ({error.err}): it is damaged or too large") from error
    if codes is None:
        known = f" ({words})" if (words := what_it_is(path)) else ""
        raise InputError(f"{path} cannot be read as a picture: it is damaged, empty or of another kind{known}")
    if codes.dtype not in (np.uint8, np.uint16) or (codes.ndim == 3 and codes.shape[2] not in (3, 4)):
        shape = f"{codes.dtype} with {codes.shape[2] if codes.ndim == 3 else 1} channels"
        hint = "convert it first" if has_vfx() else "convert it first, or pip install 'relook[vfx]'"
        raise InputError(f"{path} holds {shape}; relook reads grey, RGB and RGBA of 8 or 16 bit: {hint}")
    if is_png(data) and codes.ndim == 2:
        codes = with_clear_grey(codes, data)
    picture = Picture(path, codes, codes.itemsize * 8, facts=png_facts(chunks), header=chunks)
    return _straight(picture) if alpha_kind == PREMULTIPLIED else picture


def _straight(picture: Picture) -> Picture:
    return replace(picture, codes=unmultiplied(picture.codes, picture.white))


def picture_values(picture: Picture) -> tuple[Tensor, Tensor | None]:
    """Return `[c h w]`, RGB, without alpha: within 0..1, and the values beyond (None if there are none).

    Raises:
        InputError: a value does not come back from the display to the space that the picture is in.
    """
    if picture.space is not None:
        return apart(torch.from_numpy(picture.space.to_display_and_back(_unit(picture), picture.path)))
    if picture.is_float:
        return apart(torch.from_numpy(_display(picture)))
    codes = picture.codes
    channels = [codes] * 3 if codes.ndim == 2 else [codes[..., 2], codes[..., 1], codes[..., 0]]
    return to_unit(channels, picture.white), None


def _display(picture: Picture) -> NDArray[np.float32]:
    """Return a float picture as `[c h w]`, RGB, display-referred, with values of any size."""
    rgb = _unit(picture)
    if picture.space is not None:
        return picture.space.to_display(rgb)
    if picture.to_bt709 is not None:
        rgb = np.einsum("ij,jhw->ihw", picture.to_bt709.astype(np.float32), rgb)
    return to_display(rgb) if picture.is_linear else rgb


def _unit(picture: Picture) -> NDArray[np.float32]:
    """Return `[c h w]`, RGB, in the file's own values, where 1 is white."""
    codes = picture.codes
    rgb = np.stack([codes] * 3 if codes.ndim == 2 else [codes[..., 2], codes[..., 1], codes[..., 0]]).astype(np.float32)
    return rgb if picture.is_float else rgb / np.float32(picture.white)


def picture_pixels(picture: Picture) -> Tensor:
    """Return `[c h w]`, RGB, 0..1, without alpha and without the values beyond."""
    return picture_values(picture)[0]


def picture_codes8(picture: Picture) -> NDArray[np.uint8]:
    """Return 8-bit display codes for a quick look: `[h w]` grey, or `[h w 3]` in the order blue, green, red."""
    if picture.is_float or picture.space is not None:
        shown = np.clip(_display(picture)[::-1], 0, 1) * 255 + 0.5
        return np.ascontiguousarray(shown.transpose(1, 2, 0).astype(np.uint8))
    codes = picture.codes if picture.codes.ndim == 2 else picture.codes[..., :3]
    return np.asarray(codes >> (picture.bit_depth - 8), np.uint8)


def picture_thumbnail(picture: Picture, *, width: int, height: int) -> NDArray[np.uint8]:
    """Scale a picture down for a quick look: `[3 h w]`, luma and the two colour differences, 8 bit."""
    codes = picture_codes8(picture) if picture.is_float or picture.space is not None else picture.codes
    codes = codes if codes.ndim == 3 else np.stack([codes] * 3, axis=-1)
    small = cv2.resize(codes[..., :3], (width, height), interpolation=cv2.INTER_AREA)
    shallow = np.asarray(small >> (picture.bit_depth - 8) if small.dtype == np.uint16 else small, np.uint8)
    return np.asarray(cv2.cvtColor(shallow, cv2.COLOR_BGR2YCrCb), np.uint8).transpose(2, 0, 1)


def holds_beyond(ending: str) -> bool:
    """Say whether pictures of an ending (`.exr`) hold values below black and above white."""
    return ending.lower() == ".exr" or (ending.lower() in _TIFF and has_vfx())


def is_half_enough(bit_depth: int, *, is_linear: bool) -> bool:
    """Say whether linear half floats hold a source of this bit depth, or one of floats that is linear already."""
    return bit_depth <= _MOST_HALF_BITS or (is_linear and bit_depth == 16)


def returns_to_space(picture: Picture, ending: str) -> bool:
    """Say whether a picture with a named colour space is written in that space again, given the output's ending (`.dpx`)."""
    return picture.space is not None and same_kind(picture.path.suffix, ending)


def same_kind(ending: str, other: str) -> bool:
    """Say whether two endings are of one kind of picture, as `.tif` and `.tiff` are."""
    return _kind(ending) == _kind(other)


def _kind(ending: str) -> str:
    return {".tiff": ".tif", ".jpeg": ".jpg"}.get(ending.lower(), ending.lower())


def write_picture(
    path: Path,
    frame: Frame,
    *,
    bit_depth: int,
    source: Picture | None = None,
    alpha: Alpha | None = None,
    facts: PictureFacts | None = None,
    is_from_space: bool = False,
) -> bool:
    """Write a frame's pixels at the source's bit depth, or the next deeper one that the ending has.

    Returns whether values had to be clipped because the source's colour space cannot encode them.

    Args:
        source: the picture that the frame comes from; gives header and colour space if it is of the same kind.
        alpha: transparency to write along with the colours.
        facts: what the header says about the take if there is none to keep.
        is_from_space: the frame comes from a film in a colour space.
    Raises:
        UsageError: there is alpha, and the ending cannot hold it.
        ResourceError: the file cannot be written.
    """
    require_finite(frame)
    ending, facts, is_clipped = path.suffix.lower(), facts or PictureFacts(), False
    if alpha is not None and ending not in _HOLDS_ALPHA:
        raise UsageError(f"{path.name} has transparency, which {ending} cannot hold; write .png or .tif instead")
    space = source.space if source is not None and returns_to_space(source, ending) else None
    if space is not None and source is not None:
        frame, is_clipped = in_space(frame, space, half_code=np.inf if source.is_float else 0.5 / source.white)
    is_from_space |= source is not None and source.space is not None
    if ending == ".exr":
        curve = to_straight_light if is_from_space else to_light
        light = _whole(frame) if space is not None else curve(_whole(frame))
        _write_exr(path, light, bit_depth=bit_depth, source=source, alpha=alpha, facts=facts)
    elif ending in NEEDS_VFX or (ending in _TIFF and has_vfx()):
        # From a space of log codes there is light beyond white, which whole numbers for the display do not hold.
        holds_light = (source is not None and source.is_float) or (is_from_space and space is None)
        is_float = ending in _TIFF and holds_light
        depth = 32 if is_float else written_depth(path, bit_depth)
        white = 1.0 if is_float else 2.0**depth - 1
        codes = _with_alpha(_whole(frame) if is_float else _packed(frame, depth), alpha, white)
        with disk_errors(path):
            write_dpx_or_tiff(path, codes, bit_depth=depth, source=source, facts=facts)
    else:
        _write_by_opencv(path, frame, bit_depth=bit_depth, source=source, alpha=alpha, facts=facts)
    return is_clipped


def _write_exr(
    path: Path,
    light: NDArray[np.float32],
    *,
    bit_depth: int,
    source: Picture | None,
    alpha: Alpha | None,
    facts: PictureFacts,
) -> None:
    opacity = None if alpha is None else alpha.codes / np.float32(alpha.white)
    is_half = is_half_enough(bit_depth, is_linear=source is not None and source.is_linear)
    with disk_errors(path):
        write_exr(path, light, alpha=opacity, depth=16 if is_half else 32, source=source, facts=facts)


def _write_by_opencv(
    path: Path, frame: Frame, *, bit_depth: int, source: Picture | None, alpha: Alpha | None, facts: PictureFacts
) -> None:
    ending = path.suffix.lower()
    depth = 16 if bit_depth > 8 and ending in _HOLDS_16_BIT else 8
    codes = _with_alpha(_packed(frame, depth), alpha, 2.0**depth - 1)
    order = [2, 1, 0, 3][: codes.shape[2]]
    done, data = cv2.imencode(ending, np.ascontiguousarray(codes[..., order]), _WRITE_OPTIONS.get(ending, ()))
    if not done:
        raise ResourceError(
            f"{path} could not be encoded as a picture of {frame.pixels.shape[-1]} x {frame.pixels.shape[-2]}"
        )
    made = data.tobytes()
    if ending == ".png":
        same_kind = source is not None and source.path.suffix.lower() == ".png"
        made = with_chunks(made, source.header if same_kind and source is not None else chunks_of(facts))
    if alpha is not None and ending in _TIFF:
        made = with_tags(made, {EXTRA_SAMPLES: (SHORT, STRAIGHT.to_bytes(2, "little"))})
    with disk_errors(path):
        path.write_bytes(made)


def _whole(frame: Frame) -> NDArray[np.float32]:
    """Return `[h w c]`, including values beyond 0..1."""
    values = frame.pixels if frame.beyond is None else frame.pixels + frame.beyond
    return np.asarray(values.numpy().transpose(1, 2, 0), np.float32)


def _packed(frame: Frame, depth: int) -> Codes:
    """Return `[h w c]` as integers of a bit depth."""
    return to_codes(frame.pixels, 2.0**depth - 1).transpose(1, 2, 0)


def _with_alpha(codes: NDArray[np.generic], alpha: Alpha | None, white: float) -> NDArray[np.generic]:
    """Add transparency as a fourth channel."""
    if alpha is None:
        return codes
    opacity = alpha.codes
    if alpha.white != white or opacity.dtype != codes.dtype:
        scaled = opacity.astype(np.float64) / alpha.white * white
        opacity = (scaled if white == 1 else np.clip(scaled, 0, white) + 0.5).astype(codes.dtype)
    return np.concatenate([codes, opacity[..., None]], axis=-1)
