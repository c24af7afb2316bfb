"""The receipt of a render: what it was made of and what came out, by which anybody can tell whether that is still so.

It lies beside the output as `OUT.receipt.json`. Its last entry digests all the others, so that a change of the receipt shows too;
this finds accidents and slips, not a forger, who can digest anew.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from pydantic import TypeAdapter

from relook.errors import InputError
from relook.film.publish import file_hash, receipt_of
from relook.strict import parse_json, read_regular

SCHEMA: Final = 1
MAX_BYTES: Final = 256 << 20
SHARED: Final = "shots"
"""Of a delivery, what is alike for all ranges of a take: the source's shots."""
_SEAL: Final = "receipt_sha256"
CHANGED: Final = "it was changed after it was written"


@dataclass(frozen=True)
class Files:
    """Some files by their names, each with its SHA-256 (hex)."""

    name: str
    """What they are called together: of the film, the sequence or the look."""
    sha256: dict[str, str]


@dataclass(frozen=True)
class Chunk:
    """A range of a take that was rendered before into the place of the same pictures."""

    job: str
    delivery: dict[str, Any]
    """But for `SHARED`."""


@dataclass(frozen=True)
class Receipt:
    """What a render was made of, and what came out."""

    job: str
    """Digest of all that the frames depend on: the same for the same work."""
    output: Files
    source: Files
    look: Files
    settings: dict[str, Any]
    """Dials, seed, range, device, software: all else that the frames depend on."""
    delivery: dict[str, Any] = field(default_factory=dict)
    """What came of it: the frames' hashes before encoding, damage, what was left out."""
    take: str = ""
    """Of pictures: the digest `job` as it were for all frames. Ranges of one take that go to one place share a receipt."""
    earlier: tuple[Chunk, ...] = ()
    """The ranges before the last one; `output` holds the pictures of all."""
    schema: int = SCHEMA


@dataclass(frozen=True)
class Finding:
    """One file that was compared with a receipt."""

    what: str
    """"output", "source" or "look"."""
    name: str
    fault: str = ""
    """What is wrong with it; empty where it is what the receipt says."""


_RECEIPT: Final = TypeAdapter(Receipt)


def with_earlier(receipt: Receipt, before: Receipt) -> Receipt:
    """Let the receipt of a range of a take tell of the ranges before it too, whose pictures lie beside its own.

    Args:
        before: the receipt that was there; one of another take tells nothing that still holds.
    """
    if not receipt.take or receipt.take != before.take:
        return receipt
    own = {name: told for name, told in before.delivery.items() if name != SHARED}
    chunks = (*before.earlier, Chunk(before.job, own))
    earlier = tuple(chunk for chunk in chunks if chunk.job != receipt.job)
    files = Files(receipt.output.name, before.output.sha256 | receipt.output.sha256)
    frames, added = before.settings["frames"], receipt.settings["frames"]
    if frames and added:
        frames = {"start": min(frames["start"], added["start"]), "stop": max(frames["stop"], added["stop"])}
    return replace(
        receipt, output=files, settings=receipt.settings | {"frames": frames if added else None}, earlier=earlier
    )


def write_receipt(receipt: Receipt) -> bytes:
    """Lay a receipt out as its file has it."""
    return sealed(asdict(receipt))


def read_receipt(output: Path) -> Receipt:
    """Read the receipt of an output.

    Raises:
        InputError: there is none, it is damaged, or it was changed.
    """
    path = receipt_of(output)
    refused = f"{path} is not a receipt that relook can use"
    try:
        told, is_whole = unsealed(read_regular(path, MAX_BYTES))
        receipt = _RECEIPT.validate_python(told)
    except FileNotFoundError as error:
        raise InputError(
            f"there is no receipt {path}; one is written with every film that `relook apply` makes"
        ) from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{refused} ({str(error).splitlines()[0]}); it is damaged") from error
    if receipt.schema != SCHEMA:
        raise InputError(f"{refused}: it has schema {receipt.schema} and this relook reads {SCHEMA}")
    if not is_whole:
        raise InputError(f"{refused}: {CHANGED}")
    return receipt


def sealed(told: dict[str, Any]) -> bytes:
    """Lay out what is told as JSON, with a hash of it all."""
    return _laid_out(told | {_SEAL: _seal(told)})


def unsealed(data: bytes) -> tuple[dict[str, Any], bool]:
    """Return what is told, and whether it is what was sealed, to the byte.

    Raises:
        ValueError, KeyError, AttributeError: it is no JSON of that kind.
    """
    told = parse_json(data)
    seal = told.pop(_SEAL)
    return told, seal == _seal(told) and data == _laid_out(told | {_SEAL: seal})  # 1e-5 and 1E-5 mean the same


def compare(what: str, files: Files, folder: Path) -> list[Finding]:
    """Compare files in a folder with what a receipt says of them."""
    return [_finding(what, folder / name, name, digest) for name, digest in files.sha256.items()]


def _finding(what: str, path: Path, name: str, digest: str) -> Finding:
    if Path(name).is_absolute() or ".." in Path(name).parts:
        return Finding(what, name, "its name leads out of its folder")
    try:
        found = file_hash(path)
    except (OSError, ValueError) as error:
        return Finding(what, name, f"it cannot be read: {error}")
    if found is None:
        return Finding(what, name, "it is not there")
    return Finding(what, name, "" if found == digest else "it was changed")


def _laid_out(told: dict[str, Any]) -> bytes:
    return json.dumps(told, indent=1).encode()


def _seal(told: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
