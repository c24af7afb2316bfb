"""relook learns the look of film footage and re-renders any film in it, with every shot judged.

    look = relook.train(["film.mp4"], ["reel.mp4"], "old.look")
    relook.apply("film.mp4", look, "film_old.mp4")
    report = relook.check("film_old.mp4", look, source="film.mp4")

Importing this costs nothing: each name brings its room along when it is first used.
"""

from __future__ import annotations

import importlib
import os
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

from relook.version import VERSION

if TYPE_CHECKING:
    from relook.apply.delivery import Delivery
    from relook.errors import RelookError
    from relook.health.doctor import doctor
    from relook.look import Look, load_look, save_look
    from relook.pipeline import apply, check, demo, measure_marks, train, verify
    from relook.progress import Progress
    from relook.report import Report, Verdict

__version__ = VERSION

# Before torch brings its thread pool: threads that spin while they wait take the cores from decoding and encoding
# (a check on two cores: 111 CPU-seconds spinning, 10 waiting).
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

__all__ = [
    "Delivery",
    "Look",
    "Progress",
    "RelookError",
    "Report",
    "Verdict",
    "apply",
    "check",
    "demo",
    "doctor",
    "load_look",
    "measure_marks",
    "save_look",
    "train",
    "verify",
]

_HOMES = {
    "Delivery": "relook.apply.delivery",
    "Look": "relook.look",
    "Progress": "relook.progress",
    "RelookError": "relook.errors",
    "Report": "relook.report",
    "Verdict": "relook.report",
    "demo": "relook.pipeline",
    "doctor": "relook.health.doctor",
    "load_look": "relook.look",
    "measure_marks": "relook.pipeline",
    "save_look": "relook.look",
    "verify": "relook.pipeline",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'relook' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]


class _Verb:
    """A public verb that keeps its name although a room of the house (`relook/train/`) bears it too."""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, module: object, owner: type | None = None) -> Any:
        return getattr(importlib.import_module("relook.pipeline"), self.name)

    def __set__(self, module: object, room: object) -> None:
        """Decline the room that the import system binds here; `from relook.train import loop` does without."""


class _Face(ModuleType):
    """The package as a module whose verbs cannot be covered up by the rooms of the same names."""

    train = _Verb()
    apply = _Verb()
    check = _Verb()


sys.modules[__name__].__class__ = _Face
