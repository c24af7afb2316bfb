"""What the doctor says of hand-made facts: every rule, by the one fact that breaks it."""

from __future__ import annotations

import errno
import os
from dataclasses import replace
from typing import Any

import pytest

from relook.health.facts import Device, Facts, Machine, Package, Place, Trial
from relook.health.rules import Finding, judge
from relook.health.versions import badness, packages, satisfies

GB = 10**9

MACHINE = Machine((3, 11, 7), "Linux", False, 1024, "utf-8", "utf-8", 32 * GB, 20 * GB)
TORCH = Package("torch", "2.13.0+cpu", ">=2.10,<3", "", "2.13.0")
EXR = Package("openexr", "3.5.3", ">=3.3", "vfx", "3.5.3")
DEVICE = Device("cpu", "CPU, 2 cores", 2, None)
PLACE = Place("the current folder", "/films", None, 100 * GB, True, True, "ext4")
TRIAL = Trial("H.264, written and read", "av")
WELL = Facts("0.1", MACHINE, (TORCH, EXR), DEVICE, (TRIAL,), (), (PLACE,))


def machine(**changes: Any) -> Facts:
    return replace(WELL, machine=replace(MACHINE, **changes))


def package(was: Package, **changes: Any) -> Facts:
    return replace(WELL, packages=(replace(was, **changes),))


def device(**changes: Any) -> Facts:
    return replace(WELL, device=replace(DEVICE, **changes))


def place(**changes: Any) -> Facts:
    return replace(WELL, places=(replace(PLACE, **changes),))


CUDA = {"kind": "cuda", "name": "A100", "cuda": "13.0"}
DRIVER = replace(WELL, machine=replace(MACHINE, has_nvidia_driver=True))

CASES = {
    "old Python": (machine(python=(3, 10, 2)), "Python", "problem", "too old", "install Python"),
    "core package missing": (package(TORCH, version=None), "torch", "problem", "not installed", "'torch>=2.10,<3'"),
    "extra missing": (package(EXR, version=None), "openexr", "warning", "no EXR", "'relook[vfx]'"),
    "torch that opens a hole": (
        package(TORCH, version="2.9.1"),
        "torch",
        "problem",
        "CVE-2026-24747",
        "'torch==2.13.0'",
    ),
    "openexr 3.3": (package(EXR, version="3.3.7"), "openexr", "problem", "CVE-2026-27622", "'openexr==3.5.3'"),
    "openexr, pins unknown": (package(EXR, version="3.4.5", tested=None), "openexr", "problem", "27622", ">=3.4.6'"),
    "too new": (package(TORCH, version="3.0"), "torch", "problem", "not what relook needs", "'torch>=2.10,<3'"),
    "older than tested": (
        package(TORCH, version="2.12.1"),
        "torch",
        "warning",
        "older than the 2.13.0",
        "torch==2.13.0",
    ),
    "newer than tested": (package(TORCH, version="2.14"), "torch", "ok", "tested with 2.13.0", ""),
    "old PyAV": (
        replace(WELL, packages=(Package("av", "17.0.0", ">=16", "", "18.1.0"),)),
        *("av", "warning", "lose good frames", "av==18.1.0"),
    ),
    "new PyAV, pins unknown": (
        replace(WELL, packages=(Package("av", "19.0.1", ">=16", "", None),)),
        *("av", "problem", "removed a function", "'av<19'"),
    ),
    "two OpenCV": (
        replace(
            WELL,
            packages=(
                Package("opencv-python", "5.0.0", ""),
                Package("opencv-python-headless", "5.0.0", ">=5,<6"),
            ),
        ),
        *("opencv-python", "problem", "beside opencv-python-headless", "pip uninstall opencv-python"),
    ),
    "a GPU": (device(**CUDA, memory_bytes=80 * GB), "device", "ok", "A100, 2 threads, 80 GB, CUDA 13.0", ""),
    "a small GPU": (device(**CUDA, memory_bytes=2 * GB), "device", "warning", "little", "--tile-rows"),
    "a GPU that fails": (device(**CUDA, fault="no kernel image"), "device", "problem", "no kernel", "--device cpu"),
    "a driver without CUDA": (DRIVER, "device", "warning", "built without CUDA", "RELOOK_TORCH=cuda"),
    "torch that does not load": (
        replace(WELL, device=Trial("device", "torch", "ImportError: libc10.so")),
        *("device", "problem", "libc10.so", "pip install --force-reinstall 'torch==2.13.0'"),
    ),
    "a codec that fails": (
        replace(WELL, trials=(replace(TRIAL, fault="unknown encoder"),)),
        *("H.264, written and read", "problem", "unknown encoder", "pip install --force-reinstall 'av'"),
    ),
    "a look that is damaged": (
        replace(WELL, trials=(Trial("look silent", "relook", "its weights do not match"),)),
        *("look silent", "problem", "do not match", "pip install --force-reinstall --no-deps relook"),
    ),
    "a wrong OCIO": (
        replace(WELL, extra_trials=(Trial("colour spaces", "", "no such file"),)),
        *("colour spaces", "problem", "no such file", "unset OCIO"),
    ),
    "a full disk": (place(free_bytes=GB // 10), PLACE.what, "problem", "0.1 GB free", "df -h '/films'"),
    "little room": (place(free_bytes=5 * GB), PLACE.what, "warning", "5.0 GB free", "df -h"),
    "read-only": (place(fault="Permission denied"), PLACE.what, "problem", "Permission denied", "chmod u+wx '/films'"),
    "a read-only disk": (
        place(fault=os.strerror(errno.EROFS)),
        *(PLACE.what, "problem", "Read-only file system", "on a disk that is not read-only"),
    ),
    "a place that cannot be tried": (
        replace(WELL, places=(Trial(PLACE.what, "av", "ModuleNotFoundError: av"),)),
        *(PLACE.what, "problem", "ModuleNotFoundError", "pip install"),
    ),
    "no locks": (place(has_locks=False), PLACE.what, "warning", "has no file locks", "one job"),
    "a network file system": (place(file_system="nfs4"), PLACE.what, "warning", "nfs4", "one machine"),
    "no hard links": (place(has_links=False), PLACE.what, "warning", "no hard links", "another disk"),
    "few open files": (machine(open_files=64), "open files", "warning", "at most 64", "ulimit -n 1024"),
    "no limit of files": (machine(open_files=None), "open files", "ok", "no limit", ""),
    "names in Latin-1": (machine(name_encoding="iso8859-1"), "names of files", "warning", "iso8859-1", "PYTHONUTF8=1"),
    "hardly any memory": (machine(free_memory_bytes=GB // 2), "memory", "problem", "0.5 of 32.0 GB", "--tile-rows"),
    "little memory": (machine(free_memory_bytes=2 * GB), "memory", "warning", "2160p", "--tile-rows"),
}
"""What is, of which subject something is said, how bad it is, and what its words and its remedy hold."""


def test_of_a_machine_that_is_well_nothing_but_good_is_said() -> None:
    assert {finding.state for finding in judge(WELL)} == {"ok"}
    assert {"relook", "Python", "torch", "openexr", "device", PLACE.what, "memory"} <= {f.subject for f in judge(WELL)}


@pytest.mark.parametrize("kind", CASES)
def test_what_is_wrong_is_said_with_its_remedy(kind: str) -> None:
    facts, subject, state, words, remedy = CASES[kind]
    found = [f for f in judge(facts) if f.subject == subject and f.state == state]
    assert len(found) == 1, judge(facts)
    assert words in found[0].text and remedy in found[0].remedy
    others = [
        f for f in judge(facts) if f != found[0] and (f.state == "problem" or f.subject not in (subject, PLACE.what))
    ]
    assert all(f.state == "ok" for f in others), others


@pytest.mark.parametrize("kind", CASES)
def test_whatever_is_not_ok_has_a_remedy_in_one_line(kind: str) -> None:
    for finding in judge(CASES[kind][0]):
        assert finding.state == "ok" or finding.remedy
        assert "\n" not in finding.text + finding.remedy


@pytest.mark.parametrize(
    ("name", "version", "is_bad"),
    [
        *(("torch", "2.9.1", True), ("torch", "2.10.0+cu130", False)),
        *(
            ("openexr", "3.2.5", True),
            ("openexr", "3.2.6", False),
            ("openexr", "3.3.0", True),
            ("openexr", "3.3.8", False),
        ),
        *(("openexr", "3.4.5", True), ("openexr", "3.4.6", False), ("openexr", "3.5.0", False)),
        *(("openimageio", "3.0.17.1", True), ("openimageio", "3.0.18.0", False), ("openimageio", "3.1.12", True)),
        *(("openimageio", "3.1.13", False), ("openimageio", "3.2.2.0", False), ("numpy", "1.0", False)),
        *(("av", "18.1.1", False), ("av", "19.0.0", True)),
    ],
)
def test_versions_that_are_known_to_be_bad(name: str, version: str, is_bad: bool) -> None:
    assert (badness(name, version) is not None) == is_bad


@pytest.mark.parametrize(
    ("version", "required", "fits"),
    [
        *(("2.13.0+cpu", ">=2.10,<3", True), ("2.9", ">=2.10,<3", False), ("3.0.0", ">=2.10,<3", False)),
        *(("16", ">=16", True), ("15.9.9", ">=16", False), ("1.1.11", "==1.1.11", True), ("1.1.12", "==1.1.11", False)),
        *(("2", ">=2.0", True), ("0.1", "", True)),
    ],
)
def test_versions_are_compared_as_numbers(version: str, required: str, fits: bool) -> None:
    assert satisfies(version, required) == fits


def test_what_relook_asks_for_is_read_from_the_project_itself() -> None:
    found = {package.name: package for package in packages()}
    assert found["torch"].required == ">=2.10,<3" and found["torch"].tested == "2.13.0"
    assert (found["openexr"].group, found["torch"].group) == ("vfx", "")
    assert "pytest" not in found


def test_a_finding_is_a_plain_value() -> None:
    assert Finding("a", "ok", "b") == Finding("a", "ok", "b", "")
