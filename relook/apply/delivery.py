"""How a render is asked for, and what comes of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import torch

from relook.apply.events import ShotFile
from relook.film.frames import Damage, Mending, Shot
from relook.film.pictures.spaces import ColourSpace
from relook.film.pictures.stills import Refused
from relook.film.reader import NO_MENDING
from relook.nets.wrap import Wrap
from relook.recipe.dials import Dials
from relook.timing import FrameRange


@dataclass(frozen=True)
class RenderSettings:
    """How a film is rendered; only the dials, the seed, `allows_flashes`, `wrap` and `colour_space` change a frame."""

    dials: Dials = field(default_factory=Dials)
    seed: int = 0
    frames: FrameRange | None = None
    """Which frames of the film; all by default."""
    handles: int = 0
    """How many more frames before and after each shot, where a cut list gives one film per shot."""
    tile_rows: int | None = None
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    overwrite: bool = False
    passes: Path | None = None
    """A folder to be made for the layers of every frame apart."""
    allows_flashes: bool = False
    """True where flicker may be stronger than is safe for photosensitive viewers."""
    mending: Mending = NO_MENDING
    """What is done about a damaged or interlaced film; both are refused by default."""
    wrap: Wrap | None = None
    """Axes along which pictures wrap, as textures do; see `FrameRenderer`."""
    colour_space: ColourSpace | None = None
    """What the source's values are in; without it they are what it says itself."""


@dataclass(frozen=True)
class Delivery:
    """A rendered film."""

    output: Path
    frames: FrameRange
    """Which frames of the source it shows; by a cut list, from the first that it uses to the last."""
    frame_hashes: tuple[str, ...]
    """SHA-256 of each rendered frame, float32 before encoding; of a frame handed on untouched, of its decoded pixels."""
    shots: tuple[Shot, ...]
    """The source's shots, where they were needed to seed the texture."""
    flicker: tuple[float, float] = (0.0, 0.0)
    """Of the exposure, as deviations of its logarithm: as rendered, and as it would be if it could not harm the photosensitive."""
    left_out: tuple[str, ...] = ()
    """What the source holds and the output does not hold, or not as it was, in words: what `relook info --for` foresees."""
    damage: tuple[Damage, ...] = ()
    """Which of these frames are not the film's own; empty unless damage was to be kept."""
    num_lost_packets: int = 0
    """How many packets of its sound and subtitles were damaged and left out."""
    num_clipped: int = 0
    """Frames with values below black or above white that the output cannot hold: they are written as black and white."""
    shot_files: tuple[ShotFile, ...] = ()
    """What a cut list gave as one film a shot, in record order; `frame_hashes` is then empty."""
    notes: tuple[str, ...] = ()
    """What else should be known, in words; of a cut list, what was left out and why."""
    stills: tuple[Path, ...] = ()
    """Of a folder of stills, where each lies in it, in the order of the frames."""
    refused: tuple[Refused, ...] = ()
    """Stills, and sub-folders of them, that could not be read or written, and why; everything else was done."""
    others: tuple[Path, ...] = ()
    """Files of other kinds in a folder of stills; they are left where they are."""
    colour_space: str = ""
    """The space that the output is in, by its config's name; empty where it is what its files say."""
    taken: str = ""
    """Which pictures the path stood for, in words; empty for a film and for a folder of stills."""
