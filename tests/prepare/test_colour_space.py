"""Source footage in a colour space: looked at and stored as it is shown; the style's is as it says itself."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import av
import cv2
import numpy as np
import numpy.typing as npt
import pytest

from relook.corpus import load_corpus
from relook.film.pictures.spaces import find_space
from relook.pipeline import train
from relook.prepare.footage import prepare_corpus
from relook.progress import Progress

Values = npt.NDArray[np.float32]


@pytest.fixture(autouse=True)
def built_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OCIO", raising=False)


def scenes(num_frames: int) -> list[Values]:
    """Draw two shots of muted soft shapes, `[h w 3]`, 0..1, under black bars of 16 lines."""
    random = np.random.default_rng(1)
    frames = []
    for start in (0, num_frames // 2):
        scene = cv2.GaussianBlur(random.uniform(0, 1, (96, 240, 3)).astype(np.float32), (0, 0), 3)
        scene = 0.5 + (scene - scene.mean()) * (0.12 / scene.std()) - (0.15 if start else 0)
        scene = 0.4 * scene + 0.6 * scene.mean(axis=-1, keepdims=True)
        for k in range(num_frames // 2):
            shown = scene[:, 3 * k : 3 * k + 128] + random.normal(0, 0.01, (96, 128, 3))
            frames.append(np.pad(np.clip(shown, 0.1, 1), ((16, 16), (0, 0), (0, 0))).astype(np.float32))
    return frames


def write_film(path: Path, frames: Sequence[Values], *, pixel_format: str = "yuv444p12le") -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=24)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = pixel_format
        for number, values in enumerate(frames):
            packed = np.rint(values.clip(0, 1) * 65535).astype(np.uint16)
            frame = av.VideoFrame.from_ndarray(packed, format="rgb48le").reformat(format=pixel_format)
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@pytest.fixture
def films(tmp_path: Path) -> tuple[Path, Path, list[Values]]:
    """Return a film in Apple Log, the same for the display, and its frames."""
    space, frames = find_space("apple_log"), scenes(24)
    log = [space.from_display(frame.transpose(2, 0, 1)).transpose(1, 2, 0) for frame in frames]
    return write_film(tmp_path / "log.mkv", log), write_film(tmp_path / "shown.mkv", frames), frames


def test_a_log_source_is_prepared_as_it_is_shown(films: tuple[Path, Path, list[Values]], tmp_path: Path) -> None:
    log, shown, frames = films
    space = find_space("apple_log")
    corpus = prepare_corpus([log], [shown], tmp_path / "corpus", space=space)
    stored = [shot for shot in corpus.shots if shot.side == "source"]
    assert {(shot.height, shot.width) for shot in stored} == {(96, 128)}, "the bars are black, which log codes are not"
    assert len({shot.film_frames for shot in stored}) >= 2 and sum(shot.num_frames for shot in stored) > 16
    for shot in stored:
        for position, number in enumerate(shot.film_frames):
            found = corpus.frames(shot)[position] / 65535
            assert np.abs(found - frames[number][16:-16]).max() < 0.01
    for shot in (shot for shot in corpus.shots if shot.side == "style"):
        assert np.abs(corpus.frames(shot)[0] / 65535 - frames[shot.first_frame][16:-16]).max() < 0.01

    flat = prepare_corpus([log], [shown], tmp_path / "flat")
    sizes = {(shot.height, shot.width) for shot in flat.shots if shot.side == "source"}
    assert sizes == {(128, 128)}, "as codes the bars are grey"


def test_training_takes_the_space_for_its_source(films: tuple[Path, Path, list[Values]], tmp_path: Path) -> None:
    log, shown, frames = films
    means: dict[str, list[float]] = {"source": [], "style": []}

    def look_at(progress: Progress) -> None:
        if progress.stage == "first pass":
            corpus = load_corpus(tmp_path / "own.run" / "corpus")
            for shot in corpus.shots:
                means[shot.side].append(float(corpus.frames(shot)[0].mean()) / 65535)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(log, shown, tmp_path / "own.look", colour_space="apple_log", on_progress=look_at)
    assert means["source"] == pytest.approx(means["style"], abs=5e-3)
    assert max(means["source"]) == pytest.approx(max(frame[16:-16].mean() for frame in frames), abs=0.02)
    assert not list(tmp_path.glob("own*")), "nothing is left"
