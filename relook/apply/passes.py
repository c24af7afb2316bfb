"""A render's layers apart, for compositing: float32 TIFF pictures a frame, and what moves and breathes as JSON.

    look.000012.tif       the look alone, without the marks that change from frame to frame, `[3 h w]`
    grain.000012.tif      to be added to the moved look; signed
    clouds.000012.tif     of uneven development, signed; only where the look has them
    damage.000012.tif     scratches and dust, to be added; signed
    matte.000012.tif      how much of the picture the damage hides, 0..1
    aperture.tif          the gate's mask, 0..1
    frames.json           for each frame the weave (pixels across, pixels down, radians clockwise about the middle), the gains of
                          red, green and blue, and the slope of the contrast about 0.5

With p = look moved by weave + grain, and q = p + 2 * clouds * p * (1 - p), a frame is
`((q - 0.5) * slope + 0.5) * gains * (1 - matte) + damage`, times the aperture, held within 0..1.
"""

from __future__ import annotations

import json
from pathlib import Path
from types import TracebackType

import torch
from torch import Tensor

from relook.apply.frame import Layers, woven
from relook.errors import InputError, UsageError
from relook.film.pictures import read_float_picture, write_float_picture
from relook.film.publish import Part, disk_errors, require_place
from relook.mechanics.breath import lay_breath
from relook.mechanics.marks import damage_of, grain_of
from relook.mechanics.unevenness import lay_clouds

SCHEMA = 1
FRAMES = "frames.json"


def require_passes_place(folder: Path) -> None:
    """Refuse a folder for passes that exists or cannot be made, before any work.

    Raises:
        UsageError: it exists, or lies nowhere.
    """
    if folder.exists():
        raise UsageError(f"{folder} exists; give the name of a new folder for the passes")
    require_place(folder, overwrite=False)


class PassWriter:
    """Writes the layers of frames; the folder appears when all are written."""

    def __init__(self, folder: Path) -> None:
        require_passes_place(folder)
        self._part = Part(folder, folder=folder)
        self._frames: list[dict[str, object]] = []

    def __enter__(self) -> PassWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self._part.discard()
            return
        text = json.dumps({"schema": SCHEMA, "frames": self._frames}, indent=1)
        with disk_errors(self._part.final):
            (self._part.path / FRAMES).write_text(text, encoding="utf-8")
        self._part.publish()

    def add(self, index: int, layers: Layers) -> None:
        """Write the layers of frame `index` of the film."""
        marks = layers.marks
        size = layers.aperture.shape
        damage, matte = (layer[0].expand(1, *size) for layer in damage_of(marks))
        pictures = {"look": layers.look, "damage": damage, "matte": matte}
        pictures["grain"] = grain_of(woven(layers.look, layers.weave)[None], marks)[0].expand(3, *size)
        if marks.clouds.shape[-1] > 1:
            pictures["clouds"] = marks.clouds[0]
        for name, picture in pictures.items():
            write_float_picture(self._part.path / f"{name}.{index:06d}.tif", picture)
        if not self._frames:
            write_float_picture(self._part.path / "aperture.tif", layers.aperture[None])
        gains, slope = marks.gains[0].tolist(), float(marks.slope[0])
        self._frames.append({"frame": index, "weave": list(layers.weave), "gains": gains, "slope": slope})


def assembled(folder: Path, index: int) -> Tensor:
    """Put a frame together from its passes, `[3 h w]`.

    Raises:
        InputError: the folder has no such frame.
    """

    def layer(name: str) -> Tensor:
        return read_float_picture(folder / f"{name}.{index:06d}.tif")

    frames = {frame["frame"]: frame for frame in json.loads((folder / FRAMES).read_text(encoding="utf-8"))["frames"]}
    if index not in frames:
        raise InputError(f"{folder} has no passes of frame {index}; it has those of {min(frames)} to {max(frames)}")
    facts = frames[index]
    picture = woven(layer("look"), tuple(facts["weave"])) + layer("grain")
    if (folder / f"clouds.{index:06d}.tif").exists():
        picture = lay_clouds(picture, layer("clouds"))
    lit = lay_breath(picture[None], torch.tensor([facts["gains"]]), torch.tensor([facts["slope"]]))[0]
    picture = lit * (1 - layer("matte")) + layer("damage")
    return (picture * read_float_picture(folder / "aperture.tif")).clamp(0, 1)
