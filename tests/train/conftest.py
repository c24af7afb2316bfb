"""A painted corpus: colourful source shots, grey and grainy style shots of other subjects; and a way to train on it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from relook.compute import Crew, alone
from relook.corpus import Corpus, PreparedShot, Side, Sufficiency, create_array, save_corpus
from relook.recipe.settings import Recipe
from relook.timing import FrameRange
from relook.train.loop import Run, Trained, train_look
from tests.short_training import shorten


def drifting(seed: int, *, style: bool) -> NDArray[np.uint8]:
    """Paint ten frames of drifting shapes; the style's are grey, dim and grainy."""
    rng = np.random.default_rng(seed)
    large = cv2.GaussianBlur(rng.uniform(0, 1, (150, 190, 3)).astype(np.float32), (0, 0), 6)
    large = (large - large.min()) / (large.max() - large.min())
    cv2.rectangle(large, (40, 30), (110, 90), (0.9, 0.3, 0.2), -1)
    frames = np.stack([large[t : t + 128, t : t + 160] for t in range(10)])
    if style:
        frames = np.repeat(0.1 + 0.6 * frames.mean(axis=-1, keepdims=True), 3, axis=-1)
        frames = frames + rng.normal(0, 0.03, frames.shape[:-1])[..., None]
    return np.rint(frames.clip(0, 1) * 255).astype(np.uint8)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    root = tmp_path_factory.mktemp("corpus")
    shots = []
    sides: tuple[Side, Side] = ("source", "style")
    for side in sides:
        for index in range(4):
            codes = drifting(index + 10 * (side == "style"), style=side == "style")
            shot = PreparedShot(
                name=f"{side}-{index:04d}",
                side=side,
                origin=f"{side} {index}",
                height=128,
                width=160,
                held_out=index == 3,
                runs=(FrameRange(0, 10),),
                film_frames=tuple(range(10)),
                bit_depth=8,
                seconds=0.4,
            )
            create_array(root, shot)[:] = codes
            shots.append(shot)
    corpus = Corpus(root, tuple(shots), (), Sufficiency("fair", "painted"))
    save_corpus(corpus)
    return corpus


@pytest.fixture(scope="session")
def crew() -> Crew:
    """A crew of one on the CPU."""
    return alone(torch.device("cpu"))


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep what is set up before the first step small: these runs are a few steps long."""
    shorten(monkeypatch.setattr)


@pytest.fixture
def train(corpus: Corpus, crew: Crew, tmp_path: Path, small: None) -> Callable[..., Trained]:
    """Return a function that trains by a recipe, in a folder of its own unless one is given."""

    def run(recipe: Recipe, *, folder: Path | None = None, **settings: Any) -> Trained:
        if folder is None:
            folder = Path(mkdtemp(dir=tmp_path))
        return train_look(corpus, recipe, Run("toy", folder, **settings), crew)

    return run


@pytest.fixture
def faults(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Return a function that plants faults in this process, counted from now."""

    def plant(text: str) -> None:
        monkeypatch.setattr("relook.faults._reached", Counter())
        monkeypatch.setenv("RELOOK_FAIL", text)

    return plant
