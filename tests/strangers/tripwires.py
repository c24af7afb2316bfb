"""Notice when a process unpickles, unpacks an archive, runs code made of data, or starts a program."""

from __future__ import annotations

import builtins
import os
import pickle
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch

FORBIDDEN: tuple[tuple[Any, str], ...] = (
    (pickle, "load"),
    (pickle, "loads"),
    (pickle, "Unpickler"),
    (torch, "load"),
    (zipfile, "ZipFile"),
    (tarfile, "open"),
    (tarfile, "TarFile"),
    (builtins, "eval"),
    (builtins, "exec"),
    (subprocess, "Popen"),
    (os, "system"),
    (os, "popen"),
    (os, "execv"),
)
EVENTS = (
    "pickle.find_class",
    "os.system",
    "os.exec",
    "os.fork",
    "os.posix_spawn",
    "subprocess.Popen",
    "socket.connect",
)
"""The interpreter's own notes of the same, which a C library cannot pass by."""
_watching: list[list[str]] = []


@contextmanager
def laid() -> Iterator[list[str]]:
    """Give a list of all that is used of it while the `with` lasts; the use itself is refused."""
    tripped: list[str] = []
    kept = [(owner, name, getattr(owner, name)) for owner, name in FORBIDDEN]
    for owner, name, _ in kept:
        setattr(owner, name, _wire(tripped, f"{owner.__name__}.{name}"))
    _watching.append(tripped)
    try:
        yield tripped
    finally:
        _watching.remove(tripped)
        for owner, name, own in kept:
            setattr(owner, name, own)


def _wire(tripped: list[str], name: str) -> Callable[..., Any]:
    own = getattr(builtins, name.removeprefix("builtins."), None)

    def refuse(*given: Any) -> Any:
        if sys._getframe(1).f_globals.get("__name__") == "typing" and own is not None:
            return own(*given)  # annotations in our own code, which are no data
        tripped.append(name)
        raise AssertionError(f"{name} was used")

    return refuse


def _watch(event: str, _: tuple[Any, ...]) -> None:
    if _watching and event in EVENTS:
        for tripped in _watching:
            tripped.append(event)


sys.addaudithook(_watch)
