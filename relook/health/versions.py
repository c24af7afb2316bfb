"""Versions: which ones relook asks for, which it was tested with, and which are known to be bad."""

from __future__ import annotations

import re
import tomllib
from importlib import metadata
from pathlib import Path
from typing import Final, NamedTuple

from relook.health.facts import Package

CHECKOUT: Final = Path(__file__).parents[2]
GROUPS: Final = ("", "vfx")
"""What is told of: what every installation has, and what EXR, DPX and colour spaces need."""


class Bad(NamedTuple):
    """Versions of a package that must not be used."""

    package: str
    first: str
    fixed: str
    """The first version that is good again; "" where there is none yet."""
    reason: str


KNOWN_BAD: Final = (
    Bad("av", "19", "", "it removed a function that relook calls (metadata_errors of av.open)"),
    Bad("torch", "0", "2.10", "a hostile file can overwrite its memory (CVE-2026-24747)"),
    Bad("openexr", "0", "3.2.6", "a hostile EXR can overwrite its memory (CVE-2026-27622)"),
    Bad("openexr", "3.3", "3.3.8", "a hostile EXR can overwrite its memory (CVE-2026-27622)"),
    Bad("openexr", "3.4", "3.4.6", "a hostile EXR can overwrite its memory (CVE-2026-27622)"),
    Bad("openimageio", "0", "3.0.18", "a hostile picture can break into it (CVE-2026-43996)"),
    Bad("openimageio", "3.1", "3.1.13", "a hostile picture can break into it (CVE-2026-43996)"),
)

CLASHES: Final = (("opencv-python", "opencv-python-headless"), ("scenedetect", "scenedetect-headless"))
"""Packages that write the same files: the first one must go."""


def number_of(version: str) -> tuple[int, ...]:
    """Return a version as numbers that compare, "2.13.0+cpu" as (2, 13, 0)."""
    return tuple(int(part) for part in re.findall(r"\d+", version.partition("+")[0]))


def satisfies(version: str, required: str) -> bool:
    """Say whether a version is one of those in ">=2.10,<3"; of ">=", "<" and "==" alone, all that relook writes."""
    found = number_of(version)
    for sign, wanted in re.findall(r"(>=|<|==)\s*([\w.]+)", required):
        least = number_of(wanted)
        padded = found + (0,) * (len(least) - len(found))
        fits = {">=": padded >= least, "<": padded < least, "==": padded[: len(least)] == least}
        if not fits[sign]:
            return False
    return True


def badness(name: str, version: str) -> Bad | None:
    """Return what is known to be wrong with a version of a package."""
    for bad in KNOWN_BAD:
        end = f",<{bad.fixed}" if bad.fixed else ""
        if bad.package == name and satisfies(version, f">={bad.first}{end}"):
            return bad
    return None


def installed(name: str) -> str | None:
    """Return the version of a package that is installed."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def packages() -> tuple[Package, ...]:
    """List the packages that relook asks for, with what is installed of them."""
    pins = _pins(CHECKOUT / "constraints.txt")
    asked = [_parsed(text) for text in _requirements()]
    clashing = [(name, "", "") for name, _ in CLASHES if installed(name)]
    return tuple(
        Package(name, installed(name), required, group, pins.get(name))
        for name, required, group in (*asked, *clashing)
        if group in GROUPS
    )


def _requirements() -> list[str]:
    """Read what a checkout asks for now; an installed relook says it itself."""
    try:
        project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    except FileNotFoundError:
        return metadata.requires("relook") or []
    extras = project["optional-dependencies"].items()
    return [*project["dependencies"], *(f"{text}; extra == '{extra}'" for extra, texts in extras for text in texts)]


def _parsed(requirement: str) -> tuple[str, str, str]:
    """Divide "openexr>=3.3; extra == 'vfx'" into name, versions and extra."""
    found = re.fullmatch(r"([\w.-]+?)\s*((?:>=|<|==).*?)?(?:\s*;\s*extra\s*==\s*['\"](\w+)['\"])?", requirement)
    assert found is not None, requirement
    return found[1].lower(), found[2] or "", found[3] or ""


def _pins(path: Path) -> dict[str, str]:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:  # an installed relook has none
        return {}
    return dict(re.findall(r"^([\w.-]+)==(\S+)$", text, re.MULTILINE))
