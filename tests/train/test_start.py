"""Where training starts: which frames the marks are measured on, and how often the style repeats a frame."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from relook.corpus import Corpus, Dropped, PreparedShot, Sufficiency, create_array
from relook.mechanics.measure import measure_mechanics
from relook.timing import FrameRange
from relook.train import start
from relook.train.start import repeated, style_runs


def corpus_of(root: Path, sizes: list[tuple[int, int]], *, num_frames: int = 12) -> Corpus:
    """Lay down style shots whose frames are as bright as their number says."""
    shots = []
    for k, (height, width) in enumerate(sizes):
        shot = PreparedShot(
            name=f"style-{k:04d}",
            side="style",
            origin=f"reel {k}",
            height=height,
            width=width,
            held_out=False,
            runs=(FrameRange(0, num_frames),),
            film_frames=tuple(range(num_frames)),
            bit_depth=8,
            seconds=0.5,
        )
        array = create_array(root, shot)
        array[:] = 10 * k
        array[:, height // 2, width // 2] = 255
        shots.append(shot)
    return Corpus(root, tuple(shots), (), Sufficiency("good", "painted"))


def test_films_whose_borders_differ_are_measured_together(tmp_path: Path) -> None:
    runs = style_runs(corpus_of(tmp_path, [(96, 120), (92, 118), (94, 120), (48, 60)]))
    assert [run.size for run in runs] == [(92, 118)] * 3, "a film of another size says nothing of their pixels"
    assert all(np.isclose(run.frames[:, 46, 59], 1).all() for run in runs), "they are cut about their middles"


def test_stills_of_all_sizes_can_be_a_style(tmp_path: Path) -> None:
    runs = style_runs(corpus_of(tmp_path, [(40, 50), (60, 50)], num_frames=1))
    assert [run.frames.shape for run in runs] == [(1, 60, 50, 3)]
    assert measure_mechanics(runs).grain.confidence == {}


def test_no_more_is_measured_than_there_is_time_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    corpus = corpus_of(tmp_path, [(40, 50)] * 6, num_frames=30)
    assert [len(run.frames) for run in style_runs(corpus)] == [30] * 6
    monkeypatch.setattr(start, "PIXELS_MEASURED", 3 * 24 * 40 * 50)
    runs = style_runs(corpus)
    assert len(runs) == 3 and sum(len(run.frames) for run in runs) * 40 * 50 <= start.PIXELS_MEASURED
    assert [round(float(run.frames[0, 0, 0, 0]) * 255 / 10) for run in runs] == [0, 2, 4], "spread over the shots"


def test_repeated_frames_are_the_pace_and_still_pictures_are_not(tmp_path: Path) -> None:
    corpus = corpus_of(tmp_path, [(40, 50)])
    long = replace(corpus, shots=(replace(corpus.shots[0], film_frames=tuple(range(0, 480, 40))),))
    held = tuple(FrameRange(start, start + 1) for start in range(3, 440, 4))
    found = repeated(replace(long, dropped=(Dropped("style", "reel 0", "duplicate", held),)))
    assert found.held_share == pytest.approx(0.25, rel=0.02), "whatever share of the frames was stored"
    assert found.confidence["held_share"] > 0.8
    still = (FrameRange(20, 60),)
    assert repeated(replace(long, dropped=(Dropped("style", "reel 0", "duplicate", still),))).held_share == 0
    slips = repeated(replace(long, dropped=(Dropped("style", "reel 0", "duplicate", held[:5]),)))
    assert slips.held_share == 0 and slips.confidence["held_share"] == 1
    other = (Dropped("source", "film", "duplicate", held),)
    assert repeated(replace(long, dropped=other)).held_share == 0
    assert repeated(corpus).confidence["held_share"] == 0, "twelve frames say nothing"


def test_rests_in_some_shots_are_no_pace(tmp_path: Path) -> None:
    resting = corpus_of(tmp_path, [(40, 50)] * 3)
    held = tuple(FrameRange(start, start + 1) for start in (2, 5, 8))
    assert repeated(replace(resting, dropped=(Dropped("style", "reel 0", "duplicate", held),))).held_share == 0
