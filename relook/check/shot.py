"""Look at one shot frame by frame and gather what its verdict will rest on, in constant memory."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn import functional

from relook.check.frames import FrameFigures, frame_figures
from relook.check.judge import Judge
from relook.check.limits import PAIRS_PER_SHOT, SAME_CHANGE
from relook.check.picture import Likeness, Plane, Steadiness, colour_plane, likeness, plane, steadiness
from relook.check.seams import Steps, seam_steps
from relook.look import Look
from relook.objectives.descriptor import LEAST_PX
from relook.timing import FrameRange

STEADY_ROWS, STEADY_COLUMNS = 384, 720
"""The look is rendered again, without texture, on the centre of the frame."""
CELL_PX = 32


@dataclass
class Gathered:
    """What was seen of a shot so far."""

    height: int
    """Rows of its frames."""
    held_share: float = 0.0
    """Share of the frames that the look's cranking holds."""
    film: list[FrameFigures] = field(default_factory=list)
    source: list[FrameFigures] = field(default_factory=list)
    pair_frames: list[int] = field(default_factory=list)
    descriptors: list[Tensor] = field(default_factory=list)
    scores: list[Tensor] = field(default_factory=list)
    contrasts: list[float] = field(default_factory=list)
    """Luma deviation of the sampled frames, the source's where there is one."""
    likenesses: list[Likeness] = field(default_factory=list)
    steadinesses: list[Steadiness] = field(default_factory=list)
    off_prescription: list[float] = field(default_factory=list)
    """How far the film's colours are from what the look makes of the source."""
    done: list[float] = field(default_factory=list)
    """How far they are from the source's."""
    wanted: list[float] = field(default_factory=list)
    """How far the look's are from the source's."""
    luma_steps: list[Steps] = field(default_factory=list)
    colour_steps: list[Steps] = field(default_factory=list)


@dataclass(frozen=True)
class _Seen:
    """A frame with its luma."""

    index: int
    pixels: Tensor
    luma: Plane


class ShotWatch:
    """Watches the frames of a shot go by; only the last exposure is kept, with its source and the last frame of that."""

    def __init__(self, frames: FrameRange, height: int, judge: Judge, look: Look) -> None:
        self.frames = frames
        self.gathered = Gathered(height, look.card.mechanics.cranking.held_share)
        self._judge, self._generator = judge, look.generator
        self._sampled = sampled_frames(frames)
        self._film: _Seen | None = None
        self._source: _Seen | None = None
        self._before: Plane | None = None

    def see(self, index: int, pixels: Tensor, source: Tensor | None) -> None:
        """Take in frame `index` of the film, `[c h w]`, and the source's.

        Where the look holds frames, one that repeats the one before shows another moment than its source: then the next exposure is
        compared with the last one, and their sources with each other.
        """
        film = _Seen(index, pixels, plane(pixels))
        given = _Seen(index, source, plane(source)) if source is not None else None
        seen = self.gathered
        seen.film.append(frame_figures(film.luma, self._film.luma if self._film else None))
        if given is not None:
            seen.source.append(frame_figures(given.luma, self._before))
            self._before = given.luma
        if self._film is not None and seen.held_share and seen.film[-1].change <= SAME_CHANGE:
            return
        is_usable = all(figures.is_finite for figures in seen.film[-2:]) and min(pixels.shape[-2:]) >= LEAST_PX
        if self._film is not None and is_usable and not self._sampled.isdisjoint(range(self._film.index, index)):
            seen.pair_frames.append(self._film.index)
            self._compare_style(self._film, film)
            if given is not None and self._source is not None:
                self._compare_source((self._film, film), (self._source, given))
            else:
                seen.contrasts.append(float(film.luma.std()))
        self._film, self._source = film, given

    def _compare_style(self, first: _Seen, second: _Seen) -> None:
        pair = torch.stack([first.pixels, second.pixels])[None]
        self.gathered.descriptors.append(self._judge.describe(pair)[0])
        self.gathered.scores.append(self._judge.score(pair)[0])

    def _compare_source(self, film: tuple[_Seen, _Seen], source: tuple[_Seen, _Seen]) -> None:
        seen = self.gathered
        seen.contrasts.append(float(source[0].luma.std()))
        seen.likenesses.append(likeness(source[0].luma, film[0].luma))
        seen.luma_steps.append(seam_steps(source[0].luma, film[0].luma))
        seen.colour_steps.append(seam_steps(*(colour_plane(frame[0].pixels) for frame in (source, film))))
        if len(seen.pair_frames) % 2:
            self._compare_prescription(film, source)

    def _compare_prescription(self, film: tuple[_Seen, _Seen], source: tuple[_Seen, _Seen]) -> None:
        """Render the source again without texture: is that steady, and does the film look like it?"""
        rows, columns, window = _centre(film[0].luma)
        device = next(self._generator.parameters()).device
        given = torch.stack([frame.pixels[:, rows, columns] for frame in source]).to(device)
        with torch.inference_mode():
            look = self._generator.deterministic(given, window.expand(2, 4).to(device)).clamp(0, 1).cpu()
        before = (source[0].luma[rows, columns], source[1].luma[rows, columns])
        self.gathered.steadinesses.append(steadiness(before, (plane(look[0]), plane(look[1]))))
        shown, raw = film[0].pixels[:, rows, columns], source[0].pixels[:, rows, columns]
        self.gathered.off_prescription.append(_cell_difference(shown, look[0]))
        self.gathered.done.append(_cell_difference(shown, raw))
        self.gathered.wanted.append(_cell_difference(look[0], raw))


def sampled_frames(frames: FrameRange) -> frozenset[int]:
    """Choose the first frames of the pairs to look at closely, spread over a shot."""
    starts = range(frames.start, frames.stop - 1)
    if len(starts) <= PAIRS_PER_SHOT:
        return frozenset(starts)
    return frozenset(starts[(2 * k + 1) * len(starts) // (2 * PAIRS_PER_SHOT)] for k in range(PAIRS_PER_SHOT))


def _centre(luma: Plane) -> tuple[slice, slice, Tensor]:
    """Return the centre of a frame as slices and as a window `[1 4]` in 0..1."""
    spans, ends = [], []
    for size, most in zip(luma.shape, (STEADY_ROWS, STEADY_COLUMNS), strict=True):
        start = max(0, size - most) // 2
        spans.append(slice(start, start + min(size, most)))
        ends.append((start / size, (start + min(size, most)) / size))
    window = torch.tensor([[ends[0][0], ends[1][0], ends[0][1], ends[1][1]]])
    return spans[0], spans[1], window


def _cell_difference(first: Tensor, second: Tensor) -> float:
    """Return the mean absolute difference of the colours of two frames `[c h w]`, in cells too large for grain and weave."""
    cells = [functional.avg_pool2d(frame[None], min(CELL_PX, *frame.shape[-2:])) for frame in (first, second)]
    return float((cells[0] - cells[1]).abs().mean())
