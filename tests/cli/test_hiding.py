"""A log that hides names: whatever a verb prints, on both streams and in JSON, names no film, look, folder or clip."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import av
import pytest

from relook.cli import main
from relook.cli.hiding import PLAIN, Names, gather_names, name_words, token
from relook.look import Footage, load_look, save_look

Said = tuple[int, str, str]

FOLDER, FILM, OUTPUT, LOOK = "Project Nightfall", "hush hush.mp4", "veiléd.mp4", "sepulchre.look"
CLIP, REEL, TITLE, ABSENT = "Obsidian take", "ZEPHYR", "The Unspoken", "phantom.mov"
SECRETS = ("nightfall", "hush", "veil", "sepulchre", "obsidian", "zephyr", "unspoken", "phantom")

EDL = f"""TITLE: {TITLE} trailer
001  {REEL}   V     C        00:00:00:02 00:00:00:10 01:00:00:00 01:00:00:08
* FROM CLIP NAME: {CLIP}.mov
"""


@pytest.fixture
def secret(media: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a secret name; in it a film, a look and a cut list, and nothing that is called anything else."""
    folder = media / FOLDER
    folder.mkdir()
    look = load_look(media / "plain.look")
    footage = Footage("style", f"{CLIP}.mov", "0" * 64, 1, 1.0, f"by kind leave of {REEL}")
    save_look(replace(look, card=replace(look.card, name="sepulchre", footage=(footage,))), folder / LOOK)
    (folder / "hush.edl").write_text(EDL)
    (folder / "phantom.edl").write_text(EDL.replace("00:00:00:02", "Obsidian"))
    (folder / "phantom.look").write_text("a look of Obsidian that is none")
    with av.open(str(media / "film.mp4")) as old, av.open(str(folder / FILM), "w") as new:
        copy = new.add_stream_from_template(old.streams.video[0])
        new.metadata["title"], new.metadata["comment"] = TITLE, f"{CLIP} of {REEL}"
        for packet in old.demux(video=0):
            if packet.dts is not None:
                packet.stream = copy
                new.mux(packet)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("RELOOK_HIDE_NAMES", "1")
    return folder


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    def run(*words: str | Path) -> Said:
        with pytest.raises(SystemExit) as left:
            main([str(word) for word in words])
        written = capsys.readouterr()
        return int(left.value.code or 0), written.out, written.err

    return run


def secrets_in(said: Said) -> list[str]:
    text = (said[1] + said[2]).lower()
    return [name for name in SECRETS if name in text]


APPLY = ("apply", FILM, "--look", LOOK, "--strength", "0")
CASES = {
    "a film told": (0, "info", FILM, "--shots", "--for", "mov", "--json"),
    "a look told": (0, "info", LOOK, "--json"),
    "a cut list told": (0, "info", "hush.edl", "--json"),
    "a render": (0, *APPLY, "-o", OUTPUT, "--json"),
    "a render by a whole path": (0, "apply", f"../{FOLDER}/{FILM}", "--look", LOOK, "--strength", "0", "-o", OUTPUT),
    "shots of a cut list": (0, *APPLY, "-o", "veil", "--edl", "hush.edl", "--json"),
    "a check that cannot be": (3, "check", FILM, "--look", LOOK, "--json"),
    "no such film": (3, "info", ABSENT),
    "no such look": (2, "apply", FILM, "--look", "phantom", "-o", OUTPUT),
    "no look": (3, "info", "phantom.look"),
    "no cut list": (3, "info", "phantom.edl"),
    "no film": (3, "info", "."),
    "no folder": (2, *APPLY, "-o", f"phantom/{OUTPUT}"),
    "an ending that is not known": (2, *APPLY, "-o", "veil.phantom"),
    "an output that is there": (2, *APPLY, "-o", FILM),
    "a verb that is none": (2, "Nightfall", FILM),
    "a film too many": (2, *APPLY, "-o", OUTPUT, "phantom.mov"),
    "an option with a sign": (2, *APPLY, f"--output=phantom/{OUTPUT}"),
    "a pair that is none": (2, "train", "--source", FILM, "--style", FILM, "-o", "veil.look", "--pair", "phantom"),
    "a recipe that is none": (2, "train", "--source", FILM, "--style", FILM, "-o", "veil.look", "--preset", "phantom"),
    "where we are": (0, "doctor", "--json"),
}
"""By what is done: the exit code, and the words of a command line."""


@pytest.mark.parametrize("kind", CASES)
def test_T17_no_name_is_printed(kind: str, secret: Path, say: Callable[..., Said]) -> None:
    code, *words = CASES[kind]
    said = say(*words)
    assert said[0] == code, said
    assert secrets_in(said) == [], said
    assert said[1] + said[2], "nothing was printed at all"


def test_T17_the_names_are_there_without_it(
    secret: Path, say: Callable[..., Said], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RELOOK_HIDE_NAMES", "0")
    assert {"hush", "unspoken", "obsidian", "zephyr"} <= set(secrets_in(say("info", FILM, "--json")))
    assert secrets_in(say("info", LOOK)) == ["sepulchre", "obsidian", "zephyr"]
    assert secrets_in(say("info", "hush.edl")) == ["obsidian", "zephyr", "unspoken"]


@pytest.mark.slow
def test_T17_a_traceback_names_nothing_either(secret: Path) -> None:
    code = "import relook.cli.info as i, relook.cli as c\ni.film_facts = lambda path: {}[str(path)]\nc.main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "info", str(secret / FILM)],
        env=os.environ | {"RELOOK_DEBUG": "1", "LC_ALL": "C", "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 9 and "Traceback" in done.stderr and "KeyError" in done.stderr
    assert secrets_in((9, done.stdout, done.stderr)) == []


def test_T17_what_only_a_receipt_or_a_variable_names_is_hidden(
    secret: Path, say: Callable[..., Said], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert say(*APPLY, "-o", OUTPUT)[0] == 0
    for name in (OUTPUT, f"{OUTPUT}.receipt.json"):
        Path(name).rename(name.replace(OUTPUT, "plain.mp4"))
    Path(FILM).rename("other.mp4")
    said = say("verify", "plain.mp4", "--source", "other.mp4", "--look", LOOK, "--json")
    assert said[0] == 1 and secrets_in(said) == [], said
    monkeypatch.setenv("OCIO", "/nightfall/config.ocio")
    said = say("apply", "other.mp4", "--look", LOOK, "-o", "o.mov", "--colour-space", "acescct")
    assert said[0] == 3 and secrets_in(said) == [], said


def test_the_same_name_is_the_same_token_and_the_rest_stays(secret: Path, say: Callable[..., Said]) -> None:
    _, out, _ = say(*APPLY, "-o", OUTPUT, "--json")
    told = json.loads(out.splitlines()[-1])
    assert re.fullmatch(r"<name-[0-9a-f]{4}>\.mp4", told["output"])
    assert f"24 frames written to {told['output']}\n" in out
    assert len(told["frame_hashes"]) == 24 and (secret / OUTPUT).exists()
    assert say("info", FILM)[1].splitlines()[0].split()[1] == f"{token('hush hush')}.mp4"


def test_what_is_no_name_is_left() -> None:
    words = [
        "--device",
        "cpu",
        "a.mp4",
        "--overwrite",
        "b.mp4",
        "--range",
        "1-2",
        "--look",
        "silent",
        "-o",
        "c",
        "--x=d",
    ]
    assert [word for word in name_words(words) if word] == ["a.mp4", "b.mp4", "c", "d", "d"]
    names = gather_names(["a.mp4"])
    assert names.hide("640 x 272: a film") == "640 x 272: a film"
    names.add_file("old.mp4")
    assert names.hide("gold, old.mp4.part, old_2, OLD") == (
        f"gold, {token('old')}.mp4.part, {token('old')}_2, {token('old')}"
    )


@pytest.mark.parametrize(
    "name", ["é.mov", "two\nlines.mov", 'it\'s "so".mov', "\udcff\udcfe.mov", "a*b(c.mov", "a\\b.mov"]
)
def test_nasty_names_are_hidden_however_they_are_quoted(name: str) -> None:
    names = Names()
    names.add_file(name)
    told = name.encode("utf-8", "backslashreplace").decode()
    for quoted in (name, f"{name!r}", json.dumps(name), told, shlex.quote(name)):
        assert f"{token(name[:-4])}.mov" in names.hide(f"cannot open {quoted}; check")


def test_every_option_that_is_called_plain_exists() -> None:
    import typer.main

    from relook.cli.app import build_app

    commands = typer.main.get_command(build_app()).commands  # type: ignore[attr-defined]
    known = {option for command in commands.values() for parameter in command.params for option in parameter.opts}
    assert known >= PLAIN
