"""All marks together: laid in order, measured from a film file, told in words."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from typer.testing import CliRunner

from relook.cli.app import build_app
from relook.errors import InputError
from relook.film.frames import Shot
from relook.mechanics.marks import MarkMaker, lay_marks
from relook.mechanics.measure import measure_mechanics
from relook.mechanics.reel import Run
from relook.mechanics.words import UNKNOWN, bars, mechanics_in_words
from relook.pipeline import measure_marks
from relook.pipeline.inspection import FEWEST_FRAMES, MOST_PIXELS, RUN_FRAMES, chosen_ranges
from relook.recipe.mechanics import Breath, Dust, Grain, Mechanics, Scratches, Unevenness
from relook.timing import FrameRange

Film = NDArray[np.float32]
WORN = Mechanics(
    reference_height=240,
    grain=Grain(strength=((0.03, 0.03, 0.03),) * 8),
    breath=Breath(exposure=0.03, contrast=0.02),
    dust=Dust(dark_per_frame=6.0, bright_per_frame=6.0, opacity=(0.6, 0.6)),
    scratches=Scratches(per_frame=2.0, contrast=0.1),
    unevenness=Unevenness(strength=0.02),
)


def marked(film: Film, mechanics: Mechanics) -> Film:
    maker = MarkMaker(mechanics, film.shape[1:3], seed=5)
    frames = [
        lay_marks(torch.from_numpy(frame.transpose(2, 0, 1).copy())[None], maker.draw(t))
        for t, frame in enumerate(film)
    ]
    return torch.cat(frames).clamp(0, 1).numpy().transpose(0, 2, 3, 1)


def written(path: Path, film: Film) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=24)
        stream.width, stream.height, stream.pix_fmt = film.shape[2], film.shape[1], "bgr0"
        for picture in np.rint(film * 255).astype(np.uint8):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
            container.mux(stream.encode(frame.reformat(format="bgr0")))
        container.mux(stream.encode(None))
    return path


def test_no_marks_leave_a_picture_as_it_is(paint_scene: Callable[..., Film]) -> None:
    film = paint_scene(num_frames=2)
    assert np.array_equal(marked(film, Mechanics(reference_height=240)), film)


def test_marks_of_a_frame_do_not_depend_on_what_was_drawn_before() -> None:
    picture = torch.rand(1, 3, 120, 160, generator=torch.Generator().manual_seed(0))
    maker = MarkMaker(WORN, (120, 160), seed=9)
    in_turn = [lay_marks(picture, maker.draw(t)) for t in range(4)]
    assert torch.equal(lay_marks(picture, MarkMaker(WORN, (120, 160), seed=9).draw(3)), in_turn[3])
    assert not torch.equal(in_turn[2], in_turn[3])
    assert not torch.equal(lay_marks(picture, MarkMaker(WORN, (120, 160), seed=8).draw(3)), in_turn[3])


def test_rates_are_those_of_the_area() -> None:
    """A wider frame, of another film, has more specks on it, and a crop has fewer; at any size."""
    worn = replace(WORN, reference_width=320)
    for size, frame_height, area, width in (
        ((240, 320), None, 1.0, 1.0),
        ((480, 640), None, 1.0, 1.0),
        ((240, 640), None, 2.0, 2.0),
        ((60, 80), 240, 1 / 16, 1 / 4),
    ):
        made = MarkMaker(worn, size, seed=1, frame_height=frame_height).mechanics
        assert made.dust.dark_per_frame == pytest.approx(area * worn.dust.dark_per_frame)
        assert made.dust.bright_per_frame == pytest.approx(area * worn.dust.bright_per_frame)
        assert made.scratches.per_frame == pytest.approx(width * worn.scratches.per_frame)


def test_small_frames_measure_as_nothing_known() -> None:
    for size in ((16, 16), (24, 40), (8, 200), (200, 8)):
        found = measure_mechanics([Run(np.random.default_rng(0).random((8, *size, 3), np.float32))])
        assert set(mechanics_in_words(found).values()) == {UNKNOWN}


def test_grain_does_not_hide_dust_and_dust_hides_grain() -> None:
    """Dust lies on the finished print: where a speck is opaque, nothing of the picture shows."""
    covered = replace(WORN, dust=Dust(dark_per_frame=3000.0, radius_px=6.0, opacity=(1.0, 0.0)), scratches=Scratches())
    laid = lay_marks(torch.full((1, 3, 120, 160), 0.7), MarkMaker(covered, (120, 160), seed=1).draw(0))
    assert float(laid.median()) < 0.01 and float(laid.max()) < 0.75


@pytest.mark.slow
def test_a_film_tells_its_marks(paint_scene: Callable[..., Film], tmp_path: Path) -> None:
    worn = written(tmp_path / "worn.mkv", marked(paint_scene(1, num_frames=28, pan_px=0.5), WORN))
    found = measure_marks(worn)
    grain = np.array(found.grain.strength).mean()
    assert grain == pytest.approx(0.03, rel=0.15) and found.grain.confidence["strength"] > 0.5
    assert found.breath.exposure > 0.01
    assert found.dust.dark_per_frame + found.dust.bright_per_frame == pytest.approx(12, rel=0.35)
    clean = mechanics_in_words(
        measure_marks(written(tmp_path / "clean.mkv", paint_scene(1, num_frames=28, pan_px=0.5)))
    )
    assert {clean[mark] for mark in ("grain", "flicker", "dust", "scratches")} <= {"none", UNKNOWN}


def test_stills_and_short_shots_tell_nothing(paint_scene: Callable[..., Film], tmp_path: Path) -> None:
    folder = tmp_path / "stills"
    folder.mkdir()
    cv2.imwrite(str(folder / "one.png"), np.zeros((80, 80, 3), np.uint8))
    cv2.imwrite(str(folder / "other.png"), np.full((80, 80, 3), 200, np.uint8))
    with pytest.raises(InputError, match="stills"):
        measure_marks(folder)
    with pytest.raises(InputError, match="6 frames"):
        measure_marks(written(tmp_path / "short.mkv", paint_scene(num_frames=3)))


def test_what_is_looked_at_is_spread_over_the_film_and_fits_memory() -> None:
    shots = tuple(Shot(index=k, frames=FrameRange(100 * k, 100 * k + 90), content_hash="0" * 16) for k in range(20))
    ranges = chosen_ranges(shots, 640 * 480)
    assert len(ranges) > 2 and ranges[0].start < 400 and ranges[-1].start > 1500
    assert all(len(part) == RUN_FRAMES for part in ranges)
    assert sum(len(part) for part in ranges) * 640 * 480 <= MOST_PIXELS
    large = chosen_ranges(shots, 4096 * 2160)
    assert len(large) == 1 and len(large[0]) == FEWEST_FRAMES
    long = chosen_ranges((Shot(index=0, frames=FrameRange(7, 907), content_hash="0" * 16),), 640 * 480)
    assert len(long) > 2 and all(before.stop < after.start for before, after in pairwise(long))


def test_what_could_not_be_measured_is_said() -> None:
    words = mechanics_in_words(Mechanics())
    assert words["grain"] == words["dust"] == words["weave"] == UNKNOWN
    dust = replace(WORN.dust, confidence={"dark_per_frame": 0.9, "bright_per_frame": 0.2})
    sure = mechanics_in_words(Mechanics(grain=Grain(confidence={"strength": 1.0}), dust=dust))
    assert sure["grain"] == "none" and sure["dust"] == "specks a frame: dark 6.0, bright some 6.0"
    assert bars((0, 1, 2, 4)) == "▁▃▅█"


@pytest.mark.slow
def test_info_shows_the_marks(paint_scene: Callable[..., Film], tmp_path: Path) -> None:
    film = written(tmp_path / "worn.mkv", marked(paint_scene(2, num_frames=16, pan_px=0.5), WORN))
    told = CliRunner().invoke(build_app(), ["info", str(film), "--marks", "--json"])
    assert told.exit_code == 0
    facts = json.loads(told.stdout.splitlines()[-1])
    assert "% at its strongest, grey" in facts["marks"]["grain"]
    assert facts["mechanics"]["reference_height"] == 240
