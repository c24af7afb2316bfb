"""Where memory runs out, a frame is rendered in smaller tiles and comes out the same (AP05)."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch

from relook.apply.delivery import RenderSettings
from relook.apply.frame import FrameRenderer
from relook.apply.render import render_film
from relook.compute import is_out_of_memory
from relook.errors import KilledDecoderError, ResourceError
from relook.look import Look, load_look
from relook.progress import Progress
from relook.recipe.dials import Dials


@pytest.mark.slow
def test_AP05_out_of_memory_steps_down_with_identical_frames(
    look: Look, film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = RenderSettings(tile_rows=512)
    wanted = render_film(film, look, tmp_path / "a.mkv", settings=settings).frame_hashes
    monkeypatch.setattr("relook.faults._reached", Counter())
    monkeypatch.setenv("RELOOK_FAIL", "render.memory:memory:3,render.memory:memory:30")
    assert render_film(film, look, tmp_path / "b.mkv", settings=settings).frame_hashes == wanted


def test_AP05_no_memory_at_all_is_an_error_of_resources(
    look: Look, film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("relook.faults._reached", Counter())
    monkeypatch.setenv("RELOOK_FAIL", "render.memory:memory:1+")
    with pytest.raises(ResourceError, match="96 x 72"):
        render_film(film, look, tmp_path / "c.mkv")
    assert not (tmp_path / "c.mkv").exists()


def test_tiles_shrink_one_step_at_a_time(look: Look, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("relook.faults._reached", Counter())
    monkeypatch.setenv("RELOOK_FAIL", "render.memory:memory:1")
    renderer = FrameRenderer(look, Dials(texture=0), device=torch.device("cpu"), tile_rows=1024)
    renderer.render(torch.rand(3, 40, 40), seed=0, number=0)
    assert renderer.strips_at_once == 4


def test_what_torch_says_when_there_is_no_memory() -> None:
    with pytest.raises(RuntimeError) as raised:
        torch.empty(1 << 60, dtype=torch.uint8)
    assert is_out_of_memory(raised.value)
    assert not is_out_of_memory(RuntimeError("sizes do not match"))


@pytest.mark.slow
def test_AP04_what_is_done_outlives_a_decoder_that_the_system_kills(
    film: Path, look_file: Path, finish: Any, tmp_path: Path, short_stretches: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed again at a frame: the film may be whole, and hours of work are not to be lost for want of memory."""

    def plant(progress: Progress) -> None:
        if progress.stage == "finding shots" and progress.done == progress.total:
            monkeypatch.setenv("RELOOK_FAIL", "packet 30:kill:1")

    output = tmp_path / "o.mov"
    with pytest.raises(KilledDecoderError, match=r"was killed .* at frame \d+ .* run the same command again") as killed:
        render_film(film, load_look(look_file), output, on_progress=plant)
    assert killed.value.exit_code == 3 and not output.exists()
    monkeypatch.delenv("RELOOK_FAIL")
    assert finish(output)[1] >= short_stretches
    assert output.exists()
