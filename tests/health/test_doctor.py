"""The doctor on this machine, for real: what works, what is written, and what it says where something is broken."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from relook.film.container import selftest
from relook.film.container.codecs import CODECS
from relook.film.place import file_system, try_place

RESOURCES = 6

HIDDEN = """
import sys
for name in sys.argv.pop(1).split(","):
    sys.modules[name] = None
from relook.cli import main
main(["doctor", "--json"])
"""
"""A run in which the modules named are not there."""


def examined(folder: Path, *command: str, **variables: str) -> tuple[int, dict[str, Any]]:
    """Run the doctor in a folder; return its exit code and what it says of every subject."""
    words = [sys.executable, *(command or ("-m", "relook", "doctor", "--json"))]
    done = subprocess.run(words, cwd=folder, env=os.environ | variables, stdout=subprocess.PIPE, text=True, check=False)
    return done.returncode, json.loads(done.stdout.splitlines()[-1])


def states(told: dict[str, Any]) -> dict[str, str]:
    return {finding["subject"]: finding["state"] for finding in told["findings"]}


def test_the_doctor_examines_this_machine_and_leaves_nothing_behind(tmp_path: Path) -> None:
    place, temporary = tmp_path / "films", tmp_path / "tmp"
    place.mkdir()
    temporary.mkdir()
    code, told = examined(place, TMPDIR=str(temporary))
    found = states(told)
    assert list(place.iterdir()) == list(temporary.iterdir()) == []
    assert code == (RESOURCES if told["problems"] else 0)
    wanted = [f"{codec.title}, written and read" for codec in CODECS.values()]
    wanted += ["AV1, read", "torch", "av", "finding shots", "timelines", "look silent", "device", "PyAV"]
    assert {subject: found[subject] for subject in wanted} == dict.fromkeys(wanted, "ok")
    assert {"the current folder", "the temporary folder", "open files", "names of files", "memory"} <= set(found)


def test_what_is_missing_is_told_and_the_rest_still_examined(tmp_path: Path) -> None:
    code, told = examined(tmp_path, "-c", HIDDEN, "torch,OpenEXR", OCIO=str(tmp_path / "absent.ocio"))
    remedies = {f["subject"]: f["remedy"] for f in told["findings"] if f["state"] == "problem"}
    assert code == RESOURCES
    assert "torch==" in remedies["device"] and "torch==" in remedies["films"]
    assert remedies["colour spaces"] == "unset OCIO"
    assert states(told)["timelines"] == states(told)["the current folder"] == "ok"


def test_every_codec_is_tried_and_a_broken_one_found(monkeypatch: pytest.MonkeyPatch) -> None:
    plans = {plan.codec.title: plan for plan in selftest.plans()}
    assert set(plans) == {codec.title for codec in CODECS.values()}
    absent = replace(plans["H.264"], codec=replace(plans["H.264"].codec, encoder="libx999"))
    assert "libx999" in str(selftest.codec_fault(absent))
    wrong = replace(plans["ProRes"], options=plans["ProRes"].options | {"profile": "99"})
    assert selftest.codec_fault(wrong) is not None
    monkeypatch.setattr(selftest, "_AV1", selftest._AV1[:50])
    assert selftest.av1_fault() is not None


def test_a_place_is_tried_for_real(tmp_path: Path) -> None:
    found = try_place(tmp_path)
    assert found.free_bytes > 0 and list(tmp_path.iterdir()) == []
    with pytest.raises(OSError):
        try_place(tmp_path / "absent")


def test_a_place_without_locks_or_links_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if sys.platform == "linux":
        assert try_place(tmp_path).has_locks and try_place(tmp_path).has_links
    monkeypatch.setattr("relook.film.publish.fcntl", None)
    monkeypatch.setattr(os, "link", lambda *names: os.stat(tmp_path / "absent"))
    found = try_place(tmp_path)
    assert (found.has_locks, found.has_links) == (False, False)


def test_the_nearest_mount_says_what_file_system_a_folder_is_on(tmp_path: Path) -> None:
    inner = tmp_path / "my films"
    inner.mkdir()
    mounts = tmp_path / "mountinfo"
    escaped = str(inner).replace(" ", "\\040")
    mounts.write_text(
        f"1 0 8:1 / / rw - ext4 /dev/sda rw\n2 1 0:5 / {escaped} rw shared:1 - nfs4 host:/films rw\n3 1 0:6 / /x rw - xfs x rw\n"
    )
    assert (file_system(inner, mounts), file_system(tmp_path, mounts)) == ("nfs4", "ext4")
    assert file_system(inner, tmp_path / "absent") == ""
