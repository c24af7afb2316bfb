"""DPX and TIFF pictures by OpenImageIO: 8 to 16 bit, float TIFF, with the tags of their headers.

Code values are taken as display-referred, whatever the header says. Pictures are turned upright and written so.
"""

from __future__ import annotations

import struct
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from relook.errors import InputError
from relook.film.pictures.picture import (
    Picture,
    PictureFacts,
    exact_rate,
    existing_timecode,
    require_finite_picture,
    require_size,
)
from relook.film.pictures.vfx import image_io, words_of
from relook.film.pixels import Codes

_DPX_DEPTHS: Final = (8, 10, 12, 16)
_DPX_HEADER_BYTES: Final = 2048
_FILM_AND_TELEVISION: Final = (
    *("dpx:FilmEdgeCode", "dpx:Format", "dpx:FramePosition", "dpx:SequenceLength", "dpx:HeldCount", "dpx:FrameRate"),
    *("dpx:ShutterAngle", "dpx:FrameId", "dpx:SlateInfo", "dpx:TimeCode", "dpx:UserBits", "dpx:Interlace"),
    *("dpx:FieldNumber", "dpx:Signal", "dpx:HorizontalSampleRate", "dpx:VerticalSampleRate", "dpx:TemporalFrameRate"),
    *("dpx:TimeOffset", "dpx:BlackLevel", "dpx:BlackGain", "dpx:BreakPoint", "dpx:WhiteLevel", "dpx:IntegrationTimes"),
    *("smpte:TimeCode", "smpte:KeyCode"),
)
"""Fields in the last 384 bytes of the header (SMPTE ST 268); short headers lack them and have pixels there instead."""

_NOT_KEPT: Final = ("dpx:Packing", "Orientation", "oiio:ColorSpace", "oiio:Gamma", "oiio:subimages")
"""Tags that describe the file's layout, and those that OpenImageIO makes up."""


def read_dpx_or_tiff(path: Path) -> Picture:
    """Read a DPX or TIFF picture.

    Raises:
        InputError: it is damaged, of a kind that is not supported, or holds NaN or infinity.
    """
    io = image_io()
    hints = io.ImageSpec()
    hints.attribute("oiio:UnassociatedAlpha", 1)  # else colours are multiplied by it
    hints.attribute("oiio:RawColor", 1)
    opened = io.ImageInput.open(str(path), hints)
    if opened is None:
        raise _damaged(path, words_of(io))
    try:
        spec = opened.spec()
        _require_kind(path, spec)
        require_size(path, spec.width, spec.height)
        stored = opened.read_image(0, 0, 0, spec.nchannels, spec.format)
        if stored is None:
            raise _damaged(path, words_of(opened))
        spec = io.ImageSpec(spec)
    finally:
        opened.close()
    if path.suffix.lower() == ".dpx" and _pixels_begin(path) < _DPX_HEADER_BYTES:
        for name in _FILM_AND_TELEVISION:
            spec.erase_attribute(name)
    orientation = spec.get_int_attribute("Orientation", 1)
    codes = _upright(stored.reshape(spec.height, spec.width, -1), orientation)
    if orientation >= 5:
        spec.width, spec.height = spec.height, spec.width
        spec.full_width, spec.full_height = spec.full_height, spec.full_width
        spec.attribute("XResolution", spec.get_float_attribute("YResolution", 1.0))
        spec.attribute("PixelAspectRatio", 1 / spec.get_float_attribute("PixelAspectRatio", 1.0))
    if codes.dtype.kind == "f":
        require_finite_picture(path, codes, "RGBA")
        bits = codes.itemsize * 8
    else:
        bits = max(spec.get_int_attribute("oiio:BitsPerSample", codes.itemsize * 8), 8)  # 1 to 7 come as 8
        codes = codes >> (codes.itemsize * 8 - bits)
    return Picture(path, _bgr(codes), bits, facts=_facts(spec), header=spec)


def _require_kind(path: Path, spec: Any) -> None:
    kind = str(spec.format)
    if kind not in ("uint8", "uint16", "half", "float") or spec.nchannels not in (1, 3, 4):
        raise InputError(
            f"{path} holds {kind} with {spec.nchannels} channels; relook reads grey, RGB and RGBA of 8 to 16 bit or "
            f"float: convert it first"
        )
    if spec.get_string_attribute("tiff:ColorSpace") in ("CMYK", "LAB", "ICCLAB", "ITULAB", "YCbCr", "LOG_L", "LOG_LUV"):
        raise InputError(f"{path} is {spec.get_string_attribute('tiff:ColorSpace')}; convert it to RGB first")


def _damaged(path: Path, words: str) -> InputError:
    return InputError(f"{path} cannot be read as a picture{words}: it is damaged or of another kind")


def _pixels_begin(path: Path) -> int:
    """Return where a DPX file's pixels begin, in bytes."""
    with path.open("rb") as file:
        magic, offset = file.read(4), file.read(4)
    return int(struct.unpack(">I" if magic == b"SDPX" else "<I", offset)[0])


def _upright(codes: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Turn `[h w c]` upright, by TIFF 6.0's orientation (1 to 8)."""
    if orientation >= 5:
        codes = codes.transpose(1, 0, 2)
    if orientation in (3, 4, 7, 8):
        codes = codes[::-1]
    return codes[:, ::-1] if orientation in (2, 3, 6, 7) else codes


def _bgr(codes: NDArray[Any]) -> Codes:
    if codes.shape[2] == 1:
        return np.ascontiguousarray(codes[..., 0])
    return np.ascontiguousarray(codes[..., [2, 1, 0, 3][: codes.shape[2]]])


def _facts(spec: Any) -> PictureFacts:
    rates = (spec.get_float_attribute(name, 0.0) for name in ("dpx:FrameRate", "dpx:TemporalFrameRate"))
    rate = next((exact for value in rates if (exact := exact_rate(value)) is not None), None)
    code = spec.getattribute("smpte:TimeCode")
    aspect = spec.get_float_attribute("PixelAspectRatio", 1.0)
    sane = aspect if np.isfinite(aspect) and 0.1 < aspect < 10 else 1.0
    return PictureFacts(
        rate,
        existing_timecode(timecode_text(code[0]), rate) if code else None,
        Fraction(sane).limit_denominator(1000),
    )


def timecode_text(word: int) -> str:
    """Write the 32 bits of an SMPTE ST 12 time address (binary-coded decimal) as text, ignoring the flag bits."""
    hours, minutes, seconds, frames = word >> 24 & 0x3F, word >> 16 & 0x7F, word >> 8 & 0x7F, word & 0x3F
    return f"{hours:02x}:{minutes:02x}:{seconds:02x}{';' if word & 0x40 else ':'}{frames:02x}"


def timecode_word(text: str) -> int:
    """Undo `timecode_text`."""
    hours, minutes, seconds, frames = (int(part, 16) for part in text.replace(";", ":").split(":"))
    return hours << 24 | minutes << 16 | seconds << 8 | frames | (0x40 if ";" in text else 0)


def written_depth(path: Path, bit_depth: int) -> int:
    """Return the bit depth in which a DPX or TIFF picture is written for a source of some bit depth; 32 means float."""
    if path.suffix.lower() == ".dpx":
        return next(depth for depth in _DPX_DEPTHS if depth >= min(bit_depth, 16))
    return 8 if bit_depth <= 8 else 16 if bit_depth <= 16 else 32


def write_dpx_or_tiff(
    path: Path, codes: NDArray[Any], *, bit_depth: int, source: Picture | None, facts: PictureFacts
) -> None:
    """Write a DPX or TIFF picture; from a source of the same kind it keeps the header.

    Args:
        codes: `[h w c]`, RGB and perhaps alpha; whole numbers of `bit_depth` (of `written_depth`), or float32.
    Raises:
        OSError: the file cannot be written.
    """
    io = image_io()
    height, width, channels = codes.shape
    like = source.header if source is not None and _family(source.path) == _family(path) else None
    spec = io.ImageSpec(width, height, channels, "uint8") if like is None else io.ImageSpec(like)
    if like is None:
        _describe(io, spec, facts, _family(path))
    for name in _NOT_KEPT:
        spec.erase_attribute(name)
    spec.erase_attribute("ICCProfile")  # `film/pictures/profile.py` puts it there
    if spec.nchannels != channels:
        spec.nchannels = channels
        spec.default_channel_names()
    spec.set_format("float" if codes.dtype.kind == "f" else "uint8" if bit_depth == 8 else "uint16")
    spec.attribute("oiio:BitsPerSample", bit_depth)
    if not spec.get_string_attribute("DateTime"):
        spec.attribute("DateTime", "")  # else it writes the hour, and no two runs give the same bytes
    if channels == 4:
        spec.attribute("oiio:UnassociatedAlpha", 1)
    if bit_depth == 10 and channels == 4:
        spec.attribute("dpx:Packing", "Packed")  # filled words lose the last value of a row (OpenImageIO 3.2)
    if 8 < bit_depth < 16:
        codes = codes << (16 - bit_depth)  # it writes the upper bits
    output = io.ImageOutput.create(str(path))
    done = output.open(str(path), spec) and output.write_image(np.ascontiguousarray(codes))
    if not (output.close() and done):
        raise OSError(0, "it could not be encoded" + words_of(output))


def _family(path: Path) -> str:
    return path.suffix.lower()[:4]


def _describe(io: Any, spec: Any, facts: PictureFacts, family: str) -> None:
    if facts.pixel_aspect != 1:
        spec.attribute("PixelAspectRatio", float(facts.pixel_aspect))
    if family == ".tif":
        return
    if facts.frame_rate is not None:
        spec.attribute("dpx:FrameRate", float(facts.frame_rate))
    if facts.timecode is not None:
        spec.attribute("smpte:TimeCode", io.TypeTimeCode, (timecode_word(facts.timecode), 0))
