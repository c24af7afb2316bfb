"""Single picture files: read to code values and written back, 8 and 16 bit.

Transparency takes no part in a look: it is left out of the pixels, kept with the source picture, and written back
untouched into endings that can hold it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from relook.errors import InputError, ResourceError, UsageError
from relook.film.frames import Frame
from relook.film.pixels import Codes, require_finite, to_codes, to_unit
from relook.film.straight import mark_as_multiplied, unmultiplied
from relook.film.tiff import EXTRA_SAMPLES, PREMULTIPLIED, SHORT, STRAIGHT, with_tags

cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)  # else it prints what is raised here

_HOLDS_ALPHA: Final = (".png", ".tif", ".tiff", ".webp")
_HOLDS_16_BIT: Final = (".png", ".tif", ".tiff")
_WRITE_OPTIONS: Final = {
    ".jpg": (cv2.IMWRITE_JPEG_QUALITY, 95),
    ".jpeg": (cv2.IMWRITE_JPEG_QUALITY, 95),
    ".webp": (cv2.IMWRITE_WEBP_LOSSLESS_MODE, cv2.IMWRITE_WEBP_LOSSLESS_PRESERVE_COLOR),
}
"""JPEG at quality 95; WebP lossless, and so also where it is transparent."""


@dataclass(frozen=True)
class Picture:
    """One picture file as it was decoded."""

    path: Path
    codes: Codes
    """`[h w]` grey or `[h w c]` in the order blue, green, red and perhaps alpha; uint8 or uint16."""

    @property
    def bit_depth(self) -> int:
        return self.codes.itemsize * 8

    @property
    def alpha(self) -> Codes | None:
        return self.codes[..., 3] if self.codes.ndim == 3 and self.codes.shape[2] == 4 else None

    @property
    def pixel_format(self) -> str:
        """FFmpeg's name of the layout."""
        deep = self.bit_depth == 16
        if self.codes.ndim == 2:
            return "gray16le" if deep else "gray"
        if self.alpha is not None:
            return "bgra64le" if deep else "bgra"
        return "bgr48le" if deep else "bgr24"


def read_picture(path: Path) -> Picture:
    """Decode a picture file.

    Raises:
        InputError: it cannot be read, or is of a kind that is not supported.
    """
    try:
        data = np.fromfile(path, np.uint8)
        alpha_kind = mark_as_multiplied(data, path)
        # A camera's JPEG lies on its side where its EXIF says so, and "unchanged" would leave it there.
        flags = cv2.IMREAD_ANYCOLOR if data[:2].tobytes() == b"\xff\xd8" else cv2.IMREAD_UNCHANGED
        codes = cv2.imdecode(data, flags) if data.size else None
    except OSError as error:
        raise InputError(f"cannot open {path}: {error.strerror}; check the path") from error
    except cv2.error as error:
        raise InputError(f"{path} cannot be read as a picture ({error.err}): it is damaged or too large") from error
    if codes is None:
        raise InputError(f"{path} cannot be read as a picture: it is damaged, empty or of another kind")
    if codes.dtype not in (np.uint8, np.uint16) or (codes.ndim == 3 and codes.shape[2] not in (3, 4)):
        shape = f"{codes.dtype} with {codes.shape[2] if codes.ndim == 3 else 1} channels"
        raise InputError(f"{path} holds {shape}; relook reads grey, RGB and RGBA of 8 or 16 bit: convert it first")
    return Picture(path, unmultiplied(codes) if alpha_kind == PREMULTIPLIED else codes)


def picture_pixels(picture: Picture) -> Tensor:
    """Give `[c h w]`, RGB, 0..1, without alpha."""
    codes = picture.codes
    channels = [codes] * 3 if codes.ndim == 2 else [codes[..., 2], codes[..., 1], codes[..., 0]]
    return to_unit(channels, 2.0**picture.bit_depth - 1)


def picture_thumbnail(picture: Picture, *, width: int, height: int) -> NDArray[np.uint8]:
    """Scale a picture down for a quick look: `[3 h w]`, luma and the two colour differences, 8 bit."""
    codes = picture.codes if picture.codes.ndim == 3 else np.stack([picture.codes] * 3, axis=-1)
    small = cv2.resize(codes[..., :3], (width, height), interpolation=cv2.INTER_AREA)
    shallow = np.asarray(small >> 8 if small.dtype == np.uint16 else small, np.uint8)
    return np.asarray(cv2.cvtColor(shallow, cv2.COLOR_BGR2YCrCb), np.uint8).transpose(2, 0, 1)


def write_picture(path: Path, frame: Frame, *, bit_depth: int, alpha: Codes | None = None) -> None:
    """Write a frame's pixels; above 8 bit as 16 bit where the ending holds it.

    Raises:
        UsageError: there is alpha, and the ending cannot hold it.
        ResourceError: the file cannot be written.
    """
    require_finite(frame)
    ending = path.suffix.lower()
    deep = bit_depth > 8 and ending in _HOLDS_16_BIT
    channels = list(to_codes(frame.pixels, 65535.0 if deep else 255.0)[::-1])
    if alpha is not None:
        if ending not in _HOLDS_ALPHA:
            raise UsageError(f"{path.name} has transparency, which {ending} cannot hold; write .png or .tif instead")
        channels.append(_alpha_codes(alpha, deep=deep))
    done, data = cv2.imencode(ending, np.stack(channels, axis=-1), _WRITE_OPTIONS.get(ending, ()))
    if not done:
        raise ResourceError(
            f"{path} could not be encoded as a picture of {frame.pixels.shape[-1]} x {frame.pixels.shape[-2]}"
        )
    whole = data.tobytes()
    if alpha is not None and ending in (".tif", ".tiff"):
        whole = with_tags(whole, {EXTRA_SAMPLES: (SHORT, STRAIGHT.to_bytes(2, "little"))})
    try:
        path.write_bytes(whole)
    except OSError as error:
        raise ResourceError(f"cannot write {path}: {error.strerror}; make room or choose another disk") from error


def _alpha_codes(alpha: Codes, *, deep: bool) -> Codes:
    if deep == (alpha.dtype == np.uint16):
        return alpha
    return alpha.astype(np.uint16) * 257 if deep else ((alpha.astype(np.uint32) + 128) // 257).astype(np.uint8)


def write_float_picture(path: Path, pixels: Tensor) -> None:
    """Write `[1 h w]` or `[3 h w]` of any values as a float32 TIFF.

    Raises:
        ResourceError: the file cannot be written.
    """
    planes = pixels.numpy()[::-1].transpose(1, 2, 0)
    done, data = cv2.imencode(".tif", np.ascontiguousarray(planes, np.float32))
    assert done, f"a picture of {pixels.shape} could not be encoded"
    try:
        path.write_bytes(data.tobytes())
    except OSError as error:
        raise ResourceError(f"cannot write {path}: {error.strerror}; make room or choose another disk") from error


def read_float_picture(path: Path) -> Tensor:
    """Read what `write_float_picture` wrote.

    Raises:
        InputError: the file cannot be read, or is of another kind.
    """
    planes = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_UNCHANGED) if path.is_file() else None
    if planes is None or planes.dtype != np.float32:
        raise InputError(f"{path} cannot be read as a float picture; render the passes again")
    channels = planes[None] if planes.ndim == 2 else planes[..., ::-1].transpose(2, 0, 1)
    return torch.from_numpy(np.ascontiguousarray(channels))
