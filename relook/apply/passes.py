"""A render's separate layers, for compositing: float32 TIFF pictures for each frame, and its movements and flicker as JSON.

    look.000012.tif       the look alone, without the marks that change from frame to frame, `[3 h w]`
    grain.000012.tif      to be added to the moved look; signed
    clouds.000012.tif     of uneven development, signed; only if the look has them
    damage.000012.tif     scratches and dust, to be added; signed
    matte.000012.tif      how much of the picture the damage hides, 0..1
    aperture.000012.tif   the gate's mask, 0..1; only if the look has one
    beyond.000012.tif     the source's values below 0 and above 1, moved and masked already; only if there are any
    frames.json           for each frame the weave (pixels across, pixels down, radians clockwise about the middle), the gains of
                          red, green and blue, and the slope of the contrast about 0.5

The layers of a folder of stills are named after the still and keep its sub-folder: `deep/face.png.look.tif`; the still's
entry in `frames.json` has its name as "still".

With p = look moved by weave + grain, and q = p + 2 * clouds * p * (1 - p), a frame is
`((q - 0.5) * slope + 0.5) * gains * (1 - matte) + damage`, times the aperture, held within 0..1, and then plus what lay beyond.
"""

from __future__ import annotations

import json
from pathlib import Path
from types import TracebackType

import torch
from torch import Tensor

from relook.apply.frame import Layers, woven
from relook.errors import InputError, ResourceError, UsageError
from relook.film.part import Part
from relook.film.pictures.float_picture import read_float_picture, write_float_picture
from relook.film.publish import disk_errors, require_place
from relook.mechanics.breath import lay_breath
from relook.mechanics.marks import damage_of, grain_of
from relook.mechanics.unevenness import lay_clouds
from relook.nets.origin import moved_to
from relook.recipe.dials import Dials

SCHEMA = 1
FRAMES = "frames.json"


def require_passes_place(folder: Path, *, beside: Path, dials: Dials) -> None:
    """Refuse an unusable folder for passes before any work.

    Raises:
        UsageError: it exists, its parent does not, or it is the output itself; or nothing is rendered that it could hold.
    """
    if dials.is_off:
        raise UsageError(
            "with all dials at 0 the source is copied unchanged and there are no passes; leave out --passes"
        )
    if folder.absolute() == beside.absolute():
        raise UsageError(f"{folder} is the output itself; give the passes a folder of their own")
    if folder.exists():
        raise UsageError(f"{folder} exists; give the name of a new folder for the passes")
    require_place(folder, overwrite=False)


class PassWriter:
    """Writes the layers of frames; the folder appears once all are written."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._frames: list[dict[str, object]] = []

    def __enter__(self) -> PassWriter:
        self._part = Part(self._folder, folder=self._folder)
        self._part.clear_but(())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self._part.clear()
            return
        try:
            text = json.dumps({"schema": SCHEMA, "frames": self._frames}, indent=1)
            with disk_errors(self._part.final):
                (self._part.made / FRAMES).write_text(text, encoding="utf-8")
            self._part.publish()
            self._part.clear()
        except ResourceError:
            self._part.clear()
            raise

    def add(self, index: int, layers: Layers, beyond: Tensor | None = None, *, still: Path | None = None) -> None:
        """Write the layers of the film's frame `index`, or of a still, with the values beyond (`FrameRenderer.carried`)."""
        marks = layers.marks
        size = layers.aperture.shape
        damage, matte = (layer[0].expand(1, *size) for layer in damage_of(marks))
        pictures = {"look": layers.look, "damage": damage, "matte": matte}
        pictures["grain"] = grain_of(woven(layers.look, layers.weave)[None], marks)[0].expand(3, *size)
        if marks.clouds.shape[-1] > 1:
            pictures["clouds"] = marks.clouds[0]
        if (layers.aperture < 1).any():
            pictures["aperture"] = layers.aperture[None]
        pictures = {name: moved_to(picture, layers.place) for name, picture in pictures.items()}
        if beyond is not None:
            pictures["beyond"] = beyond
        with disk_errors(self._part.final):
            _layer_file(self._part.made, "look", index, still).parent.mkdir(parents=True, exist_ok=True)
        for name, picture in pictures.items():
            write_float_picture(_layer_file(self._part.made, name, index, still), picture)
        gains, slope = marks.gains[0].tolist(), float(marks.slope[0])
        named = {"frame": index} if still is None else {"frame": index, "still": still.as_posix()}
        self._frames.append({**named, "weave": list(layers.weave), "gains": gains, "slope": slope})


def _layer_file(folder: Path, name: str, index: int, still: Path | None) -> Path:
    return folder / f"{name}.{index:06d}.tif" if still is None else folder / still.parent / f"{still.name}.{name}.tif"


def assembled(folder: Path, index: int) -> Tensor:
    """Recombine the passes of a frame, or of the still with that number in `frames.json`, into `[3 h w]`.

    Raises:
        InputError: the folder has no such frame.
    """

    facts = {frame["frame"]: frame for frame in json.loads((folder / FRAMES).read_text(encoding="utf-8"))["frames"]}
    if index not in facts:
        raise InputError(f"{folder} has no passes of frame {index}; it has those of frames {sorted(facts)}")
    still = Path(facts[index]["still"]) if "still" in facts[index] else None

    def layer(name: str) -> Tensor:
        return read_float_picture(_layer_file(folder, name, index, still))

    def has(name: str) -> bool:
        return _layer_file(folder, name, index, still).exists()

    gains, slope = torch.tensor([facts[index]["gains"]]), torch.tensor([facts[index]["slope"]])
    picture = woven(layer("look"), tuple(facts[index]["weave"])) + layer("grain")
    if has("clouds"):
        picture = lay_clouds(picture, layer("clouds"))
    picture = lay_breath(picture[None], gains, slope)[0] * (1 - layer("matte")) + layer("damage")
    picture = (picture * layer("aperture") if has("aperture") else picture).clamp(0, 1)
    return picture + layer("beyond") if has("beyond") else picture
