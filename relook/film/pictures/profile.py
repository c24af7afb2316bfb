"""ICC colour profiles, carried byte for byte from a picture to the one made from it.

OpenCV ignores profiles in TIFF and those above 64 KiB in JPEG; OpenImageIO, which handles them all, is not part of every
installation, and a profile must not depend on that. So the four containers are read and written here.

Source: ICC.1:2022 annex B (JPEG, TIFF); PNG third edition 11.3.2.3 (iCCP); RFC 9649, 2.7 (WebP).
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from relook.errors import InputError, UsageError
from relook.film.pictures.tiff import ICC_PROFILE, UNDEFINED, first_directory, with_tags
from relook.film.publish import disk_errors

_PNG: Final = b"\x89PNG\r\n\x1a\n"
_JPEG_NAME: Final = b"ICC_PROFILE\0"
_JPEG_PART: Final = 65535 - 2 - len(_JPEG_NAME) - 2
_MOST_BYTES: Final = 64 << 20
"""No real profile is this large; a compressed one that claims to be was made to fill the memory."""
_BT709_AT_D50: Final = ((0.43607, 0.22249, 0.01392), (0.38515, 0.71687, 0.09708), (0.14307, 0.06061, 0.71410))
"""XYZ of red, green and blue, adapted to the white of the ICC's connection space (Bradford), as in profiles of sRGB."""
_WEBP_HAS_PROFILE, _WEBP_HAS_ALPHA = 0x20, 0x10


def carry_profile(source: Path, target: Path) -> None:
    """Copy the profile of a picture file, if it has one, into another file, which holds RGB.

    Raises:
        InputError: as `profile_for_rgb`.
        UsageError: the target cannot hold it.
        ResourceError: the target cannot be written.
    """
    profile = profile_for_rgb(source)
    if profile is None:
        return
    with disk_errors(target):
        made = with_profile(target.read_bytes(), profile)
        if made is None:
            raise UsageError(
                f"{source} has a colour profile, which {target.suffix} cannot hold; write .png or .tif instead"
            )
        target.write_bytes(made)


def profile_for_rgb(source: Path) -> bytes | None:
    """Return the profile of a picture file as one for RGB; None if it has none.

    A grey profile becomes an RGB one with the same curve and the primaries of ITU-R BT.709, since a look may tint grey.

    Raises:
        InputError: the source's colours are CMYK or the like, or its profile is damaged.
    """
    profile = profile_of(source.read_bytes(), source)
    if profile is not None and profile[16:24] == b"GRAYXYZ ":
        profile = _grey_as_rgb(profile, source)
    if profile is not None and profile[16:20] != b"RGB ":
        space = profile[16:20].decode("ascii", "replace").strip()
        raise InputError(f"{source} has a profile for {space}; relook renders RGB: convert it first")
    return profile


def _grey_as_rgb(profile: bytes, path: Path) -> bytes:
    """Return an RGB matrix profile whose three curves are the curve of a grey profile."""
    tags = {}
    try:
        for at in range(132, 132 + 12 * struct.unpack_from(">I", profile, 128)[0], 12):
            name, start, size = struct.unpack_from(">4sII", profile, at)
            tags[name] = profile[start : start + size]
        curve = tags[b"kTRC"]
    except (struct.error, KeyError) as error:
        raise InputError(f"{path} has a profile for grey without a curve; convert it to RGB first") from error
    kept = {name: tags[name] for name in (b"desc", b"cprt", b"wtpt") if name in tags}
    primaries = {
        name: b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(value * 65536) for value in xyz))
        for name, xyz in zip((b"rXYZ", b"gXYZ", b"bXYZ"), _BT709_AT_D50, strict=True)
    }
    made = {**kept, **primaries, b"rTRC": curve, b"gTRC": curve, b"bTRC": curve}
    table, body, start = struct.pack(">I", len(made)), b"", 132 + 12 * len(made)
    for name, value in made.items():
        table += struct.pack(">4sII", name, start + len(body), len(value))
        body += value + b"\0" * (-len(value) % 4)
    size = struct.pack(">I", start + len(body))
    return size + profile[4:12] + b"mntrRGB " + profile[20:84] + bytes(44) + table + body


def profile_of(data: bytes, path: Path) -> bytes | None:
    """Return the ICC profile of a picture file, None where it has none; `path` is for messages.

    Raises:
        InputError: it is damaged.
    """
    try:
        profile = _found(data)
    except (struct.error, zlib.error, ValueError, IndexError) as error:
        raise InputError(f"{path} has a damaged colour profile ({error}); save it again") from error
    if profile is not None and len(profile) < 128:
        raise InputError(f"{path} has a damaged colour profile (of {len(profile)} bytes); save it again")
    return profile


def _found(data: bytes) -> bytes | None:
    if data.startswith(_PNG):
        packed = next((data[start:stop] for name, start, stop in png_chunks(data) if name == b"iCCP"), None)
        if packed is None:
            return None
        return zlib.decompressobj().decompress(packed[packed.index(b"\0") + 2 :], _MOST_BYTES)
    if data.startswith(b"\xff\xd8"):
        segments = (data[start:stop] for marker, start, stop in jpeg_segments(data) if marker == 0xE2)
        parts = sorted(segment[len(_JPEG_NAME) :] for segment in segments if segment.startswith(_JPEG_NAME))
        if parts and [part[0] for part in parts] != list(range(1, parts[0][1] + 1)):
            raise ValueError(f"{len(parts)} of {parts[0][1]} parts")
        return b"".join(part[2:] for part in parts) or None
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return next((data[start:stop] for name, start, stop in webp_chunks(data) if name == b"ICCP"), None)
    directory = first_directory(data)
    entry = directory.entries.get(ICC_PROFILE) if directory else None
    return data[entry.start : entry.stop] if entry else None


def with_profile(data: bytes, profile: bytes) -> bytes | None:
    """Add a profile to a picture file as OpenCV writes it; None if its format can hold none."""
    if data.startswith(_PNG):
        name, body = b"iCCP", b"ICC profile\0\0" + zlib.compress(profile, 9)
        chunk = struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        return data[:33] + chunk + data[33:]  # after IHDR, which is the first and has a fixed length
    if data.startswith(b"\xff\xd8"):
        parts = [profile[at : at + _JPEG_PART] for at in range(0, len(profile), _JPEG_PART)]
        bodies = (_JPEG_NAME + bytes((number, len(parts))) + part for number, part in enumerate(parts, 1))
        segments = b"".join(b"\xff\xe2" + struct.pack(">H", len(body) + 2) + body for body in bodies)
        at = max((stop for marker, _, stop in jpeg_segments(data) if marker == 0xE0), default=2)
        return data[:at] + segments + data[at:]
    if data.startswith(b"RIFF"):
        return webp_with(data, _WEBP_HAS_PROFILE, b"ICCP", profile)
    if data.startswith(b"II*\0"):
        return with_tags(data, {ICC_PROFILE: (UNDEFINED, profile)})
    return None


def png_chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yield the chunks before the pixels: name, and where the body starts and stops."""
    at, name = len(_PNG), b""
    while name != b"IDAT" and at + 8 <= len(data):
        length, name = struct.unpack_from(">I4s", data, at)
        yield name, at + 8, at + 8 + length
        at += length + 12


def jpeg_segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield the segments before the pixels: marker, and where the body starts and stops."""
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF:  # padding
            at += 1
            continue
        if marker == 0xDA:
            return
        (length,) = struct.unpack_from(">H", data, at + 2)
        yield marker, at + 4, at + 2 + length
        at += 2 + length


def webp_chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    at = 12
    while at + 8 <= len(data):
        name, length = struct.unpack_from("<4sI", data, at)
        yield name, at + 8, at + 8 + length
        at += 8 + length + length % 2


def webp_with(data: bytes, flag: int, name: bytes, body: bytes) -> bytes:
    """Add a chunk to a lossless WebP, in the extended form, whose flags announce it; a profile goes first."""
    if data[12:16] != b"VP8X":
        first, start, _ = next(webp_chunks(data))
        assert first == b"VP8L", f"{first!r} is not how a lossless WebP begins"
        (bits,) = struct.unpack_from("<I", data, start + 1)
        width, height, has_alpha = bits & 0x3FFF, bits >> 14 & 0x3FFF, bits >> 28 & 1
        canvas = struct.pack("<I", _WEBP_HAS_ALPHA if has_alpha else 0)
        canvas += width.to_bytes(3, "little") + height.to_bytes(3, "little")
        data = data[:12] + b"VP8X" + struct.pack("<I", len(canvas)) + canvas + data[12:]
    made = name + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)
    content = bytes((data[20] | flag,)) + data[21:]
    content = content[:10] + made + content[10:] if name == b"ICCP" else content + made
    content = b"WEBP" + data[12:20] + content
    return b"RIFF" + struct.pack("<I", len(content)) + content
