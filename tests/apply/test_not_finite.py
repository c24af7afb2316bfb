"""A look that gives values which are not finite: never black frames, never a film (AP06)."""

from __future__ import annotations

import hashlib
import json
import struct
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch

from relook import faults
from relook.apply.delivery import RenderSettings
from relook.apply.render import render_film
from relook.errors import DivergedError, InputError
from relook.look import Look, parse_look
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


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_AP06_weights_that_are_not_finite_are_refused(value: float, look_file: Path) -> None:
    """A look that was made so, with a hash that fits."""
    blob = look_file.read_bytes()
    header = json.loads(blob[8 : 8 + struct.unpack("<Q", blob[:8])[0]])
    card, tensors = json.loads(header["__metadata__"]["card"]), safetensors.torch.load(blob)
    tensors["generator.spatial.map"].view(-1)[0] = value
    bare = safetensors.torch.save(tensors)
    card["payload_sha256"] = hashlib.sha256(bare[8 + struct.unpack("<Q", bare[:8])[0] :]).hexdigest()
    with pytest.raises(InputError, match=r"spatial\.map .* not finite"):
        parse_look(safetensors.torch.save(tensors, metadata={"card": json.dumps(card)}), Path("x.look"))
