"""Look at every frame of a film once: its shots, its borders, and which frames are of no use."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from relook import faults
from relook.corpus import Dropped, Reason, Side
from relook.errors import InputError
from relook.film.frames import FilmInfo, Shot
from relook.film.identity import Watched, unchanged, watch
from relook.film.pictures.spaces import ColourSpace
from relook.film.reader import FilmReader, NativeFrame, probe
from relook.film.shots import find_shots
from relook.prepare.letterbox import BorderSurvey, Box
from relook.prepare.native import to_luma8
from relook.prepare.screen import FrameMeasures, FrameMeter, screen_shots
from relook.prepare.usable import UsableShot, find_runs, join_frames
from relook.progress import OnProgress, Progress

BORDER_FRAMES = 48
"""How many frames of a film are looked at for borders."""
MIN_SIZE = 64
POINTS = ("prepare.look", "corpus.array", "prepare.store")
"""Where a test may take memory, or room on the disk, from the preparation."""


@dataclass(frozen=True)
class SurveyedFilm:
    """A film with what was found out about it."""

    info: FilmInfo
    shots: tuple[Shot, ...]
    boxes: tuple[Box, ...]
    """The picture inside its borders, for each shot: the same all along a film, each still its own."""
    reasons: tuple[tuple[Reason | None, ...], ...]
    """For each shot, why each of its frames is of no use; None where it is."""
    watched: Watched
    """Its files as they were before they were looked at."""

    @property
    def name(self) -> str:
        """Return what the film is called in messages and in the index."""
        return str(self.info.path)

    def usable_shots(self, film: int) -> list[UsableShot]:
        """Return what is of use in each shot; `film` is the film's position among its side's."""
        found = []
        for shot, reasons in zip(self.shots, self.reasons, strict=True):
            if runs := find_runs(shot.frames.start, reasons):
                shown = sum(reason in (None, "duplicate") for reason in reasons)
                found.append(UsableShot(film, shot.index, runs, seconds=float(shown / self.info.frame_rate)))
        return found

    def dropped(self, side: Side) -> list[Dropped]:
        """Return the frames of no use, gathered by reason."""
        numbers: dict[Reason, list[int]] = {}
        for shot, reasons in zip(self.shots, self.reasons, strict=True):
            for frame, reason in enumerate(reasons, shot.frames.start):
                if reason is not None:
                    numbers.setdefault(reason, []).append(frame)
        return [Dropped(side, self.name, reason, join_frames(frames)) for reason, frames in numbers.items()]


def survey_film(path: Path, *, space: ColourSpace | None = None, on_progress: OnProgress) -> SurveyedFilm:
    """Find the shots of a film, its borders and its unusable frames, in two passes over it and constant memory.

    space: the named colour space of the film, if one was given.

    Raises:
        InputChangedError: the film was changed meanwhile.
    """
    watched = watch(probe(path))
    with unchanged(watched):
        return _survey(path, watched, space, on_progress)


def _survey(path: Path, watched: Watched, space: ColourSpace | None, on_progress: OnProgress) -> SurveyedFilm:
    shots = find_shots(path, space=space, on_progress=on_progress)
    measures: list[list[FrameMeasures]] = [[] for _ in shots]
    with FilmReader(path, space=space) as reader:
        info, luma8 = reader.info, to_luma8(reader.info)
        every = 1 if info.kind == "stills" else max(1, shots[-1].frames.stop // BORDER_FRAMES)
        meter, borders, boxes = FrameMeter(), BorderSurvey(), list[Box]()
        for number, frame in _by_shot(shots, reader.native_frames()):
            faults.point("prepare.look")
            grey = luma8(frame)
            _check_size(path, [Box(0, 0, *grey.shape)])
            measures[number].append(meter.measure(grey))
            if frame.index % every == 0:
                borders.add(grey)
            if info.kind == "stills":
                boxes.append(borders.find())
                borders = BorderSurvey()
            on_progress(Progress("examining frames", frame.index + 1, shots[-1].frames.stop, detail=path.name))
    if info.kind != "stills":
        boxes = [borders.find()] * len(shots)
    _check_size(path, boxes)
    reasons = tuple(tuple(shot) for shot in screen_shots(measures))
    return SurveyedFilm(info, shots, tuple(boxes), reasons, watched)


def _by_shot(shots: Sequence[Shot], frames: Iterator[NativeFrame]) -> Iterator[tuple[int, NativeFrame]]:
    """Give each frame the number of the shot that contains it."""
    number = 0
    for frame in frames:
        while frame.index >= shots[number].frames.stop:
            number += 1
        yield number, frame


def _check_size(path: Path, boxes: Sequence[Box]) -> None:
    for box in boxes:
        if min(box.height, box.width) < MIN_SIZE:
            raise InputError(
                f"{path} shows a picture of {box.width}x{box.height} pixels; a look is learned from at least "
                f"{MIN_SIZE}x{MIN_SIZE}: use footage of higher resolution"
            )
