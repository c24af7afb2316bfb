"""Between FFmpeg's frames and float RGB, 8 to 16 bit, without a trip through 8 bit.

RGB and grey are read and written code by code, so that code k of n bits is exactly k / (2^n - 1). Y'CbCr goes through
swscale and planar 16-bit RGB. Measured traps (FFmpeg 8.1): swscale's packed `rgb48le` is far less exact than its planar
`gbrp16le`, and its 16-bit RGB has white at 65280 (legal range), not at 65535.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import torch
from av import VideoFormat, VideoFrame
from av.video.reformatter import Interpolation, VideoReformatter
from numpy.typing import NDArray
from torch import Tensor

from relook.errors import DivergedError, InputError
from relook.film.colour import is_full_range, is_grey, is_rgb, matrix_of
from relook.film.frames import ColourTags, FilmInfo, Frame
from relook.film.headroom import Coding, put_beyond, take_beyond

Codes = NDArray[Any]
"""Integer code values: uint8 or uint16."""

_SWSCALE_MATRICES: Final = {1: 1, 4: 4, 5: 5, 6: 5, 7: 7, 9: 9}
"""From H.273 code points for the matrix to swscale's numbers; it has no others (YCgCo, ICtCp, constant luminance)."""

_FLAGS: Final = (
    Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT | Interpolation.FULL_CHR_H_INP
)
_LEGAL, _FULL = 1, 2
_WRITTEN_WHITE: Final = 65280.0

_WEIGHTS: Final = {1: (0.2126, 0.0722), 4: (0.3, 0.11), 5: (0.299, 0.114), 7: (0.212, 0.087), 9: (0.2627, 0.0593)}
"""Weights of red and blue in luma, by swscale's number for the matrix. Source: ITU-T H.273, table 4."""


class ToPixels:
    """Turns the decoded frames of one film into float RGB; keeps swscale's tables between frames."""

    def __init__(self, info: FilmInfo) -> None:
        self._info = info
        self._scaler = VideoReformatter()
        self._matrix = swscale_matrix(info.colour, info)

    def __call__(self, frame: VideoFrame) -> Tensor:
        """Return `[c h w]`, 0..1; values beyond legal white and black are clipped."""
        return self.apart(frame)[0]

    def apart(self, frame: VideoFrame) -> tuple[Tensor, Tensor | None]:
        """Return `[c h w]`, 0..1, and what lies beyond legal white and black, or outside R'G'B'; None if nothing does."""
        name = frame.format.name
        if is_grey(name):
            return self._grey(frame)
        if is_rgb(name):
            return self._rgb(frame), None
        full_range = is_full_range(self._info.colour, name)
        bits = frame.format.components[0].bits
        white = 65536.0 - 2.0 ** (16 - bits) if full_range else 65280.0
        source_range = _FULL if full_range else _LEGAL
        green, blue, red = planes(self._convert(frame, "gbrp16le", source_range, _FULL))
        codes, pixels = (red, green, blue), to_unit([red, green, blue], white)
        beyond = None
        most = min(white, 65534.0)  # where white is the last code, it may stand for more
        if any(plane.min() == 0 or plane.max() > most for plane in codes):
            outside = np.logical_or.reduce([(plane == 0) | (plane > most) for plane in codes])
            coded = planes(self._convert(frame, "yuv444p16le", source_range, source_range))
            is_even = bits == 16 or frame.format.chroma_width(16) < 16 or frame.format.chroma_height(16) < 16
            coding = _coding(self._matrix, full_range)
            beyond = take_beyond(pixels, coded, coding, outside, bits=bits, is_even=is_even)
        return pixels, beyond

    def _grey(self, frame: VideoFrame) -> tuple[Tensor, Tensor | None]:
        bits = min(16, max(8, frame.format.components[0].bits))
        grey = planes(_repack(frame, "gray" if bits == 8 else f"gray{bits}le", self._scaler))[0]
        if is_full_range(self._info.colour, frame.format.name):
            return to_unit([grey] * 3, 2.0**bits - 1), None
        step = 2.0 ** (bits - 8)
        whole = (torch.from_numpy(grey.astype(np.float32)) - 16 * step) / (219 * step)
        pixels = whole.clamp(0, 1)
        beyond = (whole - pixels).expand(3, -1, -1).contiguous() if not torch.equal(whole, pixels) else None
        return pixels.expand(3, -1, -1).contiguous(), beyond

    def _rgb(self, frame: VideoFrame) -> Tensor:
        bits = frame.format.components[0].bits
        if frame.format.name.startswith("gbr") and bits <= 16:
            order = [component.plane for component in frame.format.components[:3]]
            found = planes(_repack(frame, frame.format.name.replace("be", "le"), self._scaler))
            return to_unit([found[plane] for plane in order], 2.0**bits - 1)
        packed = planes(_repack(frame, "rgb24" if bits <= 8 else "rgb48le", self._scaler))[0]
        height, width = packed.shape[0], packed.shape[1] // 3
        pixels = packed.reshape(height, width, 3)
        return to_unit([pixels[..., channel] for channel in range(3)], 255.0 if bits <= 8 else 65535.0)

    def _convert(self, frame: VideoFrame, pixel_format: str, source_range: int, range_: int) -> VideoFrame:
        return self._scaler.reformat(
            frame,
            format=pixel_format,
            src_colorspace=self._matrix,
            dst_colorspace=self._matrix,
            src_color_range=source_range,
            dst_color_range=range_,
            interpolation=_FLAGS,
            threads=1,
        )


class FromPixels:
    """Turns float RGB into frames of one pixel format; the inverse of `ToPixels` under the same tags."""

    def __init__(self, info: FilmInfo, pixel_format: str, tags: ColourTags) -> None:
        self._info = info
        self._pixel_format = pixel_format
        self._scaler = VideoReformatter()
        self._matrix = swscale_matrix(tags, info)
        self.keeps_matrix = self._matrix == swscale_matrix(info.colour, info)
        """False if `convert` must not be used: swscale does not convert between two Y'CbCr matrices."""
        self._range = _FULL if is_full_range(tags, pixel_format) else _LEGAL
        self._lift = _chroma_lift(self._matrix, pixel_format) if self._range == _FULL else (0.0, 0.0, 0.0)

    @property
    def half_code(self) -> float:
        """How far beyond 0 and 1 (black and white) a value still rounds to them."""
        bits = VideoFormat(self._pixel_format).components[0].bits
        return 0.5 / (2.0**bits - 1 if self._range == _FULL else 219 * 2.0 ** (bits - 8))

    def __call__(self, frame: Frame) -> VideoFrame:
        """Return a new frame in the pixel format, without stamps or tags."""
        require_finite(frame)
        name = self._pixel_format
        if name.startswith(("gbrp", "gbrap")):
            bits = int(name.removeprefix("gbrap").removeprefix("gbrp").removesuffix("le") or 8)
            return _planar_rgb(to_codes(frame.pixels, 2.0**bits - 1), name)
        if is_rgb(name):
            packed = np.ascontiguousarray(to_codes(frame.pixels, 255.0).transpose(1, 2, 0))
            return _repack(VideoFrame.from_ndarray(packed, format="rgb24"), name, self._scaler)
        return self.convert(_planar_rgb(to_codes(frame.pixels, _WRITTEN_WHITE, lift=self._lift), "gbrp16le"))

    def put_beyond(self, picture: VideoFrame, frame: Frame) -> bool:
        """Add what lies beyond the pixels to the picture that was made of them; say whether the format cannot hold all of it."""
        if frame.beyond is None:
            return False
        if is_rgb(self._pixel_format) or is_grey(self._pixel_format):
            return bool((frame.beyond.abs() > self.half_code).any())
        coding = _coding(self._matrix, self._range == _FULL)
        bits = picture.format.components[0].bits
        return put_beyond(planes(picture)[:3], coding, frame.pixels, frame.beyond, bits=bits)

    def convert(self, frame: VideoFrame) -> VideoFrame:
        """Convert a decoded frame of the film, or an RGB one, to the pixel format."""
        source_range = _FULL if is_full_range(self._info.colour, frame.format.name) else _LEGAL
        return self._scaler.reformat(
            frame,
            format=self._pixel_format,
            src_colorspace=self._matrix,
            dst_colorspace=self._matrix,
            src_color_range=source_range,
            dst_color_range=self._range,
            interpolation=_FLAGS,
            threads=1,
        )


def _coding(matrix: int, full_range: bool) -> Coding:
    return Coding(*_WEIGHTS[matrix], full_range)


def swscale_matrix(tags: ColourTags, info: FilmInfo) -> int:
    """Return swscale's number for the matrix.

    Raises:
        InputError: the film uses a matrix that cannot be computed here.
    """
    matrix = matrix_of(tags, info.height)
    if matrix not in _SWSCALE_MATRICES:
        raise InputError(
            f"{info.path} uses colour matrix {matrix} of ITU-T H.273, which relook cannot compute (YCgCo, ICtCp or "
            f"constant luminance); convert it to BT.709 or BT.2020 non-constant luminance first"
        )
    return _SWSCALE_MATRICES[matrix]


def rows(frame: VideoFrame) -> list[NDArray[np.uint8]]:
    """View the bytes of a frame's planes without the padding at the end of their lines: each `[h bytes]`."""
    views = []
    for index, plane in enumerate(frame.planes):
        if len(frame.planes) == 1:
            row_bytes = frame.width * frame.format.padded_bits_per_pixel // 8
        else:
            inside = [component for component in frame.format.components if component.plane == index]
            row_bytes = plane.width * sum((component.bits + 7) // 8 for component in inside)
        whole = np.asarray(memoryview(plane)).view(np.uint8).reshape(-1, plane.line_size)
        views.append(whole[: plane.height, :row_bytes])
    return views


def thumbnail(frame: VideoFrame, scaler: VideoReformatter, *, width: int, height: int) -> NDArray[np.uint8]:
    """Scale a frame down for a quick look: `[3 h w]`, luma and the two colour differences, 8 bit."""
    small = scaler.reformat(
        frame, width=width, height=height, format="yuv444p", interpolation=Interpolation.BILINEAR, threads=1
    )
    return np.stack(rows(small))


def planes(frame: VideoFrame) -> list[Codes]:
    """View a frame's planes as codes: each `[h w]`, or `[h w*n]` where n channels lie side by side."""
    deep = frame.format.components[0].bits > 8
    return [plane.view(np.uint16) if deep else plane for plane in rows(frame)]


def to_unit(codes: Sequence[Codes], white: float) -> Tensor:
    """Scale three planes of codes `[h w]` to `[c h w]`, 0..1, clipped at white."""
    out = np.empty((len(codes), *codes[0].shape), np.float32)
    for plane, values in zip(out, codes, strict=True):
        np.divide(values, np.float32(white), out=plane)
        np.minimum(plane, 1, out=plane)
    return torch.from_numpy(out)


def to_codes(pixels: Tensor, white: float, *, lift: Sequence[float] = (0.0, 0.0, 0.0)) -> Codes:
    """Round `[c h w]`, clipped to 0..1, to codes where `white` stands for 1; then add `lift` to each channel."""
    values = pixels.detach().to("cpu", torch.float32).numpy()
    out = np.empty(values.shape, np.uint8 if white < 256 else np.uint16)
    for plane, source, more in zip(out, values, lift, strict=True):
        scaled = source * np.float32(white)
        scaled += np.float32(0.5)
        np.clip(scaled, 0.5, white + 0.5, out=scaled)
        if more:
            scaled += np.float32(more * white)
            np.clip(scaled, 0.5, 65535.5, out=scaled)
        plane[...] = scaled
    return out


def _chroma_lift(matrix: int, pixel_format: str) -> tuple[float, float, float]:
    """Return what to add to red, green and blue so that swscale's full-range colour differences come out centred.

    When writing, it centres them on half the highest code: half a code below H.273, and below what it assumes when reading.
    """
    half_code = 0.5 / (2.0 ** VideoFormat(pixel_format).components[0].bits - 1)
    red_weight, blue_weight = _WEIGHTS[matrix]
    red, blue = 2 * (1 - red_weight) * half_code, 2 * (1 - blue_weight) * half_code
    return red, -(red_weight * red + blue_weight * blue) / (1 - red_weight - blue_weight), blue


def require_finite(frame: Frame) -> None:
    """Refuse NaN and infinity, which would silently be written as black."""
    if not math.isfinite(float(frame.pixels.sum())):
        raise DivergedError(
            f"frame {frame.index} holds values that are not finite; render it again with --device cpu, or use an "
            f"earlier version of the look"
        )


def _repack(frame: VideoFrame, pixel_format: str, scaler: VideoReformatter) -> VideoFrame:
    """Repack within one family (RGB to RGB, grey to grey), which swscale does without changing values."""
    if frame.format.name == pixel_format:
        return frame
    return scaler.reformat(
        frame, format=pixel_format, src_color_range=_FULL, dst_color_range=_FULL, interpolation=_FLAGS, threads=1
    )


def _planar_rgb(codes: Codes, pixel_format: str) -> VideoFrame:
    """Fill a planar RGB frame (plane order green, blue, red) from `[c h w]`."""
    _, height, width = codes.shape
    frame = VideoFrame(width, height, pixel_format)
    for plane, channel in zip(frame.planes[:3], (1, 2, 0), strict=True):
        lines = np.asarray(memoryview(plane)).view(codes.dtype).reshape(-1, plane.line_size // codes.itemsize)
        lines[:height, :width] = codes[channel]
    return frame
