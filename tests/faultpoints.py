"""The places of relook where a test can plant a fault, read from its source: a new one is killed at by the tests on its own."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "relook"
APART = "film/container/apart.py"
"""Its points make the decoder's own process misbehave, at any packet: tests/film/container/test_film_pass.py."""


def sources() -> Iterator[tuple[str, ast.Module]]:
    """Yield every file of relook by its path in the package, parsed."""
    for path in sorted(PACKAGE.rglob("*.py")):
        yield path.relative_to(PACKAGE).as_posix(), ast.parse(path.read_text(encoding="utf-8"))


def points(*rooms: str) -> tuple[str, ...]:
    """Return the names of all `faults.point(..)` in some rooms, or in all."""
    found: list[str] = []
    for path, tree in sources():
        if path == APART or (rooms and path.split("/")[0] not in rooms):
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "faults.point":
                found += _names(node.args[0], tree)
    return tuple(dict.fromkeys(found))


def _names(name: ast.expr, tree: ast.Module) -> list[str]:
    """Return the name that is given, or, where it is put together, all texts of its file that it may come to."""
    if isinstance(name, ast.Constant):
        return [str(name.value)]
    assert isinstance(name, ast.JoinedStr), "the name of a point is a text"
    pattern = "".join(re.escape(str(p.value)) if isinstance(p, ast.Constant) else r"\w+" for p in name.values)
    texts = [str(node.value) for node in ast.walk(tree) if isinstance(node, ast.Constant)]
    found = [text for text in texts if re.fullmatch(pattern, text)]
    assert found, f"{ast.unparse(name)}: list what it may come to in its file"
    return found
