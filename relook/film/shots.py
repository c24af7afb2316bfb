"""Find the shots of a film in one cheap decoding pass.

A cut is a frame that differs from the previous one much more than its neighbours do (scenedetect's AdaptiveDetector), so
that a fast pan is not mistaken for one. Frames are compared by luma and colour differences: the detector's own hue and
saturation are noise in dark and in grey frames, and found cuts in fades and in black-and-white films. Footage with a named
colour space is compared as it is shown: log values are too flat for these limits (4 of 5 cuts of a film were missed in ACEScct).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from av.video.reformatter import VideoReformatter
from einops import rearrange
from numpy.typing import NDArray

from relook.film.frames import FilmInfo, Mending, Shot
from relook.film.overlap import ahead
from relook.film.pictures.picture import Picture
from relook.film.pictures.picture_file import picture_thumbnail
from relook.film.pictures.spaces import ColourSpace
from relook.film.pixels import rows, thumbnail
from relook.film.reader import NO_MENDING, FilmReader, NativeFrame
from relook.film.values import ToValues
from relook.progress import OnProgress, Progress, ignore
from relook.timing import FrameRange

if TYPE_CHECKING:
    from scenedetect.detectors import AdaptiveDetector

_SMALL_WIDTH: Final = 160
_SHORTEST_SECONDS: Final = 0.3
"""Shots shorter than this are joined to the previous one: they are flashes and camera starts, not shots."""

_USUAL_CUT: Final = {"adaptive_threshold": 2.5, "min_content_val": 9.0}
_CUT_INTO_MOTION: Final = {"adaptive_threshold": 1.8, "min_content_val": 17.0}
"""By what factor the change must exceed its neighbours', and its least mean in 8-bit levels. A cut into fast motion jumps high,
but the frames after it jump too. In 21 films and takes with 36 cuts these found every cut and nothing else."""


def find_shots(
    path: Path, *, mending: Mending = NO_MENDING, space: ColourSpace | None = None, on_progress: OnProgress = ignore
) -> tuple[Shot, ...]:
    """Divide a film into shots that cover every frame exactly once; each picture in a folder of stills is its own shot.

    Args:
        space: the named colour space of the footage, if one was given.
    Raises:
        InputError: the film cannot be read to its end.
    """
    return shots_and_hashes(path, mending=mending, space=space, on_progress=on_progress)[0]


def shots_and_hashes(
    path: Path, *, mending: Mending = NO_MENDING, space: ColourSpace | None = None, on_progress: OnProgress = ignore
) -> tuple[tuple[Shot, ...], list[bytes]]:
    """Return a film's shots, as `find_shots` does, and the `content_hash` of every frame."""
    with FilmReader(path, mending, space) as reader:
        info = reader.info
        cuts, hashes = [0], []
        detectors = [] if info.kind == "stills" else _detectors()
        small = _Small(info)
        for native in ahead(reader.native_frames(), depth=2):
            hashes.append(content_hash(native))
            if info.kind == "stills":
                cuts.append(native.index + 1)
            else:
                cuts.extend(_cuts(detectors, native.index, small(native), info))
            on_progress(Progress("finding shots", native.index + 1, info.num_frames))
    shortest = 1 if info.kind == "stills" else max(1, round(_SHORTEST_SECONDS * info.frame_rate))
    starts = join_short(cuts, len(hashes), shortest=shortest)
    stops = [*starts[1:], len(hashes)]
    shots = tuple(
        Shot(index, FrameRange(start, stop), hashes[start].hex())
        for index, (start, stop) in enumerate(zip(starts, stops, strict=True))
    )
    return shots, hashes


def content_hash(native: NativeFrame) -> bytes:
    """Digest a frame's format, size and decoded samples with SHA-256; padding does not count."""
    picture = native.picture
    if isinstance(picture, Picture):
        height, width = picture.codes.shape[:2]
        name, parts = picture.pixel_format, [picture.codes]
    else:
        width, height = picture.width, picture.height
        name, parts = picture.format.name, list(rows(picture))
    digest = hashlib.sha256(f"{name} {width}x{height}".encode())
    for part in parts:
        digest.update(np.ascontiguousarray(part).data)
    return digest.digest()


def join_short(cuts: Iterable[int], num_frames: int, *, shortest: int) -> list[int]:
    """Drop cuts too soon after the previous one or too close to the end; the first shot begins at 0."""
    starts = [0]
    for cut in sorted(cuts):
        if cut - starts[-1] >= shortest and num_frames - cut >= shortest:
            starts.append(cut)
    return starts


class _Small:
    """Scales frames down, and stacks luma and colour differences into one grey picture."""

    def __init__(self, info: FilmInfo) -> None:
        self._scaler = VideoReformatter()
        self._to_values = None if info.space is None else ToValues(info)
        self._width = min(_SMALL_WIDTH, info.width)
        self._height = max(2, round(info.height * self._width / info.width))

    def __call__(self, native: NativeFrame) -> NDArray[np.uint8]:
        if isinstance(native.picture, Picture):
            parts = picture_thumbnail(native.picture, width=self._width, height=self._height)
        elif self._to_values is not None:
            parts = self._to_values.thumbnail(native.picture, width=self._width, height=self._height)
        else:
            parts = thumbnail(native.picture, self._scaler, width=self._width, height=self._height)
        return rearrange(np.broadcast_to(parts, (3, *parts.shape)), "c part h w -> (part h) w c")


def _detectors() -> list[AdaptiveDetector]:
    from scenedetect.detectors import AdaptiveDetector  # takes a second to import, and most runs need no cuts

    return [
        AdaptiveDetector(min_scene_len=0, luma_only=True, **settings) for settings in (_USUAL_CUT, _CUT_INTO_MOTION)
    ]


def _cuts(detectors: list[AdaptiveDetector], index: int, small: NDArray[np.uint8], info: FilmInfo) -> list[int]:
    from scenedetect.common import FrameTimecode

    time = FrameTimecode(index, info.frame_rate)
    return [cut.frame_num for detector in detectors for cut in detector.process_frame(time, small)]
