"""Names of films that are nasty, in and out: a name is only ever a name."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from relook.pipeline import apply

Run = Callable[[str], tuple[int, str, str]]

NAMES = {
    "spaces": b"two  words.mp4",
    "leading space": b" leading.mp4",
    "composed": "caf\u00e9.mp4".encode(),
    "decomposed": "cafe\u0301.mp4".encode(),
    "emoji": "\U0001f3ac.mp4".encode(),
    "newline": b"two\nlines.mp4",
    "quotes": b"it's \"so\".mp4",
    "leading dash": b"-look.mp4",
    "colon": b"a:b.mp4",
    "pipe": b"a|b.mp4",
    "pattern of digits": b"a%04d.mp4",
    "backslash": b"a\\b.mp4",
    "255 bytes": b"n" * 246 + b".mkv.mp4"[-9:] + b"!",
    "not UTF-8": b"\xff\xfe.mp4",
    "hash": b"a####.mp4",
    "brackets": b"a[x].mp4",
    "concat": b"concat:a.mp4",
    "address": b"http:x.mp4",
    "leading dot": b"..a.mp4",
    "glob": b"a*?.mp4",
}
NAMES["255 bytes"] = b"n" * 246 + b".mp4" + b""
"""By what is nasty in them, as bytes. Beside an output lies its `NAME.part`, so that 250 bytes are the most for one."""

OUTPUT_BYTES = 250


@pytest.mark.parametrize("kind", NAMES)
def test_a_nasty_name_works_in_and_out(kind: str, media: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(media)
    name = Path(os.fsdecode(NAMES[kind]))
    (media / "film.mp4").rename(name)
    (media / "new").mkdir()
    delivery = apply(name, "plain.look", Path("new") / name, strength=0, grade=0, detail=0, texture=0)
    assert len(delivery.frames) == 24
    assert [os.fsencode(made) for made in os.listdir("new")] == [NAMES[kind]]
    assert sorted(os.listdir(media / "new"))[0] == name.name
