"""The verdict says what can be learned, in plain words."""

from __future__ import annotations

import pytest

from relook.corpus import Dropped
from relook.prepare.sufficiency import SideFacts, judge_sufficiency
from relook.timing import FrameRange


def facts(side: str, seconds: float, num_shots: int, *, stills: bool = False) -> SideFacts:
    num_frames = num_shots if stills else round(24 * seconds)
    pairs = 0 if stills else num_frames - num_shots
    return SideFacts(side, seconds, num_shots, num_frames, pairs, height=480)  # type: ignore[arg-type]


def test_two_shots_teach_grain_and_little_else() -> None:
    verdict = judge_sufficiency([facts("source", 10, 6), facts("style", 41, 2)], [])
    assert verdict.level == "poor"
    assert (
        "41 s of style footage holds 2 shots: grain will be learned well, colour and structure poorly" in verdict.text
    )
    assert "More shots of other scenes would help" in verdict.text
    assert "10 s of source footage holds 6 shots: varied" in verdict.text


@pytest.mark.parametrize(("shots", "level"), [(1, "poor"), (3, "poor"), (4, "fair"), (7, "fair"), (8, "good")])
def test_the_more_shots_of_style_the_better(shots: int, level: str) -> None:
    assert judge_sufficiency([facts("source", 60, 12), facts("style", 41, shots)], []).level == level


def test_enough_is_good() -> None:
    assert judge_sufficiency([facts("source", 60, 12), facts("style", 41, 12)], []).level == "good"


def test_stills_teach_no_grain() -> None:
    verdict = judge_sufficiency([facts("source", 60, 12), facts("style", 1, 22, stills=True)], [])
    assert verdict.level == "poor"
    assert "22 stills: colour and structure will be learned well, grain not at all" in verdict.text


def test_half_a_second_is_poor() -> None:
    assert judge_sufficiency([facts("source", 60, 12), facts("style", 0.3, 1)], []).level == "poor"
    assert judge_sufficiency([facts("source", 0.1, 1), facts("style", 41, 12)], []).level == "poor"


def test_it_counts_what_was_left_out() -> None:
    dropped = [
        Dropped("style", "a.mp4", "black", (FrameRange(0, 3),)),
        Dropped("style", "b.mp4", "black", (FrameRange(5, 6),)),
        Dropped("style", "b.mp4", "title", (FrameRange(9, 99),)),
    ]
    text = judge_sufficiency([facts("source", 60, 12), facts("style", 41, 12)], dropped).text
    assert "Frames left out of it: 90 title cards, 4 black." in text
