"""The list of verbs, gathered into one application."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from relook.cli.apply import apply
from relook.cli.check import check
from relook.cli.demo import demo
from relook.cli.doctor import doctor
from relook.cli.guard import guarded
from relook.cli.info import info
from relook.cli.looks import looks
from relook.cli.train import train
from relook.cli.verify import verify
from relook.version import VERSION

VERBS = (demo, train, apply, check, looks, info, verify, doctor)


def build_app() -> typer.Typer:
    """Return the application with all verbs, whose errors become exit codes."""
    app = typer.Typer(
        callback=_face,
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
    for verb in VERBS:
        app.command()(guarded(verb))
    return app


def _print_version(wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"relook {VERSION}\n")
        raise typer.Exit


def _face(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Learn the look of film footage, re-render any film in it, and judge every shot."""
