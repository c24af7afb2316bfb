"""Spoilt files of every kind end in relook's own errors, or in a result: each within a second, and in little memory."""

from __future__ import annotations

from pathlib import Path

import pytest
from alone import run_alone
from kinds import KINDS

MOST_MEBIBYTES = 200


@pytest.mark.parametrize(
    ("count", "seed"),
    [(60, 0), pytest.param(1500, 1, marks=pytest.mark.slow), pytest.param(1500, 2, marks=pytest.mark.slow)],
)
def test_T03_T19_spoilt_files_are_refused_or_read(count: int, seed: int, tmp_path: Path) -> None:
    """A failing file lies in `tmp_path`, under the name that the failure tells."""
    told = run_alone("fuzz.py", count, seed, tmp_path / "kept", timeout=1200)
    assert told["failures"] == []
    assert told["tripped"] == []
    assert told["kinds"].keys() == KINDS.keys() and {found["read"] for found in told["kinds"].values()} == {count}
    assert told["mebibytes"] < MOST_MEBIBYTES
    for name in ("look", "edl", "otio", "shot record", "recipe", "corpus index", "corpus array", "report"):
        assert told["kinds"][name]["refused"], f"{name}: the spoiling is too weak to show anything"
