"""Look files: what is saved is what is loaded, and nothing else is let in."""

from __future__ import annotations

import json
import pickle
import struct
from pathlib import Path

import pytest
import safetensors.torch
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from relook.errors import InputError, RelookError, UsageError
from relook.look import Card, Look, load_look, parse_look, save_look, shipped_looks
from relook.nets.critic import PairCritic
from relook.nets.generator import Generator
from relook.objectives.descriptor import NUMBERS
from relook.recipe.mechanics import Dust, Mechanics
from relook.recipe.settings import Recipe


def small_look() -> Look:
    torch.manual_seed(0)
    generator = Generator(Recipe().generator)
    for parameter in generator.parameters():
        torch.nn.init.normal_(parameter, std=0.05)
    card = Card(name="small", recipe=Recipe(seed=3), mechanics=Mechanics(dust=Dust(dark_per_frame=2.0)), reach_px=32)
    size = len(NUMBERS)
    return Look(
        card,
        generator,
        judge={
            "mean": torch.zeros(size),
            "scale": torch.ones(size),
            "precision": torch.eye(size),
            "distances": torch.arange(4.0),
            "figures": torch.ones(10, dtype=torch.float64),
        }
        | {f"critic.{key}": value for key, value in PairCritic().state_dict().items()},
        thumbnails={"after": torch.zeros(4, 5, 3, dtype=torch.uint8)},
    )


@pytest.fixture(scope="module")
def blob(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("looks") / "small.look"
    save_look(small_look(), path)
    return path.read_bytes()


def test_saved_and_loaded_is_the_same(tmp_path: Path) -> None:
    look = small_look()
    saved = save_look(look, tmp_path / "small.look")
    loaded = load_look(tmp_path / "small.look")
    assert (
        loaded.sha256 == saved.sha256
        and loaded.card.recipe == look.card.recipe
        and loaded.card.mechanics == look.card.mechanics
    )
    for key, tensor in look.generator.state_dict().items():
        assert torch.equal(loaded.generator.state_dict()[key], tensor), key
    assert torch.equal(loaded.judge["distances"], look.judge["distances"])
    assert [path.name for path in tmp_path.iterdir()] == ["small.look"]


def test_a_look_of_an_older_relook_is_refused_in_words(blob: bytes, tmp_path: Path) -> None:
    size = struct.unpack("<Q", blob[:8])[0]
    header = json.loads(blob[8 : 8 + size])
    card = json.loads(header["__metadata__"]["card"])
    old = {"schema": 1, "wear": card.pop("mechanics")}
    header["__metadata__"]["card"] = json.dumps(card | old)
    text = json.dumps(header).encode()
    with pytest.raises(InputError, match="schema 1 and this relook reads 2; train it again"):
        parse_look(struct.pack("<Q", len(text)) + text + blob[8 + size :], tmp_path / "old.look")


def test_saving_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    first, second = (save_look(small_look(), tmp_path / name) for name in ("a.look", "b.look"))
    assert first.sha256 == second.sha256


def test_one_flipped_bit_of_the_weights_is_noticed(blob: bytes) -> None:
    damaged = bytearray(blob)
    damaged[-100] ^= 1
    with pytest.raises(InputError, match="damaged"):
        parse_look(bytes(damaged), Path("x.look"))


@settings(max_examples=60)
@given(data=st.data())
def test_mangled_files_are_refused_in_our_own_words(blob: bytes, data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(["cut", "byte", "insert"]))
    where = data.draw(st.integers(0, len(blob) - 1)) if kind == "cut" else data.draw(st.integers(0, 4000))
    mangled = {
        "cut": blob[:where],
        "byte": blob[:where] + bytes([blob[where] ^ data.draw(st.integers(1, 255))]) + blob[where + 1 :],
        "insert": blob[:where] + b"\x00" + blob[where:],
    }[kind]
    try:
        parse_look(mangled, Path("x.look"))
    except RelookError as error:
        assert "x.look" in str(error)


def test_a_pickle_is_not_a_look(tmp_path: Path) -> None:
    path = tmp_path / "evil.look"
    path.write_bytes(pickle.dumps({"weights": [1, 2, 3]}))
    with pytest.raises(InputError, match="not a look"):
        load_look(path)


def test_foreign_and_missing_weights_are_refused(blob: bytes) -> None:
    header = json.loads(blob[8 : 8 + struct.unpack("<Q", blob[:8])[0]])
    tensors = safetensors.torch.load(blob)
    tensors.pop("generator.spatial.map")
    changed = safetensors.torch.save(tensors, metadata=header["__metadata__"])
    with pytest.raises(InputError):
        parse_look(changed, Path("x.look"))


def test_an_unknown_name_lists_the_shipped_looks() -> None:
    with pytest.raises(UsageError, match="silent"):
        load_look("no-such-look")


def test_every_shipped_look_loads_and_tells_where_it_comes_from() -> None:
    assert "silent" in shipped_looks()
    for path in shipped_looks().values():
        look = load_look(path)
        assert path.stat().st_size < 2_000_000
        assert look.card.footage and all(film.licence and film.sha256 for film in look.card.footage)
        assert look.judge
