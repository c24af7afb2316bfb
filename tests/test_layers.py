"""The import rule: a file imports its own folder and lower levels, and an outside library has its room."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "relook"

LEVELS = {
    "version": 0,
    "errors": 0,
    "faults": 0,
    "strict": 0,
    "timing": 0,
    "progress": 0,
    "samples": 0,
    "recipe": 0,
    "film": 1,
    "nets": 1,
    "objectives": 1,
    "compute": 1,
    "tensors": 1,
    "tiling": 1,
    "corpus": 2,
    "look": 2,
    "report": 2,
    "receipt": 2,
    "mechanics": 2,
    "prepare": 3,
    "train": 3,
    "apply": 3,
    "check": 3,
    "deliver": 3,
    "export": 3,
    "pipeline": 4,
    "farm": 4,
    "health": 4,
    "cli": 5,
    "studio": 5,
    "__init__": 6,
    "__main__": 6,
}
"""Every room and its level; the face, which may name anything, is the highest."""

ONLY_IN = {
    "av": {"film"},
    "scenedetect": {"film"},
    "OpenImageIO": {"film"},
    "OpenEXR": {"film"},
    "PyOpenColorIO": {"film"},
    "opentimelineio": {"film"},
    "jinja2": {"deliver"},
    "typer": {"cli"},
    "rich": {"cli"},
    "click": {"cli"},
    "lightning_fabric": {"compute"},
    "onnx": {"export"},
    "fastapi": {"studio"},
}
"""Outside libraries that belong to one room."""


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(source: str) -> Iterator[str]:
    """Yield the dotted names that a file imports, anywhere in it."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide the level of what they import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def breaches(room: str, source: str) -> list[str]:
    """Return what a file of a room imports against the rule."""
    found = []
    for name in imported(source):
        library, *rest = name.split(".")
        if library == "relook":
            other = rest[0] if rest and rest[0] in LEVELS else "__init__"
            lower = LEVELS[other] < LEVELS[room] or (LEVELS[room] == 0 and other in ("errors", "strict"))
            if other != room and not lower:
                found.append(f"{room} (level {LEVELS[room]}) imports {name} (level {LEVELS[other]})")
        elif room not in ONLY_IN.get(library, {room}):
            found.append(f"{room} imports {library}, which belongs in {ONLY_IN[library]}")
        elif library == "torch" and LEVELS[room] == 0:
            found.append(f"{room} is level 0 and imports torch")
    return found


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_file_imports_its_own_folder_and_lower_levels_only(path: Path) -> None:
    assert room_of(path) in LEVELS, f"{path.name} is in no known room; give it a level in STYLE's map first"
    assert breaches(room_of(path), path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("room", "source"),
    [
        ("film", "from relook.nets import generator"),
        ("nets", "import relook.corpus"),
        ("train", "from relook.prepare.footage import prepare_corpus"),
        ("recipe", "import torch"),
        ("timing", "from relook import progress"),
        ("check", "def f():\n    import av"),
        ("pipeline", "from relook.cli import main"),
        ("look", "from relook import load_look"),
    ],
)
def test_the_rule_has_teeth(room: str, source: str) -> None:
    assert len(breaches(room, source)) == 1


@pytest.mark.parametrize(
    "code", ["import relook", "import relook.cli", "from relook.cli.app import build_app; build_app()"]
)
def test_the_face_brings_no_heavy_library_along(code: str) -> None:
    report = "import json, sys; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}; {report}"], capture_output=True, text=True, check=True, cwd=ROOT
    )
    loaded = set(json.loads(done.stdout))
    assert loaded.isdisjoint({"torch", "av", "cv2", "numpy", "scenedetect", "pydantic", "jinja2", "relook.pipeline"})


def test_every_public_name_is_there() -> None:
    import relook

    for name in relook.__all__:
        assert getattr(relook, name) is not None


def test_a_verb_stays_a_function_when_its_room_is_imported() -> None:
    import relook
    import relook.apply
    import relook.check
    import relook.train
    from relook import pipeline

    assert (relook.train, relook.apply, relook.check) == (pipeline.train, pipeline.apply, pipeline.check)
