"""Where training starts: a generator that already carries the first pass and the measured texture."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import torch
from einops import rearrange
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from relook.corpus import Corpus, Side
from relook.nets.blocks import LUMA, luma_of, squared_radius
from relook.nets.generator import Generator
from relook.recipe.settings import Recipe
from relook.train.anchors import fit_anchors
from relook.train.firstpass import first_pass
from relook.train.grain import grain_energies, grain_response
from relook.train.softness import extra_softness
from relook.train.vignette import extra_vignette
from relook.train.wear import MIN_RUN_FRAMES, Luma, Marks, measure_marks, registered

FRAMES_A_SIDE = 40
PIXELS_A_SHOT = 20_000
PAIRS_A_SIDE = 16
PAIR_PX = 320
FRAMES_SOFTENED = 24
SHOTS_FOLLOWED = 16
FRAME_GAPS = (2, 4, 8)
PAIRS_A_GAP = 4
FOLLOWED_ROWS = 240
MOST_GIVEN = 0.5
"""Share of the style's grain that the source's own noise may stand for: another source may bring none."""
RUN_FRAMES = 24
FRAMES_MEASURED = 144
"""Consecutive frames that wear is measured on, over all shots."""


@dataclass(frozen=True)
class Start:
    """What closed forms found."""

    generator: Generator
    """Carries the first pass."""
    marks: Marks
    withheld: float
    """As in `FirstPass`."""


def start_generator(corpus: Corpus, recipe: Recipe) -> Start:
    """Build a generator from closed forms alone: grade from statistics of both sides, texture from the style's."""
    torch.manual_seed(recipe.seed)
    generator = Generator(recipe.generator)
    corner = extra_vignette(spaced_pairs(corpus, "source"), spaced_pairs(corpus, "style"))
    generator.spatial.darken_corners(corner)
    sources = colour_samples(corpus, "source")
    found = first_pass(sources, colour_samples(corpus, "style", corner=corner), recipe.generator.num_nodes)
    marks = measure_marks(luma_runs(corpus, "style"))
    with torch.no_grad():
        generator.grade.base.copy_(torch.from_numpy(found.affine))
        generator.grade.is_monochrome.fill_(float(found.is_monochrome))
        texture = generator.texture
        texture.dust_strength.copy_(torch.tensor(marks.dust_strength))
        texture.scratch_strength.fill_(marks.scratch_strength)
        texture.flicker_strength.fill_(marks.flicker_strength)
        texture.blotch_strength.fill_(marks.blotch_strength)
    if corpus.anchors:
        fit_anchors(generator, corpus, torch.from_numpy(np.concatenate(sources)).float())
    soften(generator, corpus)
    fit_grain(generator, corpus)
    return Start(generator, marks, found.withheld)


@torch.no_grad()
def soften(generator: Generator, corpus: Corpus) -> None:
    """Bring the edges of the source to the softness of the style's."""
    source = corpus.sample_frames("source", FRAMES_SOFTENED, held_out=False)
    style = corpus.sample_frames("style", FRAMES_SOFTENED, held_out=False)
    graded = [luma_of(generator.lit(frame[None])) for frame in source]
    generator.detail.soften(extra_softness(graded, [luma_of(frame[None]) for frame in style]))


@torch.no_grad()
def fit_grain(generator: Generator, corpus: Corpus) -> None:
    """Set the grain's response so that what changes from frame to frame in a render has the style's energy at each luma."""
    if not corpus.has_motion("style"):
        return
    num_nodes = generator.settings.num_nodes
    wanted = grain_energies([_still(luma_of(pair)) for pair, _ in sample_pairs(corpus, "style")], num_nodes)
    given = np.zeros_like(wanted)
    if corpus.has_motion("source"):
        rendered = (luma_of(generator.deterministic(*pair)) for pair in sample_pairs(corpus, "source"))
        given = grain_energies([_still(luma) for luma in rendered], num_nodes)
    added = wanted - np.minimum(given, MOST_GIVEN * wanted)
    generator.texture.response.copy_(grain_response(added, generator.texture.filters))


def _still(luma: Tensor) -> Tensor:
    """Take the shift of the whole picture out of a pair of luma frames `[2 1 h w]`."""
    before, after = luma[:, 0].numpy()
    moved = registered(before, after)
    edge = 8
    return torch.from_numpy(np.stack((moved, after)))[:, None, edge:-edge, edge:-edge]


def sample_pairs(corpus: Corpus, side: Side) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield pairs of consecutive frames `[2 3 h w]`, spread over a side's shots, the middle of each, with its window."""
    shots = [shot for shot in corpus.side(side) if shot.num_pairs]
    for turn in range(PAIRS_A_SIDE):
        shot = shots[turn % len(shots)]
        starts = [start for run in shot.runs for start in range(run.start, run.stop - 1)]
        start = starts[
            (len(starts) * (2 * (turn // len(shots)) + 1) // (2 * -(-PAIRS_A_SIDE // len(shots)))) % len(starts)
        ]
        yield middle(corpus.clip(shot, start, 2), PAIR_PX)


def middle(frames: Tensor, size_px: int) -> tuple[Tensor, Tensor]:
    """Cut the middle of frames `[b 3 h w]`, `size_px` a side at most; returned with its window `[b 4]`."""
    height, width = frames.shape[-2:]
    top, left = max(height - size_px, 0) // 2, max(width - size_px, 0) // 2
    crop = frames[..., top : top + size_px, left : left + size_px]
    bottom, right = top + crop.shape[-2], left + crop.shape[-1]
    window = torch.tensor([top / height, left / width, bottom / height, right / width])
    return crop, window.expand(len(frames), 4)


def spaced_pairs(corpus: Corpus, side: Side) -> Iterator[list[tuple[Luma, Luma]]]:
    """Yield, for each of up to `SHOTS_FOLLOWED` training shots, pairs of luma frames some frames apart, 240 rows high."""
    shots = [shot for shot in corpus.side(side) if shot.num_pairs]
    for shot in shots[:: -(-len(shots) // SHOTS_FOLLOWED) or 1]:
        stored, run = corpus.frames(shot), max(shot.runs, key=len)
        firsts = {
            gap: np.unique(np.linspace(run.start, run.stop - 1 - gap, PAIRS_A_GAP).astype(int))
            for gap in FRAME_GAPS
            if len(run) > gap
        }
        yield [(_small_luma(stored[t]), _small_luma(stored[t + gap])) for gap in firsts for t in firsts[gap]]


def _small_luma(codes: NDArray[np.unsignedinteger[Any]]) -> Luma:
    height, width = codes.shape[:2]
    small = cv2.resize(codes, (round(width * FOLLOWED_ROWS / height), FOLLOWED_ROWS), interpolation=cv2.INTER_AREA)
    return np.asarray(small.astype(np.float32) @ np.array(LUMA, np.float32) / np.iinfo(codes.dtype).max, np.float32)


def colour_samples(corpus: Corpus, side: Side, *, corner: float = 0.0) -> list[NDArray[np.float64]]:
    """Return RGB samples `[n 3]` of every training shot of a side, from frames at quarter size.

    A vignette of `corner`, as `Spatial.darken_corners` takes it, is divided out of them.
    """
    shots = corpus.side(side)
    per_shot = max(FRAMES_A_SIDE // len(shots), 2)
    samples = []
    for shot in shots:
        stored = corpus.frames(shot)
        chosen = stored[np.linspace(0, len(stored) - 1, per_shot).astype(int)]
        frames = torch.from_numpy(chosen.astype(np.float32) / np.iinfo(chosen.dtype).max)
        small = F.avg_pool2d(rearrange(frames, "t h w c -> t c h w"), 4)
        rows, columns = ((torch.arange(count) + 0.5) / count for count in small.shape[-2:])
        small = small / torch.exp(corner * squared_radius(columns[None, :], rows[:, None]))
        pixels = rearrange(small, "t c h w -> (t h w) c").numpy().astype(np.float64)
        samples.append(pixels[:: max(len(pixels) // PIXELS_A_SHOT, 1)])
    return samples


def luma_runs(corpus: Corpus, side: Side) -> Iterator[list[Luma]]:
    """Yield runs of consecutive luma frames `[h w]` of a side's training shots, each shot's longest."""
    weights = np.array(LUMA, np.float32)
    shots = [shot for shot in corpus.side(side) if shot.num_pairs]
    per_shot = max(min(RUN_FRAMES, FRAMES_MEASURED // max(len(shots), 1)), MIN_RUN_FRAMES)
    for shot in shots:
        stored = corpus.frames(shot)
        run = max(shot.runs, key=len)
        scale = np.float32(np.iinfo(stored.dtype).max)
        yield [
            stored[t].astype(np.float32) @ weights / scale
            for t in range(run.start, min(run.stop, run.start + per_shot))
        ]
