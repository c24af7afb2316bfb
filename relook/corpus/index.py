"""A corpus as its index, `index.json`, says it: written in one step; read, and held against the arrays, before it is believed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter

from relook.corpus.arrays import open_array
from relook.corpus.corpus import Corpus
from relook.corpus.prepared import AnchorPair, Dropped, PreparedShot, Sufficiency
from relook.errors import InputError
from relook.film.publish import write_whole
from relook.strict import parsed, read_regular

SCHEMA = 1
INDEX = "index.json"
_MOST_INDEX_BYTES = 256 << 20
_MOST_FRAMES = 1_000_000_000


def load_corpus(root: Path) -> Corpus:
    """Open a corpus folder.

    Raises:
        InputError: the folder holds no index, or one that is damaged, or arrays that do not belong to it.
    """
    path = root / INDEX
    try:
        text = read_regular(path, _MOST_INDEX_BYTES)
    except (OSError, ValueError) as error:
        raise InputError(
            f"{root} is not a prepared corpus: {INDEX} cannot be read ({error}); prepare it again"
        ) from error
    try:
        index = parsed(_INDEX, text)
    except ValueError as error:
        raise InputError(f"{path} is damaged: {error}; prepare the corpus again") from error
    if index.schema != SCHEMA:
        raise InputError(f"{path} has schema {index.schema} and this relook reads {SCHEMA}; prepare the corpus again")
    if any(part.stop > _MOST_FRAMES for dropped in index.dropped for part in dropped.frames):
        raise InputError(f"{path} is damaged: it claims more frames than a film can have; prepare the corpus again")
    for shot in index.shots:
        _check_shot(root, shot)
    for pair in index.anchors:
        _check_name(root, pair.name)
    corpus = Corpus(root, index.shots, index.dropped, index.sufficiency, index.anchors)
    for pair in index.anchors:
        corpus.anchor(pair)
    return corpus


def save_corpus(corpus: Corpus) -> None:
    """Write the index of a corpus whose arrays are already in its folder; an index there is replaced in one step."""
    index = _Index(SCHEMA, corpus.shots, corpus.dropped, corpus.sufficiency, corpus.anchors)
    write_whole(corpus.root / INDEX, _INDEX.dump_json(index, indent=1))


def _check_shot(root: Path, shot: PreparedShot) -> None:
    """Refuse a shot whose name, runs or array contradict each other."""
    _check_name(root, shot.name)
    edges = [0, *(edge for run in shot.runs for edge in (run.start, run.stop)), shot.num_frames]
    follow = all(before == after for before, after in zip(edges[::2], edges[1::2], strict=True))
    if not shot.num_frames or not follow or not all(map(len, shot.runs)):
        raise InputError(
            f"{root / INDEX} is damaged: the runs of {shot.name} do not cover its {shot.num_frames} frames; "
            "prepare the corpus again"
        )
    open_array(root, shot)


def _check_name(root: Path, name: str) -> None:
    if Path(name).name != name or "\\" in name or "\0" in name:
        raise InputError(
            f"{root / INDEX} is damaged: {name[:80]!r} is not the name of a shot; prepare the corpus again"
        )


@dataclass(frozen=True)
class _Index:
    """What `index.json` holds."""

    schema: int
    shots: tuple[PreparedShot, ...]
    dropped: tuple[Dropped, ...]
    sufficiency: Sufficiency
    anchors: tuple[AnchorPair, ...] = ()


_INDEX = TypeAdapter(_Index)
