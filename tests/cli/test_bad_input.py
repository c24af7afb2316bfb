"""Bad input: a message that says what, where and what to do, the right exit code, and nothing written or changed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[[str], tuple[int, str, str]]
Tree = Callable[[Path], dict[str, str]]

USAGE, INPUT = 2, 3

APPLY = "apply film.mp4 --look plain.look -o new.mp4"
TRAIN = "train --source film.mp4 --style style.mp4 -o new.look --budget 1s"
CHECK = "check film.mp4 --look silent"

CASES = [
    (APPLY.replace("film.mp4", "text.mp4"), INPUT, "text.mp4"),
    (APPLY.replace("film.mp4", "absent.mp4"), INPUT, "absent.mp4"),
    (APPLY.replace("film.mp4", "empty"), INPUT, "empty"),
    (APPLY.replace("film.mp4", "sound.mp4"), INPUT, "sound.mp4"),
    (APPLY.replace("plain.look", "text.look"), INPUT, "text.look is not a look"),
    (APPLY.replace("plain.look", "short.look"), INPUT, "short.look is not a look"),
    (APPLY.replace("plain.look", "damaged.look"), INPUT, "damaged"),
    (APPLY.replace("plain.look", "film.mp4"), INPUT, "film.mp4 is not a look"),
    (APPLY.replace("plain.look", "nosuchlook"), USAGE, "nosuchlook"),
    (APPLY.replace("new.mp4", "absent/new.mp4"), USAGE, "absent"),
    (APPLY.replace("new.mp4", "taken.mp4"), USAGE, "--overwrite"),
    (APPLY.replace("new.mp4", "film.mp4"), USAGE, "film.mp4"),
    (APPLY.replace("new.mp4", "film.mp4") + " --overwrite", USAGE, "film.mp4"),
    (APPLY.replace("new.mp4", "new.txt"), USAGE, "new.txt"),
    (APPLY + " --grade 2", USAGE, "--grade"),
    (APPLY + " --grade nan", USAGE, "--grade"),
    (APPLY + " --grain 2.5", USAGE, "--grain"),
    (APPLY + " --condition worn", USAGE, "new or surviving"),
    (APPLY + " --passes empty", USAGE, "empty exists"),
    (APPLY + " --range 00:00:02:00", USAGE, "is not a range"),
    (APPLY + " --range 00:00:00:12-00:00:00:06", USAGE, "is not a range"),
    (APPLY + " --range 00:01:00:00-00:01:01:00", INPUT, "24 frames"),
    (APPLY + " --device quantum", USAGE, "quantum"),
    (APPLY.replace(" --look plain.look", ""), USAGE, "--look"),
    (TRAIN.replace("style.mp4", "text.mp4"), INPUT, "text.mp4"),
    (TRAIN.replace("style.mp4", "sound.mp4"), INPUT, "sound.mp4"),
    (TRAIN.replace("style.mp4", "empty"), INPUT, "empty"),
    (TRAIN.replace("style.mp4", "black.mp4"), INPUT, "style footage"),
    (TRAIN.replace("film.mp4", "absent.mp4"), INPUT, "absent.mp4"),
    (TRAIN.replace("new.look", "absent/new.look"), USAGE, "absent"),
    (TRAIN.replace("new.look", "taken.look"), USAGE, "--overwrite"),
    (TRAIN.replace("new.look", "new.mp4"), USAGE, "new.look"),
    (TRAIN.replace("1s", "soon"), USAGE, "--budget"),
    (TRAIN + " --preset nosuch", USAGE, "nosuch"),
    (CHECK.replace("film.mp4", "text.mp4"), INPUT, "text.mp4"),
    (CHECK.replace("film.mp4", "sound.mp4"), INPUT, "sound.mp4"),
    (CHECK.replace("silent", "plain.look"), INPUT, "no judge"),
    (CHECK.replace("silent", "text.look"), INPUT, "text.look is not a look"),
    (CHECK + " -o absent/report", USAGE, "absent"),
    (CHECK + " -o taken.mp4", USAGE, "taken.mp4"),
    (CHECK + " --source text.mp4", INPUT, "text.mp4"),
    ("info text.mp4", INPUT, "text.mp4"),
    ("info text.look", INPUT, "text.look"),
    ("info empty", INPUT, "empty"),
    ("restyle film.mp4", USAGE, "restyle"),
]


@pytest.mark.parametrize(("line", "code", "named"), CASES, ids=[case[0] for case in CASES])
def test_bad_input_is_refused_in_words_and_nothing_changes(
    line: str, code: int, named: str, media: Path, run: Run, tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(media)
    before = tree(media)
    found, out, err = run(line)
    assert found == code, err
    assert named in err
    assert "Traceback" not in err
    assert out == ""
    assert tree(media) == before
