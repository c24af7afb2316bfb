"""What is set aside never meets what is trained on, whatever the footage."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import example, given
from hypothesis import strategies as st

from relook.corpus import Reason
from relook.prepare.holdout import MIN_SPLIT_FRAMES, set_aside
from relook.prepare.selection import choose_frames
from relook.prepare.usable import UsableShot, find_runs


def make_side(films: list[list[list[int]]]) -> list[UsableShot]:
    """Build a side from the lengths of each run of each shot of each film; runs lie ten frames apart."""
    shots = []
    for film, lengths in enumerate(films):
        frame = 0
        for index, runs in enumerate(lengths):
            ranges = []
            for length in runs:
                ranges.append(tuple(range(frame, frame + length)))
                frame += length + 10
            shots.append(UsableShot(film, index, tuple(ranges), seconds=sum(runs) / 24))
    return shots


films = st.lists(
    st.lists(st.lists(st.integers(1, 80), min_size=1, max_size=3), min_size=1, max_size=12), min_size=1, max_size=6
).filter(lambda films: sum(sum(map(sum, film)) for film in films) >= 2)


def frames_of(shots: list[UsableShot], *, held_out: bool) -> set[tuple[int, int]]:
    return {(s.film, frame) for s in shots if s.held_out == held_out for run in s.runs for frame in run}


@given(films)
def test_both_sets_exist_and_share_nothing(films: list[list[list[int]]]) -> None:
    shots = make_side(films)
    parts = set_aside(shots)
    kept, aside = frames_of(parts, held_out=False), frames_of(parts, held_out=True)
    everything = frames_of(shots, held_out=False)
    assert kept and aside and not kept & aside
    assert kept | aside <= everything and len(kept | aside) >= 0.8 * len(everything)
    assert parts == set_aside(shots)


@given(films)
@example([[[1]], [[1], [1]], [[1], [1]]])
@example([[[1], [1], [1]], [[1], [1]], [[1], [1], [1]]])
@example([[[1]], [[1]], [[1]], [[1], [1]]])
def test_no_film_is_lost_to_training(films: list[list[list[int]]]) -> None:
    shots = make_side(films)
    spare = any(len(film) > 1 or sum(film[0]) >= MIN_SPLIT_FRAMES for film in films)
    if len(shots) >= 5 and spare:
        assert {s.film for s in set_aside(shots) if not s.held_out} == {s.film for s in shots}


def test_three_reels_each_give_their_tail() -> None:
    parts = set_aside(make_side([[[60]], [[49]], [[48]]]))
    assert [(s.film, s.held_out, s.num_frames) for s in parts] == [
        (0, False, 45), (0, True, 12), (1, False, 37), (1, True, 10), (2, False, 36), (2, True, 10),
    ]  # fmt: skip
    assert parts[0].runs[0][-1] + 3 < parts[1].runs[0][0]


def test_many_shots_give_whole_ones_of_middling_length() -> None:
    parts = set_aside(make_side([[[30], [46], [61], [60], [55], [8]]]))
    assert [s.num_frames for s in parts if s.held_out] == [55]
    assert all(len(s.runs) == 1 for s in parts)


def test_stills_give_whole_stills() -> None:
    parts = set_aside(make_side([[[1]] * 40]))
    held_out = [s.index for s in parts if s.held_out]
    assert len(held_out) == 6 and max(held_out) - min(held_out) > 25
    assert sum(s.held_out for s in set_aside(make_side([[[1], [1]]]))) == 1


@given(films, st.integers(2, 3000), st.lists(st.integers(1, 9), min_size=6, max_size=6))
def test_selection_fits_and_keeps_order(films: list[list[list[int]]], limit: int, sizes: list[int]) -> None:
    shots = set_aside(make_side(films))
    chosen = choose_frames(shots, [sizes[s.film] for s in shots], limit)
    for held_out in (False, True):
        frames = frames_of(chosen, held_out=held_out)
        assert frames and frames <= frames_of(shots, held_out=held_out)
    taken = sum(s.num_frames * sizes[s.film] for s in chosen)
    assert taken <= limit or sum(not s.held_out for s in chosen) == 1 or sum(s.held_out for s in chosen) == 1
    for shot in chosen:
        assert 1 <= shot.num_frames <= 96
        flat = [frame for run in shot.runs for frame in run]
        assert flat == sorted(set(flat))


def test_long_shot_gives_four_runs_spread_over_it() -> None:
    (shot,) = choose_frames(make_side([[[1000]]]), [1], 10**9)
    assert [(run[0], run[-1]) for run in shot.runs] == [(113, 136), (363, 386), (613, 636), (863, 886)]


@given(st.lists(st.sampled_from([None, None, None, "duplicate", "black"]), max_size=40), st.integers(0, 99))
def test_runs_hold_every_usable_frame_in_order(reasons: list[Reason | None], start: int) -> None:
    runs = find_runs(start, reasons)
    flat = [frame for run in runs for frame in run]
    assert flat == [start + k for k, reason in enumerate(reasons) if reason is None]
    for run in runs:
        for a, b in pairwise(run):
            assert b - a <= 4 and all(reasons[f - start] == "duplicate" for f in range(a + 1, b))


def test_drawings_held_on_twos_follow_each_other() -> None:
    assert find_runs(0, [None, "duplicate"] * 4) == ((0, 2, 4, 6),)
    assert find_runs(0, [None, *["duplicate"] * 6, None]) == ((0,), (7,))
