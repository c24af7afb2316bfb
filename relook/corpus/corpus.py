"""What training draws from: clips, crops and frames of the prepared shots of both sides."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from relook.corpus.arrays import Pixels, array_path, load_array, open_array, to_tensor
from relook.corpus.prepared import SIDES, AnchorPair, Dropped, Lost, PreparedShot, Side, Sufficiency
from relook.errors import InputError, LostShotError
from relook.film.identity import Stamp, stamp_of


@dataclass(frozen=True)
class Corpus:
    """What training draws from: the prepared shots of both sides."""

    root: Path
    shots: tuple[PreparedShot, ...]
    dropped: tuple[Dropped, ...]
    sufficiency: Sufficiency
    anchors: tuple[AnchorPair, ...] = ()
    lost: tuple[Lost, ...] = field(default=(), compare=False)
    """What was left out since the corpus was opened."""
    stamps: Mapping[str, Stamp] = field(default_factory=dict, compare=False)
    """Of its arrays, by name, where they were looked at."""

    def stamped(self) -> Corpus:
        """Look at every array, so that one that is replaced or changed from now on is noticed when it is drawn from."""
        names = [shot.name for shot in self.shots] + [pair.name for pair in self.anchors]
        try:
            return replace(self, stamps={name: stamp_of(array_path(self.root, name)) for name in names})
        except OSError as error:
            raise InputError(f"{self.root}: {error}; prepare the corpus again") from error

    def without(self, lost: LostShotError) -> Corpus:
        """Leave out a shot or a pair that is lost."""
        frames = sum(shot.num_frames for shot in self.shots if shot.name == lost.name) or 2
        return replace(
            self,
            shots=tuple(shot for shot in self.shots if shot.name != lost.name),
            anchors=tuple(pair for pair in self.anchors if pair.name != lost.name),
            lost=(*self.lost, Lost(lost.name, frames, str(lost))),
        )

    def side(self, side: Side, *, held_out: bool = False) -> tuple[PreparedShot, ...]:
        """Return the shots of one side: those to train on, or those set aside."""
        return tuple(shot for shot in self.shots if shot.side == side and shot.held_out == held_out)

    def has_motion(self, side: Side) -> bool:
        """Say whether a side has consecutive frames to train on; False means only stills."""
        return any(shot.num_pairs for shot in self.side(side))

    def frames(self, shot: PreparedShot) -> Pixels:
        """Open a shot's array `[t h w c]`, read-only and memory-mapped.

        Raises:
            LostShotError: it is gone, damaged, or not what it was when it was stamped.
        """
        self._require_unchanged(shot.name)
        return open_array(self.root, shot)

    def _require_unchanged(self, name: str) -> None:
        path = array_path(self.root, name)
        try:
            is_same = name not in self.stamps or self.stamps[name].still_fits(path)
        except OSError as error:
            raise LostShotError(
                f"{path}: these frames cannot be read ({error}); prepare the corpus again", name
            ) from error
        if not is_same:
            raise LostShotError(f"{path} was changed while it was in use; prepare the corpus again", name)

    def clip(self, shot: PreparedShot, start: int, count: int) -> Tensor:
        """Return `count` frames that follow each other in the film, from array position `start`: `[t c h w]`, 0..1."""
        if not any(run.start <= start < start + count <= run.stop for run in shot.runs):
            raise ValueError(f"{shot.name}: [{start}, {start + count}) is not inside one of its runs {shot.runs}")
        return to_tensor(self.frames(shot)[start : start + count])

    def pair(self, seed: int, i: int, side: Side, size: int) -> Tensor:
        """Draw training sample `i` without its place in the frame: see `crop`."""
        return self.crop(seed, i, side, size)[0]

    def crop(self, seed: int, i: int, side: Side, size: int, *, held_out: bool | None = False) -> tuple[Tensor, Tensor]:
        """Draw training sample `i`: a crop of two consecutive frames, `[2 c size size]`, 0..1, and its window `[4]`.

        The window is top, left, bottom, right in 0..1 of the frame. A pure function of its arguments. Every shot counts
        alike, however long; crops are at native resolution, mirrored at the borders where the frame is smaller (the
        window then ends beyond 1). Where a side has stills alone, the frame is given twice: see `has_motion`.

        Args:
            held_out: from which shots: those to train on, those set aside (True), or both (None).
        """
        random = np.random.default_rng((seed, i, SIDES.index(side)))
        shots = tuple(shot for shot in self.shots if shot.side == side and held_out in (None, shot.held_out))
        moving = [shot for shot in shots if shot.num_pairs]
        shot = (moving or shots)[random.integers(len(moving or shots))]
        firsts = _pair_starts(shot) if moving else np.arange(shot.num_frames)
        first = int(firsts[random.integers(len(firsts))])
        top = int(random.integers(max(shot.height - size, 0) + 1))
        left = int(random.integers(max(shot.width - size, 0) + 1))
        positions = slice(first, first + (2 if moving else 1))
        crop = self.frames(shot)[positions, top : top + size, left : left + size]
        short = ((0, 0), (0, size - crop.shape[1]), (0, size - crop.shape[2]), (0, 0))
        if any(after for _, after in short):
            crop = np.pad(crop, short, mode="reflect")
        pair = to_tensor(crop)
        bounds = (top / shot.height, left / shot.width, (top + size) / shot.height, (left + size) / shot.width)
        return pair if moving else pair.expand(2, -1, -1, -1).clone(), torch.tensor(bounds)

    def anchor(self, pair: AnchorPair) -> Tensor:
        """Return an artist's pair `[2 c h w]`, 0..1: the source frame and what it shall become."""
        return to_tensor(self._anchor_array(pair))

    def anchor_crop(self, seed: int, i: int, size: int) -> tuple[Tensor, Tensor, Tensor]:
        """Draw a crop of one of the artist's pairs: `[c h w]` of the source, of the target, and its window `[4]`.

        A pure function of its arguments; the crop is `size` px a side, or as large as the frame.
        """
        random = np.random.default_rng((seed, i, len(SIDES)))
        pair = self.anchors[random.integers(len(self.anchors))]
        height, width = min(size, pair.height), min(size, pair.width)
        top = int(random.integers(pair.height - height + 1))
        left = int(random.integers(pair.width - width + 1))
        crop = to_tensor(self._anchor_array(pair)[:, top : top + height, left : left + width])
        bounds = (top / pair.height, left / pair.width, (top + height) / pair.height, (left + width) / pair.width)
        return crop[0], crop[1], torch.tensor(bounds)

    def _anchor_array(self, pair: AnchorPair) -> Pixels:
        self._require_unchanged(pair.name)
        return load_array(array_path(self.root, pair.name), (2, pair.height, pair.width, 3), np.uint16)

    def sample_frames(self, side: Side, count: int, *, held_out: bool) -> list[Tensor]:
        """Return up to `count` frames `[c h w]`, 0..1, spread evenly over the side's shots and along each of them."""
        shots = self.side(side, held_out=held_out)
        taken: list[Tensor] = []
        for shot, quota in zip(shots, _share(count, [shot.num_frames for shot in shots]), strict=True):
            if quota:
                positions = ((2 * np.arange(quota) + 1) * shot.num_frames) // (2 * quota)
                taken.extend(to_tensor(self.frames(shot)[positions]))
        return taken


def _pair_starts(shot: PreparedShot) -> npt.NDArray[np.intp]:
    """Return every array position whose frame has its successor in the same run."""
    return np.concatenate([np.arange(run.start, run.stop - 1) for run in shot.runs])


def _share(count: int, capacities: Sequence[int]) -> list[int]:
    """Split `count` over shots as evenly as their capacities allow; too few for all go to evenly spread shots."""
    shares = [0] * len(capacities)
    left = min(count, sum(capacities))
    while left:
        open_shots = [k for k, capacity in enumerate(capacities) if shares[k] < capacity]
        for k in _spread(open_shots, left):
            shares[k] += 1
            left -= 1
    return shares


def _spread(items: Sequence[int], count: int) -> Iterator[int]:
    """Yield all items, or `count` of them spread evenly where there are more."""
    if count >= len(items):
        yield from items
    else:
        yield from (items[(2 * k + 1) * len(items) // (2 * count)] for k in range(count))
