"""`relook looks`: the looks that ship with relook."""

from __future__ import annotations

from relook.cli.arguments import Json
from relook.cli.display import print_json, print_lines


def looks(as_json: Json = False) -> None:
    """List the looks that ship with relook."""
    from relook.look import load_look, shipped_looks  # late: torch takes seconds to import, and `--help` must not wait

    cards = [load_look(path).card for path in shipped_looks().values()]
    for card in cards:
        made_from = ", ".join(film.name for film in card.footage if film.side == "style")
        print_lines(f"{card.name:12} learned from {made_from}")
    if as_json:
        print_json({"looks": [card.name for card in cards]})
