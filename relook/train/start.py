"""Where training starts: a generator that already carries the first pass, and the measured marks of the style's film."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
import torch
from einops import rearrange
from numpy.typing import NDArray
from torch.nn import functional as F

from relook.corpus import Corpus, Side
from relook.mechanics.cranking import LEAST_SHARE
from relook.mechanics.measure import LEAST_FRAMES, measure_mechanics
from relook.mechanics.reel import Run
from relook.mechanics.trust import believed
from relook.nets.blocks import LUMA, luma_of, squared_radius
from relook.nets.generator import Generator
from relook.recipe.mechanics import Cranking, Mechanics
from relook.recipe.settings import Recipe
from relook.train.anchors import fit_anchors
from relook.train.firstpass import first_pass
from relook.train.grain import fitted_grain
from relook.train.softness import extra_softness
from relook.train.vignette import Luma, extra_vignette

FRAMES_A_SIDE = 40
PIXELS_A_SHOT = 20_000
FRAMES_SOFTENED = 24
SHOTS_FOLLOWED = 16
FRAME_GAPS = (2, 4, 8)
PAIRS_A_GAP = 4
FOLLOWED_ROWS = 240
RUN_FRAMES = 24
"""Of a shot, where there are many."""
ENOUGH_FRAMES = 24
"""Of fewer, none repeated says nothing."""
MOST_REPEATS = 3
"""Frames that a transfer or an animator repeats one picture for, at most."""
PIXELS_MEASURED = 24_000_000
"""Of the frames that marks are measured on, over all shots."""
OTHER_BORDERS = 0.06
"""Share of the rows by which frames of one size may differ."""


@dataclass(frozen=True)
class Start:
    """What closed forms found."""

    generator: Generator
    """Carries the first pass."""
    mechanics: Mechanics
    """The marks of the style's film."""
    withheld: float
    """As in `FirstPass`."""


def start_generator(corpus: Corpus, recipe: Recipe) -> Start:
    """Build a generator from closed forms alone: grade from statistics of both sides, marks of film from the style's."""
    torch.manual_seed(recipe.seed)
    generator = Generator(recipe.generator)
    corner = extra_vignette(spaced_pairs(corpus, "source"), spaced_pairs(corpus, "style"))
    generator.spatial.darken_corners(corner)
    sources = colour_samples(corpus, "source")
    found = first_pass(sources, colour_samples(corpus, "style", corner=corner), recipe.generator.num_nodes)
    with torch.no_grad():
        generator.grade.base.copy_(torch.from_numpy(found.affine))
        generator.grade.is_monochrome.fill_(float(found.is_monochrome))
    if corpus.anchors:
        fit_anchors(generator, corpus, torch.from_numpy(np.concatenate(sources)).float())
    measured = replace(measure_mechanics(style_runs(corpus)), cranking=repeated(corpus))
    source_rows = sorted(shot.height for shot in corpus.side("source"))[len(corpus.side("source")) // 2]
    softness_px = soften(generator, corpus) * measured.reference_height / source_rows
    mechanics = replace(believed(measured), softness_px=softness_px)
    mechanics = replace(mechanics, grain=fitted_grain(corpus, generator, mechanics))
    return Start(generator, mechanics, found.withheld)


@torch.no_grad()
def soften(generator: Generator, corpus: Corpus) -> float:
    """Bring the edges of the source to the softness of the style's; return the blur that does it, in pixels."""
    source = corpus.sample_frames("source", FRAMES_SOFTENED, held_out=False)
    style = corpus.sample_frames("style", FRAMES_SOFTENED, held_out=False)
    graded = [luma_of(generator.lit(frame[None])) for frame in source]
    sigma_px = extra_softness(graded, [luma_of(frame[None]) for frame in style])
    generator.detail.soften(sigma_px)
    return sigma_px


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


def style_runs(corpus: Corpus) -> list[Run]:
    """Return runs of consecutive frames of the style's training shots, for what film does from frame to frame.

    They are of one size: most films of one style are, but for the borders that were cut off them.
    """
    found = [(shot, max(shot.runs, key=len)) for shot in corpus.side("style")]
    found = [(shot, run) for shot, run in found if len(run) >= LEAST_FRAMES] or found
    usual = sorted(shot.height for shot, _ in found)[len(found) // 2]
    alike = [(shot, run) for shot, run in found if abs(shot.height - usual) <= OTHER_BORDERS * usual]
    height, width = (min(getattr(shot, side) for shot, _ in alike) for side in ("height", "width"))
    most_runs = max(int(PIXELS_MEASURED / (height * width * min(RUN_FRAMES, max(len(run) for _, run in alike)))), 2)
    chosen = alike[:: -(-len(alike) // most_runs)]
    length = max(int(PIXELS_MEASURED / (height * width * len(chosen))), LEAST_FRAMES)
    runs = []
    for shot, run in chosen:
        stored = corpus.frames(shot)
        top, left = (shot.height - height) // 2, (shot.width - width) // 2
        frames = stored[run.start : min(run.stop, run.start + length), top : top + height, left : left + width]
        runs.append(Run(frames.astype(np.float32) / np.float32(np.iinfo(stored.dtype).max)))
    return runs


def repeated(corpus: Corpus) -> Cranking:
    """Return how the style's frames repeat, from those that were left out of the corpus, in the middle one of its shots.

    What rests for longer is a still picture; and a pace shows in most shots, so that rests in some are none.
    """
    dropped = [one for one in corpus.dropped if one.side == "style" and one.reason == "duplicate"]
    shares, num_frames = [], 0
    for shot in corpus.shots:
        if shot.side == "style" and shot.num_pairs:
            first, last = shot.film_frames[0], shot.film_frames[-1]
            repeats = [frames for one in dropped if one.origin == shot.origin for frames in one.frames]
            held = sum(
                len(frames) for frames in repeats if len(frames) <= MOST_REPEATS and first < frames.start <= last
            )
            shares.append(held / (last - first + 1))
            num_frames += last - first + 1
    share = float(np.median(shares)) if shares else 0.0
    if share < LEAST_SHARE:
        return Cranking(confidence={"held_share": float(num_frames >= ENOUGH_FRAMES)})
    return Cranking(held_share=share, confidence={"held_share": max(1 - (2 / (share * num_frames)) ** 0.5, 0.0)})
