"""What a render is asked for, and what it delivers."""

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
    """The frames of the film to render; all by default."""
    handles: int = 0
    """How many more frames before and after each shot, where a cut list gives one film per shot."""
    tile_rows: int | None = None
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    overwrite: bool = False
    passes: Path | None = None
    """A new folder for the separate layers of every frame."""
    allows_flashes: bool = False
    """True if flicker may be stronger than is safe for photosensitive viewers."""
    mending: Mending = NO_MENDING
    """What to do about a damaged or interlaced film; both are refused by default."""
    wrap: Wrap | None = None
    """Axes along which pictures wrap, as textures do; see `FrameRenderer`."""
    colour_space: ColourSpace | None = None
    """The named colour space of the source's values; by default they are what the source says itself."""


@dataclass(frozen=True)
class Delivery:
    """A rendered film."""

    output: Path
    frames: FrameRange
    """The frames of the source that it shows; for a cut list, from the first that it uses to the last."""
    frame_hashes: tuple[str, ...]
    """SHA-256 of each rendered frame, as float32 before encoding; for untouched frames, of their decoded pixels."""
    shots: tuple[Shot, ...]
    """The source's shots, if they were needed to seed the texture."""
    flicker: tuple[float, float] = (0.0, 0.0)
    """Standard deviations of the logarithm of exposure: as rendered, and as the look has it before it is limited for safety."""
    left_out: tuple[str, ...] = ()
    """What the output lacks or changes of what the source holds, in words, as `relook info --for` predicts it."""
    damage: tuple[Damage, ...] = ()
    """Which of these frames are not the film's own; always empty unless damage was to be kept."""
    num_lost_packets: int = 0
    """How many damaged packets of sound and subtitles were left out."""
    num_clipped: int = 0
    """Frames with values below black or above white that the output cannot hold: these are clipped."""
    shot_files: tuple[ShotFile, ...] = ()
    """The films of a cut list's shots, in record order; `frame_hashes` is then empty."""
    notes: tuple[str, ...] = ()
    """Other remarks, in words; for a cut list, what was left out and why."""
    stills: tuple[Path, ...] = ()
    """For a folder of stills, each one's path within it, in the order of the frames."""
    refused: tuple[Refused, ...] = ()
    """Stills and sub-folders that could not be read or written, and why; everything else was done."""
    others: tuple[Path, ...] = ()
    """Files of other kinds in a folder of stills, which were skipped."""
    colour_space: str = ""
    """The named colour space of the output; empty if its values are what its files say."""
    taken: str = ""
    """Which pictures the path stood for, in words; empty for a film or a folder of stills."""
