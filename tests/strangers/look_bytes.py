"""Small look files, good ones and hostile ones, as bytes."""

from __future__ import annotations

import hashlib
import io
import json
import os
import pickle
import struct
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from relook.look import Card, Look, save_look
from relook.nets.critic import PairCritic
from relook.nets.generator import Generator
from relook.objectives.descriptor import NUMBERS
from relook.recipe.mechanics import Dust, Mechanics
from relook.recipe.settings import GeneratorSettings, Recipe

SMALL = GeneratorSettings(num_nodes=2, map_size=2, detail_channels=1, num_detail_layers=2)

Header = dict[str, Any]
Parts = tuple[Header, dict[str, Any], bytes]


def small_look(*, judge: bool = False) -> Look:
    """Return a look of some 10 KB; with a judge it has 1.4 MB."""
    torch.manual_seed(0)
    generator = Generator(SMALL)
    recipe = replace(Recipe(seed=3), generator=SMALL)
    mechanics = Mechanics(dust=Dust(dark_per_frame=2.0, confidence={"radius_px": 0.5}))
    card = Card("small", recipe, mechanics, generator.detail.reach, measures={"steps": 3.0}, software={"torch": "2"})
    return Look(
        card,
        generator,
        judge=small_judge() if judge else {},
        thumbnails={"after": torch.full((4, 5, 3), 7, dtype=torch.uint8)},
    )


def small_judge() -> dict[str, torch.Tensor]:
    """Return a judge as it lies in a look; it has learned nothing."""
    size = len(NUMBERS)
    figures = [1.0, 0.0, 1.0, 0.9, 5, 64, 0.01, 0.1, 0.1, 1]
    return {
        "mean": torch.zeros(size),
        "scale": torch.ones(size),
        "precision": torch.eye(size),
        "distances": torch.arange(3.0),
        "figures": torch.tensor(figures, dtype=torch.float64),
    } | {f"critic.{key}": value for key, value in PairCritic().state_dict().items()}


def look_bytes(*, judge: bool = False) -> bytes:
    """Return the bytes of a good look file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "small.look"
        save_look(small_look(judge=judge), path)
        return path.read_bytes()


def parts_of(blob: bytes) -> Parts:
    """Take a look file apart: header without its card, card, payload."""
    size = struct.unpack("<Q", blob[:8])[0]
    header = json.loads(blob[8 : 8 + size])
    card = json.loads(header.pop("__metadata__")["card"])
    return header, card, blob[8 + size :]


def joined(header: Header, card: dict[str, Any] | str, payload: bytes, *, sign: bool = True) -> bytes:
    """Put a look file together, by default with the hash that its payload has."""
    if isinstance(card, dict) and sign:
        card = card | {"payload_sha256": hashlib.sha256(payload).hexdigest()}
    text = card if isinstance(card, str) else json.dumps(card)
    head = json.dumps({"__metadata__": {"card": text}} | header).encode()
    return struct.pack("<Q", len(head)) + head + payload


class Evil:
    """Runs a command when it is unpickled."""

    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, (f"touch '{self.canary}'",)


def hostile_looks(canary: Path) -> Iterator[tuple[str, bytes]]:
    """Give hostile files by name; none of them may be taken for a look, or touch the canary."""
    yield from _other_formats(canary)
    good = look_bytes()
    yield from _lying_heads(good, *parts_of(good))
    yield from _lying_tensors(*parts_of(look_bytes(judge=True)))
    yield from _lying_cards(*parts_of(good))


def _other_formats(canary: Path) -> Iterator[tuple[str, bytes]]:
    archive = io.BytesIO()
    torch.save({"weights": Evil(canary)}, archive)
    yield "a .pt that runs a command", archive.getvalue()
    yield "a pickle that runs a command", pickle.dumps(Evil(canary))
    yield "an empty file", b""
    yield "seven bytes", b"\x01" * 7
    yield "text", b"look! " * 1000
    zeros = io.BytesIO()
    with zipfile.ZipFile(zeros, "w", zipfile.ZIP_DEFLATED) as bomb:
        bomb.writestr("../../zeros", bytes(10_000_000))
    yield "a zip bomb that leads out", zeros.getvalue()


def _lying_heads(good: bytes, header: Header, card: dict[str, Any], payload: bytes) -> Iterator[tuple[str, bytes]]:
    size = struct.unpack("<Q", good[:8])[0]
    yield "a head of 2^62 bytes", struct.pack("<Q", 2**62) + good[8:]
    yield "a head of 2^64-1 bytes", struct.pack("<Q", 2**64 - 1) + good[8:]
    yield "trailing bytes", good + b"\0" * 100
    archive = io.BytesIO(good)
    archive.seek(0, io.SEEK_END)
    with zipfile.ZipFile(archive, "a") as both:
        both.writestr("archive/data.pkl", pickle.dumps({}))
    yield "a look that is a zip too", archive.getvalue()
    yield "a look cut short", good[:-1]
    first = next(iter(header))
    twice = good[8 : 8 + size].replace(b"{", b"{" + json.dumps(first).encode() + b":{},", 1)
    yield "a name twice in the head", struct.pack("<Q", len(twice)) + twice + payload
    entry = b'"t":{"dtype":"F32","shape":[],"data_offsets":[0,4]}'
    many = b"{" + b",".join([entry] * 1_000_000) + b"}"
    yield "a million tensors", struct.pack("<Q", len(many)) + many + bytes(4)
    few = {f"t{k}": {"dtype": "F32", "shape": [], "data_offsets": [4 * k, 4 * k + 4]} for k in range(9000)}
    yield "nine thousand tensors", joined(few, card, bytes(36_000))
    deep = b"[" * 400_000
    yield "a head nested deeply", struct.pack("<Q", len(deep)) + deep
    numbers = b'{"a":' + b"9" * 900_000 + b"}"
    yield "a number of a million digits", struct.pack("<Q", len(numbers)) + numbers
    yield "a head of no objects", struct.pack("<Q", 4) + b"[{}]"
    yield "a head that is not UTF-8", struct.pack("<Q", 4) + b'{"\xff"'
    text = json.dumps({"__metadata__": {"card": json.dumps(card), "more": "x"}} | header).encode()
    yield "more than a card in the head", struct.pack("<Q", len(text)) + text + payload
    text = json.dumps(header).encode()
    yield "no card", struct.pack("<Q", len(text)) + text + payload
    text = json.dumps({"__metadata__": {"card": card}} | header).encode()
    yield "a card that is no text", struct.pack("<Q", len(text)) + text + payload


def _lying_tensors(header: Header, card: dict[str, Any], payload: bytes) -> Iterator[tuple[str, bytes]]:
    def changed(name: str, **entry: Any) -> bytes:
        return joined(header | {name: header[name] | entry}, card, payload)

    weight, base = "generator.detail.lens.weight", "generator.grade.base"
    end = len(payload)
    extra = {"dtype": "F32", "shape": [1], "data_offsets": [end, end + 4]}
    for name in ("../../x", "/etc/x", "generator.../../x", "other", "judge.more", "thumbnail.../x", "thumbnail.third"):
        yield f"a tensor named {name}", joined(header | {name: extra}, card, payload + bytes(4))
    yield "a shape of 0 times 2^60", changed(weight, shape=[0, 2**60])
    yield "a shape of 2^40", changed(weight, shape=[2**20, 2**20])
    yield "a negative shape", changed(weight, shape=[-1, 2])
    yield "a shape of parts", changed(weight, shape=[1.5])
    yield "an unknown kind of number", changed(weight, dtype="BOOL")
    yield "a shape turned round", changed(base, shape=[4, 3, 2])
    yield "a tensor beyond the end", changed(base, data_offsets=[end, end + 96])
    other = header["generator.grade.delta"]
    yield "two tensors in one place", changed(base, data_offsets=other["data_offsets"])
    yield "an entry with more in it", changed(base, more=1)
    for name in (base, "judge.mean", "judge.figures", "thumbnail.after"):
        yield f"without {name}", joined({key: told for key, told in header.items() if key != name}, card, payload)
    wrong = {
        "judge.mean": {"shape": [7, 3]},
        "judge.precision": {"shape": [len(NUMBERS) ** 2]},
        "judge.figures": {"dtype": "F32", "shape": [20]},
        "judge.distances": {"dtype": "U8", "shape": [12]},
        "judge.critic.layers.0.weight": {"shape": [24, 6, 9, 1]},
        "thumbnail.after": {"shape": [4, 3, 5]},
    }
    for name, entry in wrong.items():
        yield f"{name} of another kind", changed(name, **entry)
    for name, value in (("generator.grade.base", "nan"), ("judge.mean", "inf"), ("judge.scale", "-inf")):
        first, _ = header[name]["data_offsets"]
        spoilt = payload[:first] + struct.pack("<f", float(value)) + payload[first + 4 :]
        yield f"{value} in {name}", joined(header, card, spoilt)
    wide = {name: told for name, told in header.items() if name != "thumbnail.after"}
    wide["thumbnail.after"] = {
        "dtype": "U8",
        "shape": [161, 1, 3],
        "data_offsets": header["thumbnail.after"]["data_offsets"],
    }
    yield "a thumbnail of 161 rows", joined(wide, card, payload)


def _lying_cards(header: Header, card: dict[str, Any], payload: bytes) -> Iterator[tuple[str, bytes]]:
    def with_(*path: str, value: Any) -> bytes:
        copy = json.loads(json.dumps(card))
        place = copy
        for name in path[:-1]:
            place = place[name]
        place[path[-1]] = value
        return joined(header, copy, payload)

    text = json.dumps(card | {"payload_sha256": hashlib.sha256(payload).hexdigest()})
    yield "a name twice in the card", joined(header, text.replace("{", '{"name": "other", ', 1), payload)
    yield "a hash that is another's", joined(header, card | {"payload_sha256": "0" * 64}, payload, sign=False)
    yield "a card that is no JSON", joined(header, "hello", payload)
    yield "a card nested deeply", joined(header, "[" * 200_000, payload)
    yield "a card of a list", joined(header, "[]", payload)
    for value in (float("nan"), float("inf"), float("-inf")):
        yield f"{value} in the card", with_("measures", "steps", value=value)
        yield f"{value} in the marks", with_("mechanics", "dust", "dark_per_frame", value=value)
    yield "1e999 in the card", joined(header, text.replace("3.0", "1e999"), payload)
    yield "a card that says more", with_("plugin", value="os.system")
    yield "marks that say more", with_("mechanics", "rust", value={})
    yield "a number as text", with_("reach_px", value="32")
    yield "a truth as a number", with_("recipe", "augment", value=1)
    yield "a huge name", with_("name", value="x" * 900_000)
    yield "a card over the limit", with_("sufficiency", value="x" * 2_000_000)
    yield "no name", with_("name", value="")
    yield "a reach of 10^9", with_("reach_px", value=10**9)
    for name, value in (
        ("detail_channels", 10**9),
        ("detail_channels", 512),
        ("num_detail_layers", 10**9),
        ("num_detail_layers", -3),
        ("num_nodes", 10**9),
        ("map_size", 10**6),
        ("map_size", 0),
    ):
        yield f"a generator of {name} {value}", with_("recipe", "generator", name, value=value)
    vast = {"num_nodes": 2, "map_size": 2, "detail_channels": 512, "num_detail_layers": 32}
    yield "a generator of 280 MB", with_("recipe", "generator", value=vast)
    yield "a crop of 10^9", with_("recipe", "crop_px", value=1_600_000_000)
    yield "a rate of nothing", with_("recipe", "rates", "generator", value=-1.0)
    for group, name, value in (
        ("dust", "dark_per_frame", 1e9),
        ("dust", "life_frames", 1e12),
        ("dust", "hair_length_px", 1e9),
        ("scratches", "per_frame", 1e9),
        ("unevenness", "size_px", 1e9),
        ("halation", "radius_px", 1e9),
        ("breath", "exposure", 1e5),
        ("breath", "rhythm", [1.0]),
        ("grain", "strength", [[0.0, 0.0, 0.0]]),
        ("dust", "confidence", {"os": 1.0}),
    ):
        yield f"{group} {name} {str(value)[:20]}", with_("mechanics", group, name, value=value)
    yield "frames of no height", with_("mechanics", "reference_height", value=0)
    yield "frames one pixel wide", with_("mechanics", "reference_width", value=1)
