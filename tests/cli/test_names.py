"""Names of films that are nasty, in and out: a name is only ever a name."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from relook.cli import main
from relook.film.publish import receipt_of
from relook.film.reader import probe

Read = Callable[[], tuple[str, str]]
Run = Callable[[str], tuple[int, str, str]]

NAMES = {
    "spaces": b"two  words.mp4",
    "leading space": b" leading.mp4",
    "composed": "caf\u00e9.mp4".encode(),
    "decomposed": "cafe\u0301.mp4".encode(),
    "emoji": "\U0001f3ac.mp4".encode(),
    "newline": b"two\nlines.mp4",
    "quotes": b'it\'s "so".mp4',
    "leading dash": b"-look.mp4",
    "colon": b"a:b.mp4",
    "pipe": b"a|b.mp4",
    "pattern of digits": b"a%04d.mp4",
    "backslash": b"a\\b.mp4",
    "255 bytes": b"n" * 251 + b".mp4",
    "255 bytes of two-byte letters": "\u00e9".encode() * 125 + b"n.mp4",
    "not UTF-8": b"\xff\xfe.mp4",
    "hash": b"a####.mp4",
    "brackets": b"a[x].mp4",
    "concat": b"concat:a.mp4",
    "address": b"http:x.mp4",
    "protocol": b"pipe:1.mp4",
    "wildcards": b"a*?.mp4",
}
"""By what is nasty in them, as bytes."""


@pytest.fixture
def here(media: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(media)
    (media / "new").mkdir()
    return media


def apply(source: bytes, target: bytes) -> int:
    with pytest.raises(SystemExit) as left:
        main(["apply", "--look", "plain.look", "--strength", "0", "-o", os.fsdecode(target), "--", os.fsdecode(source)])
    return int(left.value.code or 0)


@pytest.mark.parametrize("kind", NAMES)
def test_a_nasty_name_works_in_and_out(kind: str, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """IN19."""
    name = NAMES[kind]
    (here / "film.mp4").rename(os.fsdecode(name))
    code = apply(name, b"new/" + name)
    assert code == 0, capsys.readouterr().err
    assert sorted(os.listdir(b"new")) == sorted([name, os.fsencode(receipt_of(Path(os.fsdecode(name))).name)])
    assert probe(here / "new" / os.fsdecode(name)).num_frames == 24


def test_a_name_that_ends_in_a_dot_has_no_ending(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It is read like any other; written it cannot be, since its ending says what to write."""
    (here / "film.mp4").rename(here / "film.")
    assert apply(b"film.", b"new/a.mp4") == 0
    assert apply(b"film.", b"new/b.") == 2
    assert "end the name in .mp4" in capsys.readouterr().err
    assert sorted(os.listdir("new")) == ["a.mp4", "a.mp4.receipt.json"]


def test_a_folder_is_a_name_by_which_others_lie_beside_it_called_dot_too(
    here: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """AP09, IN19."""
    for line in ("apply film.mp4 --strength 0 --range 00:00:00:00-00:00:00:02 -o new/a.####.png", "apply new -o out"):
        code, _, err = run(f"{line} --look plain.look")
        assert code == 0, err
    for inside in ("out", "out/deep"):
        Path(inside).mkdir(exist_ok=True)
        monkeypatch.chdir(here / inside)
        code, out, err = run("verify ." if inside == "out" else "verify ..")
        assert code == 0 and "output: 2 files are" in out, err
        monkeypatch.chdir(here)
    for place in (".", "/"):
        for line in ("verify", "check --look plain.look", "apply film.mp4 --look plain.look -o"):
            assert run(f"{line} {place}")[0] in (2, 3), line
        assert run(f"train --source film.mp4 --style film.mp4 -o {place}")[0] == 2


def test_the_command_that_is_told_next_can_be_typed(here: Path, run: Run) -> None:
    (here / "film.mp4").rename(here / "-a.mp4")
    code, out, err = run("apply ./-a.mp4 --look plain.look --strength 0 -o ./-lead.mkv")
    assert code == 0, err
    assert "next: relook check ./-lead.mkv --look plain.look --source ./-a.mp4\n" in out
