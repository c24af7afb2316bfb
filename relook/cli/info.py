"""`relook info`: what relook sees of a film or of a look."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from relook.cli.arguments import Json
from relook.cli.display import print_json, print_lines, showing_progress
from relook.errors import UsageError

LOOK_ENDING = ".look"
CUT_ENDINGS = (".edl", ".otio")
MARKS, MECHANICS = "marks", "mechanics"
"""Of a look: its marks in words, printed one a line, and in figures, for `--json` alone."""


def info(
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="A film, an image sequence, a look, a built-in look, or a cut list.")
    ],
    marks: Annotated[
        bool, typer.Option("--marks", help="Measure a film's grain, flicker, weave, dust and other marks too.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Show what relook sees of a film, of a look or of a cut list."""
    is_cut_list = file.lower().endswith(CUT_ENDINGS)
    if marks and (is_cut_list or is_look(file)):
        raise UsageError("--marks measures films; give it the reel that the look was learned from")
    if is_cut_list:
        show_cut_list(Path(file), as_json=as_json)
        return
    facts = look_facts(file) if is_look(file) else film_facts(Path(file))
    for name, value in facts.items():
        if name == MARKS:
            print_lines(*(f"{mark:16} {words}" for mark, words in value.items()))
        elif name != MECHANICS:
            print_lines(f"{name.replace('_', ' '):16} {value}")
    if marks:
        measured = marks_facts(Path(file))
        facts |= measured
        print_lines(*(f"{name:16} {words}" for name, words in measured[MARKS].items()))
    if as_json:
        print_json(facts)


def is_look(file: str) -> bool:
    """Tell a look, by its ending or a shipped name, from a film."""
    from relook.look import shipped_looks  # late: torch takes seconds to import, and `--help` must not wait

    return file.endswith(LOOK_ENDING) or (file in shipped_looks() and not Path(file).exists())


def show_cut_list(path: Path, *, as_json: bool) -> None:
    """Print the events of a cut list in words."""
    from relook.film.cut_files import read_cut_list  # late: OpenTimelineIO is slow to import
    from relook.film.cutlist import cut_list_in_words

    cuts = read_cut_list(path)
    print_lines(*cut_list_in_words(cuts))
    if as_json:
        print_json(asdict(cuts))


def look_facts(file: str) -> dict[str, Any]:
    from relook.look import load_look
    from relook.mechanics.words import mechanics_in_words, softness_in_words, vignette_in_words

    look = load_look(file)
    card = look.card
    return {
        "name": card.name,
        "sha256": look.sha256,
        "preset": card.recipe.preset,
        "made_from": [f"{film.side}: {film.name} ({film.shots} shots, {film.seconds:g} s)" for film in card.footage],
        "licences": sorted({film.licence for film in card.footage if film.licence}),
        "sufficiency": card.sufficiency,
        "measures": card.measures,
        MARKS: {
            "vignette": vignette_in_words(look.generator.spatial.corners()),
            "softness": softness_in_words(card.mechanics),
            **mechanics_in_words(card.mechanics),
        },
        MECHANICS: asdict(card.mechanics),
        "has_judge": bool(look.judge),
        "encoding": card.colour.encoding,
        "software": card.software,
    }


def marks_facts(path: Path) -> dict[str, Any]:
    """Return a film's marks in words, as `marks`, and in figures, as `mechanics`."""
    from relook.mechanics.words import mechanics_in_words
    from relook.pipeline import measure_marks

    with showing_progress() as on_progress:
        found = measure_marks(path, on_progress=on_progress)
    return {MARKS: mechanics_in_words(found), MECHANICS: asdict(found)}


def film_facts(path: Path) -> dict[str, Any]:
    from relook.film.reader import probe  # late: PyAV is slow to import, and `--help` must not wait

    film = probe(path)
    seconds = None if film.num_frames is None else round(float(film.num_frames / film.frame_rate), 3)
    return {
        "path": str(film.path),
        "kind": film.kind,
        "size": f"{film.width}x{film.height}",
        "frame_rate": str(film.frame_rate),
        "num_frames": film.num_frames,
        "seconds": seconds,
        "bit_depth": film.bit_depth,
        "pixel_format": film.pixel_format,
        "sample_aspect": str(film.sample_aspect),
        "timecode": film.timecode,
        "colour": asdict(film.colour),
        "audio": list(film.audio_codecs),
    }
