"""What `relook info --for` says of pictures is what `relook apply` says."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from relook.film.pictures.profile import with_profile

ICC = b"\0\0\0\x90" + bytes(12) + b"RGB XYZ " + bytes(104) + bytes(16)


def paint(folder: Path, ending: str) -> Path:
    """Write a take of two pictures of a kind, with all that it can hold."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    for number in (1001, 1002):
        path = folder / f"shot.{number}{ending.replace('float', '')}"
        if ending == ".exr":
            OpenEXR = pytest.importorskip("OpenEXR")
            layers = {name: rng.uniform(0, 2, (48, 64)).astype(np.float32) for name in "RGBZ"}
            OpenEXR.File({"type": OpenEXR.scanlineimage, "framesPerSecond": Fraction(25)}, layers).write(str(path))
        elif ending == "float.tif":
            cv2.imwrite(str(path), rng.uniform(-0.5, 2, (48, 64, 3)).astype(np.float32))
        else:
            codes = rng.integers(0, 2**16, (48, 64, 4)).astype(np.uint16)
            data = cv2.imencode(ending, codes if ending == ".png" else (codes[..., :3] >> 8).astype(np.uint8))[1]
            made = with_profile(data.tobytes(), ICC)
            path.write_bytes(made or data.tobytes())
    return folder


@pytest.mark.parametrize(
    ("kind", "endings"),
    [
        (".exr", (".mkv", ".mov", ".png", ".exr", ".tif", ".dpx")),
        ("float.tif", (".mp4", ".exr", ".tif", ".jpg")),
        (".png", (".mov", ".png", ".tif", ".webp", ".jpg", ".exr", ".dpx")),
        (".jpg", (".mkv", ".webm", ".jpg", ".png")),
    ],
)
def test_info_and_apply_tell_the_same_of_pictures(
    tmp_path: Path, told: Any, kind: str, endings: tuple[str, ...]
) -> None:
    source = paint(tmp_path / "in", kind)
    for ending in endings:
        said = told(source, ending)
        is_float = kind in (".exr", "float.tif")
        clips = "values below black and above white: changed (clipped, if there are any; .exr and float .tif keep them)"
        assert (clips in said) == (is_float and ending not in (".exr", ".tif"))
