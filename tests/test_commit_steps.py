"""What makes, shows or takes away a file of the user's is where a test can break it: a new commit step without a failpoint fails here."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tests.faultpoints import points, sources

COMMITS = {
    *("os.replace", "os.rename", "os.renames", "os.link", "os.symlink", "os.fsync", "os.fdatasync", "os.truncate"),
    *("os.remove", "os.unlink", "os.rmdir", "shutil.rmtree", "shutil.move", "shutil.copyfile", "shutil.copytree"),
    *("sync", "sync_folder", "_remove"),
}
"""Calls that count, by their full names; the last three are of `film/publish.py` and `film/part.py`."""
COMMIT_METHODS = {"unlink", "rename", "rmdir", "write_bytes", "write_text", "hardlink_to", "symlink_to", "truncate"}
"""Methods that count, of whatever they are called; `replace` is a text's as well: of paths, `os.replace` is used here."""

WITHOUT = {
    "film/publish.py:sync": "its callers have the points",
    "film/publish.py:sync_folder": "its callers have the points",
    "film/part.py:_remove": "its caller has the point",
    "film/publish.py:locked": "a lock says nothing; that one is left behind is tested with kill -9",
    "film/pictures/metadata.py:carry_metadata": "into the unfinished output; `stretch.picture` comes before it counts",
    "film/pictures/profile.py:carry_profile": "into the unfinished output; `stretch.picture` comes before it counts",
    "film/pictures/float_picture.py:write_float_picture": "into the unfinished output; `stretch.picture` or `publish.folder` comes",
    "film/pictures/picture_file.py:_write_by_opencv": "into the unfinished output; `stretch.picture` or `publish.folder` comes",
    "film/pictures/picture_files.py:add": "into the unfinished output; `stretch.picture` comes before it counts",
    "film/part.py:leave": "an empty folder of an unfinished output",
    "apply/shot_folder.py:clear_moves": "shots that a killed job left half renamed, which are made anew",
    "film/place.py:try_place": "a trial of the doctor's in a folder of its own, which goes again",
    "film/place.py:_links": "a trial of the doctor's in a folder of its own, which goes again",
    "film/cuts/selftest.py:reads_timelines": "a trial of the doctor's in a folder of its own, which goes again",
    "compute.py:leading_crew": "where the processes of a crew meet, a folder of their own, which goes again",
    "faults.py:_write": "a fault itself",
    "apply/passes.py:__exit__": "into the unfinished output, shown by `publish.folder`",
    "train/folder.py:remove_if_empty": "an empty folder and the lock in it",
    "pipeline/training.py:_corpus_of": "what is prepared again; `corpus.show` comes when that is whole",
}
"""Functions that commit and have no point, with the reason."""


def committing() -> Iterator[tuple[str, bool]]:
    """Yield every function that has a call that counts, as `file:name`, and whether it has a point."""
    for path, tree in sources():
        for function in ast.walk(tree):
            if isinstance(function, ast.FunctionDef):
                calls = [node.func for node in ast.walk(function) if isinstance(node, ast.Call)]
                names = {ast.unparse(call) for call in calls}
                methods = {call.attr for call in calls if isinstance(call, ast.Attribute)}
                if names & COMMITS or methods & COMMIT_METHODS:
                    yield f"{path}:{function.name}", "faults.point" in names


def test_every_commit_step_has_a_failpoint() -> None:
    found = dict(committing())
    without = {function for function, has_point in found.items() if not has_point}
    assert without - WITHOUT.keys() == set(), 'call faults.point("place") before it, or say why not'
    assert WITHOUT.keys() - without == set(), "these have a point now, or are gone"
    assert len(found) > 15, "the search finds them"


def test_every_failpoint_is_killed_at() -> None:
    """Tests kill at all points of these rooms: tests/apply/test_broken_off.py, test_shots_killed.py; tests/train."""
    elsewhere = {"check.frame": "a check writes nothing", "corpus.array": "reads only"}
    assert set(points()) - elsewhere.keys() == set(points("film", "apply", "train", "prepare")), "a room without a test"
    assert len(points()) > 25 and {"publish.replace", "checkpoint.manifest", "corpus.show"} <= set(points())
