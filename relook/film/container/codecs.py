"""Which codec, pixel format and colour tags an output gets, from its file ending and from the source.

    ending         8-bit source            deeper source
    .mp4 .m4v      H.264 4:2:0             HEVC 4:2:0 10 bit
    .mov           ProRes 422 HQ, or 4444 for RGB sources, transparent ones and from 12 bit
    .mkv           FFV1, lossless, in the source's own pixel format
    .mxf           DNxHR HQ                DNxHR HQX 10 bit
    .webm          VP9 4:2:0 8 bit

4:2:0 needs even sizes: with an odd width or height H.264 and HEVC are written as 4:4:4.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from relook.errors import UsageError
from relook.film.colour import (
    BT470BG,
    BT601,
    BT709,
    BT2020,
    RGB_MATRIX,
    UNSPECIFIED,
    is_full_range,
    is_grey,
    is_rgb,
    matrix_of,
)
from relook.film.frames import ColourTags, FilmInfo
from relook.film.pictures.alpha import has_alpha


@dataclass(frozen=True)
class Codec:
    """An encoder and the settings that keep grain at a sensible size; thread counts are part of the result."""

    title: str
    encoder: str
    options: dict[str, str] = field(default_factory=dict)
    tag: str = ""
    """The four-letter code that players look for, where FFmpeg's own choice is one they do not know."""
    legal_range_only: bool = False
    is_lossless: bool = False


CODECS: Final = {
    # With mbtree 1 to 6 in 100 encodings of the same seven pictures of 96 x 72 came out otherwise, whatever the threads.
    "h264": Codec(
        "H.264", "libx264", {"preset": "faster", "crf": "16", "tune": "grain", "mbtree": "0", "threads": "8"}
    ),
    "hevc": Codec(
        "HEVC",
        "libx265",
        {
            "preset": "faster",
            "crf": "12",
            "x265-params": "log-level=error:frame-threads=2:no-sao=1:psy-rd=2.5:cutree=0:aq-mode=1",
        },
        tag="hvc1",
    ),
    "prores": Codec("ProRes", "prores_ks", {"vendor": "apl0"}, legal_range_only=True),
    "dnxhr": Codec("DNxHR", "dnxhd", legal_range_only=True),
    "ffv1": Codec("FFV1", "ffv1", {"level": "3", "slicecrc": "1"}, is_lossless=True),
    "vp9": Codec("VP9", "libvpx-vp9", {"crf": "18", "b:v": "0", "cpu-used": "4", "row-mt": "1", "threads": "8"}),
}
"""Every codec that can be asked for by name. x264 keeps 1.03 of the energy of white grain at these settings, x265 0.80
(a 1080p frame with grain of 1.2 %: 0.13 and 0.33 CPU-seconds)."""

_FAITHFUL_H264: Final = {
    "no-deblock": 1,
    "trellis": 0,
    "psy": 0,
    "aq-mode": 0,
    "dct-decimate": 0,
    "deadzone-inter": 0,
    "deadzone-intra": 0,
    "ipratio": 1,
    "pbratio": 1,
    "chroma-qp-offset": -12,
}
"""What keeps x264 from taking detail away: a quantiser of 1 then moves no sample by more than one code of 8 bits, in a
profile that all players know."""

_FAITHFUL: Final[dict[str, Codec]] = {
    "h264": replace(
        CODECS["h264"],
        options={
            "preset": "faster",
            "qp": "1",
            "threads": "8",
            "x264-params": ":".join(f"{key}={value}" for key, value in _FAITHFUL_H264.items()),
        },
    ),
    "hevc": replace(
        CODECS["hevc"],
        options={"preset": "faster", "x265-params": "log-level=error:frame-threads=2:lossless=1"},
        is_lossless=True,
    ),
    "vp9": replace(
        CODECS["vp9"],
        options={"lossless": "1", "cpu-used": "4", "row-mt": "1", "threads": "8"},
        is_lossless=True,
    ),
    "prores": replace(CODECS["prores"], options={"vendor": "apl0", "flags": "+qscale", "global_quality": "118"}),
}
"""Codecs that can come nearer to the source's own frames than to rendered ones is worth its size."""

_CONTAINERS: Final = {
    ".mp4": ("mp4", "h264", "hevc"),
    ".m4v": ("mp4", "h264", "hevc"),
    ".mov": ("mov", "prores", "prores"),
    ".mkv": ("matroska", "ffv1", "ffv1"),
    ".mxf": ("mxf", "dnxhr", "dnxhr"),
    ".webm": ("webm", "vp9", "vp9"),
}
"""For each ending: FFmpeg's muxer, the codec for 8-bit sources, the codec for deeper ones."""

_SAMPLINGS: Final = ("420", "422", "444", "440", "411", "410")
_PACKED: Final = {"nv1": "420", "nv2": "420", "p01": "420", "p21": "422", "y21": "422"}
"""Chroma sampling of formats whose names do not tell it; all others are 4:4:4."""


@dataclass(frozen=True)
class Plan:
    """All that is decided about a film file before its first frame."""

    muxer: str
    codec: Codec
    options: dict[str, str]
    pixel_format: str
    colour: ColourTags

    @property
    def counts_frames(self) -> bool:
        """True where the container has one frame per tick and no stamps of its own."""
        return self.muxer == "mxf"

    @property
    def has_global_header(self) -> bool:
        """True where the decoder's parameters are stored once in the container, not in the pictures."""
        return self.muxer != "mxf"


def film_endings() -> tuple[str, ...]:
    """List the endings of films that can be written."""
    return tuple(_CONTAINERS)


def plan_film(path: Path, source: FilmInfo, *, codec: str | None = None, untouched: bool = False) -> Plan:
    """Decide how a film is written.

    Args:
        untouched: the source's own frames will be passed on: as exactly as the codec can, and grey may stay grey; rendered frames
            may have taken a tint, and are written in colour.

    Raises:
        UsageError: the ending or the codec is not known.
    """
    ending = path.suffix.lower()
    if ending not in _CONTAINERS:
        raise UsageError(f"cannot write '{path.name}': end its name in one of {', '.join(_CONTAINERS)}")
    muxer, shallow, deep = _CONTAINERS[ending]
    name = codec or (deep if source.bit_depth > 8 else shallow)
    if name not in CODECS:
        raise UsageError(f"there is no codec '{name}'; choose one of {', '.join(CODECS)}")
    chosen = _FAITHFUL.get(name, CODECS[name]) if untouched else CODECS[name]
    pixel_format = _pixel_format(name, source, untouched=untouched)
    return Plan(
        muxer=muxer,
        codec=chosen,
        options={**chosen.options, **_profile(name, pixel_format, source)},
        pixel_format=pixel_format,
        colour=_tags(chosen, source, pixel_format),
    )


def _pixel_format(name: str, source: FilmInfo, *, untouched: bool) -> str:
    odd = source.width % 2 or source.height % 2
    deep = source.bit_depth > 8
    if name == "ffv1":
        return _lossless_format(source, untouched=untouched)
    if name == "prores":
        if has_alpha(source.pixel_format):
            return "yuva444p10le"
        return "yuv444p10le" if source.bit_depth >= 12 or is_rgb(source.pixel_format) else "yuv422p10le"
    if name == "dnxhr":
        return "yuv422p10le" if deep else "yuv422p"
    if name == "vp9":
        return "yuv420p"
    return ("yuv444p" if odd else "yuv420p") + ("10le" if deep else "")


def _lossless_format(source: FilmInfo, *, untouched: bool) -> str:
    """Choose FFV1's pixel format: the source's own, or the nearest one that loses nothing."""
    name, bits = source.pixel_format, source.bit_depth
    if is_grey(name) and untouched and name.startswith("gray"):
        return "gray" if bits == 8 else f"gray{bits}le"
    if is_rgb(name) or is_grey(name):
        depth = next(depth for depth in (8, 9, 10, 12, 14, 16) if depth >= bits)
        if has_alpha(name):
            return "bgra" if depth == 8 else f"gbrap{max(depth, 10)}le"
        return "bgr0" if depth == 8 else f"gbrp{depth}le"
    sampling = next((kind for kind in _SAMPLINGS if kind in name), None) or _PACKED.get(name[:3], "444")
    alpha = "a" if has_alpha(name) else ""
    return f"yuv{alpha}{sampling}p" + ("" if bits == 8 else f"{bits}le")


def _profile(name: str, pixel_format: str, source: FilmInfo) -> dict[str, str]:
    if name == "prores":
        alpha = {"alpha_bits": "16"} if has_alpha(pixel_format) else {}
        return {"profile": "4" if "444" in pixel_format else "3", **alpha}
    if name == "dnxhr":
        return {"profile": "dnxhr_hqx" if "10" in pixel_format else "dnxhr_hq"}
    if name == "ffv1" and source.width * source.height >= 640 * 360 and not (source.width % 4 or source.height % 4):
        return {"slices": "24"}  # it refuses this number for odd sizes, and finds one itself
    return {}


def _tags(codec: Codec, source: FilmInfo, pixel_format: str) -> ColourTags:
    """Keep the source's tags as far as they apply to the pixel format."""
    tags = source.colour
    if tags.matrix == RGB_MATRIX and not is_rgb(source.pixel_format):
        tags = replace(tags, matrix=UNSPECIFIED)
    if is_rgb(pixel_format):
        is_full = tags.full_range is not False or not is_rgb(source.pixel_format)  # codes of RGB stay what they are
        return replace(tags, matrix=RGB_MATRIX, full_range=is_full)
    if is_rgb(source.pixel_format):
        return replace(tags, matrix=BT709, full_range=False)
    full_range = is_full_range(tags, source.pixel_format) and not codec.legal_range_only
    if codec.encoder == "prores_ks" and tags.matrix == BT470BG:
        tags = replace(tags, matrix=BT601)  # the same matrix by the code point that ProRes can say
    if codec.encoder == "dnxhd" and matrix_of(tags, source.height) not in (BT709, BT2020):
        tags = replace(tags, matrix=BT709)  # it can say no other, and is read as this one
    if full_range != is_full_range(tags, pixel_format):
        return replace(tags, full_range=full_range)
    return tags
