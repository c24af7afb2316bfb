"""The set-up: which PyTorch is asked for, when it is done again, and what it says when it cannot be done."""

from __future__ import annotations

import ast
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[1]


def load(path: Path) -> ModuleType:
    """Return `start.py` as a module."""
    spec = importlib.util.spec_from_file_location("start", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


start = load(ROOT / "start.py")


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A folder with what `start.py` reads, and nothing else."""
    for name in ("start.py", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


def run(folder: Path, *words: str, **changes: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "RELOOK_", "CONDA_"))}
    command = [sys.executable, str(folder / "start.py"), *words]
    return subprocess.run(command, capture_output=True, text=True, env=kept | changes, check=False)


@pytest.mark.parametrize("system", ["Linux", "Windows"])
def test_a_machine_without_nvidia_never_asks_for_a_cuda_build(system: str) -> None:
    torch = start.steps(Path("env"), "cpu", system)[0]
    for attempt in torch.attempts:
        wanted = [word for word in attempt if word.startswith("torch==")]
        assert wanted == [f"torch=={start.pinned('torch')}+cpu"]


def test_the_index_that_pip_is_configured_with_comes_first() -> None:
    first, second = start.steps(Path("env"), "cpu", "Linux")[0].attempts
    assert "--extra-index-url" not in first
    assert second[second.index("--extra-index-url") + 1] == start.CPU_INDEX


@pytest.mark.parametrize(("build", "system"), [("cuda", "Linux"), ("cpu", "Darwin"), ("cuda", "Darwin")])
def test_the_plain_build_is_right_on_linux_with_nvidia_and_on_a_mac(build: str, system: str) -> None:
    ((*_, wanted),) = start.steps(Path("env"), build, system)[0].attempts
    assert wanted == f"torch=={start.pinned('torch')}"


def test_skip_installs_no_torch() -> None:
    arguments = [
        word for step in start.steps(Path("env"), "skip", "Linux") for words in step.attempts for word in words
    ]
    assert not any("torch" in word for word in arguments)


def test_every_dependency_is_pinned_within_what_the_project_allows() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    for requirement in (*project["dependencies"], *extras["vfx"], *extras["dev"], *extras["demo"]):
        name, bounds = re.fullmatch(r"([a-z0-9-]+)(.*)", requirement).groups()
        pin = version(start.pinned(name))
        for relation, bound in re.findall(r"(>=|<|==)([\d.]+)", bounds):
            assert {">=": pin >= version(bound), "<": pin < version(bound), "==": pin == version(bound)}[relation]


def version(text: str) -> tuple[int, ...]:
    return tuple(int(number) for number in text.split("."))


def test_an_old_python_is_refused_in_words_that_it_can_read(capsys: pytest.CaptureFixture[str]) -> None:
    ast.parse((ROOT / "start.py").read_text(), feature_version=(3, 7))
    with pytest.raises(SystemExit) as refused:
        start.check_python((3, 10, 4))
    assert refused.value.code == 6
    assert "needs Python 3.11 or newer, and this is Python 3.10.4" in capsys.readouterr().err


def test_the_stamp_stands_until_the_plan_changes(copy: Path, tmp_path: Path) -> None:
    module = load(copy / "start.py")
    home = tmp_path / "env"
    home.mkdir()
    assert not module.is_ready(home, "cpu")
    module.stamp_of(home).write_text(f"{module.environment_id('cpu')}\n{module.plan_hash(home, 'cpu')}\n")
    assert module.is_ready(home, "cpu")
    assert not module.is_ready(home, "cuda")
    (copy / "constraints.txt").write_text((copy / "constraints.txt").read_text() + "one-more==1.0\n")
    assert not module.is_ready(home, "cpu")


@pytest.mark.slow
def test_without_an_index_it_says_what_to_do(copy: Path) -> None:
    done = run(copy, "looks", PIP_CONFIG_FILE=os.devnull, PIP_NO_INDEX="1", RELOOK_TORCH="cpu")
    assert done.returncode == 6
    assert "the package index cannot be reached" in done.stderr
    assert "HTTPS_PROXY" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_wrong_torch_is_named(copy: Path) -> None:
    done = run(copy, "looks", RELOOK_TORCH="gpu")
    assert (done.returncode, done.stdout) == (6, "")
    assert "RELOOK_TORCH=gpu is not known; use cpu, cuda or skip" in done.stderr
    assert not (copy / ".venv").exists()


def test_without_words_it_explains_itself(copy: Path) -> None:
    done = run(copy)
    assert done.returncode == 2
    assert "python3 start.py demo" in done.stdout
