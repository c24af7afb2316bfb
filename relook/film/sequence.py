"""Find pictures and films on disk: numbered sequences, folders of stills, folders of films.

Forms of a path: a film file; one picture; `plate.####.png`, `plate.@@@@.png` or `plate.%04d.png`; the first picture of a
sequence; a folder of pictures; a folder of any of these. A folder's pictures are one take ("sequence") if their names
differ only in one number, and perhaps in case, and at least half of the numbers between the first and the last are there;
otherwise they are unrelated ("stills"). That number is the last in a name or stands between dots: `shot.1001.v2.exr`. It may
be negative if only a dot or `_`, or nothing, precedes the sign. Hidden files (`.name`) do not count.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence, Set
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Final, Literal, NamedTuple

from relook.errors import InputError
from relook.film.container.opening import FILM_ENDINGS

PICTURE_ENDINGS: Final = frozenset((".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp", ".bmp", ".exr", ".dpx"))
"""Endings of the pictures that relook reads and writes."""

_PATTERN: Final = re.compile(r"(#+|@+)|%0?(\d*)d")
_NUMBERED: Final = re.compile(r"(?P<before>.*?)(?P<number>((?<![^._])-)?\d+)(?P<after>\D*)")
_BETWEEN: Final = re.compile(r"(?P<before>.*\.)(?P<number>-?\d+)(?P<after>\..*)")
MOST_NAMED: Final = 12
"""Most pictures, or ranges of them, that a message names."""

Kind = Literal["sequence", "stills"]


def is_pictures(path: Path) -> bool:
    """Say whether a path names pictures (a pattern, a folder or a single picture) rather than a film."""
    return is_pattern(path) or path.is_dir() or path.suffix.lower() in PICTURE_ENDINGS


def is_pattern(path: Path) -> bool:
    """Say whether a path stands for numbered pictures, such as `plate.####.png` or `plate.%04d.png`."""
    return path.suffix.lower() in PICTURE_ENDINGS and _place_in(path.name) is not None and not path.is_file()


def numbered_name(pattern: Path, number: int) -> str:
    """Fill a number into a pattern's `####`, `@@@@` or `%04d`."""
    found = _place_in(pattern.name)
    assert found is not None, f"{pattern} is not a pattern"
    digits = f"{number:0{_padding(found)}d}"
    return pattern.name[: found.start()] + digits + pattern.name[found.end() :]


def matching_pictures(pattern: Path) -> list[tuple[int, Path]]:
    """List the numbered pictures that match a pattern, unsorted; there may be none."""
    shape = _shape_of(pattern)
    try:
        names = [(shape.fullmatch(name), name) for name in os.listdir(pattern.parent)]
    except OSError as error:
        raise InputError(f"cannot open {pattern}: {error.strerror}; check the path") from error
    return [(int(match[1]), pattern.parent / name) for match, name in names if match]


def unlisted(pattern: Path, names: Set[str]) -> list[Path]:
    """List, in order, the pictures that match a pattern but are not among some names."""
    return [path for _, path in sorted(matching_pictures(pattern)) if path.name not in names and path.is_file()]


def numbers_in(path: Path, pictures: tuple[Path, ...]) -> list[int]:
    """Return the frame numbers of a take that `find_pictures` found at a path, or of two or more of its pictures."""
    if not is_pattern(path):
        return [int(name.number) for name in _named(pictures)]
    shape = _shape_of(path)
    return [int(match[1]) for match in (shape.fullmatch(picture.name) for picture in pictures) if match]


def ends_of(path: Path, pictures: Sequence[Path]) -> tuple[int, int]:
    """Return the first and the last frame number of a take that `find_pictures` found at a path."""
    first, last = numbers_in(path, (pictures[0], pictures[-1]))
    return first, last


def are_one_take(pictures: tuple[Path, ...]) -> bool:
    """Say whether the pictures of a folder are one take."""
    return bool(_one_take(pictures))


def find_pictures(path: Path) -> tuple[Kind, tuple[Path, ...]]:
    """List the pictures that a path stands for, in order.

    Raises:
        InputError: there are none, or numbers in a sequence are missing or doubled.
    """
    if is_pattern(path):
        matching = matching_pictures(path)
        if not matching:
            raise InputError(f"no picture matches {path}; check the name and the number of digits")
        return "sequence", _in_order(matching, path)
    if not path.is_dir():
        if not path.is_file():
            raise InputError(
                f"cannot open {path}: no such file; check the path (numbered pictures are written as plate.####{path.suffix})"
            )
        take = take_of(path)
        begins = bool(take) and min(take)[0] == own_number(path)
        return ("sequence", _in_order(take, path)) if begins else ("stills", (path,))
    pictures = _pictures_in(path)
    if not pictures:
        raise InputError(f"{path} holds no pictures; relook reads {', '.join(sorted(PICTURE_ENDINGS))}")
    numbered = _one_take(pictures)
    return ("sequence", _in_order(numbered, path)) if numbered else ("stills", pictures)


def find_footage(path: Path) -> tuple[Path, ...]:
    """Expand a path into films, sequences and folders of stills; folders are searched at any depth, in order of names.

    Raises:
        InputError: a folder holds neither films nor pictures.
    """
    if not path.is_dir():
        return (path,)
    found: list[Path] = []
    for folder, subfolders, names in os.walk(path):
        subfolders[:] = sorted(name for name in subfolders if not name.startswith("."))
        here = Path(folder)
        if _pictures_in(here):
            found.append(here)
        visible = sorted(name for name in names if not name.startswith("."))
        found.extend(here / name for name in visible if Path(name).suffix.lower() in FILM_ENDINGS)
    if not found:
        raise InputError(f"{path} holds no films and no pictures; give a folder of footage, a film or a pattern")
    return tuple(found)


def take_of(picture: Path) -> list[tuple[int, Path]]:
    """Return the take that a picture belongs to, with numbers, unsorted; empty if it is alone. A take's first picture stands for it.

    EXR and DPX pictures belong to takes, and so do others whose number stands between dots: `plate.1001.png`,
    `plate.1001.v2.png`, but not the photograph `DSC_0001.jpg`.
    """
    found, ending = _name_of(picture), picture.suffix.lower()
    if found is None:
        return []
    alike = [path for path in _pictures_in(picture.parent) if path.suffix.lower() == ending and _is_of(found, path)]
    return _one_take(tuple(alike))


def own_number(picture: Path) -> int | None:
    """Give the number of a picture that is of a take by its name, as `take_of` has it, be it alone or not; None of others."""
    found = _name_of(picture)
    return None if found is None else int(found.number)


def pattern_of(pictures: Sequence[Path]) -> str:
    """Return the pattern that numbered pictures of a take match: `plate.####.exr`, or `plate.#.exr` for 8, 9, 10."""
    found = _named(pictures)
    assert found, "not numbered"
    digits = min(len(name.number) for name in found)
    return f"{found[0].before}{'#' * digits}{found[0].after}{pictures[0].suffix}"


class _Name(NamedTuple):
    """A picture's name, its ending left out, taken apart about its number."""

    before: str
    number: str
    after: str

    @property
    def beside(self) -> tuple[str, str]:
        """Give what stands before and after the number; case does not tell takes apart."""
        return self.before.lower(), self.after.lower()


def _apart(stem: str, shape: re.Pattern[str]) -> _Name | None:
    found = shape.fullmatch(stem)
    return _Name(found["before"], found["number"], found["after"]) if found else None


def _named(pictures: Sequence[Path]) -> list[_Name]:
    """Take the names of pictures apart about the one number in which they differ; empty where there is none."""
    for shape in (_NUMBERED, _BETWEEN):
        names = [_apart(picture.stem, shape) for picture in pictures]
        found = [name for name in names if name is not None]
        if len(found) == len(pictures) and len({name.beside for name in found}) == 1:
            return found
    return []


def _name_of(picture: Path) -> _Name | None:
    """Take a name apart about the number that makes it one of a take: see `take_of`."""
    last, between = _apart(picture.stem, _NUMBERED), _apart(picture.stem, _BETWEEN)
    if last is not None and last.before.endswith(".") and not last.after:
        return last
    return between or (last if picture.suffix.lower() in (".exr", ".dpx") else None)


def _is_of(found: _Name, path: Path) -> bool:
    other = _name_of(path)
    return other is not None and other.beside == found.beside


def _place_in(name: str) -> re.Match[str] | None:
    """Find a pattern's place for the number: the last one, since names too contain `@` and `#`."""
    return max(_PATTERN.finditer(name), key=lambda found: found.start(), default=None)


def _shape_of(pattern: Path) -> re.Pattern[str]:
    """Return a pattern as a regular expression for names; a sign counts as one of the digits."""
    found = _place_in(pattern.name)
    assert found is not None, f"{pattern} is not a pattern"
    before, after = pattern.name[: found.start()], pattern.name[found.end() :]
    padding = _padding(found)
    signed = f"|-\\d{{{max(padding - 1, 1)},}}" if before[-1:] in ("", ".", "_") else ""
    return re.compile(f"{re.escape(before)}(\\d{{{padding},}}{signed}){re.escape(after)}", re.IGNORECASE)


def _padding(found: re.Match[str]) -> int:
    return len(found[1]) if found[1] else int(found[2] or 1)


def _pictures_in(folder: Path) -> tuple[Path, ...]:
    with os.scandir(folder) as entries:
        names = [entry.name for entry in entries if not entry.name.startswith(".") and _is_file(entry)]
    return tuple(folder / name for name in sorted(names) if Path(name).suffix.lower() in PICTURE_ENDINGS)


def _is_file(entry: os.DirEntry[str]) -> bool:
    with suppress(OSError):  # a link that leads to itself
        return entry.is_file()
    return False


def _one_take(pictures: tuple[Path, ...]) -> list[tuple[int, Path]]:
    """Return the pictures of a take with their numbers; empty if they are not one take."""
    names = _named(pictures)
    if len(pictures) < 2 or not names or len({picture.suffix.lower() for picture in pictures}) != 1:
        return []
    numbered = [(int(name.number), picture) for name, picture in zip(names, pictures, strict=True)]
    numbers = [number for number, _ in numbered]
    span = max(numbers) - min(numbers) + 1
    return numbered if 2 * len(numbered) >= span else []


def _in_order(numbered: list[tuple[int, Path]], path: Path) -> tuple[Path, ...]:
    numbered = sorted(numbered)
    numbers = [number for number, _ in numbered]
    steps = list(pairwise(numbers))
    doubled = [(a, a) for a, b in steps if a == b]
    if doubled:
        names = " and ".join(picture.name for number, picture in numbered if number == doubled[0][0])
        raise InputError(f"{path} has two pictures numbered {ranges_text(doubled)}; keep one of each ({names})")
    missing = [(a + 1, b - 1) for a, b in steps if b > a + 1]
    if missing:
        raise InputError(
            f"{path} runs from {numbers[0]} to {numbers[-1]} but these pictures are missing: {ranges_text(missing)}; "
            f"add them, or put each unbroken part into a folder of its own"
        )
    return tuple(picture for _, picture in numbered)


def ranges_text(ranges: list[tuple[int, int]]) -> str:
    """Write ranges of numbers, both ends included: "4-5, 9"."""
    texts = [str(first) if first == last else f"{first}-{last}" for first, last in ranges]
    return ", ".join(texts[:MOST_NAMED]) + (f" and {len(texts) - MOST_NAMED} more" if len(texts) > MOST_NAMED else "")
