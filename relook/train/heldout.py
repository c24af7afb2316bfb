"""How training is going: held-out style against renders of any source, and contact sheets of held-out frames."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import torch
from einops import rearrange
from torch import Tensor
from torch.nn import functional as F

from relook.corpus import Corpus
from relook.film.publish import disk_errors, write_whole
from relook.mechanics.halation import lay_halation
from relook.mechanics.marks import MarkMaker, Marks, lay_marks, stacked
from relook.nets.blocks import luma_of
from relook.nets.generator import Generator, held
from relook.objectives.colour import colour_distance, patch_distance
from relook.objectives.content import structure_loss
from relook.recipe.mechanics import Breath, Mechanics
from relook.train.batches import frame_of
from relook.train.matching import POOL, Matcher
from relook.train.measures import HeldOutMeasures

SQUARE_PX = 64
NUM_SQUARES = 96
SEED = 0
"""Every run measures on the same squares."""
ANCHOR_PX = 480
"""Of an artist's pairs the middle is measured."""
NUM_FRAMES = 4
SHEET_HEIGHT_PX = 180


class HeldOut:
    """Crops of held-out style, each with a source crop of like content, and what a generator makes of these.

    Light that breathes is left out: of single crops, chance alone would say how near their tones are.
    """

    def __init__(self, corpus: Corpus, mechanics: Mechanics, generator: Generator, *, is_held_out: bool = True) -> None:
        """`generator` carries the first pass, in whose tones contents are compared; with `is_held_out` off, it is of training's style."""
        matcher = Matcher(corpus, generator, seed=SEED, crop_px=SQUARE_PX, held_out=None)
        style, source, windows = [], [], []
        for i in range(NUM_SQUARES):
            style.append(corpus.crop(SEED, i, "style", SQUARE_PX, held_out=is_held_out)[0][0])
            partner = matcher.partner(style[-1], i, tries=POOL)
            pair, window = corpus.crop(SEED, partner, "source", SQUARE_PX, held_out=None)
            source.append(pair[0])
            windows.append(window)
        self.style, self.source, self.windows = torch.stack(style), torch.stack(source), torch.stack(windows)
        self.mechanics = mechanics
        self.marks = _marks_of_squares(mechanics)
        self.frames = corpus.sample_frames("source", NUM_FRAMES, held_out=True)
        self.style_frames = corpus.sample_frames("style", NUM_FRAMES, held_out=True)
        self.anchors = [middle(corpus.anchor(pair), ANCHOR_PX) for pair in corpus.anchors]

    @torch.no_grad()
    def patch_distance(self, generator: Generator, mechanics: Mechanics) -> float:
        """Measure how far textures are from the style's with other marks."""
        clean = lay_halation(generator.deterministic(self.source, self.windows), mechanics.halation, scale=1.0)
        return patch_distance(held(lay_marks(clean, _marks_of_squares(mechanics))), self.style)

    @torch.no_grad()
    def measure(self, generator: Generator) -> HeldOutMeasures:
        clean = generator.deterministic(self.source, self.windows)
        rendered = held(lay_marks(lay_halation(clean, self.mechanics.halation, scale=1.0), self.marks))
        lost = structure_loss(luma_of(self.source), luma_of(clean))
        errors = [
            float((generator.deterministic(pair[:1], window[:1]) - pair[1:]).abs().mean())
            for pair, window in self.anchors
        ]
        return HeldOutMeasures(
            patch_distance=patch_distance(rendered, self.style),
            colour_distance=colour_distance(rendered, self.style),
            structure_kept=1 - float(lost.mean()),
            pair_error=sum(errors) / max(len(errors), 1),
        )

    @torch.no_grad()
    def sheet(self, generator: Generator, path: Path) -> None:
        """Write a contact sheet: each row a held-out frame as shot, clean, and marked twice; the last row is the style."""
        rows = []
        for index, frame in enumerate(self.frames):
            small = (
                frame[None]
                if frame.shape[-2] <= 540
                else F.interpolate(frame[None], scale_factor=540 / frame.shape[-2], mode="area")
            )
            clean = generator.deterministic(small)
            maker = MarkMaker(self.mechanics, (small.shape[-2], small.shape[-1]), seed=SEED)
            glowing = lay_halation(clean, self.mechanics.halation, scale=maker.scale)
            marked = [held(lay_marks(glowing, maker.draw(frame_of(index, turn)))) for turn in (0, 1)]
            rows.append([small[0], clean[0], *(picture[0] for picture in marked)])
        rows.append(self.style_frames)
        write_sheet(rows, path)


def middle(frames: Tensor, size_px: int) -> tuple[Tensor, Tensor]:
    """Cut the middle of frames `[b 3 h w]`, `size_px` a side at most; returned with its window `[b 4]`."""
    height, width = frames.shape[-2:]
    top, left = max(height - size_px, 0) // 2, max(width - size_px, 0) // 2
    crop = frames[..., top : top + size_px, left : left + size_px]
    bottom, right = top + crop.shape[-2], left + crop.shape[-1]
    window = torch.tensor([top / height, left / width, bottom / height, right / width])
    return crop, window.expand(len(frames), 4)


def _marks_of_squares(mechanics: Mechanics) -> Marks:
    still = replace(mechanics, breath=Breath())
    maker = MarkMaker(still, (SQUARE_PX, SQUARE_PX), seed=SEED, frame_height=mechanics.reference_height)
    return stacked([maker.draw(frame_of(i, 0)) for i in range(NUM_SQUARES)])


def write_sheet(rows: list[list[Tensor]], path: Path) -> None:
    """Write rows of pictures `[3 h w]` of any sizes as one JPEG, each picture brought to the same height."""
    strips = [np.concatenate([_to_height(picture) for picture in row], axis=1) for row in rows if row]
    width = max(strip.shape[1] for strip in strips)
    padded = [np.pad(strip, ((0, 4), (0, width - strip.shape[1]), (0, 0)), constant_values=24) for strip in strips]
    blob = cv2.imencode(".jpg", np.concatenate(padded)[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 92])[1]
    with disk_errors(path):
        write_whole(path, blob.tobytes())


def _to_height(picture: Tensor) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    pixels = (rearrange(picture, "c h w -> h w c").clamp(0, 1) * 255).round().byte().numpy()
    width = round(pixels.shape[1] * SHEET_HEIGHT_PX / pixels.shape[0])
    shrinks = pixels.shape[0] > SHEET_HEIGHT_PX
    interpolation = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    return np.pad(cv2.resize(pixels, (width, SHEET_HEIGHT_PX), interpolation=interpolation), ((0, 0), (0, 4), (0, 0)))
