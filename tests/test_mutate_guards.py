"""The table of `tools/mutate_guards.py` fits the tree: every guard is found once, and its tests are there."""

from __future__ import annotations

import ast
import importlib.util
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]


def table() -> tuple[Any, ...]:
    spec = importlib.util.spec_from_file_location("mutate_guards", ROOT / "tools" / "mutate_guards.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return tuple(module.MUTATIONS)


@pytest.mark.parametrize("mutation", table(), ids=lambda mutation: mutation.guard)
def test_a_guard_is_found_once_and_its_tests_are_there(mutation: Any) -> None:
    text = (ROOT / mutation.file).read_text(encoding="utf-8")
    assert text.count(mutation.old) == 1
    ast.parse(text.replace(mutation.old, mutation.new))
    for test in mutation.tests:
        path, _, name = test.partition("::")
        assert f"def {name}" in (ROOT / path).read_text(encoding="utf-8")


def test_no_two_guards_have_one_name() -> None:
    names = [mutation.guard for mutation in table()]
    assert len(names) == len(set(names)) > 25
