"""The marks of a film in a film-maker's words, with small bars for spectra; what could not be measured is said so."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from relook.recipe.mechanics import Breath, Cranking, Dust, Grain, Halation, Mechanics, Scratches, Weave

BARS = "▁▂▃▄▅▆▇█"
SURE = 0.5
"""Confidence below which a figure is not given."""
SURE_OF_GLOW = 0.8
"""The same for halation, which bright walls beside dark windows can look like."""
UNKNOWN = "could not be measured"
LEAST_HAIRS = 0.5
"""Fewer hairs a frame are found in films that have none."""
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
        "unevenness": _known(mechanics.unevenness, "strength", _unevenness(mechanics)),
        "halation": _halation(mechanics.halation, mechanics.reference_height),
        "aperture": _aperture(mechanics),
        "cranking": _cranking(mechanics.cranking),
    }


def bars(values: Sequence[float]) -> str:
    """Draw values as bars, the largest full: ▂▅█."""
    most = max(max(values), 1e-9)
    return "".join(BARS[min(int(value / most * len(BARS)), len(BARS) - 1)] for value in values)


def _known(mark: Any, field: str, text: str) -> str:
    return text if mark.confidence.get(field, 0.0) >= SURE else UNKNOWN


def _grain(grain: Grain) -> str:
    levels = [sum(node) / 3 for node in grain.strength]
    if not max(levels):
        return _known(grain, "strength", "none")
    colour = min(grain.correlation)
    kind = "grey" if colour > 0.95 else "coloured" if colour < 0.5 else "slightly coloured"
    text = f"{max(levels):.1%} at its strongest, {kind}; from black to white {bars(levels)}, fine to the right {bars(grain.spectrum)}"
    if grain.persistence > 0.3:
        text += f"; {grain.persistence:.0%} of it stays from frame to frame"
    return _known(grain, "strength", text)


def _breath(breath: Breath) -> str:
    if breath.exposure < LEAST_GAIN:
        return _known(breath, "exposure", "none")
    text = f"exposure {breath.exposure:.1%}, slow to quick {bars(breath.rhythm)}"
    contrast = f"{breath.contrast:.1%}" if breath.contrast >= LEAST_GAIN else "none"
    text += f"; contrast {_known(breath, 'contrast', contrast)}"
    if max(breath.colour) >= LEAST_GAIN:
        text += f", colour {_known(breath, 'colour', f'{max(breath.colour):.1%}')}"
    return _known(breath, "exposure", text)


def _weave(weave: Weave, rows: int) -> str:
    across = _known(weave, "across_px", f"{weave.across_px / rows:.2%} of the height" if weave.across_px else "none")
    down = _known(weave, "down_px", f"{weave.down_px / rows:.2%} of the height" if weave.down_px else "none")
    if across == down and across in ("none", UNKNOWN):
        return across
    text = f"across {across}, down {down}"
    if weave.rotation_degrees and weave.confidence.get("rotation_degrees", 0.0) >= SURE:
        text += f", turning by {weave.rotation_degrees:.2f} degrees"
    return text


def _dust(dust: Dust, rows: int) -> str:
    dark = _known(dust, "dark_per_frame", f"{dust.dark_per_frame:.1f}" if dust.dark_per_frame else "none")
    bright = _known(dust, "bright_per_frame", f"{dust.bright_per_frame:.1f}" if dust.bright_per_frame else "none")
    if dark == bright and dark in ("none", UNKNOWN):
        return dark
    text = f"specks a frame: dark {dark}, bright {bright}"
    if dust.confidence.get("radius_px", 0.0) >= SURE:
        text += f"; {2 * dust.radius_px / rows:.2%} of the height wide"
    if dust.hairs_per_frame >= LEAST_HAIRS and dust.confidence.get("hairs_per_frame", 0.0) >= SURE:
        text += f"; {dust.hairs_per_frame:.1f} hairs a frame"
    return text


def _scratches(scratches: Scratches) -> str:
    if not scratches.per_frame:
        return _known(scratches, "per_frame", "none")
    text = f"{scratches.per_frame:.1f} a frame, {scratches.bright_share:.0%} of them bright, contrast {scratches.contrast:.1%}"
    if scratches.confidence.get("life_frames", 0.0) >= SURE:
        text += f", lasting {scratches.life_frames:.0f} frames"
    return _known(scratches, "per_frame", text)


def _unevenness(mechanics: Mechanics) -> str:
    clouds = mechanics.unevenness
    if clouds.strength < LEAST_GAIN:
        return "none"
    return f"clouds of {clouds.strength:.1%}, {clouds.size_px / mechanics.reference_height:.0%} of the height wide"


def _halation(halation: Halation, rows: int) -> str:
    if not max(halation.strength):
        return _known(halation, "strength", "none")
    red, _, blue = halation.strength
    hue = "neutral" if red < 1.2 * blue + 0.005 else "warm"
    text = f"{max(halation.strength):.0%} of the light, {hue}, over {halation.radius_px / rows:.1%} of the height"
    sure = min(halation.confidence.get(name, 0.0) for name in ("strength", "radius_px"))
    return text if sure >= SURE_OF_GLOW else UNKNOWN


def _aperture(mechanics: Mechanics) -> str:
    gate, rows = mechanics.aperture, mechanics.reference_height
    border = f"up to {max(gate.inset_px) / rows:.1%} of the height" if max(gate.inset_px) else "none"
    corners = f"rounded by {gate.corner_radius_px / rows:.1%} of the height" if gate.corner_radius_px else "square"
    found = _known(gate, "inset_px", border), _known(gate, "corner_radius_px", corners)
    if found in (("none", "square"), (UNKNOWN, UNKNOWN)):
        return found[0]
    return f"borders {found[0]}, corners {found[1]}"


def _cranking(cranking: Cranking) -> str:
    if not cranking.held_share:
        return _known(cranking, "held_share", "no frame repeated")
    text = f"{cranking.held_share:.0%} of the frames repeat the one before"
    if cranking.exposures_per_second:
        text += f": {cranking.exposures_per_second:.1f} pictures a second"
    return _known(cranking, "held_share", text)
