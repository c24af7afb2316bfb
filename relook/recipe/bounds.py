"""What the numbers of a film's marks may be, so that none of them can make a render endless, vast or not finite.

What is measured never comes near these; they are for a look that comes from a stranger.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any, Final

from relook.recipe.mechanics import NUM_BANDS, NUM_NODES, Mechanics

_USUAL: Final = (-1e6, 1e6)
_BOUNDS: Final = {
    "reference_height": (16, 65_536),
    "reference_width": (0, 65_536),
    "confidence": (0, 1),
    "grain.strength": (0, 4),
    "grain.spectrum": (0, 1e6),
    "grain.correlation": (-1.01, 1.01),
    "grain.persistence": (-1.01, 1.01),
    "breath.exposure": (0, 4),
    "breath.contrast": (0, 4),
    "breath.colour": (0, 4),
    "breath.rhythm": (0, 1e6),
    "weave.rotation_degrees": (0, 180),
    "weave.rhythm_across": (0, 1e6),
    "weave.rhythm_down": (0, 1e6),
    "dust.dark_per_frame": (0, 5e3),
    "dust.bright_per_frame": (0, 5e3),
    "dust.hairs_per_frame": (0, 5e3),
    "dust.radius_spread": (0, 4),
    "dust.opacity": (0, 1),
    "dust.life_frames": (0, 100),
    "scratches.per_frame": (0, 1e4),
    "scratches.contrast": (0, 4),
    "scratches.bright_share": (0, 1),
    "scratches.life_frames": (0, 1e6),
    "unevenness.strength": (0, 4),
    "unevenness.persistence": (-1.01, 1.01),
    "cranking.held_share": (0, 1),
    "halation.strength": (0, 4),
}
"""Least and most of a field; of a length (`_px`) it is 0 and the reference height, of any other `_USUAL`."""
_WIDEST: Final = 16
"""No frame is so many times as wide as high, or as high as wide."""
_LENGTHS: Final = {
    "grain.strength": NUM_NODES,
    "grain.spectrum": NUM_BANDS,
    "breath.rhythm": NUM_BANDS,
    "weave.rhythm_across": NUM_BANDS,
    "weave.rhythm_down": NUM_BANDS,
}


def require_sane(mechanics: Mechanics) -> None:
    """Refuse marks that no film has.

    Raises:
        ValueError: a number is beyond its bounds or not finite, or a list is not as long as it has to be.
    """
    height, width = mechanics.reference_height, mechanics.reference_width
    if width and not height / _WIDEST <= width <= height * _WIDEST:
        raise ValueError(f"reference_width is {width} beside {height} rows")
    for name, value in _fields(mechanics, ""):
        group, _, own = name.rpartition(".")
        if own == "confidence":
            known = {field.name for field in fields(getattr(mechanics, group))} - {"confidence"}
            if strange := value.keys() - known:
                raise ValueError(f"{name} is of a mark that does not exist ({min(strange)[:40]})")
            least, most = _BOUNDS["confidence"]
        elif name.endswith("_px"):
            least, most = 0, mechanics.reference_height
        else:
            least, most = _BOUNDS.get(name, _USUAL)
        if name in _LENGTHS and len(value) != _LENGTHS[name]:
            raise ValueError(f"{name} holds {len(value)} numbers and needs {_LENGTHS[name]}")
        for number in _numbers(value):
            if not least <= number <= most:
                raise ValueError(f"{name} is {number:g} and may be {least:g} to {most:g}")


def _fields(settings: Any, where: str) -> Iterator[tuple[str, Any]]:
    for field in fields(settings):
        value = getattr(settings, field.name)
        if is_dataclass(value):
            yield from _fields(value, f"{where}{field.name}.")
        else:
            yield where + field.name, value


def _numbers(value: Any) -> Iterator[float]:
    if isinstance(value, dict | tuple):
        for one in value.values() if isinstance(value, dict) else value:
            yield from _numbers(one)
    else:
        yield value
