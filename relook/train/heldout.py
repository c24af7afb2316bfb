"""How training is going: held-out style against renders of any source, and contact sheets of held-out frames."""

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
from relook.train.batches import stacked
from relook.train.matching import POOL, Matcher

SQUARE_PX = 64
NUM_SQUARES = 96
SEED = 0
"""Every run measures on the same squares."""
LEAST_GAIN = 0.01
"""By so much of the score must a later look be better to be kept: the measure itself is no finer."""
NUM_FRAMES = 4
SHEET_HEIGHT_PX = 180


@dataclass(frozen=True)
class HeldOutMeasures:
    """Taken on source crops, rendered, against held-out style crops of like content."""

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

    def is_better(self, other: HeldOutMeasures, first: HeldOutMeasures) -> bool:
        """Tell whether these are clearly better than others; among equals the earlier look stays."""
        return self.score(first) < other.score(first) - LEAST_GAIN


class HeldOut:
    """Crops of held-out style, each with a source crop of like content, and what a generator makes of these."""

    def __init__(self, corpus: Corpus, wear: Wear, generator: Generator) -> None:
        """`generator` carries the first pass, in whose tones contents are compared."""
        matcher = Matcher(corpus, generator, seed=SEED, crop_px=SQUARE_PX, held_out=None)
        style, source, windows = [], [], []
        for i in range(NUM_SQUARES):
            style.append(corpus.crop(SEED, i, "style", SQUARE_PX, held_out=True)[0][0])
            partner = matcher.partner(style[-1], i, tries=POOL)
            pair, window = corpus.crop(SEED, partner, "source", SQUARE_PX, held_out=None)
            source.append(pair[0])
            windows.append(window)
        self.style, self.source, self.windows = torch.stack(style), torch.stack(source), torch.stack(windows)
        self.plates = stacked([self._plates(SQUARE_PX, SQUARE_PX, wear, i) for i in range(NUM_SQUARES)])
        self.frames = corpus.sample_frames("source", NUM_FRAMES, held_out=True)
        self.style_frames = corpus.sample_frames("style", NUM_FRAMES, held_out=True)
        self.wear = wear

    @torch.no_grad()
    def measure(self, generator: Generator) -> HeldOutMeasures:
        clean = generator.deterministic(self.source, self.windows)
        rendered = generator.textured(clean, self.plates)
        lost = structure_loss(luma_of(self.source), luma_of(clean))
        return HeldOutMeasures(
            patch_distance(rendered, self.style), colour_distance(rendered, self.style), 1 - float(lost.mean())
        )

    @torch.no_grad()
    def sheet(self, generator: Generator, path: Path) -> None:
        """Write a contact sheet: each row a held-out frame as shot, clean, and textured twice; the last row is the style."""
        rows = []
        for index, frame in enumerate(self.frames):
            small = (
                frame[None]
                if frame.shape[-2] <= 540
                else F.interpolate(frame[None], scale_factor=540 / frame.shape[-2], mode="area")
            )
            clean = generator.deterministic(small)
            textured = [
                generator.textured(clean, self._plates(small.shape[-2], small.shape[-1], self.wear, index + 100 * turn))
                for turn in (0, 1)
            ]
            rows.append([small[0], clean[0], *(picture[0] for picture in textured)])
        rows.append(self.style_frames)
        write_sheet(rows, path)

    @staticmethod
    def _plates(height: int, width: int, wear: Wear, index: int) -> Plates:
        whole = max(height, wear.reference_height)
        return draw_plates((height, width), wear, seed=index, frame=0, frame_height=whole)


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
