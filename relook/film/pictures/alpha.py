"""Transparency, which takes no part in a look and passes through a render unchanged, code for code."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from av import VideoFrame
from numpy.typing import NDArray

from relook.film.pictures.picture import Alpha, Picture
from relook.film.pixels import Codes, planes, rows

_SAMPLES: Final = {8: np.uint8, 16: np.uint16}


def has_alpha(pixel_format: str) -> bool:
    """Say whether a pixel format (FFmpeg's name) holds transparency."""
    return pixel_format.startswith(
        ("yuva", "gbrap", "rgba", "bgra", "argb", "abgr", "ya8", "ya16", "pal8", "ayuv", "vuya", "uyva")
    )


def alpha_of(frame: VideoFrame) -> tuple[Codes, int] | None:
    """View the alpha codes of a frame, `[h w]`, and their bits; None where its format holds none."""
    if frame.format.name == "pal8":
        frame = frame.reformat(format="bgra")
    name = frame.format.name
    if not has_alpha(name):
        return None
    bits = frame.format.components[-1].bits
    alpha = _view(frame)
    return (alpha.byteswap() if name.endswith("be") and bits > 8 else alpha), bits


def frame_alpha(native: Any) -> tuple[Codes, int] | None:
    """Return the alpha codes and bit depth of a `Frame`'s native picture; None if it has none."""
    if isinstance(native, VideoFrame):
        return alpha_of(native)
    if isinstance(native, Picture) and native.alpha is not None:
        if not native.is_float:
            return native.alpha, native.bit_depth
        return np.rint(np.clip(native.alpha.astype(np.float32), 0, 1) * 65535).astype(np.uint16), 16
    if isinstance(native, Alpha):
        return native.codes, int(native.white).bit_length()
    return None


def opacity(native: Any) -> NDArray[np.float32] | None:
    """Return how opaque each pixel of a `Frame`'s native picture is, `[h w]`, 0..1; None if it has no transparency."""
    found = frame_alpha(native)
    return None if found is None else (found[0] / np.float32(2.0 ** found[1] - 1)).astype(np.float32)


def mixed_alpha(old: Any, new: Any, share: float) -> Alpha | None:
    """Mix the alpha of two frames' native pictures in 16 bits, with `share` of the second; None if neither has any."""
    sides = [frame_alpha(native) for native in (old, new)]
    if sides == [None, None]:
        return None
    first, second = (1.0 if side is None else side[0] / (2.0 ** side[1] - 1) for side in sides)
    return Alpha(np.rint((first * (1 - share) + second * share) * 65535).astype(np.uint16), 65535.0)


def picture_alpha(native: Any) -> Alpha | None:
    """Return the alpha of a `Frame`'s native picture for a picture file; None if there is none, or if a film's frame is opaque."""
    if isinstance(native, Picture):
        return None if native.alpha is None else Alpha(native.alpha, native.white)
    found = frame_alpha(native)
    if found is None or is_opaque(native):
        return None
    return Alpha(found[0], 2.0 ** found[1] - 1)


def put_alpha(frame: VideoFrame, alpha: Codes, bits: int) -> None:
    """Write alpha codes `[h w]` of a bit depth into a frame whose format holds alpha; at equal depths codes are unchanged."""
    _view(frame)[...] = _scaled(alpha, bits, frame.format.components[-1].bits)


def is_opaque(frame: VideoFrame) -> bool:
    """Say whether no pixel of a frame is transparent."""
    found = alpha_of(frame)
    return found is None or bool((found[0] == 2 ** found[1] - 1).all())


def _scaled(alpha: Codes, bits: int, wanted: int) -> Codes:
    """Convert codes to the nearest codes of another depth; going deeper and back is lossless."""
    most = 2**bits - 1
    return alpha if wanted == bits else (alpha.astype(np.uint32) * (2**wanted - 1) + most // 2) // most


def _view(frame: VideoFrame) -> Codes:
    """Return a view of the alpha plane, or of the alpha in packed pixels."""
    components = frame.format.components
    if len(frame.planes) > 1:
        return planes(frame)[components[-1].plane]
    channels, first = len(components), frame.format.name.startswith(("argb", "abgr", "ayuv"))
    packed = rows(frame)[0].view(_SAMPLES[components[-1].bits])
    return packed.reshape(frame.height, frame.width, channels)[..., 0 if first else channels - 1]
