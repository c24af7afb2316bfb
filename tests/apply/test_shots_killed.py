"""A folder of shots whose making was killed: the same command makes of it what it would have been (AP01)."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from relook.apply.delivery import Delivery, RenderSettings
from relook.apply.edited import render_cut_list
from relook.look import load_look
from tests.faultpoints import points

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is POSIX's")

FIRST, EDITED = [(0, 6), (52, 58), (20, 26)], [(20, 26), (0, 6), (52, 58), (60, 64)]
"""A cut list, and what it becomes: all shots move, so that each takes the name of another, and one is new."""
QUICK = ("shots.rename", "publish.clear")


def render(film: Path, look: Path, folder: Path, cuts: Path) -> Delivery:
    return render_cut_list(film, load_look(look), folder, cuts, settings=RenderSettings())


def render_in_child(film: Path, look: Path, folder: Path, cuts: Path, fault: str) -> None:
    os.environ["RELOOK_FAIL"] = fault
    torch.set_num_threads(1)
    render(film, look, folder, cuts)


@pytest.fixture(scope="module")
def edited(
    film: Path, look_file: Path, written: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, bytes]:
    """The films of the edited list, made at once."""
    folder = tmp_path_factory.mktemp("edited")
    render(film, look_file, folder / "shots", written(folder / "cut.edl", EDITED))
    return {path.name: path.read_bytes() for path in (folder / "shots").glob("*.mov")}


@pytest.mark.parametrize(
    ("point", "nth"),
    [
        pytest.param(point, nth, marks=() if point in QUICK and nth == 1 else pytest.mark.slow)
        for point in points("film", "apply")
        if point.startswith(("shots.", "publish.", "whole.", "stretch.sync", "join.begin"))
        and point not in ("publish.picture", "publish.folder")
        for nth in (1, 2)
    ],
)
def test_AP01_shots_killed_at_a_failpoint(
    point: str,
    nth: int,
    starter: Any,
    film: Path,
    look_file: Path,
    written: Callable[[Path, Sequence[tuple[int, int]]], Path],
    edited: dict[str, bytes],
    assert_world: Any,
    tmp_path: Path,
) -> None:
    folder = tmp_path / "shots"
    render(film, look_file, folder, written(tmp_path / "first.edl", FIRST))
    cuts = written(tmp_path / "edited.edl", EDITED)
    child = starter.Process(target=render_in_child, args=(film, look_file, folder, cuts, f"{point}:kill:{nth}"))
    child.start()
    child.join()
    assert child.exitcode or nth > 1, "there is such a point"
    render(film, look_file, folder, cuts)
    record = (folder / "relook-shots.json").read_bytes()
    assert_world(folder, {**edited, "relook-shots.json": record})
