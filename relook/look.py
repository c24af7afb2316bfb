"""A trained look in one safe file: weights, recipe, colour contract, claims and provenance.

The file is safetensors; its header carries one JSON card. It is read once, into memory of our own. The header alone says what
the file must hold, to the byte, and all that is checked before a weight is touched: nothing in it is ever run, unpickled,
extracted, mapped, or used as a path.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Collection
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from pathlib import Path
from typing import BinaryIO

import safetensors.torch
import torch
from pydantic import TypeAdapter
from torch import Tensor

from relook.errors import InputError, UsageError
from relook.film.publish import disk_errors, write_whole
from relook.nets.critic import PairCritic
from relook.nets.generator import Generator
from relook.objectives.descriptor import NUMBERS
from relook.recipe.bounds import require_sane
from relook.recipe.mechanics import Mechanics
from relook.recipe.settings import GeneratorSettings, Recipe
from relook.strict import open_regular, parse_json, parsed
from relook.tensors import MAX_HEAD_BYTES, PREFIX_BYTES, Head, Shape, read_head

SCHEMA = 2
MAX_BYTES = 64 << 20
ENDING = ".look"
THUMBNAIL_PX = 160
_GENERATOR, _JUDGE, _THUMBNAIL = "generator.", "judge.", "thumbnail."
_CARD_KEY = "card"
_THUMBNAILS = ("before", "after")
_JUDGE_FIGURES = 10
_MOST_DISTANCES = 1_000_000
_MOST_REACH_PX = 4096
_LONGEST_NAME = 255


@dataclass(frozen=True)
class ColourContract:
    """What the look expects pixels to be."""

    encoding: str = "display-referred RGB, full scale 0..1"
    primaries: str = "as the source; trained on BT.709 and BT.601 footage"
    transfer: str = "as the source; trained on SDR footage"


@dataclass(frozen=True)
class Footage:
    """One film that the look was made from."""

    side: str
    name: str
    sha256: str
    shots: int
    seconds: float
    licence: str = ""
    """As the user stated it."""


@dataclass(frozen=True)
class Card:
    """What a look says about itself."""

    name: str
    recipe: Recipe
    mechanics: Mechanics
    """The marks of the style's film."""
    reach_px: int
    """How far the picture around a pixel matters: tiles overlap by this much."""
    schema: int = SCHEMA
    colour: ColourContract = ColourContract()
    size_multiple: int = 1
    dtypes: tuple[str, ...] = ("float32",)
    footage: tuple[Footage, ...] = ()
    sufficiency: str = ""
    measures: dict[str, float] = field(default_factory=dict)
    """Taken on held-out shots."""
    software: dict[str, str] = field(default_factory=dict)
    payload_sha256: str = ""


@dataclass(frozen=True)
class Look:
    """A trained style: what `train` returns and `apply` and `check` take."""

    card: Card
    generator: Generator
    judge: dict[str, Tensor] = field(default_factory=dict)
    """The calibrated judge as flat tensors; empty where none was calibrated."""
    thumbnails: dict[str, Tensor] = field(default_factory=dict)
    """Small pictures `[h w 3]` uint8: held-out frames before and after."""
    sha256: str = ""
    """Of the file it was loaded from or saved to."""

    @property
    def name(self) -> str:
        return self.card.name


_CARD = TypeAdapter(Card)


def save_look(look: Look, path: Path) -> Look:
    """Write a look in one step and return it with the file's hash.

    Raises:
        ResourceError: the disk refuses it.
    """
    saved, blob = packed(look, path)
    with disk_errors(path):
        write_whole(path, blob)
    return saved


def packed(look: Look, path: Path) -> tuple[Look, bytes]:
    """Return a look as it would be loaded from a file, with the file's hash, and the bytes of that file."""
    tensors = {
        _GENERATOR + key: value.detach().cpu().contiguous() for key, value in look.generator.state_dict().items()
    }
    tensors |= {_JUDGE + key: value.contiguous() for key, value in look.judge.items()}
    tensors |= {_THUMBNAIL + key: value.contiguous() for key, value in look.thumbnails.items()}
    for key, tensor in tensors.items():
        assert not tensor.is_floating_point() or tensor.isfinite().all(), f"{key} is not finite"
    card = _CARD.dump_python(look.card, mode="json")
    card["payload_sha256"] = hashlib.sha256(_payload(safetensors.torch.save(tensors))).hexdigest()
    blob = safetensors.torch.save(tensors, metadata={_CARD_KEY: json.dumps(card, sort_keys=True)})
    return parse_look(blob, path), blob  # what we could not read again is no look


def load_look(name: str | Path) -> Look:
    """Load a look from a file, or by the name of one that ships with relook.

    Raises:
        UsageError: there is no such file and no such name.
        InputError: the file is not a look, or is damaged.
    """
    path = find_look(name)
    try:
        with os.fdopen(open_regular(path), "rb") as file:
            return parse_look(_read(file), path)
    except (OSError, ValueError) as error:
        raise _refusal(path, getattr(error, "strerror", None) or error) from error


def _read(file: BinaryIO) -> bytes:
    """Read a look's file, no further than its head where that does not tell of a file of this size."""
    size, told = os.fstat(file.fileno()).st_size, read_head(file.read(PREFIX_BYTES + MAX_HEAD_BYTES)).num_bytes
    if size != told:
        raise ValueError(f"it has {size} bytes, and its head tells of {told}")
    if size > MAX_BYTES:
        raise ValueError(f"it is larger than any look ({MAX_BYTES >> 20} MiB)")
    file.seek(0)
    return file.read(size)


def find_look(name: str | Path) -> Path:
    """Return the file of a look given as a path or as a shipped name."""
    path = Path(name)
    shipped = shipped_looks()
    if not path.is_file() and str(name) in shipped:
        return shipped[str(name)]
    if os.path.lexists(path):
        return path
    known = ", ".join(shipped) or "none"
    raise UsageError(f"there is no look {str(name)!r}: no such file, and the looks that ship with relook are: {known}")


def shipped_looks() -> dict[str, Path]:
    """Return the looks that ship with relook, by name."""
    folder = Path(str(resources.files("relook"))) / "looks"
    return {path.stem: path for path in sorted(folder.glob(f"*{ENDING}"))}


def parse_look(blob: bytes, path: Path) -> Look:
    """Check and build a look from the bytes of its file; `path` is for messages.

    Raises:
        InputError: it is not, to the byte, a look as this relook writes them.
    """
    try:
        head = read_head(blob)
        if len(blob) != head.num_bytes:
            raise ValueError(f"it has {len(blob)} bytes, and its head tells of {head.num_bytes}")
        card = _card(head, path)
        generator = _untrained(card.recipe.generator, most_bytes=len(blob))
        head.require(_needed(generator, head.entries.keys()))
        if hashlib.sha256(memoryview(blob)[head.start :]).hexdigest() != card.payload_sha256:
            raise ValueError("its weights do not match its card, so it was damaged; copy it again")
        tensors = head.tensors(blob)
    except ValueError as error:
        raise _refusal(path, error) from error
    generator.load_state_dict(_part(tensors, _GENERATOR), assign=True)
    return Look(
        card=card,
        generator=generator.eval().requires_grad_(False),
        judge=_part(tensors, _JUDGE),
        thumbnails=_part(tensors, _THUMBNAIL),
        sha256=hashlib.sha256(blob).hexdigest(),
    )


def _card(head: Head, path: Path) -> Card:
    """Return the card that a head carries.

    Raises:
        ValueError: it carries none, or one that says what no card of ours does.
        InputError: another version of relook wrote it.
    """
    text = head.metadata.get(_CARD_KEY)
    if head.metadata.keys() != {_CARD_KEY} or not isinstance(text, str):
        raise ValueError("its head carries no card, or more than a card")
    told = parse_json(text)
    schema = told.get("schema") if isinstance(told, dict) else None
    if schema != SCHEMA:
        raise InputError(
            f"{path} is not a look that relook can use: it has schema {str(schema)[:20]} and this relook reads {SCHEMA}; "
            "train it again"
        )
    card = parsed(_CARD, text)
    require_sane(card.mechanics)
    if not 0 < len(card.name) <= _LONGEST_NAME:
        raise ValueError(f"its name has {len(card.name)} characters")
    if not 0 <= card.reach_px <= _MOST_REACH_PX or not 1 <= card.size_multiple <= _MOST_REACH_PX:
        raise ValueError(f"it says that it reaches {card.reach_px} px, in steps of {card.size_multiple}")
    return card


def _untrained(settings: GeneratorSettings, *, most_bytes: int) -> Generator:
    """Build a generator whose weights have room in so many bytes."""
    inner = settings.num_detail_layers - 2
    if 4 * 9 * inner * settings.detail_channels**2 > most_bytes:
        raise ValueError(
            f"its recipe tells of {inner} layers of {settings.detail_channels} channels, which it does not hold"
        )
    with torch.random.fork_rng(devices=[]):
        return Generator(settings)


@cache
def _critic_shapes() -> dict[str, Shape]:
    with torch.random.fork_rng(devices=[]):
        return {name: tuple(weight.shape) for name, weight in PairCritic().state_dict().items()}


def _needed(generator: Generator, names: Collection[str]) -> dict[str, tuple[torch.dtype, Shape]]:
    """Return kind and shape of every tensor that a look has; judge and thumbnails only where any of `names` is theirs.

    The judge's are those of `check`; a look whose judge is of another make is of another schema.
    """
    needed: dict[str, tuple[torch.dtype, Shape]] = {
        _GENERATOR + name: (weight.dtype, tuple(weight.shape)) for name, weight in generator.state_dict().items()
    }
    if any(name.startswith(_JUDGE) for name in names):
        size = len(NUMBERS)
        numbers: dict[str, Shape] = {"mean": (size,), "scale": (size,), "precision": (size, size)}
        numbers |= {"distances": (range(1, _MOST_DISTANCES),)}
        numbers |= {f"critic.{name}": shape for name, shape in _critic_shapes().items()}
        needed |= {_JUDGE + name: (torch.float32, shape) for name, shape in numbers.items()}
        needed[f"{_JUDGE}figures"] = (torch.float64, (_JUDGE_FIGURES,))
    for name in (f"{_THUMBNAIL}{picture}" for picture in _THUMBNAILS):
        if name in names:
            side = range(1, THUMBNAIL_PX + 1)
            needed[name] = (torch.uint8, (side, side, 3))
    return needed


def _refusal(path: Path, reason: object) -> InputError:
    text = str(reason).splitlines()[0][:200]
    return InputError(f"{path} is not a look that relook can use ({text}); give a file written by `relook train`")


def _part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {key.removeprefix(prefix): tensor for key, tensor in tensors.items() if key.startswith(prefix)}


def _payload(blob: bytes) -> bytes:
    return blob[read_head(blob).start :]


def to_thumbnail(frame: Tensor) -> Tensor:
    """Turn a frame `[3 h w]`, 0..1, into a thumbnail `[h w 3]` of at most `THUMBNAIL_PX`."""
    height, width = frame.shape[-2:]
    scale = THUMBNAIL_PX / max(height, width, THUMBNAIL_PX)
    small = torch.nn.functional.interpolate(frame[None], scale_factor=scale, mode="area")[0]
    return (small.clamp(0, 1) * 255).round().to(torch.uint8).permute(1, 2, 0).contiguous()
