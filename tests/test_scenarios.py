"""Every fault and every threat that relook promises to withstand has a test that bears its name, or a reason why not.

The ids are those of the lists that the project is held to: `TR` training, `AP` rendering, `IN` input, `T` threats.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
THREATS = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 17, 19, 20)
SCENARIOS = (
    *(f"TR{number:02d}" for number in range(1, 17)),
    *(f"AP{number:02d}" for number in range(1, 21)),
    *(f"IN{number:02d}" for number in range(1, 25)),
    *(f"T{number:02d}" for number in THREATS),
)

WHY_NOT = {
    "AP13": "Workers come with the farm, which is not there yet: one process renders.",
    "IN21": "Ten hours of film are no test's matter: `benchmarks/memory.py` measures that memory does not grow with length.",
    "AP20": "There is no studio yet: no server that could be killed, no page to reload.",
}
"""What has no test, with the reason."""


def names() -> Iterator[str]:
    """Yield the names, docstrings and parameters of all tests, and the tables that parameters are taken from."""
    for path in sorted(TESTS.rglob("test_*.py")):
        if path == Path(__file__):
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in tree.body:
            if isinstance(node, ast.Assign | ast.AnnAssign):
                yield from _texts(node)
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                yield node.name
                yield ast.get_docstring(node) or ""
                for decorator in node.decorator_list:
                    yield from _texts(decorator)


def _texts(node: ast.AST) -> Iterator[str]:
    for part in ast.walk(node):
        if isinstance(part, ast.Constant) and isinstance(part.value, str):
            yield part.value


@pytest.fixture(scope="module")
def found() -> set[str]:
    """The ids that tests bear; a threat's may be written with one digit."""
    ids = set()
    for text in names():
        for kind, number in re.findall(r"(?<![A-Za-z0-9])(TR|AP|IN|T)(\d{1,2})(?!\d)", text):
            ids.add(f"{kind}{int(number):02d}")
    return ids


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_scenario_has_a_test_or_a_reason(scenario: str, found: set[str]) -> None:
    assert scenario in found or scenario in WHY_NOT, "write a test of that name, or say why there is none"
    assert not (scenario in found and scenario in WHY_NOT), "it has a test: take the reason away"


def test_the_reasons_are_sentences_about_scenarios() -> None:
    for scenario, reason in WHY_NOT.items():
        assert scenario in SCENARIOS
        assert reason.endswith(".") and len(reason.split()) > 3
