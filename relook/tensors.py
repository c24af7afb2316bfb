"""Read named tensors from a safetensors file of a stranger: its head is bounded, read once, and must account for every byte.

The library of that name is not used for it: it takes a name twice, any name and any shape, before we could say what we expect.
Source: the format's description in huggingface/safetensors, README, "Format".
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import torch
from pydantic import TypeAdapter
from torch import Tensor

from relook.strict import parse_json, validated

PREFIX_BYTES: Final = 8
MAX_HEAD_BYTES: Final = 1 << 20
_DTYPES: Final = {"F64": torch.float64, "F32": torch.float32, "U8": torch.uint8}
"""What a head calls the kinds of number that we write."""
_METADATA: Final = "__metadata__"

Shape = tuple[int | range, ...]
"""Of a tensor as it has to be; a range where a length is free within it."""


@dataclass(frozen=True)
class Entry:
    """What a head says of one tensor."""

    dtype: str
    shape: tuple[int, ...]
    data_offsets: tuple[int, int]
    """Its bytes in the payload, half-open."""

    def fits(self, dtype: torch.dtype, shape: Shape) -> bool:
        """Say whether it is of a kind and a shape, and has the bytes for it."""
        if _DTYPES.get(self.dtype) != dtype or len(self.shape) != len(shape):
            return False
        lengths = zip(self.shape, shape, strict=True)
        has_shape = all(found in want if isinstance(want, range) else found == want for found, want in lengths)
        first, stop = self.data_offsets
        return has_shape and stop - first == math.prod(self.shape) * dtype.itemsize


_ENTRY: Final = TypeAdapter(Entry)


@dataclass(frozen=True)
class Head:
    """The head of a file."""

    start: int
    """Where the payload begins in the file."""
    metadata: Mapping[str, str]
    entries: Mapping[str, Entry]

    @property
    def num_bytes(self) -> int:
        """Say how long the whole file has to be."""
        return self.start + max((entry.data_offsets[1] for entry in self.entries.values()), default=0)

    def require(self, needed: Mapping[str, tuple[torch.dtype, Shape]]) -> None:
        """Refuse a head that does not tell of just these tensors, lying end to end.

        Raises:
            ValueError: one lacks, is too many, or of another kind, shape or place.
        """
        if differing := self.entries.keys() ^ needed.keys():
            raise ValueError(f"it lacks or adds {', '.join(name[:80] for name in sorted(differing)[:4])}")
        for name, (dtype, shape) in needed.items():
            if not self.entries[name].fits(dtype, shape):
                raise ValueError(f"{name} is {self.entries[name].dtype[:8]} {self.entries[name].shape[:8]}")
        place = 0
        for first, stop in sorted(entry.data_offsets for entry in self.entries.values()):
            if first != place:
                raise ValueError("its tensors overlap, or leave gaps")
            place = stop

    def tensors(self, blob: bytes) -> dict[str, Tensor]:
        """Copy the tensors out of the whole file, for which `require` has been asked.

        Raises:
            ValueError: one holds numbers that are not finite.
        """
        found = {}
        for name, entry in self.entries.items():
            first, stop = (self.start + offset for offset in entry.data_offsets)
            tensor = torch.frombuffer(bytearray(memoryview(blob)[first:stop]), dtype=_DTYPES[entry.dtype]).reshape(
                entry.shape
            )
            if tensor.is_floating_point() and not tensor.isfinite().all():
                raise ValueError(f"{name} holds numbers that are not finite")
            found[name] = tensor
        return found


def read_head(blob: bytes) -> Head:
    """Read the head of a file from its first bytes.

    Raises:
        ValueError: it is none, or larger than `MAX_HEAD_BYTES`.
    """
    if len(blob) < PREFIX_BYTES:
        raise ValueError("it is too short")
    size = struct.unpack("<Q", blob[:PREFIX_BYTES])[0]
    if size > min(MAX_HEAD_BYTES, len(blob) - PREFIX_BYTES):
        raise ValueError(f"its head would take {size} bytes")
    head = parse_json(blob[PREFIX_BYTES : PREFIX_BYTES + size])
    if not isinstance(head, dict):
        raise ValueError("its head is not a list of tensors")
    metadata = head.pop(_METADATA, {})
    entries = {name: _entry(name, told) for name, told in head.items()}
    return Head(PREFIX_BYTES + size, metadata if isinstance(metadata, dict) else {}, entries)


def _entry(name: str, told: Any) -> Entry:
    if not isinstance(told, dict) or told.keys() != {"dtype", "shape", "data_offsets"}:
        raise ValueError(f"its head says of {name[:80]!r} something else than kind, shape and place")
    return validated(_ENTRY, told)
