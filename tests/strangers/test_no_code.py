"""T3, T4, T5: relook never unpickles, unpacks an archive, or makes code of data."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "relook"

MODULES = (
    "pickle",
    "cPickle",
    "_pickle",
    "dill",
    "cloudpickle",
    "joblib",
    "shelve",
    "marshal",
    "zipfile",
    "tarfile",
    "yaml",
    "subprocess",
    "runpy",
)
"""Never imported."""
BARE = ("eval", "exec", "compile", "__import__")
CALLS = {
    "torch": ("load", "jit.load", "package", "hub.load"),
    "os": ("system", "popen", "execv", "execve", "execvp", "spawnv", "posix_spawn"),
    "shutil": ("unpack_archive",),
    "importlib": ("import_module",),
    "otio": ("adapters", "plugins"),
    "np": ("load", "loads"),
    "numpy": ("load", "loads"),
}
"""Never called, by what the libraries are called in relook."""
ANYWHERE = ("extractall", "extract", "load_module", "exec_module", "unsafe_load", "full_load", "allow_pickle")


ALLOWED = {
    "__init__.py": ["importlib.import_module"],  # its own rooms, by a table of its own
    "compute.py": ["subprocess"],  # the members of a crew: relook itself, by its own command line
    "film/container/decoders.py": ["subprocess"],  # the process that decodes: relook itself, by its own file
}


def breaches(source: str) -> Iterator[str]:
    """Yield what a file does that relook never does."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] in MODULES)
        elif isinstance(node, ast.ImportFrom):
            if (node.module or "").split(".")[0] in MODULES:
                yield str(node.module)
            own = CALLS.get(node.module or "", ())
            yield from (f"{node.module}.{alias.name}" for alias in node.names if alias.name in own)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in BARE:
            yield node.func.id
        elif isinstance(node, ast.Attribute):
            name = ast.unparse(node)
            library, _, rest = name.partition(".")
            if rest in CALLS.get(library, ()) or node.attr in ANYWHERE:
                yield name
        elif isinstance(node, ast.keyword) and node.arg in ANYWHERE:
            yield str(node.arg)


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_T03_T04_no_file_of_relook_makes_code_of_data(path: Path) -> None:
    assert sorted(set(breaches(path.read_text(encoding="utf-8")))) == ALLOWED.get(str(path.relative_to(PACKAGE)), [])


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from pickle import loads",
        "def f():\n    import zipfile",
        "import torch\ntorch.load(path, weights_only=True)",
        "from torch import load",
        "archive.extractall(path)",
        "import numpy as np\nnp.load(path, allow_pickle=False)",
        "eval('1')",
        "exec(text)",
        "os.system('x')",
        "import subprocess",
        "otio.adapters.read_from_file(path)",
        "yaml.unsafe_load(text)",
        "import yaml",
    ],
)
def test_the_search_has_teeth(source: str) -> None:
    assert list(breaches(source))
