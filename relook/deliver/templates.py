"""How pages are made: templates of this folder, written in one step."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from relook.errors import ResourceError
from relook.film.publish import write_whole


def environment() -> Environment:
    """Return the templates; what a template names must be given, and text is escaped."""
    loader = PackageLoader("relook.deliver", package_path=".")
    return Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)


@contextmanager
def page_errors(path: Path) -> Iterator[None]:
    """Turn the system's errors of writing into ours."""
    try:
        yield
    except OSError as error:
        raise ResourceError(f"{path} cannot be written: {error}; free space or choose another folder") from error


def replace_text(path: Path, text: str) -> None:
    """Write a file beside its final place and put it there in one step."""
    write_whole(path, text.encode())
