"""Corpora built by hand: samples are pure, stay inside runs and count shots alike; damage is refused."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from relook.corpus import Corpus, Dropped, PreparedShot, Side, Sufficiency, create_array, load_corpus, save_corpus
from relook.errors import InputError
from relook.timing import FrameRange


def add_shot(
    root: Path,
    name: str,
    runs: tuple[int, ...],
    *,
    side: Side = "style",
    held_out: bool = False,
    size: tuple[int, int] = (80, 96),
    bit_depth: int = 8,
) -> PreparedShot:
    """Store a shot with runs of the given lengths: frame k of the array is k + 1 everywhere, red is the column."""
    ranges, film_frames, start = [], [], 0
    for number, length in enumerate(runs):
        ranges.append(FrameRange(start, start + length))
        film_frames += range(start + 10 * number, start + 10 * number + length)
        start += length
    height, width = size
    shot = PreparedShot(
        name=name,
        side=side,
        origin="film.mp4",
        height=height,
        width=width,
        held_out=held_out,
        runs=tuple(ranges),
        film_frames=tuple(film_frames),
        bit_depth=bit_depth,
        seconds=start / 24,
    )
    array = create_array(root, shot)
    array[:] = np.arange(1, start + 1, dtype=shot.dtype)[:, None, None, None]
    array[..., 0] = np.arange(width, dtype=shot.dtype)
    return shot


def make_corpus(root: Path, *shots: PreparedShot) -> Corpus:
    dropped = (Dropped("style", "film.mp4", "black", (FrameRange(3, 5),)),)
    return Corpus(root, shots, dropped, Sufficiency("fair", "Enough."))


def frame_numbers(pair: torch.Tensor) -> list[int]:
    """Read back which array frames a pair was cut from."""
    return [round(float(frame[1, 0, 0]) * 255) - 1 for frame in pair]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    root = tmp_path_factory.mktemp("corpus")
    return make_corpus(
        root,
        add_shot(root, "style-0", (3, 1, 5)),
        add_shot(root, "style-1", (90,), size=(64, 300)),
        add_shot(root, "style-2", (1,)),
        add_shot(root, "style-3", (4,), held_out=True),
        add_shot(root, "source-0", (1, 1, 1), side="source"),
    )


@given(seed=st.integers(0, 2**40), i=st.integers(0, 2**40), size=st.integers(16, 256))
@settings(max_examples=60)
def test_crop_is_a_pure_function_and_follows_the_film(corpus: Corpus, seed: int, i: int, size: int) -> None:
    pair, window = corpus.crop(seed, i, "style", size)
    again, same_window = load_or_same(corpus).crop(seed, i, "style", size)
    assert torch.equal(pair, again) and torch.equal(window, same_window)
    assert pair.shape == (2, 3, size, size) and pair.dtype == torch.float32 and 0 <= pair.min() <= pair.max() <= 1
    first, second = frame_numbers(pair)
    assert second == first + 1
    shot = next(s for s in corpus.side("style") if abs(round(size / float(window[3] - window[1])) - s.width) <= 1)
    assert any(run.start <= first and second < run.stop for run in shot.runs)


def load_or_same(corpus: Corpus) -> Corpus:
    """Return an equal corpus opened anew, so that a sample cannot hang on anything kept between draws."""
    save_corpus(corpus)
    return load_corpus(corpus.root)


def test_crop_window_is_where_the_pixels_are(corpus: Corpus) -> None:
    for i in range(40):
        pair, window = corpus.crop(0, i, "style", 48)
        width = round(48 / float(window[3] - window[1]))
        left = float(window[1]) * width
        assert float(pair[0, 0, 0, 0]) * 255 == pytest.approx(left % 256, abs=0.01)


def test_small_frame_is_mirrored(corpus: Corpus) -> None:
    pair, _ = corpus.crop(1, 0, "source", 128)
    row = pair[0, 0, 0] * 255
    assert torch.allclose(row[:96], torch.arange(96.0), atol=1e-3)
    assert torch.allclose(row[96:], torch.arange(94.0, 62.0, -1), atol=1e-3)


def test_every_moving_shot_counts_alike(corpus: Corpus) -> None:
    widths = Counter(round(16 / float(w[3] - w[1])) for w in (corpus.crop(3, i, "style", 16)[1] for i in range(600)))
    assert set(widths) == {96, 300}
    assert abs(widths[96] - widths[300]) < 120


def test_stills_alone_give_the_same_frame_twice_and_say_so(corpus: Corpus) -> None:
    assert corpus.has_motion("style") and not corpus.has_motion("source")
    pair = corpus.pair(0, 5, "source", 32)
    assert torch.equal(pair[0], pair[1])


def test_clip_stays_inside_a_run(corpus: Corpus) -> None:
    shot = corpus.side("style")[0]
    clip = corpus.clip(shot, 4, 5)
    assert clip.shape == (5, 3, 80, 96)
    assert [round(float(frame[1, 0, 0]) * 255) for frame in clip] == [5, 6, 7, 8, 9]
    with pytest.raises(ValueError, match="not inside one of its runs"):
        corpus.clip(shot, 2, 2)


@given(count=st.integers(0, 120))
@settings(max_examples=30)
def test_sampled_frames_are_spread_evenly_over_shots(corpus: Corpus, count: int) -> None:
    frames = corpus.sample_frames("style", count, held_out=False)
    assert len(frames) == min(count, 100)
    per_width = Counter(frame.shape[2] for frame in frames)
    if count >= 3:
        assert per_width[96] >= min(10, count // 3) and per_width[300] >= count // 3
    assert all(frame.shape == (3, 80, 96) for frame in corpus.sample_frames("style", 9, held_out=True))


def test_deep_footage_keeps_its_depth(tmp_path: Path) -> None:
    shot = add_shot(tmp_path, "style-0", (2,), bit_depth=10)
    create_array(tmp_path, shot)[:] = 40000
    corpus = make_corpus(tmp_path, shot)
    assert corpus.frames(shot).dtype == np.uint16
    assert torch.equal(corpus.pair(0, 0, "style", 64), torch.full((2, 3, 64, 64), 40000 / 65535))


def test_index_round_trip(corpus: Corpus) -> None:
    assert load_or_same(corpus) == corpus
    assert corpus.dropped[0].num_frames == 2


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(where=st.floats(0, 0.99), text=st.sampled_from(["", "\x00", "}", '"', "9", "null", "-1"]))
def test_damaged_index_is_refused_or_reads_the_same_shots(tmp_path: Path, where: float, text: str) -> None:
    good = make_corpus(tmp_path, add_shot(tmp_path, "style-0", (3, 2)))
    save_corpus(good)
    path = tmp_path / "index.json"
    whole = path.read_text()
    cut = int(where * len(whole))
    path.write_text(whole[:cut] + text + whole[cut + 3 :])
    try:
        corpus = load_corpus(tmp_path)
    except InputError as error:
        assert "prepare" in str(error)
    else:
        assert [shot.num_frames for shot in corpus.shots] == [5]


def test_damaged_arrays_are_refused(tmp_path: Path) -> None:
    shot = add_shot(tmp_path, "style-0", (3, 2))
    save_corpus(make_corpus(tmp_path, shot))
    path = tmp_path / "style-0.npy"
    whole = path.read_bytes()
    path.write_bytes(whole[:-100])
    with pytest.raises(InputError, match=r"style-0\.npy"):
        load_corpus(tmp_path)
    path.write_bytes(b"")
    with pytest.raises(InputError, match="cannot be read"):
        load_corpus(tmp_path)
    path.unlink()
    with pytest.raises(InputError, match="cannot be read"):
        load_corpus(tmp_path)
    np.save(path, np.zeros((5, 80, 96, 3), np.float64))
    with pytest.raises(InputError, match="uint8"):
        load_corpus(tmp_path)


def test_other_schema_and_no_index_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not a prepared corpus"):
        load_corpus(tmp_path)
    save_corpus(make_corpus(tmp_path))
    index = tmp_path / "index.json"
    index.write_text(index.read_text().replace('"schema": 1', '"schema": 2'))
    with pytest.raises(InputError, match="schema 2"):
        load_corpus(tmp_path)


def test_name_that_leaves_the_folder_is_refused(tmp_path: Path) -> None:
    save_corpus(make_corpus(tmp_path, add_shot(tmp_path, "style-0", (3,))))
    index = tmp_path / "index.json"
    index.write_text(index.read_text().replace('"style-0"', '"../style-0"'))
    with pytest.raises(InputError, match="not the name of a shot"):
        load_corpus(tmp_path)
