"""Faults that spoilt files have shown once, each with the file that showed it; cut lists: `test_cut_list_faults`."""

from __future__ import annotations

import hashlib
import json
import os
import struct
from pathlib import Path
from typing import Any

import pytest
from kinds import JOB, KINDS, cleared
from training_kinds import RECIPE

from relook.errors import InputError, RelookError, UsageError
from relook.film.journal import Journal
from relook.film.part import Part
from relook.film.publish import file_hash
from relook.receipt import sealed, unsealed
from relook.strict import DEEPEST, parse_json, read_regular
from relook.train.checkpoint import TENSORS, read_checkpoint
from relook.train.journal import step_told


def good_json(kind: str) -> Any:
    return json.loads(KINDS[kind].examples()[0])


def read(kind: str, data: bytes | dict[str, Any], folder: Path) -> object:
    blob = data if isinstance(data, bytes) else json.dumps(data).encode()
    return KINDS[kind].read(blob, cleared(folder / "x"))


@pytest.mark.parametrize(
    "text",
    [
        b"a = " + b"[" * 20_000,
        b"seed = " + b"1" * 5000,
        b"seed = 99999999999999999999",
        b"preset = '" + b"x" * 50_000 + b"'",
        b"x" * 50_000 + b" = 1",
        b"# " + b"x" * 70_000,
        b"seed = 1\nseed = 2",
        b"seed = 2026-01-01",
        b"[rates]\ngenerator = nan",
        b"[rates]\ncritic = inf",
        b"[weights]\ncontent = 1e300",
        b"[generator]\ndetail_channels = 1000000000",
        b"[generator]\nnum_detail_layers = 0",
        b"crop_px = 1600000",
        b"average_decay = nan",
        b"\x1f\x8b\x08\x00",
        b"seed = !!python/object:os.system",
    ],
)
def test_JB04_T06_a_recipe_that_is_none_is_refused_in_a_few_words(text: bytes, tmp_path: Path) -> None:
    KINDS["recipe"].read(RECIPE, tmp_path)
    with pytest.raises(UsageError) as caught:
        KINDS["recipe"].read(text, tmp_path)
    assert len(str(caught.value)) < 700


def test_a_corpus_whose_runs_never_end_is_refused(tmp_path: Path) -> None:
    for runs in ([[0, 2**60]], [[0, 1], [1, 1], [1, 3]], [[1, 3]], []):
        index = good_json("corpus index")
        index["shots"][0]["runs"] = [{"start": start, "stop": stop} for start, stop in runs]
        with pytest.raises(InputError, match="do not cover"):
            read("corpus index", index, tmp_path)


@pytest.mark.parametrize("name", ["../style-0000", "/etc/passwd", "a\\b", "a\0b", "a/b"])
@pytest.mark.parametrize("kind", ["shots", "anchors"])
def test_T08_a_corpus_names_no_file_elsewhere(kind: str, name: str, tmp_path: Path) -> None:
    index = good_json("corpus index")
    index[kind][0]["name"] = name
    with pytest.raises(InputError, match="not the name of a shot"):
        read("corpus index", index, tmp_path)


def test_an_array_s_head_is_compared_and_never_interpreted(tmp_path: Path) -> None:
    good = KINDS["corpus array"].examples()[0]
    heads = (
        "{'descr': '|O', 'fortran_order': False, 'shape': (3, 4, 5, 3), }",
        "(" * 90,
        "{'shape': (9**9**9,)}",
        "1if 1else",
    )
    for head in heads:
        with pytest.raises(InputError, match="cannot be read"):
            read("corpus array", good[:10] + head.encode().ljust(117) + b"\n" + good[128:], tmp_path)


def test_a_checkpoint_whose_tensors_are_none_is_damaged(tmp_path: Path) -> None:
    for tensors in (b"", b"\x80\x04.", struct.pack("<Q", 2**62) + b"{}"):
        assert read_checkpoint(tmp_path)[0] is None
        KINDS["checkpoint tensors"].read(tensors, cleared(tmp_path / "x"))
        saved, _, said = read_checkpoint(tmp_path / "x")
        assert saved is None and "damaged" in said
    os.unlink(tmp_path / "x" / "ckpt-000012" / TENSORS)
    os.mkfifo(tmp_path / "x" / "ckpt-000012" / TENSORS)
    assert "not a regular file" in read_checkpoint(tmp_path / "x")[2]


def test_a_training_log_may_say_infinity() -> None:
    assert step_told('{"step": 3, "loss": NaN}') == 3
    assert step_told('{"step": Infinity}') == step_told("[" * 5000) == step_told('{"step": "x"}') == 1 << 62


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("start", -24),
        ("stop", 10**12),
        ("stop", 24.0),
        ("files", {"x" * 5000: "0"}),
        ("files", {"/etc/passwd": "0"}),
        ("files", {"a\0b": "0"}),
        ("files", {"": "0"}),
        ("files", {".": "0"}),
        ("facts", {"tally": float("nan")}),
        ("more", 1),
    ],
)
def test_AP14_a_line_of_a_journal_that_cannot_be_is_not_believed(name: str, value: Any, tmp_path: Path) -> None:
    lines = KINDS["journal"].examples()[0].decode().splitlines()
    assert len(KINDS["journal"].read("\n".join(lines).encode(), cleared(tmp_path / "good"))) == 3  # type: ignore[arg-type]
    second = json.loads(lines[2]) | {name: value}
    spoilt = "\n".join([*lines[:2], json.dumps(second), *lines[3:]])
    assert len(KINDS["journal"].read(spoilt.encode(), cleared(tmp_path / "spoilt"))) == 1  # type: ignore[arg-type]


def test_AP14_a_journal_that_is_a_pipe_is_none(tmp_path: Path) -> None:
    part = Part(tmp_path / "x.mov")
    os.mkfifo(part.path / "journal.jsonl")
    os.mkfifo(part.path / "pictures")
    assert file_hash(part.path / "pictures") is None
    assert Journal(part, JOB).stretches == []
    part.leave()


@pytest.mark.parametrize(
    "name",
    [
        "../a.mov",
        "/a.mov",
        "a/b.mov",
        "a\\b.mov",
        ".",
        "..",
        "",
        ".hidden",
        "a\nb.mov",
        "-rf.mov",
        "x" * 300,
        "~/a.mov",
    ],
)
def test_T08_a_record_names_files_of_its_folder(name: str, tmp_path: Path) -> None:
    told, _ = unsealed(KINDS["shot record"].examples()[0])
    told["shots"][name] = told["shots"].popitem()[1]
    with pytest.raises(InputError, match="not the name of a shot"):
        read("shot record", sealed(told), tmp_path)


def test_json_has_one_meaning() -> None:
    assert parse_json('{"a": [1, 2.5, null, true, "x", {"a": -3}]}') == {"a": [1, 2.5, None, True, "x", {"a": -3}]}
    twice = ('{"a": 1, "a": 1}', '[{"b": {"a": 1, "a": 2}}]')
    numbers = ("NaN", "-Infinity", "[1e999]", "-1e999", "9" * 21)
    deep = "[" * (DEEPEST + 1) + "]" * (DEEPEST + 1)
    for text in (*twice, *numbers, deep, "[" * 100_000, "", "{", "'a'", b"\xff", b"\xef\xbb\xbf{}"):
        with pytest.raises(ValueError):
            parse_json(text)
    assert parse_json("[" * DEEPEST + "]" * DEEPEST)
    assert parse_json("[1e999]", finite=False) == [float("inf")]


def test_a_file_is_read_up_to_its_limit(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"12345")
    assert read_regular(path, 5) == b"12345"
    with pytest.raises(ValueError, match="larger"):
        read_regular(path, 4)
    with pytest.raises(ValueError, match="not a regular file"):
        read_regular(tmp_path, 5)


def test_every_kind_reads_what_is_good(tmp_path: Path) -> None:
    for name, kind in KINDS.items():
        for example in kind.examples():
            try:
                kind.read(example, cleared(tmp_path / "x"))
            except RelookError as error:
                pytest.fail(f"{name}: {error}")
    assert hashlib.sha256(RECIPE).hexdigest()
