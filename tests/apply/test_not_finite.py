"""A look that gives values which are not finite: never black frames, never a film (AP06)."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from relook import faults
from relook.apply.delivery import RenderSettings
from relook.apply.render import render_film
from relook.errors import DivergedError
from relook.look import Look
from relook.recipe.dials import Dials


@pytest.mark.parametrize("name", ["o.mov", "o.####.png"])
@pytest.mark.parametrize("texture", [0.0, 1.0])
def test_AP06_a_frame_that_is_not_finite_is_named(
    name: str,
    texture: float,
    film: Path,
    look: Look,
    assert_world: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    short_stretches: int,
) -> None:
    """There is no retry: rendering is in float32 as it is, and the same frame would come out the same."""
    monkeypatch.setattr(faults, "_reached", Counter())
    monkeypatch.setenv(faults.VARIABLE, "render.frame:spoil:31")
    dials = Dials(texture=texture, cranking=0)
    with pytest.raises(DivergedError, match=r"frame 30 \(01:00:00;20\) of .*mov: .*not finite.*train") as raised:
        render_film(film, look, tmp_path / name, settings=RenderSettings(dials=dials))
    assert raised.value.exit_code == 5
    assert_world(tmp_path, {})
