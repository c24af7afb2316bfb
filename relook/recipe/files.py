"""Recipes as TOML files: what one writes differs from a preset, the rest is the preset's."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from types import NoneType
from typing import Any, get_args, get_type_hints

from relook.errors import UsageError
from relook.recipe.presets import PRESETS
from relook.recipe.settings import Recipe
from relook.strict import read_regular

_MOST_BYTES = 64 << 10
_SHOWN = 60
"""So many characters of what is refused are shown."""


def read_recipe(path: Path) -> Recipe:
    """Read a recipe such as `preset = "film"`, `objective = "hinge"`, `[weights]`, `adversarial = 0.5`.

    Raises:
        UsageError: the file cannot be read, or names a setting that does not exist, or has a value of another kind.
    """
    try:
        settings = tomllib.loads(read_regular(path, _MOST_BYTES).decode("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(f"{path} cannot be read as a recipe ({error}); write TOML, for example seed = 1") from error
    name = settings.get("preset", "film")
    if not isinstance(name, str) or name not in PRESETS:
        raise UsageError(f"{path}: there is no preset {repr(name)[:_SHOWN]}; the presets are: {', '.join(PRESETS)}")
    return _changed(PRESETS[name](), settings, f"{path}: ")


def _changed(value: Any, settings: Mapping[str, Any], where: str) -> Any:
    """Return a settings value with some of its fields set, named groups within it likewise."""
    known, kinds = {field.name for field in fields(value)}, get_type_hints(type(value))
    changed: dict[str, Any] = {}
    for name, wanted in settings.items():
        if name not in known:
            raise UsageError(f"{where}there is no setting {repr(name)[:_SHOWN]}; there are: {', '.join(sorted(known))}")
        old = getattr(value, name)
        if is_dataclass(old):
            if not isinstance(wanted, Mapping):
                raise UsageError(f"{where}{name} is a group of settings; write it as a table, [{name}]")
            changed[name] = _changed(old, wanted, f"{where}{name}.")
        else:
            changed[name] = _of_kind(wanted, kinds[name], f"{where}{name}")
    kept = {field.name: getattr(value, field.name) for field in fields(value)}
    try:
        return type(value)(**(kept | changed))
    except ValueError as error:
        raise UsageError(f"{where}{error}") from error


def _of_kind(wanted: Any, kind: Any, where: str) -> Any:
    """Return a value where it is of a setting's kind; whole numbers may stand for others."""
    kinds = [one for one in (get_args(kind) or (kind,)) if isinstance(one, type) and one is not NoneType] or [str]
    if type(wanted) is int and kinds == [float]:
        try:
            return float(wanted)
        except OverflowError as error:
            raise UsageError(f"{where} takes a number, not one of {len(str(wanted))} digits") from error
    if type(wanted) not in kinds:
        raise UsageError(f"{where} takes {' or '.join(one.__name__ for one in kinds)}, not {repr(wanted)[:_SHOWN]}")
    return wanted
