"""How training is going, on frames that it never sees."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from einops import rearrange
from torch import Tensor
from torch.nn import functional as F

from relook.corpus import Corpus
from relook.nets.blocks import luma_of
from relook.nets.generator import Generator
from relook.nets.plates import draw_plates
from relook.nets.texture import Plates
from relook.objectives.colour import colour_distance, patch_distance
from relook.objectives.content import structure_loss
from relook.recipe.wear import Wear

FRAME_PX = 320
"""Held-out frames are judged on their central part of this size at most."""
NUM_FRAMES = 8
SHEET_HEIGHT_PX = 180


@dataclass(frozen=True)
class HeldOutMeasures:
    """Taken on held-out source frames, rendered, against held-out style frames."""

    patch_distance: float
    """Texture's distance to the style; lower is closer."""
    colour_distance: float
    structure_kept: float
    """Local correlation with the source, 1 where all structure is kept."""

    def score(self, first: HeldOutMeasures) -> float:
        """Weigh the measures against those of the first pass: lower is better, about 2 at the start."""
        lost = max(first.structure_kept - self.structure_kept, 0)
        return (
            self.patch_distance / max(first.patch_distance, 1e-6)
            + self.colour_distance / max(first.colour_distance, 1e-6)
            + 10 * lost
        )


class HeldOut:
    """The held-out frames of both sides, and what a generator makes of them."""

    def __init__(self, corpus: Corpus, wear: Wear) -> None:
        self.source = corpus.sample_frames("source", NUM_FRAMES, held_out=True)
        self.style = corpus.sample_frames("style", NUM_FRAMES, held_out=True)
        self.wear = wear

    @torch.no_grad()
    def measure(self, generator: Generator) -> HeldOutMeasures:
        rendered, kept = [], []
        for index, frame in enumerate(self.source):
            middle = _middle(frame)[None]
            clean = generator.deterministic(middle)
            rendered.append(generator.textured(clean, self._plates(middle, index)))
            kept.append(1 - float(structure_loss(luma_of(middle), luma_of(clean))))
        style = _patches([_middle(frame) for frame in self.style])
        ours = _patches([frame[0] for frame in rendered])
        return HeldOutMeasures(patch_distance(ours, style), colour_distance(ours, style), float(np.mean(kept)))

    @torch.no_grad()
    def sheet(self, generator: Generator, path: Path) -> None:
        """Write a contact sheet: each row a held-out frame as shot, clean, and textured twice; the last row is the style."""
        rows = []
        for index, frame in enumerate(self.source[:4]):
            small = (
                frame[None]
                if frame.shape[-2] <= 540
                else F.interpolate(frame[None], scale_factor=540 / frame.shape[-2], mode="area")
            )
            clean = generator.deterministic(small)
            textured = [generator.textured(clean, self._plates(small, index + 100 * turn)) for turn in (0, 1)]
            rows.append([small[0], clean[0], *(picture[0] for picture in textured)])
        rows.append(self.style[:4])
        write_sheet(rows, path)

    def _plates(self, frame: Tensor, index: int) -> Plates:
        return draw_plates((frame.shape[-2], frame.shape[-1]), self.wear, seed=index, frame=0)


def write_sheet(rows: list[list[Tensor]], path: Path) -> None:
    """Write rows of pictures `[3 h w]` of any sizes as one JPEG, each picture brought to the same height."""
    strips = [np.concatenate([_to_height(picture) for picture in row], axis=1) for row in rows if row]
    width = max(strip.shape[1] for strip in strips)
    padded = [np.pad(strip, ((0, 4), (0, width - strip.shape[1]), (0, 0)), constant_values=24) for strip in strips]
    cv2.imwrite(str(path), np.concatenate(padded)[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 92])


def _to_height(picture: Tensor) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    pixels = (rearrange(picture, "c h w -> h w c").clamp(0, 1) * 255).round().byte().numpy()
    width = round(pixels.shape[1] * SHEET_HEIGHT_PX / pixels.shape[0])
    shrinks = pixels.shape[0] > SHEET_HEIGHT_PX
    interpolation = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    return np.pad(cv2.resize(pixels, (width, SHEET_HEIGHT_PX), interpolation=interpolation), ((0, 0), (0, 4), (0, 0)))


def _middle(frame: Tensor) -> Tensor:
    top, left = (max(size - FRAME_PX, 0) // 2 for size in frame.shape[-2:])
    return frame[:, top : top + FRAME_PX, left : left + FRAME_PX]


def _patches(frames: list[Tensor]) -> Tensor:
    """Cut frames of any sizes into squares of 64 px, `[n 3 64 64]`."""
    squares = [F.unfold(frame[None], 64, stride=64) for frame in frames]
    return torch.cat([rearrange(s, "1 (c h w) n -> n c h w", h=64, w=64) for s in squares])
