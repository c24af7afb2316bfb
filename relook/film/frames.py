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
    """A stream's colour tags, as FFmpeg's integers (ITU-T H.273 code points); 2 means unspecified."""

    primaries: int = 2
    transfer: int = 2
    matrix: int = 2
    full_range: bool | None = None
    """True for full range, False for legal range, None if the stream does not say."""


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
    """Bits per channel of the source, 8 to 16; float pictures count as 16."""
    pixel_format: str
    """FFmpeg's name of the source's pixel format ("yuv420p", "rgb48le")."""
    colour: ColourTags = ColourTags()
    sample_aspect: Fraction = Fraction(1)
    timecode: str | None = None
    num_frames: int | None = None
    """The container's own count: a hint for progress bars, never relied on."""
    audio_codecs: tuple[str, ...] = ()
    pictures: tuple[Path, ...] = ()
    """The picture files, in order, of a sequence or of stills; empty for a film."""
    space: ColourSpace | None = None
    """The named colour space of its values, if one was given; otherwise tags or pictures tell what they are."""


Fault = Literal["", "missing", "damaged", "cut off"]
"""Why a frame is not the film's own: its data is missing, cannot be decoded whole, or was cut off at the film's end."""


@dataclass(frozen=True)
class Mending:
    """What to do about a damaged or interlaced film; by default it is refused."""

    keeps_damage: bool = False
    """True if the last good frame stands in for damaged and missing ones."""
    deinterlaces: bool = False
    """True if each interlaced frame becomes a whole one."""


@dataclass(frozen=True)
class WriteSettings:
    """How a film is written, and what of its source goes along."""

    codec: str | None = None
    """One of `codecs.CODECS`; by default the one that goes with the ending."""
    with_audio: bool = True
    """True where the source's sound, subtitles and further tracks are taken along."""
    whole: bool = True
    """False where only a part of the source is written: its sound is cut to it and it begins at 0."""
    keeps_damage: bool = False
    """True where damaged sound is left out; by default it is an error."""
    untouched: bool = False
    """True where the source's own frames are handed on: what is told beforehand is what becomes of those."""


WHOLE = WriteSettings()
"""Everything of the source, by the codec that goes with the ending."""


@dataclass(frozen=True)
class Damage:
    """Consecutive frames that are not the film's own: each repeats the last good one."""

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
    """In units of `time_base`; 0 if the container does not say."""
    pixels: Tensor
    """`[c h w]`, float32 RGB, 0..1."""
    native: Any = None
    """The decoder's own frame, for passing the source on untouched; opaque outside `film/`."""
    fault: Fault = ""
    """Not empty if the last good frame stands in for this one."""
    beyond: Tensor | None = None
    """`[c h w]`: the part of the values below 0 and above 1, of a float picture, a colour space or Y'CbCr, to be added to the rendered
    `pixels`; None if there is none."""
    drift: int = 0
    """How many timecode counts its time is ahead of its number; 0 if the film's frames are evenly spaced."""


class Placed(Protocol):
    """Something that has a place in a film, as frames do."""

    @property
    def index(self) -> int: ...
    @property
    def pts(self) -> int: ...


def follows_evenly(before: Placed, frame: Placed, info: FilmInfo) -> bool:
    """Say whether the time between two frames agrees, to half a frame, with their numbers and the film's rate."""
    wanted = frame.index - before.index
    return abs((frame.pts - before.pts) * info.time_base * info.frame_rate - wanted) <= Fraction(1, 2)


@dataclass(frozen=True)
class Shot:
    """The frames between two cuts."""

    index: int
    frames: FrameRange
    content_hash: str
    """SHA-256 (hex) of the decoded bytes of its first frame: seeds the shot's grain, so it survives a re-edit."""
