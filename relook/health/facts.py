"""What is found on a machine, as plain values, before anything is judged."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Package:
    """A Python package that relook needs, or can use."""

    name: str
    version: str | None
    """As installed; None where it is not."""
    required: str
    """The versions that relook asks for, as ">=2.10,<3"; "" for any."""
    group: str = ""
    """The extra that brings it, as "vfx"; "" for what every installation has."""
    tested: str | None = None
    """The version that relook was tested with, where that is known."""


@dataclass(frozen=True)
class Trial:
    """One thing that was tried for real."""

    what: str
    package: str
    """The package that does it; "relook" for its own files, "" for what the user has set."""
    fault: str | None = None
    """Why it does not work; None where it does."""
    words: str = ""
    """What else there is to say of it."""


@dataclass(frozen=True)
class Device:
    """Where `--device auto` computes."""

    kind: str
    """ "cpu" or "cuda"."""
    name: str
    num_threads: int
    cuda: str | None
    """The CUDA that torch was built for; None for a CPU build."""
    memory_bytes: int | None = None
    """Of the GPU."""
    fault: str | None = None
    """Why it cannot compute; None where it does."""


@dataclass(frozen=True)
class Place:
    """A folder that files are written to."""

    what: str
    """As "the current folder"."""
    path: str
    fault: str | None = None
    """Why nothing can be written there; None where it can, else what follows says nothing."""
    free_bytes: int = 0
    has_locks: bool = True
    """True where a second holder of a lock is refused."""
    has_links: bool = True
    """True where a file can be given a second name."""
    file_system: str = ""
    """As the system names it; "" if it does not say."""


@dataclass(frozen=True)
class Machine:
    """What is not of Python."""

    python: tuple[int, int, int]
    system: str
    has_nvidia_driver: bool
    open_files: int | None
    """How many files may be open at once; None where there is no limit that is known."""
    name_encoding: str
    output_encoding: str
    memory_bytes: int | None
    """All that this process could have; None where the system does not say."""
    free_memory_bytes: int | None


@dataclass(frozen=True)
class Facts:
    """Everything that the rules judge."""

    relook: str
    """Its version."""
    machine: Machine
    packages: tuple[Package, ...]
    device: Device | Trial
    """A trial that failed where torch does not even load."""
    trials: tuple[Trial, ...]
    """Of what every installation needs: codecs, decoders, timelines, looks."""
    extra_trials: tuple[Trial, ...]
    """Of what comes with the extra `vfx`; empty where it is not installed."""
    places: tuple[Place | Trial, ...]
    """A trial that failed where it could not even be tried."""
