"""Painted stills for tests, and what is in a folder."""

from __future__ import annotations

import hashlib
from pathlib import Path

import cv2
import numpy as np


def paint(path: Path, *, seed: int = 0, channels: int = 3, size: tuple[int, int] = (40, 52)) -> Path:
    """Write a picture of soft shapes; a fourth channel is transparency, wholly so at the top."""
    path.parent.mkdir(parents=True, exist_ok=True)
    coarse = np.random.default_rng(seed).integers(0, 256, (5, 6, channels)).astype(np.uint8)
    codes = cv2.resize(coarse, size[::-1], interpolation=cv2.INTER_CUBIC)
    if channels == 4:
        codes[:9, :, 3] = 0
    path.write_bytes(cv2.imencode(path.suffix, codes)[1].tobytes())
    return path


def files(folder: Path) -> dict[str, str]:
    """Return the hash of every file in a folder, by its place."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def three_deep(made: Path) -> Path:
    """Make a folder of stills three deep, with the same picture twice, and other things between them."""
    paint(made / "one.png", seed=1)
    paint(made / "a" / "same.png", seed=1)
    paint(made / "a" / "b" / "c" / "Three.TIF", seed=3, channels=4, size=(33, 20))
    paint(made / "a" / "b" / "4th.jpg", seed=4)
    (made / "a" / "b" / "notes.txt").write_text("x")
    (made / "take.mp4").write_bytes(b"x")
    (made / ".hidden.png").write_bytes(b"x")
    return made
