"""Shots: a drawn cut list is painted and found again, and what only looks like a cut is left alone."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relook.film.reader import FilmReader
from relook.film.shots import content_hash, find_shots, join_short
from relook.progress import Progress

LENGTHS = st.lists(st.integers(8, 20), min_size=1, max_size=5)


def paint(lengths: list[int], seed: int, *, drift: float = 1.0, grain: float = 4.0) -> list[Any]:
    """Paint one slowly moving picture a shot, with fresh grain on every frame: `[h w 3]`, 8 bit."""
    rng = np.random.default_rng(seed)
    frames = []
    for shot, length in enumerate(lengths):
        blocks = rng.uniform(20, 235, (6, 9, 3)) if shot % 2 else rng.uniform(0, 255, (4, 5, 3))
        wide = cv2.resize(blocks, (240, 64), interpolation=cv2.INTER_CUBIC)
        for index in range(length):
            shift = round(index * drift)
            picture = wide[:, shift : shift + 96] + rng.normal(0, grain, (64, 96, 1))
            frames.append(picture.clip(0, 255).astype(np.uint8))
    return frames


@settings(max_examples=12)
@given(lengths=LENGTHS, seed=st.integers(0, 999))
def test_a_painted_cut_list_is_found(lengths: list[int], seed: int) -> None:
    with tempfile.TemporaryDirectory() as made:
        for index, frame in enumerate(paint(lengths, seed)):
            cv2.imwrite(str(Path(made) / f"p.{index:04d}.bmp"), frame)
        shots = find_shots(Path(made))
    starts = [sum(lengths[:index]) for index in range(len(lengths))]
    assert [shot.frames.start for shot in shots] == starts
    assert [shot.frames.stop for shot in shots] == [*starts[1:], sum(lengths)]
    assert [shot.index for shot in shots] == list(range(len(lengths)))
    assert len({shot.content_hash for shot in shots}) == len(shots)


@given(cuts=st.sets(st.integers(1, 99)), num_frames=st.integers(1, 100), shortest=st.integers(1, 20))
def test_shots_cover_every_frame_once_and_none_is_too_short(cuts: set[int], num_frames: int, shortest: int) -> None:
    starts = join_short(cuts, num_frames, shortest=shortest)
    assert starts[0] == 0
    lengths = np.diff([*starts, num_frames])
    assert lengths.sum() == num_frames
    assert (lengths >= shortest).all() or len(lengths) == 1
    assert set(starts) <= cuts | {0}


def test_cuts_are_the_same_in_a_film(make_film: Any) -> None:
    lengths = [12, 9, 14]
    path = make_film("cuts.mp4", paint(lengths, 3), encoder="libx264", pixel_format="yuv420p")
    seen: list[Progress] = []
    shots = find_shots(path, on_progress=seen.append)
    assert [len(shot.frames) for shot in shots] == lengths
    assert [(event.stage, event.done, event.total) for event in seen[-1:]] == [("finding shots", 35, 35)]


@pytest.mark.parametrize("kind", ["still", "fade", "pan", "flicker", "on twos"])
def test_what_is_no_cut(make_film: Any, kind: str) -> None:
    base = paint([40], 5, drift=2.0 if kind == "pan" else 0.0)
    if kind == "fade":
        base = [(frame * (1 - index / 40)).astype(np.uint8) for index, frame in enumerate(base)]
    if kind == "flicker":
        gains = np.random.default_rng(0).uniform(0.92, 1.08, 40)
        base = [(frame * gain).clip(0, 255).astype(np.uint8) for frame, gain in zip(base, gains, strict=True)]
    if kind == "on twos":
        moving = paint([40], 5, drift=3.0, grain=0)
        base = [moving[index // 2 * 2] for index in range(40)]
    path = make_film("one.mkv", base, pixel_format="bgr0")
    assert len(find_shots(path)) == 1


def test_a_black_and_white_film_has_its_cuts(make_film: Any) -> None:
    grey = [np.repeat(frame[..., 1:2], 3, axis=2) for frame in paint([15, 15], 8)]
    path = make_film("grey.mp4", grey, encoder="libx264", pixel_format="yuv420p")
    assert [shot.frames.start for shot in find_shots(path)] == [0, 15]


def test_every_still_is_a_shot(tmp_path: Path) -> None:
    for name, value in (("cat", 50), ("dog", 60), ("emu", 60)):
        cv2.imwrite(str(tmp_path / f"{name}.png"), np.full((20, 30), value, np.uint8))
    shots = find_shots(tmp_path)
    assert [(shot.frames.start, shot.frames.stop) for shot in shots] == [(0, 1), (1, 2), (2, 3)]
    assert shots[0].content_hash != shots[1].content_hash == shots[2].content_hash


def test_the_hash_survives_a_re_edit(make_film: Any) -> None:
    """The same shot, in another film at another place, has the same hash: in a lossless copy, to the bit."""
    frames = paint([12, 10, 11], 4)
    film = make_film("film.mkv", frames, pixel_format="yuv444p")
    edit = make_film("edit.mkv", frames[22:] + frames[:12], pixel_format="yuv444p")
    first, second = find_shots(film), find_shots(edit)
    assert [shot.content_hash for shot in second] == [first[2].content_hash, first[0].content_hash]


def test_the_hash_knows_size_and_format(make_film: Any) -> None:
    black = [np.zeros((32, 64, 3), np.uint8)]
    tall = [np.zeros((64, 32, 3), np.uint8)]
    hashes = set()
    for name, frames, pixel_format in (("a", black, "bgr0"), ("b", tall, "bgr0"), ("c", black, "yuv444p")):
        with FilmReader(make_film(f"{name}.mkv", frames, pixel_format=pixel_format)) as reader:
            hashes.add(content_hash(next(reader.native_frames())))
    assert len(hashes) == 3


@pytest.mark.parametrize(
    ("name", "cuts"),
    [
        ("live-action/bikes_6shots.mp4", [30, 76, 137, 187, 242]),
        ("live-action/tears_of_steel_shots01-11.webm", [52, 122, 158, 221, 309, 715, 788, 872, 901]),
        ("old-film/us_army_1950s_3shots.mp4", [44, 134, 299]),
        ("old-film/his_girl_friday_1940.mp4", []),
        ("awkward/real/fades.mp4", []),
        ("live-action/davis/parkour", []),
    ],
)
def test_real_films(footage: Callable[[str], Path], name: str, cuts: list[int]) -> None:
    assert [shot.frames.start for shot in find_shots(footage(name))] == [0, *cuts]
