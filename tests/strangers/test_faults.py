"""Faults that spoilt files have shown once, each with the file that showed it."""

from __future__ import annotations

import hashlib
import json
import os
import struct
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from alone import run_alone
from kinds import JOB, KINDS, RECIPE, cleared

from relook.errors import InputError, RelookError, UsageError
from relook.film.cuts.cut_files import read_cut_list
from relook.film.journal import Journal
from relook.film.part import Part
from relook.film.publish import file_hash
from relook.receipt import sealed, unsealed
from relook.strict import DEEPEST, parse_json, read_regular
from relook.train.checkpoint import TENSORS, read_checkpoint
from relook.train.journal import _step_of


def good_json(kind: str) -> Any:
    return json.loads(KINDS[kind].examples()[0])


def read(kind: str, data: bytes | dict[str, Any], folder: Path) -> object:
    blob = data if isinstance(data, bytes) else json.dumps(data).encode()
    return KINDS[kind].read(blob, cleared(folder / "x"))


def _with(change: Callable[[Any], object]) -> bytes:
    """Return a timeline with one change."""
    timeline = good_json("otio")
    change(timeline)
    return json.dumps(timeline).encode()


def _clips(timeline: Any) -> Any:
    return timeline["tracks"]["children"][0]["children"]


TIMELINES: dict[str, bytes] = {
    "no tracks": _with(lambda t: t.update(tracks=None)),
    "tracks that are a clip": _with(lambda t: t.update(tracks=_clips(t)[0])),
    "a version below zero": _with(lambda t: _clips(t)[0].update(OTIO_SCHEMA="Clip.-1")),
    "a clip of two versions": _with(lambda t: _clips(t)[0].update(OTIO_SCHEMA="Clip.1")),
    "a version of 1e999": _with(lambda t: _clips(t)[0].update(OTIO_SCHEMA="Clip.-1e999")),
    "a version of none": _with(lambda t: _clips(t)[0].update(OTIO_SCHEMA="Clip")),
    "a schema that is a number": _with(lambda t: _clips(t)[0].update(OTIO_SCHEMA=2)),
    "an unknown schema": _with(lambda t: _clips(t)[0].update(OTIO_SCHEMA="os.system.1")),
    "a gap in a track": _with(lambda t: _clips(t).insert(1, None)),
    "no media": _with(lambda t: _clips(t)[0].update(media_references=None)),
    "media of none": _with(lambda t: _clips(t)[0].update(media_references={"DEFAULT_MEDIA": None})),
    "an effect of none": _with(lambda t: _clips(t)[0].update(effects=[None])),
    "a track in itself": _with(
        lambda t: (
            t["tracks"]["children"][0].update(OTIO_REF_ID="T"),
            _clips(t).append({"OTIO_SCHEMA": "SerializableObjectRef.1", "id": "T"}),
        )
    ),
    "a name twice": KINDS["otio"].examples()[0].replace(b"{", b'{"name": "x",', 1),
    "a rate of 0": _with(lambda t: _clips(t)[0]["source_range"]["duration"].update(rate=0)),
    "a length of 1e300": _with(lambda t: _clips(t)[0]["source_range"]["duration"].update(value=1e300)),
    "a length of 10^12": _with(lambda t: _clips(t)[0]["source_range"]["duration"].update(value=1e12)),
    "a length of another rate": _with(lambda t: _clips(t)[0]["source_range"]["duration"].update(value=1e8, rate=1e-9)),
    "a transition of 10^12": _with(lambda t: _clips(t)[1]["in_offset"].update(value=1e12)),
    "nested deeply": b'{"OTIO_SCHEMA": "Timeline.1", "tracks": ' * 500 + b"{}" + b"}" * 500,
    "a pickle": b"\x80\x04.",
    "an archive": b"PK\x05\x06" + bytes(18),
}


@pytest.fixture(scope="module")
def timelines(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Return what came of each timeline, read in one other process."""
    folder = tmp_path_factory.mktemp("timelines")
    for index, blob in enumerate(TIMELINES.values()):
        (folder / str(index)).write_bytes(blob)
    told = run_alone("read_some.py", "otio", *(folder / str(index) for index in range(len(TIMELINES))))
    return dict(zip(TIMELINES, told.values(), strict=True))


@pytest.mark.parametrize("name", TIMELINES)
def test_T03_a_timeline_that_is_none_is_refused(timelines: dict[str, Any], name: str) -> None:
    assert timelines[name] is not None and timelines[name][0] == "InputError", timelines[name]


def test_T03_a_timeline_runs_no_plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """OpenTimelineIO loads what the environment names where its adapters are used."""
    canary = tmp_path / "canary"
    (tmp_path / "evil.py").write_text(f"open({str(canary)!r}, 'w').close()\n")
    plugin = {"OTIO_SCHEMA": "SchemaDef.1", "name": "evil", "filepath": "evil.py"}
    hook = {"OTIO_SCHEMA": "HookScript.1", "name": "evil", "filepath": "evil.py"}
    manifest = {
        "OTIO_SCHEMA": "PluginManifest.1",
        "schemadefs": [plugin],
        "hook_scripts": [hook],
        "hooks": {"post_adapter_read": ["evil"]},
    }
    (tmp_path / "plugins.json").write_text(json.dumps(manifest))
    monkeypatch.setenv("OTIO_PLUGIN_MANIFEST_PATH", str(tmp_path / "plugins.json"))
    (tmp_path / "a.otio").write_bytes(KINDS["otio"].examples()[0])
    (tmp_path / "b.otio").write_bytes(_with(lambda t: _clips(t)[0].update(OTIO_SCHEMA="evil.1")))
    told = run_alone("read_some.py", "otio", tmp_path / "a.otio", tmp_path / "b.otio")
    assert told["a.otio"] is None and told["b.otio"][0] == "InputError"
    assert not canary.exists()


@pytest.mark.parametrize("ending", [".otioz", ".otiod", ".zip"])
def test_T05_archives_are_no_cut_lists(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"cut{ending}"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("../content.otio", "{}")
    with pytest.raises(UsageError, match="is not a cut list"):
        read_cut_list(path)
    path = path.rename(tmp_path / "cut.otio")
    with pytest.raises(InputError, match="not an OpenTimelineIO timeline"):
        read_cut_list(path)
    assert [one.name for one in tmp_path.iterdir()] == ["cut.otio"]


def test_a_clip_whose_notes_are_no_notes_is_read(tmp_path: Path) -> None:
    timeline = good_json("otio")
    _clips(timeline)[0]["metadata"] = {"cmx_3600": 5}
    (tmp_path / "a.otio").write_text(json.dumps(timeline))
    first, second, *_ = read_cut_list(tmp_path / "a.otio").events
    assert (first.reel, second.reel) == ("a", "A001")


def test_JB02_a_clip_that_begins_before_its_source_is_named(tmp_path: Path) -> None:
    timeline = good_json("otio")
    _clips(timeline)[4]["source_range"]["start_time"]["value"] = -5
    _clips(timeline)[4]["effects"] = []
    (tmp_path / "a.otio").write_text(json.dumps(timeline))
    assert read_cut_list(tmp_path / "a.otio").events[-1].fault == "begins 5 frames before its source does"


@pytest.mark.parametrize(
    "line",
    [
        "001" + " " * 990 + "x",
        "001 " + "a " * 490,
        "001 A V C " + " " * 980,
        "M2" + " " * 990 + "x",
        "M2 a " + "1" * 990,
        "M2 " + "1 " * 490,
        "FINAL CUT PRO REEL: " + "a " * 480,
        "FINAL CUT PRO REEL: " + " " * 970 + "x",
        "* FROM CLIP NAME" + " " * 980,
    ],
)
def test_T19_a_line_of_an_edl_takes_a_time_that_grows_as_its_length(line: str, tmp_path: Path) -> None:
    event = "001  A  V  C  00:00:00:00 00:00:01:00 00:00:00:00 00:00:01:00\n"
    path = tmp_path / "cut.edl"
    path.write_text((event + f"{line}\n") * 300)
    began = time.process_time()
    try:
        read_cut_list(path)
    except InputError:
        path.write_text((event + f"* {line}\n") * 300)  # named by its first line; and now as a note
        read_cut_list(path)
    assert time.process_time() - began < 1.0


def test_JB01_an_edl_of_thousands_of_events_is_read_in_a_time_that_grows_as_their_number(tmp_path: Path) -> None:
    def seconds(count: int) -> float:
        path = tmp_path / "cut.edl"
        event = "{:06d}  A001C002 V     C        01:00:00:00 01:00:01:00 02:00:00:00 02:00:01:00\n"
        path.write_text("".join(map(event.format, range(count))))
        began = time.process_time()
        assert len(read_cut_list(path).events) == count
        return time.process_time() - began

    few = seconds(1000)
    assert seconds(8000) < 8 * 4 * few


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("\n" * 600_000, "500,000 lines"),
        ("001  A  V  C  00:00:00:00 00:00:01:00 00:00:00:00 00:00:01:00\n" * 100_001, "100,000 events"),
        ("x" * (33 << 20), "larger than 32 MiB"),
    ],
)
def test_T19_an_endless_edl_is_refused(text: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "cut.edl"
    path.write_text(text)
    with pytest.raises(InputError, match=said):
        read_cut_list(path)


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
    assert _step_of('{"step": 3, "loss": NaN}') == 3
    assert _step_of('{"step": Infinity}') == _step_of("[" * 5000) == _step_of('{"step": "x"}') == 1 << 62


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
