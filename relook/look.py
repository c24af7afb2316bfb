"""A trained look in one safe file: weights, recipe, colour contract, claims and provenance.

The file is safetensors; its header carries one JSON card. It is read into memory, checked against what the card says it must
hold, and nothing in it is ever run, unpickled or mapped.
"""

from __future__ import annotations

import hashlib
import json
import struct
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path

import safetensors.torch
import torch
from pydantic import TypeAdapter, ValidationError
from safetensors import SafetensorError
from torch import Tensor

from relook.errors import InputError, UsageError
from relook.film.publish import write_whole
from relook.nets.generator import Generator
from relook.recipe.mechanics import Mechanics
from relook.recipe.settings import Recipe

SCHEMA = 2
MAX_BYTES = 256 << 20
ENDING = ".look"
_GENERATOR, _JUDGE, _THUMBNAIL = "generator.", "judge.", "thumbnail."


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
    """Write a look in one step and return it with the file's hash."""
    tensors = {
        _GENERATOR + key: value.detach().cpu().contiguous() for key, value in look.generator.state_dict().items()
    }
    tensors |= {_JUDGE + key: value.contiguous() for key, value in look.judge.items()}
    tensors |= {_THUMBNAIL + key: value.contiguous() for key, value in look.thumbnails.items()}
    for key, tensor in tensors.items():
        assert not tensor.is_floating_point() or tensor.isfinite().all(), f"{key} is not finite"
    card = _CARD.dump_python(look.card, mode="json")
    card["payload_sha256"] = hashlib.sha256(_payload(safetensors.torch.save(tensors))).hexdigest()
    blob = safetensors.torch.save(tensors, metadata={"card": json.dumps(card, sort_keys=True)})
    write_whole(path, blob)
    return parse_look(blob, path)


def load_look(name: str | Path) -> Look:
    """Load a look from a file, or by the name of one that ships with relook.

    Raises:
        UsageError: there is no such file and no such name.
        InputError: the file is not a look, or is damaged.
    """
    path = find_look(name)
    if not path.is_file():
        raise InputError(f"{path} is not a regular file; give a file written by `relook train`")
    if path.stat().st_size > MAX_BYTES:
        raise InputError(
            f"{path} is larger than any look ({MAX_BYTES >> 20} MiB); give a file written by `relook train`"
        )
    return parse_look(path.read_bytes(), path)


def find_look(name: str | Path) -> Path:
    """Return the file of a look given as a path or as a shipped name."""
    path = Path(name)
    shipped = shipped_looks()
    if not path.is_file() and str(name) in shipped:
        return shipped[str(name)]
    if path.exists():
        return path
    known = ", ".join(shipped) or "none"
    raise UsageError(f"there is no look {str(name)!r}: no such file, and the looks that ship with relook are: {known}")


def shipped_looks() -> dict[str, Path]:
    """Return the looks that ship with relook, by name."""
    folder = Path(str(resources.files("relook"))) / "looks"
    return {path.stem: path for path in sorted(folder.glob(f"*{ENDING}"))}


def parse_look(blob: bytes, path: Path) -> Look:
    """Check and build a look from the bytes of its file; `path` is for messages."""
    refused = f"{path} is not a look that relook can use"
    try:
        tensors = safetensors.torch.load(blob)
        header = json.loads(blob[8 : 8 + struct.unpack("<Q", blob[:8])[0]])
        text = header["__metadata__"]["card"]
        schema = json.loads(text)["schema"]
        card = _CARD.validate_json(text) if schema == SCHEMA else None
    except (SafetensorError, ValidationError, KeyError, TypeError, ValueError, struct.error) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{refused} ({reason}); give a file written by `relook train`") from error
    if card is None:
        raise InputError(f"{refused}: it has schema {schema} and this relook reads {SCHEMA}; train it again")
    if hashlib.sha256(_payload(blob)).hexdigest() != card.payload_sha256:
        raise InputError(f"{refused}: its weights do not match its card, so it was damaged; copy it again")
    return Look(
        card=card,
        generator=_generator(card, _part(tensors, _GENERATOR), refused),
        judge=_part(tensors, _JUDGE),
        thumbnails=_part(tensors, _THUMBNAIL),
        sha256=hashlib.sha256(blob).hexdigest(),
    )


def _generator(card: Card, weights: dict[str, Tensor], refused: str) -> Generator:
    generator = Generator(card.recipe.generator)
    expected = generator.state_dict()
    if weights.keys() != expected.keys():
        raise InputError(
            f"{refused}: it lacks or adds weights: {', '.join(sorted(weights.keys() ^ expected.keys())[:4])}"
        )
    for key, tensor in weights.items():
        if tensor.shape != expected[key].shape or tensor.dtype != expected[key].dtype or not tensor.isfinite().all():
            raise InputError(f"{refused}: {key} is {tensor.dtype} {tuple(tensor.shape)} or not finite; train it again")
    generator.load_state_dict(weights)
    return generator.eval().requires_grad_(False)


def _part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {key.removeprefix(prefix): tensor for key, tensor in tensors.items() if key.startswith(prefix)}


def _payload(blob: bytes) -> bytes:
    return blob[8 + struct.unpack("<Q", blob[:8])[0] :]


def to_thumbnail(frame: Tensor) -> Tensor:
    """Turn a frame `[3 h w]`, 0..1, into a thumbnail `[h w 3]` of at most 160 px."""
    height, width = frame.shape[-2:]
    scale = 160 / max(height, width, 160)
    small = torch.nn.functional.interpolate(frame[None], scale_factor=scale, mode="area")[0]
    return (small.clamp(0, 1) * 255).round().to(torch.uint8).permute(1, 2, 0).contiguous()
