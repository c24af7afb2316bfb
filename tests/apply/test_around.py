"""What lies beyond black and white is as colourful as the look leaves colours, and keeps its light."""

from __future__ import annotations

import pytest
import torch

from relook.apply.around import colour_around, coloured
from relook.film.colour import luma
from relook.nets.blocks import Grade

LAMP = torch.tensor([3.0, 1.0, -0.1])[:, None, None]


def test_a_grade_that_leaves_colours_leaves_them_beyond() -> None:
    assert colour_around(Grade(8), 1.0) is None
    assert coloured(LAMP, None) is LAMP


def test_a_black_and_white_look_has_no_coloured_lamps() -> None:
    grade = Grade(8)
    grade.is_monochrome.fill_(1)
    assert colour_around(grade, 0.0) is None
    found = coloured(LAMP, colour_around(grade, 1.0))
    assert torch.allclose(found, luma(LAMP).expand(3, 1, 1), atol=1e-6)


@pytest.mark.parametrize("dial", [0.5, 1.0])
def test_half_the_colour_is_half_the_colour_beyond(dial: float) -> None:
    grade = Grade(8)
    with torch.no_grad():
        grade.base[:, :, :3] = torch.eye(3).lerp(torch.full((3, 3), 1 / 3), 0.5)
    found = coloured(LAMP, colour_around(grade, dial))
    assert torch.allclose(luma(found), luma(LAMP), atol=1e-5)
    kept = (found[0] - found[2]) / (LAMP[0] - LAMP[2])
    assert float(kept) == pytest.approx(1 - dial / 2, abs=1e-5)
