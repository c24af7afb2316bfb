"""T3, T5, T6, T10: what is no look, to the byte, is refused in our own words, at once, and nothing of it is run."""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import Any

import pytest
import torch
from alone import run_alone
from look_bytes import hostile_looks, joined, look_bytes, parts_of, small_judge, small_look

from relook.check.judge import Judge
from relook.errors import InputError
from relook.look import Look, load_look, parse_look, save_look

CANARY = Path("/tmp") / f"relook-canary-{os.getpid()}"
HOSTILE = dict(hostile_looks(CANARY))
SPECIAL = ("a folder", "a pipe", "a link to a pipe", "a link to a device", "a link to nothing", "a link to itself")
MOST_SECONDS, MOST_MEBIBYTES = 1.0, 100


def files_in(folder: Path) -> dict[str, Path]:
    """Lay the hostile files into a folder; return them by name."""
    paths = {name: folder / f"{index}.look" for index, name in enumerate([*HOSTILE, *SPECIAL])}
    for name, blob in HOSTILE.items():
        paths[name].write_bytes(blob)
    paths["a folder"].mkdir()
    os.mkfifo(paths["a pipe"])
    paths["a link to a pipe"].symlink_to(paths["a pipe"])
    paths["a link to a device"].symlink_to("/dev/zero")
    paths["a link to nothing"].symlink_to(folder / "nothing")
    paths["a link to itself"].symlink_to(paths["a link to itself"])
    return paths


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Return what a process of its own tells of each file, by name."""
    folder = tmp_path_factory.mktemp("hostile")
    paths = files_in(folder)
    found = run_alone("read_looks.py", folder, timeout=120)
    found["files"] = {name: found["files"][path.name] for name, path in paths.items()} | {
        name: found["files"][name] for name in ("a device", "good.look")
    }
    found["left"] = sorted(path.name for path in folder.iterdir())
    found["given"] = sorted([*(path.name for path in paths.values()), "good.look"])
    return found


@pytest.mark.parametrize("name", [*HOSTILE, *SPECIAL, "a device"])
def test_T03_a_hostile_look_is_refused_at_once(told: dict[str, Any], name: str) -> None:
    error, seconds = told["files"][name]["error"], told["files"][name]["seconds"]
    assert error is not None, "it was taken for a look"
    assert error[0] == "InputError" and len(error[1]) < 600, error
    assert seconds < MOST_SECONDS


def test_T03_T05_refusing_them_runs_nothing_writes_nothing_and_takes_little_memory(told: dict[str, Any]) -> None:
    assert told["files"]["good.look"]["error"] is None
    assert told["tripped"] == [] and not CANARY.exists()
    assert told["left"] == told["given"]
    assert told["mebibytes"] < MOST_MEBIBYTES


def test_T03_a_link_to_a_look_is_followed(tmp_path: Path) -> None:
    (tmp_path / "v002.look").write_bytes(look_bytes())
    (tmp_path / "newest.look").symlink_to("v002.look")
    assert load_look(tmp_path / "newest.look").name == "small"


def test_T10_a_look_is_in_private_memory_once_it_is_loaded(tmp_path: Path) -> None:
    path = tmp_path / "small.look"
    path.write_bytes(look_bytes(judge=True))
    look = load_look(path)
    weights = {name: weight.clone() for name, weight in look.generator.state_dict().items()}
    picture = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    before = look.generator.deterministic(picture)
    with path.open("r+b") as file:
        file.write(b"\xff" * path.stat().st_size)
        file.flush()
        assert all(torch.equal(weights[name], weight) for name, weight in look.generator.state_dict().items())
        file.truncate(10)  # a mapped file would now end the process
    assert torch.equal(look.generator.deterministic(picture), before)
    assert torch.equal(look.judge["distances"], torch.arange(3.0))


def test_what_could_not_be_read_again_is_not_written(tmp_path: Path) -> None:
    path = tmp_path / "small.look"
    path.write_bytes(b"the look before")
    look = small_look()
    with pytest.raises(InputError, match="judge"):
        save_look(Look(look.card, look.generator, judge={"mean": torch.zeros(3)}), path)
    assert path.read_bytes() == b"the look before" and list(tmp_path.iterdir()) == [path]


def test_loading_leaves_the_random_numbers_as_they_are() -> None:
    blob = look_bytes(judge=True)
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    parse_look(blob, Path("x.look"))
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize(("figure", "value"), [(0, 0.0), (2, -1.0), (4, 1e9), (5, 0.0)])
def test_T03_a_judge_that_could_refuse_nothing_is_no_judge(figure: int, value: float) -> None:
    tensors = small_judge()
    Judge.from_tensors(tensors)
    tensors["figures"][figure] = value
    with pytest.raises(InputError, match="judge"):
        Judge.from_tensors(tensors)


def test_JB03_a_look_of_another_version_is_named_by_its_version() -> None:
    header, card, payload = parts_of(look_bytes())
    for schema in (1, 3, "9" * 5000, None):
        with pytest.raises(InputError, match=r"x\.look .* schema .* train it again") as caught:
            parse_look(joined(header, card | {"schema": schema}, payload), Path("x.look"))
        assert len(str(caught.value)) < 300


def test_a_look_is_all_of_its_bytes() -> None:
    """Each byte is spoken for: a head that leaves room for another file between its tensors is refused."""
    header, card, payload = parts_of(look_bytes())
    ends = sorted(told["data_offsets"] for told in header.values())
    moved = {
        name: told | {"data_offsets": [end + 4 * (told["data_offsets"] == ends[-1]) for end in told["data_offsets"]]}
        for name, told in header.items()
    }
    last = ends[-1][0]
    with pytest.raises(InputError, match="overlap, or leave gaps"):
        parse_look(joined(moved, card, payload[:last] + struct.pack("<I", 0) + payload[last:]), Path("x.look"))
