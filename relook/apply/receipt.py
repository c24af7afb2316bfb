"""Write the receipt of a render, and recognise by it a render that was done before."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Final

from pydantic import TypeAdapter

from relook.apply.delivery import Delivery, RenderSettings
from relook.apply.job import render_facts, settings_facts
from relook.errors import InputError
from relook.film.frames import FilmInfo
from relook.film.journal import clear_leftover
from relook.film.pictures.stills import StillsFolder
from relook.film.publish import file_hash, receipt_of
from relook.film.writer import Written
from relook.look import Look
from relook.receipt import SHARED, Files, Receipt, compare, read_receipt, with_earlier, write_receipt
from relook.timing import FrameRange

ALREADY_DONE: Final = "this was done before and nothing has changed since: the output stays as it is"
_DELIVERY: Final = TypeAdapter(Delivery)
_FRAMES: Final = TypeAdapter[FrameRange | None](FrameRange | None)


def receipt_for(
    delivery: Delivery,
    written: Written,
    info: FilmInfo,
    look: Look,
    settings: RenderSettings,
    key: str | None,
    *,
    take: str = "",
) -> bytes:
    """Return the receipt of a film; the source is read once more, for its hashes.

    Args:
        take: see `Receipt.take`.
    """
    name = delivery.output.name
    source = Files(info.path.name, {path.name: file_hash(path) or "" for path in info.pictures or (info.path,)})
    receipt = _told(delivery, Files(name, written.files or {name: written.sha256}), source, look, settings, key)
    before = _of_take(delivery.output, take)
    receipt = replace(receipt, take=take)
    return write_receipt(receipt if before is None else with_earlier(receipt, before))


def made_before(output: Path, take: str) -> frozenset[str]:
    """Name the pictures of a take that earlier ranges of it gave."""
    before = _of_take(output, take)
    return frozenset() if before is None else frozenset(before.output.sha256)


def _of_take(output: Path, take: str) -> Receipt | None:
    if not take or not receipt_of(output).is_file():
        return None
    try:
        receipt = read_receipt(output)
        _FRAMES.validate_python(receipt.settings.get("frames", ""))
    except (InputError, ValueError):
        return None
    return receipt if receipt.take == take else None


def receipt_of_stills(
    delivery: Delivery,
    files: dict[str, str],
    folder: StillsFolder,
    look: Look,
    settings: RenderSettings,
    key: str | None,
) -> bytes:
    """Return the receipt of a folder of stills; `files` maps the names of its files to their SHA-256 (hex)."""
    source = Files(folder.path.name, {str(name): file_hash(folder.path / name) or "" for name in delivery.stills})
    return write_receipt(_told(delivery, Files(delivery.output.name, files), source, look, settings, key))


def _told(
    delivery: Delivery, output: Files, source: Files, look: Look, settings: RenderSettings, key: str | None
) -> Receipt:
    told = _DELIVERY.dump_python(delivery, mode="json")
    del told["output"]
    # Names may be any bytes, which pydantic would replace.
    told |= {"stills": [str(name) for name in delivery.stills], "others": [str(name) for name in delivery.others]}
    told["refused"] = [(str(path), reason) for path, reason in delivery.refused]
    facts = render_facts(look, settings) | settings_facts(settings)
    used = Files(look.name, {look.name: look.sha256})
    return Receipt(key or "", output, source, used, facts, told)


def delivered_already(output: Path, key: str | None) -> Delivery | None:
    """Return what an earlier run of the same job delivered, if all of it is still there as it was written."""
    if key is None or not receipt_of(output).is_file():
        return None
    try:
        receipt = read_receipt(output)
    except InputError:
        return None
    folder = output if output.is_dir() else output.parent
    shared = {SHARED: receipt.delivery.get(SHARED)}
    done = {chunk.job: chunk.delivery | shared for chunk in receipt.earlier} | {receipt.job: receipt.delivery}
    if key not in done or any(found.fault for found in compare("output", receipt.output, folder)):
        return None
    try:
        delivery = _DELIVERY.validate_python(done[key] | {"output": output})
    except ValueError:
        return None
    clear_leftover(output, key)
    return replace(delivery, notes=(*delivery.notes, ALREADY_DONE))
