"""Re-render single frames: the generator's stages and the marks of film at their dials, in tiles to save memory."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial

import cv2
import numpy as np
import torch
from torch import Tensor

from relook import faults
from relook.apply.around import colour_around, coloured
from relook.compute import is_out_of_memory, release_memory
from relook.errors import DivergedError, ResourceError
from relook.film.frames import Frame
from relook.film.tally import frame_hash
from relook.look import Look
from relook.mechanics.aperture import draw_aperture
from relook.mechanics.breath import limit_flashes
from relook.mechanics.halation import lay_halation
from relook.mechanics.marks import MarkMaker, Marks, lay_marks, seed_of
from relook.mechanics.reel import moved
from relook.mechanics.weave import weave_of
from relook.nets.blocks import MOST_SOFT_PX, STRIP_ROWS, lookup, luma_of
from relook.nets.generator import whole_frame
from relook.nets.origin import begun_at, made_from_origin, moved_to, origin_of
from relook.nets.wrap import Wrap, wrapped_blur, wrapped_residual
from relook.recipe.dials import Dials, dialled
from relook.recipe.mechanics import Aperture, Mechanics, Weave

LATTICE = 33
TILE_ROWS = 256
"""Rows of a tile by default: fast, and small compared with a frame."""
SAME_SCALE = 1.25
"""Frames taller than the style's by up to this factor show no detail that the style's could not."""
ROW_BLUR = 0.4
"""Blur by one row of the style's frames, in rows, as a Gaussian's standard deviation."""


@dataclass(frozen=True)
class Layers:
    """The layers of a frame, which `composed` puts together; on the CPU."""

    look: Tensor
    """`[3 h w]`, the look with no marks but those of the lens."""
    weave: tuple[float, float, float]
    """Move of the whole picture: pixels across, pixels down, radians clockwise about its middle."""
    marks: Marks
    aperture: Tensor
    """`[h w]`, 0..1."""
    place: tuple[int, int] = (0, 0)
    """Row and column of the frame at which all of these begin: of a still that wraps, the place that its content chose."""


class FrameRenderer:
    """Renders the frames of one film in one look.

    Detail is rendered tile by tile with true neighbours, everything else on the whole frame, so that no choice of tiles changes a bit
    of the result. Marks are a pure function of the shot's seed and the frame's number in the shot.

    A picture that wraps (see `nets.wrap`) has no border and no middle along its axes: softness, detail and halation reach across,
    dust, scratches, clouds and grain continue at the opposite side, and what depends on the place in the frame, or moves it, is off: along
    those axes the light is that of the frame's middle, and there is no weave and no gate mask. Shifting a picture shifts
    its look, bit for bit (see `nets.origin`); shifting a `still` shifts its marks, too.
    """

    def __init__(
        self,
        look: Look,
        dials: Dials,
        *,
        device: torch.device,
        tile_rows: int | None = None,
        safe_at: Fraction | None = None,
        wrap: Wrap | None = None,
    ) -> None:
        """Prepare what all frames share; `safe_at` is the frame rate at which flicker must be safe for photosensitive viewers."""
        self.dials = dials
        self.device = device
        dialled_to = dialled(look.card.mechanics, dials)
        self.wrap = wrap
        self.mechanics = _limited(dialled_to, safe_at)
        if wrap:
            self.mechanics = replace(self.mechanics, weave=Weave(), aperture=Aperture())
        self.flicker = (self.mechanics.breath.exposure, dialled_to.breath.exposure)
        self.generator = copy.deepcopy(look.generator).to(device)
        self._softened_for = 0
        self.strips_at_once = max((tile_rows or TILE_ROWS) // STRIP_ROWS, 1)
        with torch.inference_mode():
            self.lattice = _dialled_lattice(self.generator.grade.lattice(LATTICE), dials.of("grade"))
            self._around = colour_around(self.generator.grade, dials.of("grade"))
        self._light: tuple[Tensor, Tensor] | None = None
        self._aperture: Tensor | None = None
        self._maker: MarkMaker | None = None

    def render(self, pixels: Tensor, *, seed: int, number: int) -> Tensor:
        """Render one frame `[3 h w]` in 0..1 as the shot's exposure `number`; the result is on the CPU.

        Raises:
            DivergedError: the result is not finite.
            ResourceError: there is not enough memory, however small the tiles.
        """
        if not self.dials.of("texture"):
            return _sound(self.look(pixels))
        return composed(self.layers(pixels, seed=seed, number=number))

    def still(self, pixels: Tensor, *, content_hash: str, seed: int, apart: bool) -> tuple[Tensor, Layers | None]:
        """Render a still `[3 h w]`, which is a shot of its own; return its layers too with `apart`.

        If it wraps, its own content decides where its marks lie: shifting the still shifts them, unless it repeats itself, as an
        even surface does.
        """
        place = (0, 0)
        if self.wrap:
            place = origin_of(pixels, self.wrap).place
            pixels = begun_at(pixels, place)
            content_hash = frame_hash(Frame(0, 0, 1, pixels))
        grains = seed_of(content_hash, seed)
        if not apart:
            return moved_to(self.render(pixels, seed=grains, number=0), place), None
        layers = replace(self.layers(pixels, seed=grains, number=0), place=place)
        return composed(layers), layers

    def look(self, pixels: Tensor) -> Tensor:
        """Render one frame `[3 h w]` without the marks that change from frame to frame.

        If memory runs out it is done again in smaller tiles, which give the same frame.
        """
        while True:
            try:
                return made_from_origin(pixels, self.wrap, self._look) if self.wrap else self._look(pixels)
            except (MemoryError, RuntimeError) as error:
                if not is_out_of_memory(error):
                    raise
                if self.strips_at_once == 1:
                    size = f"{pixels.shape[-1]} x {pixels.shape[-2]}"
                    raise ResourceError(
                        f"there is not enough memory for one frame of {size}, even in the smallest tiles; close other "
                        f"programs, or use a machine or device with more"
                    ) from error
            self.strips_at_once //= 2
            release_memory()

    @torch.inference_mode()
    def _look(self, pixels: Tensor) -> Tensor:
        faults.point("render.memory")
        picture = pixels[None].to(self.device)
        if self.dials.of("grade"):
            picture = self._lit(lookup(picture, self.lattice))
        if self.dials.of("detail"):
            self._soften_for(picture.shape[-2])
            picture = self._as_soft(picture)
            picture = (picture + self.dials.of("detail") * self._residual(luma_of(picture))).clamp_(0, 1)
            blur = partial(wrapped_blur, wrap=self.wrap) if self.wrap else None
            picture = lay_halation(picture, self.mechanics.halation, scale=self._scale(picture), blur=blur)
        return picture[0].clamp(0, 1).cpu()

    @torch.inference_mode()
    def layers(self, pixels: Tensor, *, seed: int, number: int) -> Layers:
        """Render one frame in separate layers."""
        look = self.look(pixels)
        size, scale = (look.shape[-2], look.shape[-1]), self._scale(look)
        if self._maker is None or (self._maker.size, self._maker.seed) != (size, seed):
            self._maker = MarkMaker(self.mechanics, size, seed=seed, wrap=self.wrap)
        if self._aperture is None or self._aperture.shape != size:
            self._aperture = torch.from_numpy(draw_aperture(self.mechanics.aperture, size, scale=scale))
        across, down, turn = weave_of(self.mechanics.weave, seed=seed, frame=number)
        return Layers(look, (across * scale, down * scale, turn), self._maker.draw(number), self._aperture)

    def carried(self, beyond: Tensor | None, *, seed: int, number: int) -> Tensor | None:
        """Colour values beyond 0..1 as the look does, move them as the picture is moved, and hide them where the gate hides it."""
        if beyond is None:
            return None
        beyond = coloured(beyond, self._around)
        if not self.dials.of("texture"):
            return beyond
        across, down, turn = weave_of(self.mechanics.weave, seed=seed, frame=number)
        scale = self._scale(beyond)
        moved_on = woven(beyond, (across * scale, down * scale, turn))
        gate = draw_aperture(self.mechanics.aperture, (beyond.shape[-2], beyond.shape[-1]), scale=scale)
        return moved_on * torch.from_numpy(gate)

    def _scale(self, picture: Tensor) -> float:
        return picture.shape[-2] / self.mechanics.reference_height

    def _lit(self, graded: Tensor) -> Tensor:
        spatial = self.generator.spatial
        amount = self.dials.of("vignette")
        if not amount or not spatial.map.any():
            return graded
        size = (graded.shape[-2], graded.shape[-1])
        if self._light is None or self._light[0].shape[-2:] != size:
            gain, offset = spatial.light(_window(graded, self.wrap), size)
            self._light = ((1 + amount * gain).clamp_min(0), amount * offset)
        return graded * self._light[0] + self._light[1]

    def _residual(self, luma: Tensor) -> Tensor:
        detail = self.generator.detail
        if self.wrap:
            return wrapped_residual(detail, luma, self.wrap, self.strips_at_once)
        return detail.in_strips(luma, self.strips_at_once)

    def _soften_for(self, rows: int) -> None:
        """Make the lens as soft for frames of this many rows as the style's is."""
        if rows != self._softened_for:
            self._softened_for = rows
            self.generator.detail.soften(min(self._softness_px(rows), MOST_SOFT_PX))

    def _softness_px(self, rows: int) -> float:
        return self.mechanics.softness_px * rows / self.mechanics.reference_height

    def _as_soft(self, picture: Tensor) -> Tensor:
        """Blur by what the lens stage cannot, and remove detail finer than the style's rows from taller frames."""
        variance = max(self._softness_px(picture.shape[-2]) ** 2 - MOST_SOFT_PX**2, 0)
        scale = self._scale(picture)
        if scale > SAME_SCALE:
            variance += (self.dials.of("softness") * ROW_BLUR) ** 2 * (scale**2 - 1)
        if not variance:
            return picture
        if self.wrap:
            return wrapped_blur(picture, math.sqrt(variance), self.wrap)
        channels = [cv2.GaussianBlur(channel, (0, 0), math.sqrt(variance)) for channel in picture[0].cpu().numpy()]
        return torch.from_numpy(np.stack(channels))[None].to(self.device)


@torch.inference_mode()
def composed(layers: Layers) -> Tensor:
    """Compose a frame: the look moved by the gate, its marks laid over it, the gate's mask around it.

    Raises:
        DivergedError: the result is not finite.
    """
    picture = woven(layers.look, layers.weave)
    return moved_to(_sound((lay_marks(picture[None], layers.marks)[0] * layers.aperture).clamp_(0, 1)), layers.place)


def woven(picture: Tensor, move: tuple[float, float, float]) -> Tensor:
    """Move a picture `[3 h w]` by pixels across and down and by radians clockwise about its middle."""
    if not any(move):
        return picture
    channels = [moved(channel, np.array(move)) for channel in picture.numpy()]
    return torch.from_numpy(np.stack(channels))


def _window(pictures: Tensor, wrap: Wrap | None) -> Tensor:
    """Return the part of the frame `[b 4]` whose light pictures get: the whole or, along axes that wrap, its middle."""
    window = whole_frame(pictures).clone()
    for axis, start in (("y", 0), ("x", 1)):
        if wrap and axis in wrap:
            window[:, start::2] = 0.5
    return window


def _sound(rendered: Tensor) -> Tensor:
    if faults.spoils("render.frame"):
        rendered = rendered * torch.nan
    if not torch.isfinite(rendered.sum()):
        raise DivergedError("the look produced values that are not finite: it is damaged; train it again")
    return rendered


def _limited(mechanics: Mechanics, safe_at: Fraction | None) -> Mechanics:
    if safe_at is None:
        return mechanics
    return replace(mechanics, breath=limit_flashes(mechanics.breath, frame_rate=float(safe_at)))


def _dialled_lattice(lattice: Tensor, dial: float) -> Tensor:
    steps = torch.linspace(0, 1, lattice.shape[-1], device=lattice.device)
    blue, green, red = torch.meshgrid(steps, steps, steps, indexing="ij")
    return torch.lerp(torch.stack((red, green, blue)), lattice, dial)
