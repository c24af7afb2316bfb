"""Find out what a machine has and what works on it; each room tries its own libraries, and nothing here judges.

Whatever a trial raises is a fact like any other: a broken installation is what this is for.
"""

from __future__ import annotations

import os
import platform
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from relook.health.facts import Device, Facts, Machine, Place, Trial
from relook.health.versions import packages
from relook.version import VERSION

try:
    import resource
except ImportError:  # Windows has no such limits
    resource = None  # type: ignore[assignment]

_DRIVER: Final = Path("/proc/driver/nvidia/version")
_MEMORY: Final = Path("/proc/meminfo")
_GROUP_LIMITS: Final = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
_PACKAGES: Final = {
    **{"cv2": "opencv-python-headless", "scenedetect": "scenedetect-headless", "lightning_fabric": "lightning-fabric"},
    **{"OpenEXR": "openexr", "OpenImageIO": "openimageio", "PyOpenColorIO": "opencolorio"},
}
"""Modules whose packages have other names."""


def gather() -> Facts:
    """Find everything out; the current folder is where outputs would go."""
    return Facts(
        relook=VERSION,
        machine=_machine(),
        packages=packages(),
        device=_device(),
        trials=(
            *_tried("films", "av", _film_trials),
            *_tried("finding shots", "scenedetect-headless", _shots_trials),
            *_tried("timelines", "opentimelineio", _timeline_trials),
            *_tried("looks", "relook", _look_trials),
        ),
        extra_trials=(
            *_tried("EXR and DPX", "openexr", _picture_trials),
            *_tried("colour spaces", "opencolorio", _config_trials),
        ),
        places=(
            _place("the current folder", Path.cwd),
            _place("the temporary folder", lambda: Path(tempfile.gettempdir())),
        ),
    )


def _tried(what: str, package: str, trials: Callable[[], tuple[Trial, ...]]) -> tuple[Trial, ...]:
    """Make trials; where they break off altogether, that is the one fault."""
    try:
        return trials()
    except Exception as error:  # of any library, and at its import too: that is what is to be found
        return (_broken(what, package, error),)


def _broken(what: str, package: str, error: Exception) -> Trial:
    """Make a fact of an error; a module that is not there is its own package's fault, whoever asked for it."""
    missing = (error.name or "").partition(".")[0] if isinstance(error, ModuleNotFoundError) else ""
    return Trial(what, _PACKAGES.get(missing, missing) or package, _words(error))


def _words(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__


def _device() -> Device | Trial:
    try:
        import torch  # late, as all below: the doctor must not die of what it is to find

        from relook.compute import choose_device, describe_device
    except Exception as error:
        return _broken("device", "torch", error)
    kind, threads, cuda = "cpu", torch.get_num_threads(), torch.version.cuda
    try:
        device = choose_device("auto")
        kind = device.type
        name, memory = describe_device(device)
    except Exception as error:
        return Device(kind, kind, threads, cuda, fault=_words(error))
    return Device(kind, name, threads, cuda, memory_bytes=memory)


def _film_trials() -> tuple[Trial, ...]:
    from relook.film.container.selftest import av1_fault, codec_fault, library_words, plans

    written = (Trial(f"{plan.codec.title}, written and read", "av", codec_fault(plan)) for plan in plans())
    return (Trial("PyAV", "av", words=library_words()), *written, Trial("AV1, read", "av", av1_fault()))


def _shots_trials() -> tuple[Trial, ...]:
    from relook.film.selftest import shots_fault

    with tempfile.TemporaryDirectory(prefix="relook-doctor-") as made:
        return (Trial("finding shots", "scenedetect-headless", shots_fault(Path(made))),)


def _timeline_trials() -> tuple[Trial, ...]:
    from relook.film.cuts.selftest import reads_timelines

    return (
        Trial("timelines", "opentimelineio", None if reads_timelines() else "what was written is not what is read"),
    )


def _look_trials() -> tuple[Trial, ...]:
    from relook.look import shipped_looks

    found = tuple(_look_trial(name, path) for name, path in shipped_looks().items())
    return found or (Trial("looks", "relook", "none has come with relook"),)


def _look_trial(name: str, path: Path) -> Trial:
    from relook.look import load_look

    try:
        load_look(path)
    except Exception as error:
        return Trial(f"look {name}", "relook", _words(error))
    return Trial(f"look {name}", "relook")


def _picture_trials() -> tuple[Trial, ...]:
    from relook.film.pictures.vfx import has_vfx

    if not has_vfx():
        return ()
    import numpy as np

    from relook.film.pictures.selftest import dpx_fault, exr_fault

    with tempfile.TemporaryDirectory(prefix="relook-doctor-") as made:
        return (
            Trial("EXR half", "openexr", exr_fault(Path(made), np.float16)),
            Trial("EXR float", "openexr", exr_fault(Path(made), np.float32)),
            Trial("DPX 10 bit", "openimageio", dpx_fault(Path(made))),
        )


def _config_trials() -> tuple[Trial, ...]:
    if find_spec("PyOpenColorIO") is None:
        return ()
    from relook.film.pictures.selftest import config_fault

    config, fault = config_fault()
    return (Trial("colour spaces", "" if os.environ.get("OCIO") else "opencolorio", fault, config),)


def _place(what: str, find: Callable[[], Path]) -> Place | Trial:
    words = what
    try:
        from relook.film.place import try_place

        folder = find()
        words = str(folder)
        found = try_place(folder)
    except OSError as error:
        return Place(what, words, fault=error.strerror or str(error))
    except Exception as error:
        return _broken(what, "relook", error)
    return Place(what, words, None, found.free_bytes, found.has_locks, found.has_links, found.file_system)


def _machine() -> Machine:
    memory, free = _memory()
    return Machine(
        python=sys.version_info[:3],
        system=f"{platform.system()} {platform.release()} {platform.machine()}",
        has_nvidia_driver=_DRIVER.exists(),
        open_files=_open_files(),
        name_encoding=sys.getfilesystemencoding(),
        output_encoding=sys.stdout.encoding or "utf-8",
        memory_bytes=memory,
        free_memory_bytes=free,
    )


def _open_files() -> int | None:
    if resource is None:
        return None
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return None if limit == resource.RLIM_INFINITY else limit


def _memory() -> tuple[int | None, int | None]:
    """Return all and the free bytes of memory, within the limit of a container or of `ulimit -v`."""
    told: dict[str, int] = {}
    with suppress(OSError):
        for line in _MEMORY.read_text().splitlines():
            name, _, amount = line.partition(":")
            told[name] = int(amount.split()[0]) * 1024
    total, free = told.get("MemTotal"), told.get("MemAvailable")
    if total is None and hasattr(os, "sysconf"):  # macOS has no /proc
        with suppress(OSError, ValueError):
            total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    limit = min(_limits(), default=None)
    if limit is None or total is None:
        return total, free
    return min(total, limit), None if free is None else min(free, limit)


def _limits() -> list[int]:
    limits = []
    for path in _GROUP_LIMITS:
        with suppress(OSError, ValueError):  # "max" stands for none
            limits.append(int(path.read_text()))
    if resource is not None:
        limits += [n for n in resource.getrlimit(resource.RLIMIT_AS)[:1] if n != resource.RLIM_INFINITY]
    return limits
