"""`relook info`: what is in a film, a look or a cut list."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from relook.cli.arguments import Json
from relook.cli.display import print_json, print_lines, showing_progress
from relook.cli.film_facts import asked_lines, fate_facts, film_facts, film_lines, shot_facts
from relook.cli.stills import stills_facts, stills_lines
from relook.errors import UsageError

LOOK_ENDING = ".look"
CUT_ENDINGS = (".edl", ".otio")
MARKS, MECHANICS = "marks", "mechanics"
"""Keys of a look's marks in words, printed one per line, and in figures, only for `--json`."""


def info(
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="A film, image sequence, look file, built-in look or cut list.")
    ],
    marks: Annotated[
        bool, typer.Option("--marks", help="Also measure a film's grain, flicker, weave, dust and other marks.")
    ] = False,
    ending: Annotated[
        str | None,
        typer.Option(
            "--for", metavar="ENDING", help="Say what an output such as .mov or .mkv would keep, change or refuse."
        ),
    ] = None,
    shots: Annotated[bool, typer.Option("--shots", help="Also find a film's shots.")] = False,
    as_json: Json = False,
) -> None:
    """Show what is in a film, a look or a cut list."""
    if file.lower().endswith(CUT_ENDINGS):
        if marks or shots or ending is not None:
            raise UsageError("--marks, --shots and --for are for films, and this is a cut list; give a film")
        show_cut_list(Path(file), as_json=as_json)
        return
    if is_look(file):
        if marks:
            raise UsageError("--marks measures films; give it the reel that the look was learned from")
        if ending is not None or shots:
            raise UsageError("--for and --shots are for films, and this is a look; give a film")
        facts = look_facts(file)
        print_lines(*look_lines(facts))
    else:
        facts = show_footage(Path(file), shots=shots, ending=ending)
    if marks:
        measured = marks_facts(Path(file))
        facts |= measured
        print_lines(*(f"{name:16} {words}" for name, words in measured[MARKS].items()))
    if as_json:
        print_json(facts)


def show_footage(path: Path, *, shots: bool, ending: str | None) -> dict[str, Any]:
    """Print what is in a film, a sequence or a folder of stills; return it in plain values."""
    are_stills = is_folder_of_stills(path)
    if are_stills and shots:
        raise UsageError(f"--shots is for films and takes; {path} holds stills, and each of them is a shot of its own")
    facts = stills_facts(path) if are_stills else film_facts(path)
    facts |= {"shots": shot_facts(path)} if shots else {}
    facts |= {"for": fate_facts(path, ending)} if ending is not None else {}
    print_lines(*(stills_lines(facts) if are_stills else film_lines(facts)), *asked_lines(facts))
    return facts


def is_look(file: str) -> bool:
    """Distinguish a look from a film, by its ending or a shipped name."""
    from relook.look import shipped_looks  # late: torch takes seconds to import, and `--help` must not wait

    return file.endswith(LOOK_ENDING) or (file in shipped_looks() and not Path(file).exists())


def is_folder_of_stills(path: Path) -> bool:
    """Distinguish a folder of stills from a take and a film, as `relook apply` does."""
    from relook.film.pictures.stills import holds_stills  # late: OpenCV is slow to import

    return holds_stills(path)


def show_cut_list(path: Path, *, as_json: bool) -> None:
    """Print the events of a cut list in words."""
    from relook.film.cuts.cut_files import read_cut_list  # late: OpenTimelineIO is slow to import
    from relook.film.cuts.cutlist import cut_list_in_words

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


def look_lines(facts: dict[str, Any]) -> list[str]:
    """Write a look's facts, one per line."""
    told = {name: value for name, value in facts.items() if name not in (MARKS, MECHANICS)}
    lines = {name.replace("_", " "): _in_words(value) for name, value in told.items()} | facts[MARKS]
    return [f"{name:16} {words}" for name, words in lines.items()]


def _in_words(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.3g}" if abs(value) < 1 else f"{value:g}"
    if isinstance(value, dict):
        return ", ".join(f"{name.replace('_', ' ')} {_in_words(one)}" for name, one in value.items())
    if isinstance(value, list):
        return "; ".join(value) or "none said"
    return str(value)


def marks_facts(path: Path) -> dict[str, Any]:
    """Return a film's marks in words, as `marks`, and in figures, as `mechanics`."""
    from relook.mechanics.words import mechanics_in_words
    from relook.pipeline import measure_marks

    with showing_progress() as on_progress:
        found = measure_marks(path, on_progress=on_progress)
    return {MARKS: mechanics_in_words(found), MECHANICS: asdict(found)}
