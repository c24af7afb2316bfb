"""Turn any mix of films, image sequences and stills into a corpus."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from relook import faults
from relook.corpus import SIDES, Corpus, Dropped, PreparedShot, Side, load_corpus, save_corpus
from relook.errors import InputError, UsageError
from relook.film.identity import unchanged
from relook.film.pictures.spaces import ColourSpace
from relook.film.sequence import find_footage
from relook.prepare.holdout import set_aside
from relook.prepare.selection import choose_frames
from relook.prepare.store import describe_shot, store_film
from relook.prepare.sufficiency import REASON_WORDS, SideFacts, judge_sufficiency
from relook.prepare.survey import SurveyedFilm, survey_film
from relook.prepare.usable import UsableShot, join_frames
from relook.progress import OnProgress, ignore

MAX_BYTES = 1_500_000_000


@dataclass(frozen=True)
class _SideFootage:
    """One side's films and what is of use in them."""

    side: Side
    films: tuple[SurveyedFilm, ...]
    shots: tuple[UsableShot, ...]

    @property
    def dropped(self) -> list[Dropped]:
        return [dropped for film in self.films for dropped in film.dropped(self.side)]


def prepare_corpus(
    source: Sequence[Path],
    style: Sequence[Path],
    root: Path,
    *,
    max_bytes: int = MAX_BYTES,
    space: ColourSpace | None = None,
    on_progress: OnProgress = ignore,
) -> Corpus:
    """Prepare footage for training.

    Args:
        source: films, image sequences, folders of stills or of films whose look is to be changed.
        style: the same, whose look is to be learned.
        root: the folder to make; it appears when all is done, and nothing stays behind when it cannot be.
        max_bytes: how large the corpus may become; the longer the footage, the fewer frames of each shot are stored.
        space: what the source footage is in, where that was said; a corpus holds values for the display.

    Raises:
        InputError: footage cannot be read, has no usable frame, or pictures that are too small.
        InputChangedError: footage was changed while it was read.
        UsageError: `root` exists already.
    """
    with _new_folder(root) as folder:
        given = zip(SIDES, (source, style), (space, None), strict=True)
        sides = [_survey_side(side, paths, side_space, on_progress) for side, paths, side_space in given]
        shots: list[PreparedShot] = []
        dropped: list[Dropped] = []
        for side in sides:
            stored, left_out = _store_side(side, folder, max_bytes // len(sides), on_progress)
            shots += stored
            dropped += [*side.dropped, *left_out]
        sufficiency = judge_sufficiency([_facts(side) for side in sides], dropped)
        save_corpus(Corpus(folder, tuple(shots), tuple(dropped), sufficiency))
    return load_corpus(root)


@contextmanager
def _new_folder(root: Path) -> Iterator[Path]:
    """Give a folder to fill that becomes `root` in one step, or vanishes where anything fails."""
    if root.exists() and (not root.is_dir() or any(root.iterdir())):
        raise UsageError(f"{root} exists already; name another folder for the corpus, or remove it first")
    if not root.parent.is_dir():
        raise UsageError(
            f"{root.parent} is not a folder, so the corpus {root.name} cannot be made in it; create it first"
        )
    part = root.with_name(f"{root.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir()
    try:
        yield part
        faults.point("corpus.show")
        if root.exists():
            root.rmdir()
        os.replace(part, root)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _survey_side(side: Side, paths: Sequence[Path], space: ColourSpace | None, on_progress: OnProgress) -> _SideFootage:
    footage = [found for path in paths for found in find_footage(path)]
    films = tuple(survey_film(path, space=space, on_progress=on_progress) for path in footage)
    shots = tuple(shot for number, film in enumerate(films) for shot in film.usable_shots(number))
    found = _SideFootage(side, films, shots)
    if sum(shot.num_frames for shot in shots) < 2:
        raise InputError(_too_little(found, paths))
    return found


def _too_little(found: _SideFootage, paths: Sequence[Path]) -> str:
    where = ", ".join(map(str, paths)) or "nothing given"
    counts: Counter[str] = Counter()
    for dropped in found.dropped:
        counts[REASON_WORDS[dropped.reason]] += dropped.num_frames
    listed = ", ".join(f"{count} {words}" for words, count in counts.items())
    usable = sum(shot.num_frames for shot in found.shots)
    return (
        f"the {found.side} footage ({where}) has {usable or 'no'} usable frame"
        f"{f', the others are: {listed}' if listed else ''}; a look needs at least two frames a side, "
        "one to learn from and one to check with, and some seconds of film to be any good"
    )


def _store_side(
    side: _SideFootage, folder: Path, max_bytes: int, on_progress: OnProgress
) -> tuple[list[PreparedShot], list[Dropped]]:
    """Set shots aside, choose frames and write them film by film; return them and what the limit left out."""
    usable = set_aside(side.shots)
    chosen = choose_frames(usable, [_frame_bytes(side.films[shot.film], shot) for shot in usable], max_bytes)
    stored: list[PreparedShot] = []
    for position, film in enumerate(side.films):
        entries = [
            (describe_shot(film, shot, side=side.side, number=number), film.boxes[shot.index])
            for number, shot in enumerate(chosen)
            if shot.film == position
        ]
        if entries:
            with unchanged(film.watched):
                store_film(film.info.path, entries, folder, space=film.info.space, on_progress=on_progress)
        stored += [shot for shot, _ in entries]
    return stored, _over_limit(side, usable, chosen)


def _over_limit(side: _SideFootage, usable: Sequence[UsableShot], chosen: Sequence[UsableShot]) -> list[Dropped]:
    """List the frames of the shots that were left out whole."""
    kept = {(shot.film, shot.index, shot.held_out) for shot in chosen}
    numbers: dict[int, list[int]] = {}
    for shot in usable:
        if (shot.film, shot.index, shot.held_out) not in kept:
            numbers.setdefault(shot.film, []).extend(frame for run in shot.runs for frame in run)
    return [
        Dropped(side.side, side.films[film].name, "over_limit", join_frames(frames)) for film, frames in numbers.items()
    ]


def _frame_bytes(film: SurveyedFilm, shot: UsableShot) -> int:
    box = film.boxes[shot.index]
    return box.height * box.width * 3 * (1 if film.info.bit_depth <= 8 else 2)


def _facts(side: _SideFootage) -> SideFacts:
    return SideFacts(
        side=side.side,
        seconds=sum(shot.seconds for shot in side.shots),
        num_shots=len(side.shots),
        num_frames=sum(shot.num_frames for shot in side.shots),
        num_pairs=sum(len(run) - 1 for shot in side.shots for run in shot.runs),
        height=min(box.height for film in side.films for box in film.boxes),
    )
