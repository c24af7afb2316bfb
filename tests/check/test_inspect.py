"""Checking whole films: a planted fault of each kind is found in its shot, and good shots are left alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor

from relook.check.inspect import check_film
from relook.check.shot import ShotWatch, sampled_frames
from relook.check.verdict import judge_shot
from relook.errors import InputError, UsageError
from relook.look import Look
from relook.recipe.mechanics import Cranking
from relook.report import Report
from relook.timing import FrameRange

Painter = Callable[[int, int], Tensor]
Saver = Callable[[Path, Tensor], Path]
LENGTH = 10


def bent(frames: Tensor) -> Tensor:
    rows, columns = np.indices(frames.shape[-2:], dtype=np.float32)
    across, down = columns + 5 * np.sin(rows / 15), rows + 5 * np.sin(columns / 19)
    planes = [cv2.remap(p, across, down, cv2.INTER_LINEAR, borderMode=1) for p in frames.flatten(0, 1).numpy()]
    return torch.from_numpy(np.stack(planes)).reshape(frames.shape)


def with_seam(frames: Tensor) -> Tensor:
    return torch.cat([frames[..., :80], frames[..., 80:] + 0.06], dim=-1)


def flickering(frames: Tensor) -> Tensor:
    gains = torch.tensor([1.0, 0.75, 1.1, 0.8, 1.0, 0.7, 1.05, 0.8, 1.1, 0.75])
    return frames * gains[:, None, None, None]


def with_black(frames: Tensor) -> Tensor:
    return torch.cat([frames[:4], frames[4:6] * 0, frames[6:]])


def frozen(frames: Tensor) -> Tensor:
    return torch.cat([frames[:3], frames[3:4].expand(5, -1, -1, -1), frames[8:]])


FAULTS: dict[str, Callable[[Tensor], Tensor]] = {
    "good": lambda frames: frames,
    "frozen": frozen,
    "black": with_black,
    "flicker": flickering,
    "seam": with_seam,
    "geometry_drift": bent,
    "clipped": lambda frames: (frames - 0.5) * 6 + 0.5,
    "content_lost": lambda frames: frames.flip(-1),
    "style_not_reached": lambda frames: frames,
    "also_good": lambda frames: frames,
}
"""What is done to the render of each shot of the film; `style_not_reached` shows the source instead."""


@pytest.fixture(scope="module")
def films(stock: Any, paint: Painter, save_film: Saver, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Write a film of ten shots with a fault in most of them, and its source; two more shots are black and flat."""
    folder = tmp_path_factory.mktemp("films")
    sources, renders = [], []
    for k, (name, fault) in enumerate(FAULTS.items()):
        scene = paint(600 + k, LENGTH)
        sources.append(scene)
        renders.append(scene if name == "style_not_reached" else fault(stock.render(scene, seed=60 + k)).clamp(0, 1))
    nothing = torch.zeros(LENGTH, 3, *sources[0].shape[-2:])
    for flat in (nothing, nothing + 0.5):
        sources.append(flat)
        renders.append(flat)
    return save_film(folder / "film.mkv", torch.cat(renders)), save_film(folder / "source.mkv", torch.cat(sources))


@pytest.fixture(scope="module")
def report(stock: Any, films: tuple[Path, Path]) -> Report:
    return check_film(films[0], stock.look, source=films[1])


def codes(report: Report, k: int) -> list[str]:
    return [reason.code for reason in report.shots[k].reasons]


def test_shots_are_the_sources(report: Report) -> None:
    assert [shot.frames for shot in report.shots] == [FrameRange(10 * k, 10 * k + 10) for k in range(12)]
    assert report.shots[3].start_timecode == "00:00:01:06"
    assert report.film.num_frames == 120 and report.film.source == "source.mkv"


@pytest.mark.parametrize("fault", [name for name in FAULTS if "good" not in name])
def test_each_planted_fault_is_found(report: Report, fault: str) -> None:
    k = list(FAULTS).index(fault)
    assert report.shots[k].verdict == "fail", report.shots[k]
    assert fault in codes(report, k)


@pytest.mark.parametrize("name", ["good", "also_good"])
def test_good_shots_pass(report: Report, name: str) -> None:
    shot = report.shots[list(FAULTS).index(name)]
    assert (shot.verdict, shot.reasons) == ("pass", ())
    assert shot.measures["warp_ratio"] < 1.3 and shot.measures["applied"] > 0.8


@pytest.mark.parametrize("k", [10, 11])
def test_black_and_flat_shots_are_not_judged(report: Report, k: int) -> None:
    assert report.shots[k].verdict == "unjudged"
    assert codes(report, k) == ["not_judgeable"]


def test_a_failed_shot_fails_the_film(report: Report) -> None:
    assert report.verdict == "fail"
    assert report.worst_first()[0].verdict == "fail"
    assert report.lines()[0].startswith("film.mkv: fail (12 shots: ")


def test_the_timeline_covers_the_film(report: Report) -> None:
    timeline = report.timeline
    assert timeline.frames == tuple(range(120))
    assert len(timeline.luma) == len(timeline.style_distance) == 120 and None not in timeline.luma
    measured = [value for value in timeline.style_distance if value is not None]
    assert len(measured) == 12 * 6


def test_the_verdict_is_the_same_every_time(stock: Any, paint: Painter, save_film: Saver, tmp_path: Path) -> None:
    scene = paint(610, 8)
    paths = save_film(tmp_path / "film.mkv", stock.render(scene)), save_film(tmp_path / "source.mkv", scene)
    first, second = (check_film(paths[0], stock.look, source=paths[1]) for _ in range(2))
    assert first == second and first.verdict == "pass"


def test_without_a_source_style_and_flicker_are_judged(stock: Any, films: tuple[Path, Path]) -> None:
    alone = check_film(films[0], stock.look)
    assert alone.verdict == "fail" and alone.film.source is None
    assert any("style_not_reached" in codes(alone, k) for k in range(len(alone.shots)))
    assert not any("content" in shot.measures for shot in alone.shots)


@pytest.mark.parametrize("count", [10, 17, 25])
def test_missing_and_surplus_frames_fail_the_shot_they_are_in(
    stock: Any, paint: Painter, save_film: Saver, tmp_path: Path, count: int
) -> None:
    scene = torch.cat([paint(620, 10), paint(621, 10)])
    film = torch.cat([stock.render(scene, seed=1)] * 2)[:count]
    paths = save_film(tmp_path / "film.mkv", film), save_film(tmp_path / "source.mkv", scene)
    report = check_film(paths[0], stock.look, source=paths[1])
    assert "frame_count" not in codes(report, 0) and codes(report, 1)[0] == "frame_count"
    assert f"the film has {count} frames and its source 20" in report.shots[1].reasons[0].text
    assert report.verdict == "fail" and report.film.num_frames == count


def test_a_film_with_nothing_to_judge_is_unjudged(stock: Any, save_film: Saver, tmp_path: Path) -> None:
    black = save_film(tmp_path / "black.mkv", torch.zeros(12, 3, 64, 64))
    report = check_film(black, stock.look, source=black)
    assert report.verdict == "unjudged" and codes(report, 0) == ["not_judgeable"]


def test_static_and_short_shots_are_not_judged(stock: Any, paint: Painter, save_film: Saver, tmp_path: Path) -> None:
    still = save_film(tmp_path / "still.mkv", stock.render(paint(630, 1)).expand(12, -1, -1, -1))
    short = save_film(tmp_path / "short.mkv", stock.render(paint(631, 4)))
    for path, words in ((still, "nothing in it moves"), (short, "only 4 frames")):
        report = check_film(path, stock.look)
        assert report.verdict == "unjudged" and words in report.shots[0].reasons[0].text


def test_frames_that_are_not_finite_fail(stock: Any, paint: Painter) -> None:
    frames = stock.render(paint(640, 8))
    frames[4, :, 10, 10] = float("nan")
    watch = ShotWatch(FrameRange(0, 8), 128, stock.judge, stock.look)
    for k, frame in enumerate(frames):
        watch.see(k, frame, None)
    shot = judge_shot(
        watch.gathered, stock.judge, index=0, frames=FrameRange(0, 8), start_timecode="00:00:00:00"
    ).verdict
    assert shot.verdict == "fail" and shot.reasons[0].code == "non_finite"
    assert all(np.isfinite(list(shot.measures.values())))


def test_frames_that_the_look_holds_are_not_frozen(
    stock: Any, paint: Painter, save_film: Saver, tmp_path: Path
) -> None:
    scene = paint(650, 20)
    render = stock.render(scene, seed=65)
    mechanics = stock.look.card.mechanics
    for every in (2, 4):
        held = torch.stack([render[t - (t % every == every - 1)] for t in range(20)])
        paths = save_film(tmp_path / f"film{every}.mkv", held), save_film(tmp_path / f"source{every}.mkv", scene)
        assert "frozen" in codes(check_film(paths[0], stock.look, source=paths[1]), 0)
        slower = replace(mechanics, cranking=Cranking(held_share=1 / every))
        look = replace(stock.look, card=replace(stock.look.card, mechanics=slower))
        report = check_film(paths[0], look, source=paths[1])
        assert codes(report, 0) == [] and report.shots[0].measures["drift_px"] < 1
        look = replace(
            stock.look, card=replace(look.card, mechanics=replace(slower, cranking=Cranking(0, 0.6 / every)))
        )
        shot = check_film(paths[0], look, source=paths[1]).shots[0]
        assert shot.verdict == "review" and [reason.code for reason in shot.reasons] == ["frozen"]


def test_held_frames_are_passed_over_in_pairs(stock: Any, paint: Painter) -> None:
    """A frame that repeats the one before shows another moment than its source: only exposures are compared."""
    scene = paint(651, 16)
    render = stock.render(scene, seed=66)
    slower = replace(stock.look.card.mechanics, cranking=Cranking(held_share=0.5))
    look = replace(stock.look, card=replace(stock.look.card, mechanics=slower))
    watch = ShotWatch(FrameRange(0, 16), 128, stock.judge, look)
    for t in range(16):
        watch.see(t, render[t - t % 2], scene[t])
    assert all(frame % 2 == 0 for frame in watch.gathered.pair_frames)
    assert len(watch.gathered.pair_frames) >= 5 and len(watch.gathered.film) == len(watch.gathered.source) == 16
    assert max(like.drift_px for like in watch.gathered.likenesses) < 1


def test_films_of_other_sizes_are_refused(stock: Any, save_film: Saver, tmp_path: Path) -> None:
    small, large = (save_film(tmp_path / f"{n}.mkv", torch.rand(3, 3, n, n)) for n in (64, 96))
    with pytest.raises(UsageError, match="64x64 and large.mkv is 96x96".replace("large", "96")):
        check_film(small, stock.look, source=large)


def test_a_part_that_the_source_does_not_have_is_refused(stock: Any, films: tuple[Path, Path]) -> None:
    """The receipt is of a longer film than the one that is given as its source."""
    for part in (FrameRange(10**6, 10**6 + 9), FrameRange(5, 10**6), FrameRange(5, 5)):
        with pytest.raises(UsageError, match="according to its receipt; give the source"):
            check_film(films[0], stock.look, source=films[1], part=part)


def test_a_look_without_a_judge_is_refused(stock: Any, films: tuple[Path, Path]) -> None:
    with pytest.raises(InputError, match="train it again"):
        check_film(films[0], Look(stock.look.card, stock.look.generator))


def test_sampled_frames_leave_room_for_their_second() -> None:
    assert sampled_frames(FrameRange(5, 8)) == {5, 6}
    many = sampled_frames(FrameRange(100, 400))
    assert len(many) == 6 and min(many) >= 100 and max(many) < 399
    assert sampled_frames(FrameRange(0, 1)) == frozenset() == sampled_frames(FrameRange(0, 0))
