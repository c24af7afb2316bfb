"""Files from strangers: their kind and size are known before a byte is believed, and their JSON has one meaning.

JSON as Python reads it lets a name stand twice, numbers be NaN, and figures grow without end; here all of that is refused.
"""

from __future__ import annotations

import json
import math
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

if TYPE_CHECKING:  # pydantic takes a while to import, and the command line must not wait for it
    from pydantic import TypeAdapter

DEEPEST: Final = 100
"""So many lists and objects may lie in each other."""
_MOST_DIGITS: Final = 20
_MEBIBYTE: Final = 1 << 20
T = TypeVar("T")


def read_regular(path: Path, most_bytes: int) -> bytes:
    """Read a file whole; links are followed, and what is no regular file is never waited for.

    Raises:
        OSError: it cannot be opened or read.
        ValueError: it is a folder, a pipe, a socket or a device, or larger than `most_bytes`.
    """
    with os.fdopen(open_regular(path), "rb") as file:
        data = file.read(most_bytes + 1)
    if len(data) > most_bytes:
        raise ValueError(f"it is larger than {_size(most_bytes)}")
    return data


def open_regular(path: Path) -> int:
    """Open a regular file to be read; return its descriptor.

    Raises:
        OSError: it cannot be opened.
        ValueError: it is a folder, a pipe, a socket or a device.
    """
    _require_regular(path.stat().st_mode)  # to open a device or a pipe may already do something
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    try:
        _require_regular(os.fstat(handle).st_mode)
    except ValueError:
        os.close(handle)
        raise
    return handle


def parse_json(text: str | bytes, *, finite: bool = True) -> Any:
    """Read JSON that says everything once, in numbers that are finite.

    Args:
        finite: False lets NaN, infinity and numbers of any size pass, as logs and editing systems write them.

    Raises:
        ValueError: it is no JSON, or has a name twice in one object, NaN, infinity, a number of more than 20 digits, or
            more than `DEEPEST` levels.
    """
    try:
        decoded = text.decode("utf-8") if isinstance(text, bytes) else text
        value = json.loads(
            decoded,
            object_pairs_hook=_object,
            parse_constant=_refuse_constant if finite else float,
            parse_float=_finite if finite else float,
            parse_int=_whole if finite else int,
        )
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    require_shallow(value)
    return value


def parsed(adapter: TypeAdapter[T], text: str | bytes) -> T:
    """Read strict JSON as a value of a type: every name known, every value of its own kind, none made to fit.

    Raises:
        ValueError: it is none.
    """
    given = parse_json(text)
    value = validated(adapter, given)
    unknown = _not_taken(given, adapter.dump_python(value, mode="json"), "")
    if unknown:
        raise ValueError(f"{unknown} is not known")
    return value


def validated(adapter: TypeAdapter[T], given: Any) -> T:
    """Make a value of a type of what `parse_json` has read; names that the type does not know are passed over.

    Raises:
        ValueError: it is none.
    """
    from pydantic import ValidationError  # late: see above

    try:
        return adapter.validate_json(json.dumps(given), strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(step)[:80] for step in first["loc"][:8])
        message = first["msg"].removeprefix("Value error, ")
        raise ValueError(f"{where}: {message}" if where else message) from error


def require_shallow(value: Any) -> None:
    """Refuse a value whose lists and objects lie in each other more than `DEEPEST` deep."""
    level = [value]
    for _ in range(DEEPEST):
        level = [inner for outer in level if isinstance(outer, dict | list) for inner in _inside(outer)]
        if not level:
            return
    raise ValueError("it is nested too deeply")


def _inside(outer: dict[str, Any] | list[Any]) -> list[Any]:
    return [one for one in (outer.values() if isinstance(outer, dict) else outer) if isinstance(one, dict | list)]


def _not_taken(given: Any, taken: Any, where: str) -> str:
    """Name the first thing given that a type has passed over."""
    if isinstance(given, dict) and isinstance(taken, dict):
        for name, value in given.items():
            found = where + name if name not in taken else _not_taken(value, taken[name], f"{where}{name}.")
            if found:
                return found
    elif isinstance(given, list) and isinstance(taken, list):
        for index, (value, own) in enumerate(zip(given, taken, strict=False)):
            if found := _not_taken(value, own, f"{where}{index}."):
                return found
    return ""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(f"it has the name {name[:80]!r} twice")
        found[name] = value
    return found


def _refuse_constant(name: str) -> None:
    raise ValueError(f"it has a number that is not finite ({name})")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"it has a number that is not finite ({text[:40]})")
    return number


def _whole(text: str) -> int:
    if len(text.lstrip("-")) > _MOST_DIGITS:
        raise ValueError(f"it has a number of {len(text)} digits")
    return int(text)


def _require_regular(mode: int) -> None:
    if not stat.S_ISREG(mode):
        raise ValueError("it is not a regular file")


def _size(size: int) -> str:
    return f"{size >> 20} MiB" if size >= _MEBIBYTE else f"{size >> 10} KiB"
