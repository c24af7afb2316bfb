"""Like with like: partners agree in content whatever their grain, and the held-out measure knows the right look."""

from __future__ import annotations

import pytest
import torch

from relook.corpus import Corpus
from relook.nets.generator import Generator
from relook.recipe.dials import Dials, dialled
from relook.recipe.settings import GeneratorSettings, Recipe
from relook.train.heldout import HeldOut, HeldOutMeasures
from relook.train.matching import POOL, Matcher, content_of
from relook.train.softness import blur
from relook.train.start import start_generator

CROP_PX = 64


def matcher(corpus: Corpus) -> Matcher:
    generator = Generator(GeneratorSettings()).requires_grad_(False)
    return Matcher(corpus, generator, seed=0, crop_px=CROP_PX, held_out=False)


def crops(corpus: Corpus, numbers: range) -> torch.Tensor:
    return torch.stack([corpus.crop(0, i, "source", CROP_PX)[0][0] for i in numbers])


def test_content_does_not_see_grain_or_softness(corpus: Corpus) -> None:
    clean = crops(corpus, range(20))
    grainy = clean + 0.04 * torch.randn(clean[:, :1].shape, generator=torch.Generator().manual_seed(0))
    soft = torch.cat([blur(clean[:, channel : channel + 1], 1.2) for channel in range(3)], dim=1)
    apart = torch.cdist(content_of(clean), content_of(clean)).flatten().median()
    for changed in (grainy, soft):
        assert (content_of(changed) - content_of(clean)).norm(dim=1).median() < 0.25 * apart


def test_a_grainy_crop_finds_itself(corpus: Corpus) -> None:
    found = matcher(corpus)
    numbers = range(0, POOL, 97)
    grain = 0.02 * torch.randn(3, CROP_PX, CROP_PX, generator=torch.Generator().manual_seed(1))
    for number, crop in zip(numbers, crops(corpus, numbers), strict=False):
        partner = found.partner(crop + grain, 5, tries=POOL)
        near = (found.contents[partner] - content_of((crop + grain)[None])).norm()
        assert near <= (found.contents[number] - content_of((crop + grain)[None])).norm()
        assert near < 0.5


@pytest.mark.slow
def test_partners_are_a_pure_function_and_keep_changing(corpus: Corpus) -> None:
    style = corpus.crop(0, 3, "style", CROP_PX)[0][0]
    first, again = ([matcher(corpus).partner(style, i) for i in range(12)] for _ in range(2))
    assert first == again
    assert len(set(first)) > 4


@pytest.mark.slow
def test_measured_grain_scores_better_than_wrong_grain(corpus: Corpus) -> None:
    start = start_generator(corpus, Recipe())
    right = HeldOut(corpus, start.mechanics, start.generator).measure(start.generator)
    for grain in (0.0, 2.0):
        wrong = dialled(start.mechanics, Dials(grain=grain))
        assert right.is_better(HeldOut(corpus, wrong, start.generator).measure(start.generator), right)


def test_among_equals_the_earlier_look_stays() -> None:
    first = HeldOutMeasures(patch_distance=1.0, colour_distance=2.0, structure_kept=0.98)
    assert not first.is_better(first, first)
    assert not HeldOutMeasures(0.995, 2.0, 0.98).is_better(first, first)
    assert HeldOutMeasures(0.9, 2.0, 0.98).is_better(first, first)
    assert not HeldOutMeasures(0.9, 2.0, 0.96).is_better(first, first), "structure lost costs more than texture gained"
