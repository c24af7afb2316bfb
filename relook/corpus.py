"""Prepared shots on disk and how clips are drawn from them.

A corpus is a folder: `index.json` and one NumPy array `[t h w c]` (RGB, uint8 or uint16) per prepared shot, at the
footage's own resolution, without borders and unusable frames. Arrays are memory-mapped: their size costs no memory.
"""

from __future__ import annotations

import io
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from einops import rearrange
from pydantic import TypeAdapter
from torch import Tensor

from relook import faults
from relook.errors import InputError, LostShotError
from relook.film.identity import Stamp, stamp_of
from relook.film.publish import disk_errors, write_whole
from relook.strict import open_regular, parsed, read_regular
from relook.timing import FrameRange

SCHEMA = 1
INDEX = "index.json"
_MOST_INDEX_BYTES = 256 << 20
_MOST_FRAMES = 1_000_000_000

Side = Literal["source", "style"]
SIDES: tuple[Side, Side] = ("source", "style")
Reason = Literal["black", "single_colour", "blurred", "duplicate", "title", "over_limit"]
Pixels = npt.NDArray[np.unsignedinteger[Any]]


@dataclass(frozen=True)
class PreparedShot:
    """Frames of one shot, stored in one array."""

    name: str
    """Names the array in the corpus folder: "style-0003"."""
    side: Side
    origin: str
    """The film that it comes from, as text."""
    height: int
    width: int
    held_out: bool
    """True where training must never see it."""
    runs: tuple[FrameRange, ...]
    """Ranges of the array whose frames follow each other in the film; a still is a run of one."""
    film_frames: tuple[int, ...]
    """The number in its film of every stored frame."""
    bit_depth: int
    seconds: float
    """How much of the film it stands for."""

    @property
    def num_frames(self) -> int:
        """Return how many frames are stored."""
        return len(self.film_frames)

    @property
    def first_frame(self) -> int:
        """Return the number in its film of the first stored frame."""
        return self.film_frames[0]

    @property
    def num_pairs(self) -> int:
        """Return how many pairs of consecutive frames its runs hold."""
        return sum(len(run) - 1 for run in self.runs)

    @property
    def dtype(self) -> type[np.unsignedinteger[Any]]:
        """Return the type of the stored values: uint8 for 8-bit footage, else uint16 scaled to its full range."""
        return np.uint8 if self.bit_depth <= 8 else np.uint16


@dataclass(frozen=True)
class AnchorPair:
    """A frame and what an artist made of it, stored in one array `[2 h w 3]`, uint16."""

    name: str
    """Names the array in the corpus folder: "pair-0000"."""
    source: str
    target: str
    """The files that they came from, as text."""
    height: int
    width: int


@dataclass(frozen=True)
class Dropped:
    """Frames of one film that were left out for one reason."""

    side: Side
    origin: str
    reason: Reason
    frames: tuple[FrameRange, ...]
    """Numbers in the film."""

    @property
    def num_frames(self) -> int:
        """Return how many frames these are."""
        return sum(map(len, self.frames))

    @property
    def numbers(self) -> tuple[int, ...]:
        """Return each frame's number in the film."""
        return tuple(frame for frames in self.frames for frame in range(frames.start, frames.stop))


@dataclass(frozen=True)
class Sufficiency:
    """Whether the footage is enough to learn a look from."""

    level: Literal["good", "fair", "poor"]
    text: str
    """The verdict in plain words, what was dropped included."""


@dataclass(frozen=True)
class Lost:
    """A shot, or an artist's pair, whose array could no longer be used while it was drawn from."""

    name: str
    num_frames: int
    why: str


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
            return replace(self, stamps={name: stamp_of(_array_path(self.root, name)) for name in names})
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
        """Tell whether a side has consecutive frames to train on; False means stills alone."""
        return any(shot.num_pairs for shot in self.side(side))

    def frames(self, shot: PreparedShot) -> Pixels:
        """Open a shot's array `[t h w c]`, read-only and memory-mapped.

        Raises:
            LostShotError: it is gone, damaged, or not what it was when it was stamped.
        """
        self._require_unchanged(shot.name)
        return _open_array(self.root, shot)

    def _require_unchanged(self, name: str) -> None:
        path = _array_path(self.root, name)
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
        return _to_tensor(self.frames(shot)[start : start + count])

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
        pair = _to_tensor(crop)
        bounds = (top / shot.height, left / shot.width, (top + size) / shot.height, (left + size) / shot.width)
        return pair if moving else pair.expand(2, -1, -1, -1).clone(), torch.tensor(bounds)

    def anchor(self, pair: AnchorPair) -> Tensor:
        """Return an artist's pair `[2 c h w]`, 0..1: the source frame and what it shall become."""
        return _to_tensor(self._anchor_array(pair))

    def anchor_crop(self, seed: int, i: int, size: int) -> tuple[Tensor, Tensor, Tensor]:
        """Draw a crop of one of the artist's pairs: `[c h w]` of the source, of the target, and its window `[4]`.

        A pure function of its arguments; the crop is `size` px a side, or as large as the frame.
        """
        random = np.random.default_rng((seed, i, len(SIDES)))
        pair = self.anchors[random.integers(len(self.anchors))]
        height, width = min(size, pair.height), min(size, pair.width)
        top = int(random.integers(pair.height - height + 1))
        left = int(random.integers(pair.width - width + 1))
        crop = _to_tensor(self._anchor_array(pair)[:, top : top + height, left : left + width])
        bounds = (top / pair.height, left / pair.width, (top + height) / pair.height, (left + width) / pair.width)
        return crop[0], crop[1], torch.tensor(bounds)

    def _anchor_array(self, pair: AnchorPair) -> Pixels:
        self._require_unchanged(pair.name)
        return _load_array(_array_path(self.root, pair.name), (2, pair.height, pair.width, 3), np.uint16)

    def sample_frames(self, side: Side, count: int, *, held_out: bool) -> list[Tensor]:
        """Return up to `count` frames `[c h w]`, 0..1, spread evenly over the side's shots and along each of them."""
        shots = self.side(side, held_out=held_out)
        taken: list[Tensor] = []
        for shot, quota in zip(shots, _share(count, [shot.num_frames for shot in shots]), strict=True):
            if quota:
                positions = ((2 * np.arange(quota) + 1) * shot.num_frames) // (2 * quota)
                taken.extend(_to_tensor(self.frames(shot)[positions]))
        return taken


def load_corpus(root: Path) -> Corpus:
    """Open a corpus folder.

    Raises:
        InputError: the folder holds no index, or one that is damaged, or arrays that do not belong to it.
    """
    path = root / INDEX
    try:
        text = read_regular(path, _MOST_INDEX_BYTES)
    except (OSError, ValueError) as error:
        raise InputError(f"{root} is no prepared corpus: {INDEX} cannot be read ({error}); prepare it again") from error
    try:
        index = parsed(_INDEX, text)
    except ValueError as error:
        raise InputError(f"{path} is damaged: {error}; prepare the corpus again") from error
    if index.schema != SCHEMA:
        raise InputError(f"{path} has schema {index.schema} and this relook reads {SCHEMA}; prepare the corpus again")
    if any(part.stop > _MOST_FRAMES for dropped in index.dropped for part in dropped.frames):
        raise InputError(f"{path} is damaged: it tells of more frames than a film has; prepare the corpus again")
    for shot in index.shots:
        _check_shot(root, shot)
    for pair in index.anchors:
        _check_name(root, pair.name)
    corpus = Corpus(root, index.shots, index.dropped, index.sufficiency, index.anchors)
    for pair in index.anchors:
        corpus.anchor(pair)
    return corpus


def save_corpus(corpus: Corpus) -> None:
    """Write the index of a corpus whose arrays are already in its folder; an index there is replaced in one step."""
    index = _Index(SCHEMA, corpus.shots, corpus.dropped, corpus.sufficiency, corpus.anchors)
    write_whole(corpus.root / INDEX, _INDEX.dump_json(index, indent=1))


def save_anchor(root: Path, pair: AnchorPair, frames: Tensor) -> None:
    """Store an artist's pair `[2 c h w]`, 0..1, in the corpus folder."""
    codes = (rearrange(frames, "t c h w -> t h w c").clamp(0, 1) * np.iinfo(np.uint16).max).round().numpy()
    np.save(_array_path(root, pair.name), codes.astype(np.uint16))


def create_array(root: Path, shot: PreparedShot) -> Pixels:
    """Create a shot's array `[t h w c]` in the corpus folder, memory-mapped, to be filled by the caller.

    Raises:
        ResourceError: there is no room for it; a mapped file that the disk has no room for would kill the process later.
    """
    shape, path = (shot.num_frames, shot.height, shot.width, 3), _array_path(root, shot.name)
    with disk_errors(path, needed_bytes=int(np.prod(shape)) * np.dtype(shot.dtype).itemsize):
        faults.point("corpus.array")
        array: Pixels = np.lib.format.open_memmap(path, mode="w+", dtype=shot.dtype, shape=shape)
        if hasattr(os, "posix_fallocate"):
            with path.open("r+b") as file:
                os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
    return array


@dataclass(frozen=True)
class _Index:
    """What `index.json` holds."""

    schema: int
    shots: tuple[PreparedShot, ...]
    dropped: tuple[Dropped, ...]
    sufficiency: Sufficiency
    anchors: tuple[AnchorPair, ...] = ()


_INDEX = TypeAdapter(_Index)


def _array_path(root: Path, name: str) -> Path:
    return root / f"{name}.npy"


def _open_array(root: Path, shot: PreparedShot) -> Pixels:
    shape = (shot.num_frames, shot.height, shot.width, 3)
    return _load_array(_array_path(root, shot.name), shape, shot.dtype)


def _load_array(path: Path, expected: tuple[int, ...], dtype: type[np.unsignedinteger[Any]]) -> Pixels:
    """Map an array, whose head must be, to the byte, the one that such an array has: what it says is never interpreted."""
    begin = io.BytesIO()
    about = {"descr": np.lib.format.dtype_to_descr(np.dtype(dtype)), "fortran_order": False, "shape": expected}
    np.lib.format.write_array_header_1_0(begin, about)
    head = begin.getvalue()
    try:
        with os.fdopen(open_regular(path), "rb") as file:
            size, found = os.fstat(file.fileno()).st_size, file.read(len(head))
        if found != head or size != len(head) + math.prod(expected) * np.dtype(dtype).itemsize:
            raise ValueError(f"it is not the {np.dtype(dtype)} {expected} of the index")
        array: Pixels = np.memmap(path, dtype, "r", offset=len(head), shape=expected)
    except (OSError, ValueError) as error:
        said = f"{path}: these frames cannot be read ({error}); prepare the corpus again"
        raise LostShotError(said, path.stem) from error
    return array


def _check_shot(root: Path, shot: PreparedShot) -> None:
    """Refuse a shot whose name, runs or array contradict each other."""
    _check_name(root, shot.name)
    edges = [0, *(edge for run in shot.runs for edge in (run.start, run.stop)), shot.num_frames]
    follow = all(before == after for before, after in zip(edges[::2], edges[1::2], strict=True))
    if not shot.num_frames or not follow or not all(map(len, shot.runs)):
        raise InputError(
            f"{root / INDEX} is damaged: the runs of {shot.name} do not cover its {shot.num_frames} frames; "
            "prepare the corpus again"
        )
    _open_array(root, shot)


def _check_name(root: Path, name: str) -> None:
    if Path(name).name != name or "\\" in name or "\0" in name:
        raise InputError(f"{root / INDEX} is damaged: {name[:80]!r} is no name of a shot; prepare the corpus again")


def _to_tensor(pixels: Pixels) -> Tensor:
    """Turn stored values `[t h w c]` into float32 `[t c h w]`, 0..1."""
    values = torch.from_numpy(pixels.astype(np.float32))
    return rearrange(values, "t h w c -> t c h w").contiguous().div_(np.iinfo(pixels.dtype).max)


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
