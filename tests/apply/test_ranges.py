"""Ranges of one take that several commands render, one after another, into the place of the same pictures."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from relook.apply.delivery import Delivery, RenderSettings
from relook.apply.receipt import ALREADY_DONE
from relook.apply.render import render_film
from relook.errors import UsageError
from relook.look import Look
from relook.pipeline import verify
from relook.receipt import read_receipt
from relook.recipe.dials import Dials
from relook.timing import FrameRange

NUM_FRAMES = 9
RANGES = ((6, 9), (0, 3), (3, 6))
PLACES = ("o.####.png", "out")


@pytest.fixture
def take(tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    folder.mkdir()
    for index in range(NUM_FRAMES):
        scene = np.random.default_rng(index // 5).integers(0, 256, (24, 32, 3))
        cv2.imwrite(str(folder / f"plate.{1001 + index}.png"), scene.astype(np.uint8))
    return folder


def render(
    take: Path, look: Look, output: Path, span: tuple[int, int] | None, *, grade: float = 1, overwrite: bool = False
) -> Delivery:
    output.parent.mkdir(exist_ok=True)
    frames = None if span is None else FrameRange(*span)
    settings = RenderSettings(dials=Dials(grade=grade), frames=frames, overwrite=overwrite)
    return render_film(take, look, output, settings=settings)


def pictures(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.rglob("*.png")}


def faults(output: Path, take: Path) -> dict[str, str]:
    return {found.name: found.fault for found in verify(output, source=take) if found.fault}


@pytest.mark.parametrize("place", PLACES)
def test_ranges_of_a_take_make_the_take_and_one_receipt(take: Path, look: Look, tmp_path: Path, place: str) -> None:
    whole = render(take, look, tmp_path / "whole" / place, None)
    output = tmp_path / "parts" / place
    given = {span: render(take, look, output, span).frame_hashes for span in RANGES}
    assert sum((given[span] for span in sorted(given)), ()) == whole.frame_hashes
    assert {name[-8:]: data for name, data in pictures(output.parent).items()} == {
        name[-8:]: data for name, data in pictures(tmp_path / "whole").items()
    }
    assert not faults(output, take)
    assert len(read_receipt(output).output.sha256) == NUM_FRAMES
    next(path for path in output.parent.rglob("*1002.png")).write_bytes(b"painted over")
    assert list(faults(output, take).values()) == ["it was changed"]


@pytest.mark.parametrize("place", PLACES)
def test_a_range_that_is_there_is_not_rendered_again(take: Path, look: Look, tmp_path: Path, place: str) -> None:
    output = tmp_path / "parts" / place
    first = [render(take, look, output, span) for span in RANGES]
    before = {path: path.stat().st_mtime_ns for path in output.parent.rglob("*")}
    for span, was in zip(RANGES, first, strict=True):
        again = render(take, look, output, span)
        assert ALREADY_DONE in again.notes and again.frame_hashes == was.frame_hashes and again.shots == was.shots
    assert {path: path.stat().st_mtime_ns for path in output.parent.rglob("*")} == before


@pytest.mark.parametrize("place", PLACES)
def test_a_range_replaces_nothing_unless_it_may(take: Path, look: Look, tmp_path: Path, place: str) -> None:
    output = tmp_path / "parts" / place
    render(take, look, output, (0, 3))
    before = pictures(output.parent)
    for span in ((2, 5), None):
        with pytest.raises(UsageError, match="exist already"):
            render(take, look, output, span)
    assert pictures(output.parent) == before
    render(take, look, output, (2, 5), overwrite=True)
    assert not faults(output, take) and len(pictures(output.parent)) == 5
    assert read_receipt(output).settings["frames"] == {"start": 0, "stop": 5}
    render(take, look, output, None, overwrite=True)
    assert not faults(output, take) and read_receipt(output).settings["frames"] is None


def test_pictures_of_another_render_are_told(take: Path, look: Look, tmp_path: Path) -> None:
    output = tmp_path / "parts" / "o.####.png"
    render(take, look, output, (0, 3))
    with pytest.raises(UsageError, match="3 pictures exist already"):
        render(take, look, output, (3, 6), grade=0.5)
    delivery = render(take, look, output, (2, 6), grade=0.5, overwrite=True)
    assert any("2 other pictures match o.####.png, the first is o.1001.png" in note for note in delivery.notes)
    assert faults(output, take) == dict.fromkeys(("o.1001.png", "o.1002.png"), "it is not in the receipt")
    assert not any("other pictures" in note for note in render(take, look, output, None, overwrite=True).notes)


def test_a_change_of_the_take_makes_it_another(take: Path, look: Look, tmp_path: Path) -> None:
    output = tmp_path / "parts" / "o.####.png"
    render(take, look, output, (0, 3))
    cv2.imwrite(str(take / "plate.1009.png"), np.zeros((24, 32, 3), np.uint8))
    with pytest.raises(UsageError, match="exist already"):
        render(take, look, output, (3, 6))


def test_a_range_without_a_frame_is_refused(take: Path, look: Look, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="it begins where it ends"):
        render(take, look, tmp_path / "parts" / "o.####.png", (3, 3))
