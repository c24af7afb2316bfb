"""The arrays of a corpus, a file each: made, mapped where they are what the index says, and turned into tensors."""

from __future__ import annotations

import io
import math
import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from einops import rearrange
from torch import Tensor

from relook import faults
from relook.corpus.prepared import AnchorPair, PreparedShot
from relook.errors import LostShotError
from relook.film.publish import disk_errors
from relook.strict import open_regular

Pixels = npt.NDArray[np.unsignedinteger[Any]]


def save_anchor(root: Path, pair: AnchorPair, frames: Tensor) -> None:
    """Store an artist's pair `[2 c h w]`, 0..1, in the corpus folder."""
    codes = (rearrange(frames, "t c h w -> t h w c").clamp(0, 1) * np.iinfo(np.uint16).max).round().numpy()
    np.save(array_path(root, pair.name), codes.astype(np.uint16))


def create_array(root: Path, shot: PreparedShot) -> Pixels:
    """Create a shot's array `[t h w c]` in the corpus folder, memory-mapped, to be filled by the caller.

    Raises:
        ResourceError: there is no room for it; a mapped file that the disk has no room for would kill the process later.
    """
    shape, path = (shot.num_frames, shot.height, shot.width, 3), array_path(root, shot.name)
    with disk_errors(path, needed_bytes=int(np.prod(shape)) * np.dtype(shot.dtype).itemsize):
        faults.point("corpus.array")
        array: Pixels = np.lib.format.open_memmap(path, mode="w+", dtype=shot.dtype, shape=shape)
        if hasattr(os, "posix_fallocate"):
            with path.open("r+b") as file:
                os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
    return array


def array_path(root: Path, name: str) -> Path:
    """Return the path of the array of a shot or a pair."""
    return root / f"{name}.npy"


def open_array(root: Path, shot: PreparedShot) -> Pixels:
    """Map a shot's array `[t h w c]`, read-only.

    Raises:
        LostShotError: it is gone or damaged.
    """
    shape = (shot.num_frames, shot.height, shot.width, 3)
    return load_array(array_path(root, shot.name), shape, shot.dtype)


def load_array(path: Path, expected: tuple[int, ...], dtype: type[np.unsignedinteger[Any]]) -> Pixels:
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


def to_tensor(pixels: Pixels) -> Tensor:
    """Turn stored values `[t h w c]` into float32 `[t c h w]`, 0..1."""
    values = torch.from_numpy(pixels.astype(np.float32))
    return rearrange(values, "t h w c -> t c h w").contiguous().div_(np.iinfo(pixels.dtype).max)
