"""Colour spaces of an OpenColorIO config, for films and pictures with linear or log values.

The config is that of `$OCIO` or, if that is not set, the ACES studio config built into OpenColorIO, which has all
spaces of its default config plus those of cameras. Spaces are found by name, alias or role, ignoring case. Looks work in the
config's own sRGB with the primaries of ITU-R BT.709, found in the same way. Values below black and above white go there and
come back; a picture or frame with values that would not come back is refused.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from relook.errors import InputError, UsageError
from relook.film.pictures.vfx import open_colour_io

Values = NDArray[np.float32]

_BUILT_IN: Final = "ocio://studio-config-latest"
_WORKING_NAMES: Final = (
    *("srgb_rec709_scene", "srgb_tx", "srgb_texture", "sRGB - Texture", "Utility - sRGB - Texture"),
    *("Input - Generic - sRGB - Texture", "sRGB"),
)
_WORKING_ROLE: Final = "texture_paint"
"""Looked for last, and taken where the config does not say that it is anything but for a display: ACES 1 has ACEScc there."""
_FOR_DISPLAY: Final = ("", "sdr-video")
"""OpenColorIO's encodings; older configs name none."""

_MOST_LOST: Final = 1 / 1023
"""As a share of a pixel's largest value, or of 1: float32 matrices lose up to this much of a strong colour's darkest channel in log."""
_MOST_SHOWN: Final = 5


@dataclass(frozen=True)
class ColourSpace:
    """A colour space of a config, with the transforms to display-referred values and back."""

    name: str
    """The config's own name of it."""
    config: str
    """Which config, in words."""
    forward: Any
    """OpenColorIO's CPU processor to display-referred values; `backward` is the reverse one."""
    backward: Any

    def to_display(self, values: Values) -> Values:
        """Convert `[3 h w]`, RGB in this space, to display-referred values of any size and sign."""
        return _processed(self.forward, values)

    def from_display(self, values: Values) -> Values:
        """Undo `to_display`."""
        return _processed(self.backward, values)

    def holds(self, values: Values, shown: Values) -> bool:
        """Say whether `from_display` could represent display-referred values: a log space has no code below black."""
        return not _differing(self.to_display(values), shown).any()

    def comes_back(self, values: Values) -> NDArray[np.bool_]:
        """Say of each pixel of `[3 h w]` whether the display gives it back, `[h w]`."""
        return ~_differing(self.from_display(self.to_display(values)), values)

    @property
    def fingerprint(self) -> str:
        """Identify the space by its name, its config and a digest of its transforms, whatever alias it was asked for by."""
        ways = "\n".join(way.getCacheID() for way in (self.forward, self.backward))
        return f"{self.name} of {self.config} ({hashlib.sha256(ways.encode()).hexdigest()[:16]})"

    def to_display_and_back(self, values: Values, place: Path | str) -> Values:
        """Convert a picture as `to_display`, and check that every value can come back.

        Args:
            place: what the values belong to, in words or as a file; the message begins with it.

        Raises:
            InputError: a pixel does not come back; the first is named by column and row, counted from 0.
        """
        shown = self.to_display(values)
        is_lost = _differing(self.from_display(shown), values)
        if is_lost.any():
            row, column = np.argwhere(is_lost)[0].tolist()
            given = ", ".join(f"{value:g}" for value in values[:, row, column])
            raise InputError(
                f"{place} has {given} at column {column}, row {row}, which cannot be brought back to {self.name} of "
                f"{self.config} ({np.count_nonzero(is_lost)} such pixels in all); check that the footage is in that "
                f"space, or convert them to a linear one"
            )
        return shown


def find_space(name: str) -> ColourSpace:
    """Find a space by its name, alias or role.

    Raises:
        UsageError: OpenColorIO is not installed, there is no such space, or it is for data; or the config has none for looks.
        InputError: the config of `$OCIO` cannot be read, or a file that the space needs.
    """
    ocio = open_colour_io()
    config, words = _config(ocio)
    space = config.getColorSpace(name)
    if space is None:
        raise UsageError(
            f"--colour-space {name!r} is not a name, alias or role in {words}; {_near(name, config, ocio)}"
        )
    if space.isData():
        raise UsageError(
            f"{space.getName()} of {words} is for data, which has no colours; give the footage's own space"
        )
    working = _working_space(config, words)
    with _config_errors(ocio, words):
        ways = [config.getProcessor(*ends) for ends in ((space, working), (working, space))]
        # Lossless: the default's fast logarithms and powers are coarser than 16 bits.
        forward, backward = (way.getOptimizedCPUProcessor(ocio.OPTIMIZATION_LOSSLESS) for way in ways)
    return ColourSpace(space.getName(), words, forward, backward)


def usable_config() -> str:
    """Return the name of the config in use, after checking that it is valid and has a space for looks.

    Raises:
        UsageError, InputError: as `find_space`.
    """
    ocio = open_colour_io()
    config, words = _config(ocio)
    with _config_errors(ocio, words):
        config.validate()
    _working_space(config, words)
    return words


def _config(ocio: Any) -> tuple[Any, str]:
    chosen = os.environ.get("OCIO", "")
    words = f"the config of $OCIO, {chosen}" if chosen else "the config built into OpenColorIO"
    with _config_errors(ocio, words):
        return ocio.Config.CreateFromFile(chosen or _BUILT_IN), words


@contextmanager
def _config_errors(ocio: Any, words: str) -> Iterator[None]:
    try:
        yield
    except (ocio.Exception, ocio.ExceptionMissingFile) as error:
        fault = str(error).strip().splitlines()[0]
        raise InputError(f"{words}, cannot be used ({fault}); mend it, or set $OCIO to another") from error


def _working_space(config: Any, words: str) -> Any:
    for name in _WORKING_NAMES:
        space = config.getColorSpace(name)
        if space is not None and not space.isData():
            return space
    space = config.getColorSpace(_WORKING_ROLE)
    if space is not None and not space.isData() and space.getEncoding() in _FOR_DISPLAY:
        return space
    looked = ", ".join(_WORKING_NAMES)
    raise UsageError(
        f"looks work in sRGB, which {words}, does not have under a name or alias such as {looked}, nor as its role "
        f"{_WORKING_ROLE}; add one of these aliases to its sRGB"
    )


def _near(name: str, config: Any, ocio: Any) -> str:
    """Suggest similar names or, if there are none, list the roles."""
    roles = [role for role, _ in config.getRoles()]
    spaces = list(config.getColorSpaceNames(ocio.SEARCH_REFERENCE_SPACE_ALL, ocio.COLORSPACE_ALL))
    aliases = [alias for space in spaces for alias in config.getColorSpace(space).getAliases()]
    known = {known.lower(): known for known in (*aliases, *spaces, *roles)}
    parts = [lower for lower in known if name and name.lower() in lower]
    near = dict.fromkeys([*parts, *get_close_matches(name.lower(), known, n=_MOST_SHOWN)])
    if near:
        return f"did you mean {', '.join(known[lower] for lower in list(near)[:_MOST_SHOWN])}?"
    return f"it has for example {', '.join((roles + spaces)[: 2 * _MOST_SHOWN])}"


def _differing(found: Values, wanted: Values) -> NDArray[np.bool_]:
    """Mark the pixels `[h w]` that differ by more than `_MOST_LOST`."""
    with np.errstate(invalid="ignore"):
        moved = np.abs(found - wanted).max(axis=0)
    return ~(moved <= _MOST_LOST * np.maximum(np.abs(wanted).max(axis=0), 1))


def _processed(processor: Any, values: Values) -> Values:
    packed = np.array(values.transpose(1, 2, 0), np.float32, order="C")
    processor.applyRGB(packed)
    return np.ascontiguousarray(packed.transpose(2, 0, 1))
