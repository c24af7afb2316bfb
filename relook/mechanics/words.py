"""The marks of a film in a film-maker's words, with small bars for spectra; what could not be measured is said so."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from relook.mechanics.grain import FAINT
from relook.mechanics.trust import is_likely, is_sure
from relook.recipe.mechanics import (
    Aperture,
    Breath,
    Cranking,
    Dust,
    Grain,
    Halation,
    Mechanics,
    Scratches,
    Unevenness,
    Weave,
)

BARS = "▁▂▃▄▅▆▇█"
UNKNOWN = "could not be measured"
LEAST_HAIRS = 0.5
"""Fewer hairs a frame are found in films that have none."""
LEAST_CORNER = 0.01
LEAST_GAIN = 0.002
"""A change of light by less is not seen."""


def mechanics_in_words(mechanics: Mechanics) -> dict[str, str]:
    """Describe each mark in one line, by its name."""
    return {
        "grain": _grain(mechanics.grain),
        "flicker": _breath(mechanics.breath),
        "weave": _weave(mechanics.weave, mechanics.reference_height),
        "dust": _dust(mechanics.dust, mechanics.reference_height),
        "scratches": _scratches(mechanics.scratches),
        "unevenness": _unevenness(mechanics.unevenness, mechanics.reference_height),
        "halation": _halation(mechanics.halation, mechanics.reference_height),
        "aperture": _aperture(mechanics.aperture, mechanics.reference_height),
        "cranking": _cranking(mechanics.cranking),
    }


def vignette_in_words(corners: float) -> str:
    """Describe uneven light by the light in the corners beside that at the centre."""
    if abs(corners - 1) < LEAST_CORNER:
        return "none"
    return f"corners {abs(1 - corners):.0%} {'darker' if corners < 1 else 'brighter'} than the centre"


def softness_in_words(mechanics: Mechanics) -> str:
    """Describe how much softer the film's edges are than those of the source footage."""
    if not mechanics.softness_px:
        return "none beside the source"
    return f"edges blurred by {mechanics.softness_px / mechanics.reference_height:.2%} of the height"


def bars(values: Sequence[float]) -> str:
    """Draw values as bars, the largest full: ▂▅█."""
    most = max(max(values), 1e-9)
    return "".join(BARS[min(int(value / most * len(BARS)), len(BARS) - 1)] for value in values)


def _known(mark: Any, field: str, text: str) -> str:
    return text if is_likely(mark, field) else UNKNOWN


def _about(mark: Any, *fields: str) -> str:
    """Say that figures are not within 15 % for sure."""
    return "" if is_sure(mark, *fields) else "about "


def _grain(grain: Grain) -> str:
    levels = [sum(node) / 3 for node in grain.strength]
    if not max(levels):
        return _known(grain, "strength", "none")
    if not is_likely(grain, "strength") and sum(levels) / len(levels) < FAINT:
        return "none"
    if not is_likely(grain, "strength"):
        return f"not surely measured, some {max(levels):.1%}: what moves may be in it"
    colour = min(grain.correlation)
    kind = "grey" if colour > 0.95 else "coloured" if colour < 0.5 else "slightly coloured"
    text = f"{_about(grain, 'strength')}{max(levels):.1%} at its strongest, {kind}"
    text += f"; from black to white {bars(levels)}, fine to the right {bars(grain.spectrum)}"
    if grain.persistence > 0.3:
        text += f"; {grain.persistence:.0%} of it stays from frame to frame"
    return text


def _breath(breath: Breath) -> str:
    if breath.exposure < LEAST_GAIN:
        return _known(breath, "exposure", "none")
    text = f"exposure {_about(breath, 'exposure')}{breath.exposure:.1%}, slow to quick {bars(breath.rhythm)}"
    contrast = f"{_about(breath, 'contrast')}{breath.contrast:.1%}" if breath.contrast >= LEAST_GAIN else "none"
    text += f"; contrast {_known(breath, 'contrast', contrast)}"
    if max(breath.colour) >= LEAST_GAIN:
        colour = f"{_about(breath, 'colour')}{max(breath.colour):.1%}"
        text += f", colour {_known(breath, 'colour', colour)}"
    return _known(breath, "exposure", text)


def _weave(weave: Weave, rows: int) -> str:
    across, down = (_sway(weave, name, rows) for name in ("across_px", "down_px"))
    if across == down and across in ("none", UNKNOWN):
        return across
    text = f"across {across}, down {down}"
    if weave.rotation_degrees and is_likely(weave, "rotation_degrees"):
        text += f", turning by {_about(weave, 'rotation_degrees')}{weave.rotation_degrees:.2f} degrees"
    return text


def _sway(weave: Weave, name: str, rows: int) -> str:
    amount = getattr(weave, name)
    return _known(weave, name, f"{_about(weave, name)}{amount / rows:.2%} of the height" if amount else "none")


def _dust(dust: Dust, rows: int) -> str:
    dark, bright = (_specks(dust, name) for name in ("dark_per_frame", "bright_per_frame"))
    if dark == bright and dark in ("none", UNKNOWN):
        return dark
    text = f"specks a frame: dark {dark}, bright {bright}"
    if is_likely(dust, "radius_px"):
        text += f"; {_about(dust, 'radius_px')}{2 * dust.radius_px / rows:.2%} of the height wide"
    if dust.hairs_per_frame >= LEAST_HAIRS and is_likely(dust, "hairs_per_frame"):
        text += f"; {_about(dust, 'hairs_per_frame')}{dust.hairs_per_frame:.1f} hairs a frame"
    return text


def _specks(dust: Dust, name: str) -> str:
    rate = getattr(dust, name)
    if not rate:
        return _known(dust, name, "none")
    return f"{_about(dust, name) if is_likely(dust, name) else 'some '}{rate:.1f}"


def _scratches(scratches: Scratches) -> str:
    if not scratches.per_frame:
        return _known(scratches, "per_frame", "none")
    text = f"{_about(scratches, 'per_frame')}{scratches.per_frame:.1f} a frame, {scratches.bright_share:.0%} of them bright"
    text += f", contrast {_about(scratches, 'contrast')}{scratches.contrast:.1%}"
    if is_likely(scratches, "life_frames"):
        text += f", lasting {_about(scratches, 'life_frames')}{scratches.life_frames:.0f} frames"
    return _known(scratches, "per_frame", text)


def _unevenness(clouds: Unevenness, rows: int) -> str:
    if clouds.strength < LEAST_GAIN:
        return _known(clouds, "strength", "none")
    size = f"{_about(clouds, 'size_px')}{clouds.size_px / rows:.0%} of the height wide"
    return _known(clouds, "strength", f"clouds of {_about(clouds, 'strength')}{clouds.strength:.1%}, {size}")


def _halation(halation: Halation, rows: int) -> str:
    if not max(halation.strength):
        return _known(halation, "strength", "none")
    red, _, blue = halation.strength
    hue = "neutral" if red < 1.2 * blue + 0.005 else "warm"
    text = f"{max(halation.strength):.0%} of the light, {hue}, over {halation.radius_px / rows:.1%} of the height"
    return text if is_likely(halation, "strength", "radius_px") else UNKNOWN


def _aperture(gate: Aperture, rows: int) -> str:
    border = (
        f"up to {_about(gate, 'inset_px')}{max(gate.inset_px) / rows:.1%} of the height"
        if max(gate.inset_px)
        else "none"
    )
    radius = f"{_about(gate, 'corner_radius_px')}{gate.corner_radius_px / rows:.1%} of the height"
    corners = f"rounded by {radius}" if gate.corner_radius_px else "square"
    found = _known(gate, "inset_px", border), _known(gate, "corner_radius_px", corners)
    if found in (("none", "square"), (UNKNOWN, UNKNOWN)):
        return found[0]
    return f"borders {found[0]}, corners {found[1]}"


def _cranking(cranking: Cranking) -> str:
    if not cranking.held_share:
        return _known(cranking, "held_share", "no frame repeated")
    text = f"{_about(cranking, 'held_share')}{cranking.held_share:.0%} of the frames repeat the one before"
    if cranking.exposures_per_second:
        text += f": {cranking.exposures_per_second:.1f} pictures a second"
    return _known(cranking, "held_share", text)
