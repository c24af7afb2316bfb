"""Films made by the test, and real ones, through the whole of `prepare_corpus`."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import cv2
import numpy as np
import numpy.typing as npt
import pytest

from relook.corpus import SIDES, Corpus, load_corpus
from relook.errors import InputChangedError, InputError, RelookError, UsageError
from relook.prepare.footage import prepare_corpus
from relook.progress import Progress

Picture = npt.NDArray[np.uint8]


def moving_shot(num_frames: int, *, seed: int, size: tuple[int, int] = (96, 128)) -> list[Picture]:
    """Return RGB frames `[h w 3]` of a patterned scene under a moving camera, with fresh grain."""
    random = np.random.default_rng(seed)
    height, width = size
    scene = random.uniform(0, 255, (height, width + 3 * num_frames, 3)).astype(np.float32)
    scene = cv2.GaussianBlur(scene, (0, 0), 3)
    scene = (scene - scene.mean()) * (40 / scene.std()) + random.uniform(90, 160, 3)
    frames = [scene[:, 3 * k : 3 * k + width] + random.normal(0, 3, (height, width, 3)) for k in range(num_frames)]
    return [np.clip(frame, 45, 255).astype(np.uint8) for frame in frames]


def write_film(path: Path, frames: Sequence[Picture]) -> Path:
    """Write a lossless film."""
    with av.open(str(path), "w") as film:
        stream = film.add_stream("ffv1", rate=Fraction(24))
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = "bgr0"
        for frame in frames:
            film.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        film.mux(stream.encode(None))
    return path


def write_stills(folder: Path, pictures: Sequence[Picture]) -> Path:
    folder.mkdir()
    for number, picture in enumerate(pictures):
        cv2.imwrite(str(folder / f"{'abcdefghijkl'[number]} still.png"), picture[..., ::-1])
    return folder


def film_frames(corpus: Corpus, *, held_out: bool, side: str = "style") -> set[tuple[str, int]]:
    return {
        (shot.origin, frame)
        for shot in corpus.shots
        if shot.side == side and shot.held_out == held_out
        for frame in shot.film_frames
    }


def check_corpus(corpus: Corpus) -> None:
    """Assert what holds for every corpus."""
    assert load_corpus(corpus.root) == corpus
    assert sorted(path.name for path in corpus.root.iterdir()) == sorted(
        ["index.json", *(f"{shot.name}.npy" for shot in corpus.shots)]
    )
    for side in SIDES:
        kept, aside = (film_frames(corpus, held_out=held_out, side=side) for held_out in (False, True))
        dropped = {(d.origin, f) for d in corpus.dropped if d.side == side for f in d.numbers}
        assert kept and aside
        assert not kept & aside and not (kept | aside) & dropped
    for shot in corpus.shots:
        assert all(a < b for a, b in pairwise(shot.film_frames))


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A plain film of three shots."""
    frames = [frame for seed in (1, 2, 3) for frame in moving_shot(16, seed=seed)]
    return write_film(tmp_path_factory.mktemp("source") / "source.mkv", frames)


def test_planted_frames_are_left_out_and_the_others_stored_bit_for_bit(source: Path, tmp_path: Path) -> None:
    frames = [frame for seed in (11, 12) for frame in moving_shot(40, seed=seed)]
    frames[9] = (frames[9] // 30).astype(np.uint8)
    frames[20] = np.full_like(frames[20], (200, 40, 60))
    frames[30] = frames[29]
    frames[55] = cv2.GaussianBlur(frames[55], (0, 0), 5).astype(np.uint8)
    boxed = [np.pad(frame, ((14, 18), (6, 0), (0, 0))) for frame in frames]
    style = write_film(tmp_path / "style.mkv", boxed)

    corpus = prepare_corpus([source], [style], tmp_path / "corpus")

    check_corpus(corpus)
    dropped = {(d.reason, f) for d in corpus.dropped if d.side == "style" for f in d.numbers}
    assert dropped == {("black", 9), ("single_colour", 20), ("duplicate", 30), ("blurred", 55)}
    for shot in corpus.side("style") + corpus.side("style", held_out=True):
        stored = corpus.frames(shot)
        assert (shot.height, shot.width) == (96, 128)
        for position, number in enumerate(shot.film_frames):
            assert np.array_equal(stored[position], frames[number])
    first = corpus.side("style")[0]
    assert first.film_frames[: len(first.runs[0])] == tuple(range(9))
    assert not any(run.start <= first.film_frames.index(8) < run.stop - 1 for run in first.runs)


def test_stills_are_prepared_and_known_not_to_move(source: Path, tmp_path: Path) -> None:
    pictures = [moving_shot(1, seed=seed, size=(90, 120 + seed))[0] for seed in range(10)]
    style = write_stills(tmp_path / "stills", [*pictures, np.zeros((90, 120, 3), np.uint8)])
    corpus = prepare_corpus([source], [style], tmp_path / "corpus")
    check_corpus(corpus)
    assert not corpus.has_motion("style") and corpus.has_motion("source")
    assert len(film_frames(corpus, held_out=False)) + len(film_frames(corpus, held_out=True)) == 10
    assert "stills" in corpus.sufficiency.text and "1 black" in corpus.sufficiency.text
    for shot in corpus.side("style"):
        assert shot.width > 115 + shot.first_frame
        found = cv2.matchTemplate(pictures[shot.first_frame], np.array(corpus.frames(shot)[0]), cv2.TM_SQDIFF)
        assert found.min() < 1000  # rounding of the search itself; one level off everywhere would be 30000


def test_what_the_limit_leaves_out_is_named(source: Path, tmp_path: Path) -> None:
    style = write_stills(tmp_path / "stills", [moving_shot(1, seed=seed, size=(80, 80))[0] for seed in range(12)])
    corpus = prepare_corpus([source], [style], tmp_path / "corpus", max_bytes=2 * 6 * 80 * 80 * 3)
    check_corpus(corpus)
    stored = film_frames(corpus, held_out=False) | film_frames(corpus, held_out=True)
    left_out = {f for d in corpus.dropped if d.reason == "over_limit" and d.side == "style" for f in d.numbers}
    assert 3 <= len(stored) <= 6 and len(left_out) == 12 - len(stored)
    assert "over the size limit" in corpus.sufficiency.text


def test_a_mix_of_films_and_a_numbered_sequence(source: Path, tmp_path: Path) -> None:
    plates = tmp_path / "plates"
    plates.mkdir()
    for number, frame in enumerate(moving_shot(20, seed=5)):
        cv2.imwrite(str(plates / f"plate.{number + 1001:04d}.png"), frame[..., ::-1])
    film = write_film(tmp_path / "reel.mkv", moving_shot(30, seed=6))
    corpus = prepare_corpus([source], [plates, film], tmp_path / "corpus")
    check_corpus(corpus)
    assert len({shot.origin for shot in corpus.side("style")}) == 2
    assert len({shot.origin for shot in corpus.side("style", held_out=True)}) == 2


def test_ten_bit_film_keeps_more_than_eight_bits(source: Path, tmp_path: Path) -> None:
    ramp = np.linspace(0.2, 0.8, 128 * 96).reshape(96, 128, 1).repeat(3, 2)
    path = tmp_path / "deep.mkv"
    with av.open(str(path), "w") as film:
        stream = film.add_stream("ffv1", rate=24, options={"strict": "experimental"})
        stream.height, stream.width, stream.pix_fmt = 96, 128, "gbrp10le"
        for k in range(14):
            values = np.roll(ramp, 5 * k, axis=1) * 65535
            film.mux(stream.encode(av.VideoFrame.from_ndarray(values.astype(np.uint16), format="rgb48le")))
        film.mux(stream.encode(None))
    corpus = prepare_corpus([source], [path], tmp_path / "corpus")
    shot = corpus.side("style")[0]
    assert shot.bit_depth == 10 and corpus.frames(shot).dtype == np.uint16
    assert len(np.unique(corpus.frames(shot)[0])) > 400


@pytest.mark.slow
def test_long_shots_are_thinned_and_the_limit_holds(source: Path, tmp_path: Path) -> None:
    style = write_film(tmp_path / "long.mkv", moving_shot(150, seed=7))
    corpus = prepare_corpus([source], [style], tmp_path / "corpus")
    assert [shot.num_frames for shot in corpus.side("style")] == [96]
    small = prepare_corpus([source], [style], tmp_path / "small", max_bytes=2_000_000)
    check_corpus(small)
    assert sum(path.stat().st_size for path in small.root.iterdir()) < 2_100_000


def test_progress_reaches_its_total(source: Path, tmp_path: Path) -> None:
    seen: list[Progress] = []
    prepare_corpus([source], [source], tmp_path / "corpus", on_progress=seen.append)
    for stage in {event.stage for event in seen}:
        last = [event for event in seen if event.stage == stage][-1]
        assert last.total is None or last.done == last.total


@pytest.mark.parametrize(
    ("style", "message"),
    [
        ("black", r"style footage .*black\.png.* no usable frame.*1 black"),
        ("small", r"48x40 pixels"),
        ("empty", r"empty"),
        ("missing", r"missing"),
        ("text", r"words\.mp4"),
        ("one frame.mkv", r"style footage .* has 1 usable frame.*at least two frames a side"),
        ("identical.mkv", r"style footage .* has 1 usable frame.*23 repeat"),
        ("black film.mkv", r"style footage .* has no usable frame.*6 black"),
        ("8x8.mkv", r"8x8 pixels.*at least 64x64"),
    ],
)
def test_TR13_bad_footage_is_refused_and_nothing_stays(source: Path, tmp_path: Path, style: str, message: str) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "empty").mkdir()
    (folder / "words.mp4").write_text("not a film")
    cv2.imwrite(str(folder / "black.png"), np.zeros((96, 128, 3), np.uint8))
    write_film(folder / "small.mkv", [frame[:40, :48].copy() for frame in moving_shot(6, seed=0)])
    scene = moving_shot(1, seed=0)
    write_film(folder / "one frame.mkv", scene)
    write_film(folder / "identical.mkv", scene * 24)
    write_film(folder / "black film.mkv", [np.zeros_like(scene[0])] * 6)
    write_film(folder / "8x8.mkv", [frame[:8, :8].copy() for frame in moving_shot(6, seed=0)])
    path = {"black": "black.png", "small": "small.mkv", "text": "words.mp4"}.get(style, style)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(InputError, match=message):
        prepare_corpus([source], [folder / path], tmp_path / "corpus")
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("size", [(64, 512), (512, 64)], ids=["wide", "high"])
def test_TR13_a_style_of_another_aspect_is_no_fault(size: tuple[int, int], source: Path, tmp_path: Path) -> None:
    strip = write_film(tmp_path / "strip.mkv", moving_shot(16, seed=9, size=size))
    corpus = prepare_corpus([source], [strip], tmp_path / "corpus")
    check_corpus(corpus)
    assert corpus.pair(0, 0, "style", 96).shape == (2, 3, 96, 96)


@pytest.mark.parametrize("stage", ["examining frames", "storing frames"])
@pytest.mark.parametrize("harm", ["replaced", "cut", "removed"])
def test_TR09_footage_that_changes_while_it_is_prepared_is_refused(
    stage: str, harm: str, source: Path, tmp_path: Path
) -> None:
    film = Path(shutil.copyfile(source, tmp_path / "film.mkv"))

    def change(progress: Progress) -> None:
        if (progress.stage, progress.done) == (stage, 5) and film.exists():
            if harm == "replaced":
                film.write_bytes(film.read_bytes() + b"\0")
            elif harm == "cut":
                film.write_bytes(film.read_bytes()[:20_000])
            else:
                film.unlink()

    with pytest.raises(InputChangedError, match=r"film\.mkv"):
        prepare_corpus([film], [source], tmp_path / "corpus", on_progress=change)
    assert not (tmp_path / "corpus").exists() and not (tmp_path / "corpus.part").exists()


def test_empty_side_is_refused(source: Path, tmp_path: Path) -> None:
    with pytest.raises(RelookError, match="style footage"):
        prepare_corpus([source], [], tmp_path / "corpus")
    assert not list(tmp_path.iterdir())


def test_root_that_exists_or_has_no_parent_is_refused(source: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("keep")
    with pytest.raises(UsageError, match="exists already"):
        prepare_corpus([source], [source], tmp_path)
    with pytest.raises(UsageError, match="create it first"):
        prepare_corpus([source], [source], tmp_path / "no" / "corpus")
    assert (tmp_path / "mine").read_text() == "keep"


@pytest.mark.slow
def test_silent_reels(footage: Callable[[str], Path], tmp_path: Path) -> None:
    """Repeats of the transfer are found, hardly anything else; each reel gives its tail; scan borders are gone."""
    reels = [
        footage(f"old-film/{name}") for name in ("market_street_1906", "sf_earthquake_1906", "great_train_robbery_1903")
    ]
    corpus = prepare_corpus([footage("live-action/bikes_6shots.mp4")], reels, tmp_path / "corpus")
    check_corpus(corpus)
    style = [dropped for dropped in corpus.dropped if dropped.side == "style"]
    assert {dropped.reason for dropped in style} == {"duplicate"}
    assert sorted(dropped.num_frames for dropped in style) == [6, 6]
    assert not any(dropped.side == "source" for dropped in corpus.dropped)
    assert [shot.held_out for shot in corpus.shots if shot.side == "style"] == [False, True] * 3
    market = corpus.frames(corpus.side("style")[0])
    assert 470 <= market.shape[2] <= 474 and market[..., 0, :].mean() > 0.5 * market[..., 40, :].mean()
