"""What is good and bad about the facts of a machine, in words, each problem with what to type."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from relook.health.facts import Device, Facts, Machine, Package, Place, Trial
from relook.health.versions import CLASHES, Bad, badness, number_of, satisfies

State = Literal["ok", "warning", "problem"]

GB: Final = 1_000_000_000
LEAST_PYTHON: Final = (3, 11)
LITTLE_ROOM, LEAST_ROOM = 10 * GB, GB // 2
"""Free bytes on a disk: ten minutes of ProRes at 1080p, a trailer in H.264."""
LITTLE_MEMORY, LEAST_MEMORY = 3 * GB, GB
"""Free bytes of memory: what a film at 2160p and one at 1080p need, with the decoder."""
LITTLE_GPU_MEMORY: Final = 4 * GB
FEW_FILES: Final = 256
NETWORK: Final = frozenset(
    (
        *("nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "ceph", "glusterfs", "lustre", "beegfs", "gpfs", "9p"),
        *("fuse.sshfs", "fuse.glusterfs", "fuse.rclone"),
    )
)
"""File systems of other machines, as Linux names them."""
OLDER: Final = {"av": "; older ones lose good frames before damaged bytes"}


@dataclass(frozen=True)
class Finding:
    """One line of what the doctor says."""

    subject: str
    """As "torch" or "the current folder"."""
    state: State
    text: str
    remedy: str = ""
    """What to type, or to do."""


def judge(facts: Facts) -> tuple[Finding, ...]:
    """Say of everything that was found whether it is good."""
    return (
        Finding("relook", "ok", f"{facts.relook} on {facts.machine.system}"),
        *_python(facts.machine),
        *(finding for package in facts.packages for finding in _package(package)),
        *_clashes(facts.packages),
        *_device(facts.device, facts),
        *(_trial(trial, facts.packages) for trial in (*facts.trials, *facts.extra_trials)),
        *(finding for place in facts.places for finding in _place(place, facts.packages)),
        *_machine(facts.machine),
    )


def _python(machine: Machine) -> Iterator[Finding]:
    words = ".".join(map(str, machine.python))
    if machine.python < LEAST_PYTHON:
        yield Finding("Python", "problem", f"{words} is too old", "install Python 3.11 or newer")
    else:
        yield Finding("Python", "ok", words)


def _package(package: Package) -> Iterator[Finding]:
    name, version, group = package.name, package.version, package.group
    install = f"pip install '{name}{package.required}'"
    if version is None:
        if not group:
            yield Finding(name, "problem", "is not installed", install)
        elif group == "vfx":
            yield Finding(
                name, "warning", "is not installed: no EXR, DPX or --colour-space", "pip install 'relook[vfx]'"
            )
        return
    bad = badness(name, version)
    if bad is not None:
        yield Finding(
            name, "problem", f"{version} must not be used: {bad.reason}", f"pip install '{name}{_good(package, bad)}'"
        )
    elif not satisfies(version, package.required):
        yield Finding(name, "problem", f"{version} is not what relook needs ({package.required})", install)
    elif package.tested is not None and number_of(version) < number_of(package.tested):
        text = f"{version} is older than the {package.tested} that relook was tested with{OLDER.get(name, '')}"
        yield Finding(name, "warning", text, f"pip install {name}=={package.tested}")
    elif package.tested is not None and number_of(version) > number_of(package.tested):
        yield Finding(name, "ok", f"{version} (relook was tested with {package.tested})")
    else:
        yield Finding(name, "ok", version)


def _clashes(packages: tuple[Package, ...]) -> Iterator[Finding]:
    there = {package.name for package in packages if package.version}
    for other, ours in CLASHES:
        if {other, ours} <= there:
            text = f"is installed beside {ours}, and both write the same files"
            yield Finding(other, "problem", text, f"pip uninstall {other} && pip install --force-reinstall {ours}")


def _good(package: Package, bad: Bad) -> str:
    """Name versions that are not bad: the one that relook was tested with, or else what mends it."""
    if package.tested is not None and badness(package.name, package.tested) is None:
        return f"=={package.tested}"
    return f">={bad.fixed}" if bad.fixed else f"<{bad.first}"


def _device(device: Device | Trial, facts: Facts) -> Iterator[Finding]:
    if isinstance(device, Trial):
        yield _trial(device, facts.packages)
        return
    words = f"{device.name}, {device.num_threads} threads"
    if device.memory_bytes is not None:
        words += f", {device.memory_bytes / GB:.0f} GB, CUDA {device.cuda}"
    if device.fault is not None:
        yield Finding("device", "problem", f"{words}: {device.fault}", "use --device cpu, and repair the driver")
    elif device.memory_bytes is not None and device.memory_bytes < LITTLE_GPU_MEMORY:
        yield Finding("device", "warning", f"{words}: little for large films", "relook apply ... --tile-rows 256")
    elif device.kind == "cpu" and facts.machine.has_nvidia_driver:
        why = (
            "torch was built without CUDA"
            if device.cuda is None
            else f"torch wants CUDA {device.cuda}, which it cannot use"
        )
        text = f"{words}, though there is an NVIDIA driver: {why}"
        yield Finding("device", "warning", text, "RELOOK_TORCH=cuda python3 start.py doctor")
    else:
        yield Finding("device", "ok", words)


def _trial(trial: Trial, packages: tuple[Package, ...]) -> Finding:
    if trial.fault is None:
        return Finding(trial.what, "ok", trial.words or "works")
    if trial.package == "relook":
        return Finding(trial.what, "problem", trial.fault, "pip install --force-reinstall --no-deps relook")
    if not trial.package:
        return Finding(trial.what, "problem", trial.fault, "unset OCIO")
    wanted = next((p for p in packages if p.name == trial.package), Package(trial.package, None, ""))
    versions = f"=={wanted.tested}" if wanted.tested else wanted.required
    return Finding(trial.what, "problem", trial.fault, f"pip install --force-reinstall '{wanted.name}{versions}'")


def _place(place: Place | Trial, packages: tuple[Package, ...]) -> Iterator[Finding]:
    if isinstance(place, Trial):
        yield _trial(place, packages)
        return
    what, where = place.what, place.path
    if place.fault is not None:
        is_mounted_so = place.fault == os.strerror(errno.EROFS)
        remedy = "work in a folder on a disk that is not read-only" if is_mounted_so else f"chmod u+wx '{place.path}'"
        yield Finding(what, "problem", f"nothing can be written to {where}: {place.fault}", remedy)
        return
    kind = f" ({place.file_system})" if place.file_system else ""
    words = f"{where}{kind}, {place.free_bytes / GB:.1f} GB free"
    if place.free_bytes < LEAST_ROOM:
        yield Finding(what, "problem", f"{words}: too little for a film", f"df -h '{place.path}', and make room")
    elif place.free_bytes < LITTLE_ROOM:
        yield Finding(what, "warning", f"{words}: little for a film in ProRes", f"df -h '{place.path}', and make room")
    else:
        yield Finding(what, "ok", words)
    if not place.has_locks:
        text = "has no file locks: two jobs on one output would not notice each other"
        yield Finding(what, "warning", text, "write to another disk, or give each output to one job")
    elif place.file_system in NETWORK:
        text = f"is on a network file system ({place.file_system}): locks may hold on this machine only"
        yield Finding(what, "warning", text, "give each output to one machine")
    if not place.has_links:
        text = "has no hard links: what another program writes under an output's name meanwhile would be replaced"
        yield Finding(what, "warning", text, "write to another disk")


def _machine(machine: Machine) -> Iterator[Finding]:
    limit = machine.open_files
    if limit is not None and limit < FEW_FILES:
        yield Finding("open files", "warning", f"at most {limit} at once", "ulimit -n 1024")
    else:
        yield Finding("open files", "ok", "no limit" if limit is None else f"at most {limit} at once")
    names = machine.name_encoding.lower().replace("-", "")
    if names != "utf8":
        text = f"are read as {machine.name_encoding}: accents and other scripts would be garbled"
        yield Finding("names of files", "warning", text, "export PYTHONUTF8=1")
    else:
        yield Finding("names of files", "ok", f"UTF-8, printed as {machine.output_encoding}")
    if machine.memory_bytes is None:
        return
    free = machine.memory_bytes if machine.free_memory_bytes is None else machine.free_memory_bytes
    words = f"{free / GB:.1f} of {machine.memory_bytes / GB:.1f} GB free"
    if free < LEAST_MEMORY:
        yield Finding(
            "memory", "problem", f"{words}: too little for a film at 1080p", "relook apply ... --tile-rows 256"
        )
    elif free < LITTLE_MEMORY:
        yield Finding(
            "memory", "warning", f"{words}: too little for a film at 2160p", "relook apply ... --tile-rows 256"
        )
    else:
        yield Finding("memory", "ok", words)
