"""Render the frames of a film in a look, and hold them where the style's camera was cranked slowly."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from torch import Tensor

from relook.apply.delivery import RenderSettings
from relook.apply.frame import FrameRenderer, Layers, composed
from relook.apply.passes import PassWriter
from relook.errors import DivergedError
from relook.film.container.ledger import timecode_of
from relook.film.frames import FilmInfo, Frame, Shot
from relook.film.reader import FilmReader
from relook.look import Look
from relook.mechanics.cranking import exposure_of, held_frame
from relook.mechanics.marks import seed_of
from relook.timing import FrameRange


def renderer_of(look: Look, settings: RenderSettings, frame_rate: Fraction) -> FrameRenderer:
    """Prepare the renderer for a film of a frame rate."""
    return FrameRenderer(
        look,
        settings.dials,
        device=settings.device,
        tile_rows=settings.tile_rows,
        safe_at=None if settings.allows_flashes else frame_rate,
        wrap=settings.wrap,
    )


def shown_frames(
    reader: FilmReader,
    ranges: Sequence[FrameRange] | None,
    shots: tuple[Shot, ...],
    renderer: FrameRenderer,
    *,
    seed: int,
    passes: PassWriter | None = None,
) -> Iterator[Frame]:
    """Yield every frame of the ranges, by default of the film, rendered in one pass.

    Where the look's cranking holds a frame, the picture before it is shown again.
    """
    if renderer.dials.is_off:
        yield from reader.frames() if ranges is None else reader.frames_of(ranges)
        return
    exposure: _Exposure | None = None
    leads = None if ranges is None else [_with_lead(wanted, shots, renderer) for wanted in ranges]
    for frame in reader.frames() if leads is None else reader.frames_of(leads):
        place = _place(frame.index, shots)
        exposed = frame.index - place.frame + held_frame(renderer.mechanics.cranking, place.frame)
        if exposure is None or exposed != exposure.index:
            with _naming(frame, reader.info):
                apart = passes is not None
                if reader.info.kind == "stills":
                    exposure = _exposed_still(frame, place.content_hash, renderer, seed=seed, apart=apart)
                else:
                    exposure = _exposed(
                        frame, exposed, place, renderer, seed=seed_of(place.content_hash, seed), apart=apart
                    )
        if ranges is None or any(frame.index in wanted for wanted in ranges):
            if passes is not None and exposure.layers is not None:
                passes.add(frame.index, exposure.layers, exposure.beyond)
            yield replace(frame, pixels=exposure.pixels, native=exposure.native, beyond=exposure.beyond)


@dataclass(frozen=True)
class _Exposure:
    """A rendered picture, which the look's cranking may hold for several frames."""

    index: int
    """Number of the frame in its film that was exposed."""
    pixels: Tensor
    native: Any
    beyond: Tensor | None
    layers: Layers | None
    """The picture's layers, where passes are wanted."""


def _exposed(frame: Frame, index: int, place: _Place, renderer: FrameRenderer, *, seed: int, apart: bool) -> _Exposure:
    """Render a frame, with `apart` by its layers."""
    number = exposure_of(renderer.mechanics.cranking, place.frame)
    layers = renderer.layers(frame.pixels, seed=seed, number=number) if apart else None
    pixels = renderer.render(frame.pixels, seed=seed, number=number) if layers is None else composed(layers)
    return _Exposure(index, pixels, frame.native, renderer.carried(frame.beyond, seed=seed, number=number), layers)


def _exposed_still(frame: Frame, content_hash: str, renderer: FrameRenderer, *, seed: int, apart: bool) -> _Exposure:
    """Render a still, with `apart` by its layers."""
    pixels, layers = renderer.still(frame.pixels, content_hash=content_hash, seed=seed, apart=apart)
    beyond = renderer.carried(frame.beyond, seed=seed_of(content_hash, seed), number=0)
    return _Exposure(frame.index, pixels, frame.native, beyond, layers)


@contextmanager
def _naming(frame: Frame, info: FilmInfo) -> Iterator[None]:
    """Say in an error of the renderer which frame it met."""
    try:
        yield
    except DivergedError as error:
        where = f"frame {frame.index} ({timecode_of(frame.index, info)}) of {info.path}"
        raise DivergedError(f"{where}: {error}") from error


@dataclass(frozen=True)
class _Place:
    """A frame's place in its shot."""

    frame: int
    """Its number in its shot."""
    content_hash: str


def _place(index: int, shots: tuple[Shot, ...]) -> _Place:
    if not shots:
        return _Place(index, "0")
    shot = shots[bisect_right(shots, index, key=lambda shot: shot.frames.start) - 1]
    return _Place(index - shot.frames.start, shot.content_hash)


def _with_lead(wanted: FrameRange, shots: tuple[Shot, ...], renderer: FrameRenderer) -> FrameRange:
    """Start a range early enough for the exposure that its first frame repeats."""
    frame = _place(wanted.start, shots).frame
    lead = frame - held_frame(renderer.mechanics.cranking, frame)
    return FrameRange(wanted.start - lead, wanted.stop)
