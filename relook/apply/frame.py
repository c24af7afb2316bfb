"""Re-render single frames: the generator's stages at their dials, in tiles where memory needs them."""

from __future__ import annotations

import math

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from relook.errors import DivergedError
from relook.look import Look
from relook.nets.blocks import STRIP_ROWS, lookup, luma_of
from relook.nets.generator import whole_frame
from relook.nets.plates import draw_plates, weave
from relook.nets.texture import NUM_FILTERS, Plates
from relook.recipe.settings import Dials

LATTICE = 33
TILE_ROWS = 256
"""Rows of a tile unless the caller says otherwise: quick, and small beside a frame."""
SAME_SCALE = 1.25
"""Frames up to this much taller than the style's are textured pixel for pixel."""
ROW_BLUR = 0.4
"""Blur of one row of the style's frames, in rows, as a Gaussian's deviation."""
NUM_LEVELS = 1024
"""Luma steps of the grain's response when rendering."""


class FrameRenderer:
    """Renders the frames of one film in one look.

    Detail runs tile by tile with true neighbours, everything else on the whole frame, so that no choice of tiles changes a bit
    of the result. Texture is a pure function of the shot's seed and the frame's number in the shot.
    """

    def __init__(self, look: Look, dials: Dials, *, device: torch.device, tile_rows: int | None = None) -> None:
        self.wear = look.card.wear
        self.dials = dials
        self.device = device
        self.generator = look.generator.to(device)
        self.strips_at_once = max((tile_rows or TILE_ROWS) // STRIP_ROWS, 1)
        with torch.inference_mode():
            self.lattice = _dialled_lattice(self.generator.grade.lattice(LATTICE), dials.of("grade"))
            self.response = _response_table(look).to(device)
        self._light: tuple[Tensor, Tensor] | None = None

    @torch.inference_mode()
    def render(self, pixels: Tensor, *, seed: int, frame_in_shot: int) -> Tensor:
        """Render one frame `[3 h w]` in 0..1; the result is on the CPU.

        Raises:
            DivergedError: the result is not finite.
        """
        picture = pixels[None].to(self.device)
        if self.dials.of("grade"):
            picture = self._lit(lookup(picture, self.lattice))
        if self.dials.of("detail"):
            picture = self._as_soft(picture)
            residual = self.generator.detail.in_strips(luma_of(picture), self.strips_at_once)
            picture = (picture + self.dials.of("detail") * residual).clamp_(0, 1)
        if self.dials.of("texture"):
            picture = self._woven(self._textured(picture, seed, frame_in_shot), seed, frame_in_shot)
        rendered = picture[0].clamp(0, 1).cpu()
        if not torch.isfinite(rendered.sum()):
            raise DivergedError("the look gave values that are not finite; the look is damaged, train it again")
        return rendered

    def _lit(self, graded: Tensor) -> Tensor:
        spatial = self.generator.spatial
        if not spatial.map.any():
            return graded
        size = (graded.shape[-2], graded.shape[-1])
        if self._light is None or self._light[0].shape[-2:] != size:
            gain, offset = spatial.light(whole_frame(graded), size)
            self._light = (1 + self.dials.of("grade") * gain, self.dials.of("grade") * offset)
        return graded * self._light[0] + self._light[1]

    def _as_soft(self, picture: Tensor) -> Tensor:
        """Take from frames taller than the style's the detail finer than its rows, which the style never showed."""
        scale = picture.shape[-2] / self.wear.reference_height
        if scale <= SAME_SCALE:
            return picture
        sigma = self.dials.of("detail") * ROW_BLUR * math.sqrt(scale**2 - 1)
        channels = [cv2.GaussianBlur(channel, (0, 0), sigma) for channel in picture[0].cpu().numpy()]
        return torch.from_numpy(np.stack(channels))[None].to(self.device)

    def _textured(self, picture: Tensor, seed: int, frame: int) -> Tensor:
        texture, amount = self.generator.texture, self.dials.of("texture")
        fields, plates = self._plates((picture.shape[-2], picture.shape[-1]), seed, frame)
        levels = (luma_of(picture).clamp(0, 1) * (NUM_LEVELS - 1)).round_().long()
        grain = torch.zeros_like(picture[:, :1] if self.generator.is_monochrome else picture)
        for index in range(NUM_FILTERS):
            table = self.response[:, :, index]
            if table.any():
                grain += F.embedding(levels[:, 0], table).movedim(-1, 1) * fields[:, index : index + 1]
        breath = float(texture.flicker_strength) * plates.flicker[:, None, None, None]
        picture = picture * torch.exp_(amount * (breath + float(texture.blotch_strength) * plates.blotch))
        picture = picture.add_(grain, alpha=amount).add_(plates.scratch, alpha=amount * float(texture.scratch_strength))
        dark, bright = (amount * texture.dust_strength[:, None, None] * plates.dust).unbind(dim=1)
        picture = picture.mul_(1 - dark[:, None])
        return picture.add_((1 - picture) * bright[:, None].clamp_(0, 1))

    def _plates(self, size: tuple[int, int], seed: int, frame: int) -> tuple[Tensor, Plates]:
        """Draw a frame's plates, and its grain fields at the style's scale so that grain keeps its size on the screen."""
        plates = draw_plates(size, self.wear, seed=seed, frame=frame)
        return self._scaled(plates.grain.to(self.device), size), plates.to(self.device)

    def _scaled(self, noise: Tensor, size: tuple[int, int]) -> Tensor:
        scale = size[0] / self.wear.reference_height
        if scale <= SAME_SCALE:
            return self.generator.texture.grain_fields(noise)
        small = (round(size[0] / scale), round(size[1] / scale))
        fields = self.generator.texture.grain_fields(noise[:, :, : small[0], : small[1]].contiguous())
        return F.interpolate(fields, size=size, mode="bicubic", align_corners=False)

    def _woven(self, picture: Tensor, seed: int, frame: int) -> Tensor:
        across, down = weave(self.wear, seed=seed, frame=frame)
        scale = self.dials.of("texture") * max(picture.shape[-2] / self.wear.reference_height, 0.25)
        if across == 0 and down == 0:
            return picture
        shift = np.array([[1, 0, across * scale], [0, 1, down * scale]])
        size = (picture.shape[-1], picture.shape[-2])
        channels = [
            cv2.warpAffine(channel, shift, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
            for channel in picture[0].cpu().numpy()
        ]
        return torch.from_numpy(np.stack(channels))[None]


def _dialled_lattice(lattice: Tensor, dial: float) -> Tensor:
    steps = torch.linspace(0, 1, lattice.shape[-1], device=lattice.device)
    blue, green, red = torch.meshgrid(steps, steps, steps, indexing="ij")
    return torch.lerp(torch.stack((red, green, blue)), lattice, dial)


def _response_table(look: Look) -> Tensor:
    """Return the grain's response at every luma step, `[levels c f]`; one channel for a monochrome look."""
    response: Tensor = look.generator.texture.response
    if look.generator.is_monochrome:
        response = response.mean(dim=1, keepdim=True)
    nodes = response.permute(1, 2, 0).reshape(1, -1, response.shape[0])
    table = F.interpolate(nodes, size=NUM_LEVELS, mode="linear", align_corners=True)
    return table[0].reshape(response.shape[1], response.shape[2], NUM_LEVELS).permute(2, 0, 1).contiguous()
