"""The picture as values.

Layout words, everywhere in relook: `b` batch, `t` frames, `c` channels (RGB order), `h` rows, `w` columns, `f`
features. Pixels are float32, display-referred, 0..1, unless a name says `linear`.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

from relook.timing import FrameRange

if TYPE_CHECKING:  # the decoder's process knows frames, and is to stay small and quick to start
    from torch import Tensor

    from relook.film.pictures.spaces import ColourSpace


@dataclass(frozen=True)
class ColourTags:
    """The colour description a stream carries, as FFmpeg's integers (ITU-T H.273 code points); 2 means unspecified."""

    primaries: int = 2
    transfer: int = 2
    matrix: int = 2
    full_range: bool | None = None
    """True for full range, False for legal range, None where the stream does not say."""


@dataclass(frozen=True)
class FilmInfo:
    """What relook knows of a film before decoding it."""

    path: Path
    kind: Literal["film", "sequence", "stills"]
    """"film": one container; "sequence": numbered pictures of one take; "stills": unrelated pictures."""
    width: int
    height: int
    frame_rate: Fraction
    """Exact frames per second (24 for stills, and for sequences whose first picture does not say)."""
    time_base: Fraction
    """Seconds per pts unit."""
    bit_depth: int
    """Bits per channel of the source: 8 to 16, which stands for float pictures too."""
    pixel_format: str
    """FFmpeg's name of the source's pixel format ("yuv420p", "rgb48le")."""
    colour: ColourTags = ColourTags()
    sample_aspect: Fraction = Fraction(1)
    timecode: str | None = None
    num_frames: int | None = None
    """The container's own count: a hint for progress bars, never believed."""
    audio_codecs: tuple[str, ...] = ()
    pictures: tuple[Path, ...] = ()
    """The picture files, in order, of a sequence or of stills; empty for a film."""
    space: ColourSpace | None = None
    """What its values are in, where that was said; without it they are what its tags or its pictures say."""


Fault = Literal["", "missing", "damaged", "cut off"]
"""Why a frame is not the film's own: its data is not there, cannot be decoded whole, or lies behind the film's end."""


@dataclass(frozen=True)
class Mending:
    """What is done about a film that is not as it should be; by default it is refused."""

    keeps_damage: bool = False
    """True where the last good frame stands in for damaged and missing ones."""
    deinterlaces: bool = False
    """True where each interlaced frame becomes a whole one."""


@dataclass(frozen=True)
class Damage:
    """Frames running that are not the film's own: each repeats the last good one."""

    frames: FrameRange
    reason: Fault


@dataclass(frozen=True)
class Frame:
    """One decoded frame."""

    index: int
    """Number of the frame in its film, from 0."""
    pts: int
    """Presentation stamp in units of the film's `time_base`."""
    duration: int
    """In units of `time_base`; 0 where the container does not say."""
    pixels: Tensor
    """`[c h w]`, float32 RGB, 0..1."""
    native: Any = None
    """The decoder's own frame, for handing the source on untouched; opaque outside `film/`."""
    fault: Fault = ""
    """Not empty where the last good frame stands in for this one."""
    beyond: Tensor | None = None
    """`[c h w]`: what lies below 0 and above 1 in a float picture, a colour space or Y'CbCr, to be added to what becomes of `pixels`."""
    drift: int = 0
    """By how many counts of timecode its time lies behind its number; 0 where the film's frames lie evenly."""


class Placed(Protocol):
    """Something with a frame's place in its film."""

    @property
    def index(self) -> int: ...
    @property
    def pts(self) -> int: ...


def follows_evenly(before: Placed, frame: Placed, info: FilmInfo) -> bool:
    """Say whether a frame comes as long after another as their numbers and the film's rate have it, to half a frame."""
    wanted = frame.index - before.index
    return abs((frame.pts - before.pts) * info.time_base * info.frame_rate - wanted) <= Fraction(1, 2)


@dataclass(frozen=True)
class Shot:
    """The frames between two cuts."""

    index: int
    frames: FrameRange
    content_hash: str
    """SHA-256 (hex) of the decoded bytes of its first frame: seeds the shot's grain, so it survives a re-edit."""
