"""What the judge is calibrated on: descriptors of the style's shots, of other content in the look, and pairs for its critic."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor
from torch.nn import functional

from relook.check.frames import brightness, brightness_changes, clipped_shares, deviation
from relook.check.voice import CROP_PX
from relook.corpus import Corpus, PreparedShot
from relook.mechanics.halation import lay_halation
from relook.mechanics.marks import MarkMaker, lay_marks
from relook.mechanics.weave import weave_of
from relook.nets.generator import Generator
from relook.nets.motion import shift
from relook.objectives.descriptor import describe
from relook.progress import OnProgress, Progress
from relook.recipe.mechanics import Mechanics

STYLE_SHOTS = 16
STYLE_PAIRS = 6
CONTENT_SHOTS = 12
CONTENT_PAIRS = 3
CONTENT_ROWS = 288
VOICE_PAIRS = 18
VOICE_ROWS, VOICE_COLUMNS = 320, 448
SPLIT_GAP = 13
"""A held-out tail begins at most so many frames after the part of its shot that was trained on."""
FLICKER_FRAMES = 48
_STAGE = "calibrating the judge"

Item = TypeVar("Item")


@dataclass(frozen=True)
class Evidence:
    """What the judge is calibrated on."""

    style: list[Tensor]
    """Descriptors `[k f]` of each style shot."""
    rendered: list[Tensor]
    """Descriptors `[k f]` of source shots rendered in the look, with the marks of film."""
    rendered_pairs: list[Tensor]
    """One such pair of each of them."""
    positives: list[Tensor]
    """Style pairs `[2 c h w]` for the critic to learn: held-out ones, and where those are too few shots, others."""
    foreign: list[Tensor]
    """Held-out source pairs."""
    early: list[tuple[Tensor, Tensor]]
    """Half-finished renders of held-out source pairs, with their descriptors `[f]`."""
    unseen_style: list[Tensor]
    """Style pairs that the critic does not learn."""
    unseen_source: list[Tensor]
    height: int
    flicker: float
    clipped: tuple[float, float]
    has_motion: bool


def gather(
    generator: Generator, corpus: Corpus, *, seed: int, mechanics: Mechanics, on_progress: OnProgress
) -> Evidence:
    """Measure the style's shots and renders of the source's, and take pairs for the critic."""
    groups = _spread(style_groups(corpus), STYLE_SHOTS)
    source = _spread([*corpus.side("source", held_out=True), *corpus.side("source")], CONTENT_SHOTS)
    total, height = len(groups) + len(source), _median_height(corpus)
    style, renders = [], []
    for done, group in enumerate(groups):
        on_progress(Progress(_STAGE, done, total, unit="shots"))
        style.append(_style_shot(corpus, group))
    for done, shot in enumerate(source, start=len(groups)):
        on_progress(Progress(_STAGE, done, total, unit="shots"))
        pairs = [_at_most(pair, min(height, CONTENT_ROWS)) for pair in _pairs(corpus, shot, CONTENT_PAIRS)]
        renders.append(torch.stack([_render(generator, pair, mechanics, seed + k) for k, pair in enumerate(pairs)]))
    learned, unseen = _voice_shots(corpus)
    foreign = _voice_pairs(corpus, corpus.side("source", held_out=True))
    on_progress(Progress(_STAGE, total, total, unit="shots"))
    return Evidence(
        style=[shot.descriptors for shot in style],
        rendered=[describe(pairs) for pairs in renders],
        rendered_pairs=[_as_seen(corpus, pairs[0]) for pairs in renders],
        positives=_voice_pairs(corpus, learned),
        foreign=foreign,
        early=[early for pair in foreign[::3] for early in _early(generator, corpus, pair)],
        unseen_style=_voice_pairs(corpus, unseen),
        unseen_source=_voice_pairs(corpus, corpus.side("source"))[: VOICE_PAIRS // 2],
        height=height,
        flicker=max(shot.flicker for shot in style),
        clipped=(max(shot.clipped[0] for shot in style), max(shot.clipped[1] for shot in style)),
        has_motion=corpus.has_motion("style"),
    )


@dataclass(frozen=True)
class _StyleShot:
    descriptors: Tensor
    clipped: tuple[float, float]
    flicker: float


def _style_shot(corpus: Corpus, parts: tuple[PreparedShot, ...]) -> _StyleShot:
    """Measure a style shot, given in one part or in two."""
    pairs = [pair for part in parts for pair in _pairs(corpus, part, -(-STYLE_PAIRS // len(parts)))]
    shares = [clipped_shares(pair[0]) for pair in pairs]
    return _StyleShot(
        descriptors=torch.cat([describe(pair[None]) for pair in pairs]),
        clipped=(max(black for black, _ in shares), max(white for _, white in shares)),
        flicker=max(_flicker(corpus, part) for part in parts),
    )


def style_groups(corpus: Corpus) -> list[tuple[PreparedShot, ...]]:
    """Return the style's shots, the held-out tail of a split shot beside the part that was trained on."""
    parts = sorted(
        (*corpus.side("style"), *corpus.side("style", held_out=True)), key=lambda s: (s.origin, s.first_frame)
    )
    groups: list[tuple[PreparedShot, ...]] = []
    for part in parts:
        if groups and _is_tail(groups[-1], part):
            groups[-1] = (*groups[-1], part)
        else:
            groups.append((part,))
    return groups


def _is_tail(before: tuple[PreparedShot, ...], part: PreparedShot) -> bool:
    head = before[-1]
    near = 1 < part.first_frame - head.film_frames[-1] <= SPLIT_GAP
    return len(before) == 1 and head.origin == part.origin and near and part.held_out and not head.held_out


def _spread(items: Sequence[Item], count: int) -> list[Item]:
    if len(items) <= count:
        return list(items)
    return [items[(2 * k + 1) * len(items) // (2 * count)] for k in range(count)]


def _pairs(corpus: Corpus, shot: PreparedShot, count: int) -> list[Tensor]:
    """Return up to `count` pairs `[2 c h w]` spread over a shot; of stills, each twice."""
    starts = [start for run in shot.runs for start in range(run.start, run.stop - 1)]
    if starts:
        return [corpus.clip(shot, start, 2) for start in _spread(starts, count)]
    return [corpus.clip(shot, start, 1).repeat(2, 1, 1, 1) for start in _spread(range(shot.num_frames), count)]


def _flicker(corpus: Corpus, shot: PreparedShot) -> float:
    """Return the deviation of a shot's brightness from frame to frame, as a share."""
    run = max(shot.runs, key=len)
    if len(run) < 4:
        return 0.0
    positions = range(run.start, min(run.stop, run.start + FLICKER_FRAMES))
    return deviation(brightness_changes([brightness(corpus.clip(shot, k, 1)[0]) for k in positions]))


def _median_height(corpus: Corpus) -> int:
    heights = sorted(shot.height for shot in (*corpus.side("style"), *corpus.side("style", held_out=True)))
    return heights[len(heights) // 2]


def _at_most(pair: Tensor, height: int) -> Tensor:
    rows, columns = pair.shape[-2:]
    if rows <= height:
        return pair
    return functional.interpolate(pair, size=(height, max(16, round(columns * height / rows))), mode="area")


@torch.no_grad()
def _render(generator: Generator, pair: Tensor, mechanics: Mechanics, seed: int) -> Tensor:
    """Render a source pair with marks and gate weave, as `apply` would."""
    device = next(generator.parameters()).device
    maker = MarkMaker(mechanics, (pair.shape[-2], pair.shape[-1]), seed=seed)
    frames = []
    for t in (0, 1):
        clean = generator.deterministic(pair[t : t + 1].to(device)).clamp(0, 1).cpu()
        clean = lay_halation(clean, mechanics.halation, scale=maker.scale)
        move = weave_of(mechanics.weave, seed=seed, frame=t)
        woven = shift(clean, maker.scale * torch.tensor([move[:2]], dtype=clean.dtype))
        frames.append(lay_marks(woven, maker.draw(t)))
    return torch.cat(frames).clamp(0, 1)


@torch.no_grad()
def _early(generator: Generator, corpus: Corpus, pair: Tensor) -> list[tuple[Tensor, Tensor]]:
    """Return what a look gives before it is finished: the grade alone, and everything but the marks of film."""
    device = next(generator.parameters()).device
    graded = generator.grade(pair.to(device)).clamp(0, 1).cpu()
    renders = (graded, generator.deterministic(pair.to(device)).clamp(0, 1).cpu())
    return [(_as_seen(corpus, render), describe(render[None])[0]) for render in renders]


def _voice_shots(corpus: Corpus) -> tuple[list[PreparedShot], list[PreparedShot]]:
    """Split the style's shots into what the critic learns, held-out ones first, and what it is calibrated on."""
    learned, rest = list(corpus.side("style", held_out=True)), list(corpus.side("style"))
    if len(learned) < 2 <= len(rest):
        learned.append(rest.pop(0))
    return learned, rest


def _voice_pairs(corpus: Corpus, shots: Sequence[PreparedShot]) -> list[Tensor]:
    """Take pairs from the shots, cut to what the critic needs."""
    chosen = _spread(shots, VOICE_PAIRS)
    each = max(1, VOICE_PAIRS // max(1, len(chosen)))
    return [_as_seen(corpus, pair) for shot in chosen for pair in _pairs(corpus, shot, each)]


def _as_seen(corpus: Corpus, pair: Tensor) -> Tensor:
    """Cut the centre out of a pair, and hold it still where the style is made of stills and the critic knows no motion."""
    if not corpus.has_motion("style"):
        pair = pair[:1].expand(2, -1, -1, -1)
    top = max(0, pair.shape[-2] - VOICE_ROWS) // 2
    left = max(0, pair.shape[-1] - VOICE_COLUMNS) // 2
    centre = pair[..., top : top + VOICE_ROWS, left : left + VOICE_COLUMNS]
    short = (0, max(0, CROP_PX - centre.shape[-1]), 0, max(0, CROP_PX - centre.shape[-2]))
    return functional.pad(centre, short, mode="replicate").contiguous()
