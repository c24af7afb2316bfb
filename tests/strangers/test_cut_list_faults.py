"""Faults that spoilt cut lists have shown once, each with the file that showed it."""

from __future__ import annotations

import json
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from alone import run_alone
from kinds import KINDS

from relook.errors import InputError, UsageError
from relook.film.cuts.cut_files import read_cut_list


def good_timeline() -> Any:
    return json.loads(KINDS["otio"].examples()[0])


def _with(change: Callable[[Any], object]) -> bytes:
    """Return a timeline with one change."""
    timeline = good_timeline()
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
    timeline = good_timeline()
    _clips(timeline)[0]["metadata"] = {"cmx_3600": 5}
    (tmp_path / "a.otio").write_text(json.dumps(timeline))
    first, second, *_ = read_cut_list(tmp_path / "a.otio").events
    assert (first.reel, second.reel) == ("a", "A001")


def test_JB02_a_clip_that_begins_before_its_source_is_named(tmp_path: Path) -> None:
    timeline = good_timeline()
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
