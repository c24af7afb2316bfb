"""An artist's pairs: what they ask for is given, what they do not show stays, and pictures that do not fit are refused."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor

from relook.compute import Crew
from relook.corpus import Corpus, load_corpus, save_corpus
from relook.errors import InputError
from relook.nets.blocks import squared_radius
from relook.nets.generator import Generator
from relook.prepare.anchors import add_anchors
from relook.recipe.settings import Recipe
from relook.train.anchors import fit_anchors
from relook.train.loop import Run, train_look


def painted(frame: Tensor) -> Tensor:
    """Grade a frame `[3 h w]` as no footage of the tests is graded, with a vignette."""
    mix = torch.tensor([[0.8, 0.2, 0.0], [0.1, 0.6, 0.1], [0.0, 0.1, 0.7]])
    graded = torch.einsum("ij,jhw->ihw", mix, frame) * 0.9 + 0.03
    rows, columns = ((torch.arange(n) + 0.5) / n for n in frame.shape[-2:])
    return graded * torch.exp(-0.3 * squared_radius(columns[None, :], rows[:, None]))


@pytest.fixture
def anchored(corpus: Corpus, tmp_path: Path) -> Corpus:
    """The corpus with pairs of its first two source shots."""
    root = tmp_path / "corpus"
    root.mkdir()
    for array in corpus.root.glob("*.npy"):
        (root / array.name).symlink_to(array)
    copied = replace(corpus, root=root)
    save_corpus(copied)
    return add_anchors(copied, [pair_of(corpus, number, tmp_path) for number in (0, 1)], least_px=96)


def pair_of(corpus: Corpus, number: int, folder: Path) -> tuple[Path, Path]:
    frame = corpus.clip(corpus.side("source")[number], 2, 1)[0]
    paths = (folder / f"frame{number}.png", folder / f"painted{number}.png")
    for path, picture in zip(paths, (frame, painted(frame)), strict=True):
        codes = (picture.permute(1, 2, 0).clamp(0, 1) * 65535).round().numpy().astype(np.uint16)
        cv2.imwrite(str(path), codes[..., ::-1])
    return paths


def footage(corpus: Corpus) -> Tensor:
    frames = torch.stack([corpus.clip(shot, 0, 1)[0] for shot in corpus.side("source")])
    return frames.permute(0, 2, 3, 1).reshape(-1, 3)[::7]


def error(generator: Generator, frame: Tensor) -> float:
    with torch.no_grad():
        return float((generator.deterministic(frame[None])[0] - painted(frame)).abs().mean())


def test_pairs_carry_over_to_a_shot_without_one(anchored: Corpus) -> None:
    other = anchored.clip(anchored.side("source")[2], 5, 1)[0]
    plain = Generator(Recipe().generator)
    fitted = copy.deepcopy(plain)
    fit_anchors(fitted, anchored, footage(anchored))
    assert error(fitted, other) < 0.3 * error(plain, other)
    assert error(fitted, anchored.anchor(anchored.anchors[0])[0]) < 0.01


def test_pairs_that_change_nothing_leave_the_first_pass(corpus: Corpus, anchored: Corpus, tmp_path: Path) -> None:
    source = tmp_path / "frame0.png"
    same = add_anchors(replace(anchored, anchors=()), [(source, source)], least_px=96)
    generator = Generator(Recipe().generator)
    before = generator.grade.base.clone()
    fit_anchors(generator, same, footage(corpus))
    assert torch.allclose(generator.grade.base, before, atol=0.02)


def test_a_black_and_white_look_stays_so(anchored: Corpus) -> None:
    generator = Generator(Recipe().generator)
    generator.grade.is_monochrome.fill_(1)
    generator.grade.base[:, :, :3] = 0
    generator.grade.base[:, :, 3] = torch.linspace(0, 1, 8)[:, None]
    fit_anchors(generator, anchored, footage(anchored))
    assert generator.is_monochrome and not generator.grade.base[:, :, :3].any()


@pytest.mark.slow
def test_pairs_are_kept_with_the_corpus_and_trained_on(
    anchored: Corpus, crew: Crew, small: None, tmp_path: Path
) -> None:
    again = load_corpus(anchored.root)
    assert again.anchors == anchored.anchors
    pair = again.anchors[1]
    assert torch.equal(again.anchor(pair), anchored.anchor(pair)) and again.anchor(pair).shape == (2, 3, 128, 160)
    source, target, window = again.anchor_crop(0, 5, 64)
    assert source.shape == target.shape == (3, 64, 64) and float(window[2] - window[0]) == pytest.approx(0.5)
    assert all(torch.equal(a, b) for a, b in zip(again.anchor_crop(0, 5, 64), (source, target, window), strict=True))
    folder = tmp_path / "run"
    folder.mkdir()
    recipe = Recipe(budget_frames=8, num_checks=1, batch_pairs=2, crop_px=64)
    measures = train_look(again, recipe, Run("toy", folder), crew).look.card.measures
    assert measures["pair_error"] > 0


def test_pictures_that_are_no_pair_are_refused(anchored: Corpus, tmp_path: Path) -> None:
    small, other = tmp_path / "small.png", tmp_path / "other.png"
    cv2.imwrite(str(small), np.zeros((64, 64, 3), np.uint8))
    cv2.imwrite(str(other), np.zeros((128, 100, 3), np.uint8))
    for pair, said in (((small, small), "smaller"), ((tmp_path / "frame0.png", other), "differ in size")):
        with pytest.raises(InputError, match=said):
            add_anchors(anchored, [pair], least_px=96)
    with pytest.raises(InputError, match=r"absent\.png"):
        add_anchors(anchored, [(tmp_path / "absent.png", other)], least_px=96)
