"""T8: names in cut lists are names and never paths, whatever is in them."""

from __future__ import annotations

import json
import os
import unicodedata
from pathlib import Path
from random import Random

from kinds import KINDS

from relook.apply.shot_files import shot_name
from relook.apply.shot_folder import ENDINGS
from relook.apply.shot_record import is_shot_file
from relook.film.cuts.cut_files import read_cut_list

PIECES = (
    *(
        "../",
        "..\\",
        "/",
        "\\",
        "//",
        "~",
        "~root",
        "C:",
        "file:",
        "%2e%2e%2f",
        "..",
        ".",
        " ",
        "\t",
        "\n",
        "\r",
        "\0",
        "-",
        "--",
    ),
    *(
        "/etc/passwd",
        "CON",
        "nul.txt",
        "$HOME",
        "`id`",
        "$(id)",
        ";rm -rf .",
        "|",
        "*",
        "?",
        "<img src=x>",
        "'",
        '"',
        "&&",
    ),
    *(
        "\uff0f",
        "\u2215",
        "\u2044",
        "\uff0e\uff0e",
        "\u202e",
        "\u200b",
        "\ufeff",
        "e\u0301",
        "\u00e9",
        "\ud83c\udfac".encode("utf-16", "surrogatepass").decode("utf-16"),
    ),
    *(
        "a",
        "A001C002",
        "x" * 300,
        "\u4e2d" * 100,
        "\x1b[2J",
        "\x7f",
        "\u2028",
        ".mov",
        "\u0130",
        "\u00df",
        "\u0600",
        "\U000e0001",
    ),
)
NUMBERS = ("001", "999999999Z", "000000001")


def hostile_name(random: Random) -> str:
    """Draw a name that would like to lead elsewhere."""
    pieces = [
        random.choice(PIECES) if random.random() < 0.8 else chr(random.randrange(1, 0xD800))
        for _ in range(random.randrange(1, 9))
    ]
    return "".join(pieces)


def test_T08_no_name_of_a_cut_list_leads_out_of_the_folder(tmp_path: Path) -> None:
    random, folder = Random(8), tmp_path.resolve()
    for _ in range(10_000):
        name = hostile_name(random)
        made = f"{shot_name(random.choice(NUMBERS), name)}{ENDINGS[0]}"
        path = folder / made
        assert path.parent == folder and path.name == made and Path(os.path.normpath(path)).parent == folder, repr(name)
        assert len(os.fsencode(made)) <= 255 and made[0].isalnum() and made.isprintable(), repr(name)
        for form in ("NFC", "NFD", "NFKC", "NFKD"):
            told = unicodedata.normalize(form, made)  # as a file system may store it
            assert not set('/\\:*?"<>|') & set(told) and ".." not in told[:3], repr(name)
        assert is_shot_file(made), "what we write is what we read again"


def test_T08_the_shots_of_a_hostile_list_lie_in_their_folder(tmp_path: Path) -> None:
    """The names are those that come out of the readers, and the files are made."""
    random, folder = Random(9), tmp_path / "shots"
    folder.mkdir()
    timeline = json.loads(KINDS["otio"].examples()[0])
    clips = timeline["tracks"]["children"][0]["children"]
    clip = clips[0]
    clips[:] = [clip | {"name": hostile_name(random)} for _ in range(100)]
    (tmp_path / "cut.otio").write_text(json.dumps(timeline))
    events = [*read_cut_list(tmp_path / "cut.otio").events]
    lines = []
    for number in range(100):
        name = hostile_name(random).replace("\n", " ").replace("\r", " ")
        lines += [
            f"{number:03d}  A{number}  V  C  00:00:00:00 00:00:01:00 00:00:{number % 60:02d}:00 00:00:{number % 60:02d}:01".replace(
                "00:00:01:00", "00:00:00:01"
            ),
            f"* FROM CLIP NAME: {name}",
        ]
    (tmp_path / "cut.edl").write_text("\n".join(lines), encoding="utf-8")
    events += read_cut_list(tmp_path / "cut.edl").events
    assert len(events) == 200
    before = sorted(path.name for path in tmp_path.iterdir())
    for event in events:
        (folder / f"{shot_name(event.number, event.name or event.reel)}{ENDINGS[0]}").touch()
    assert sorted(path.name for path in tmp_path.iterdir()) == before
    assert all(path.is_file() for path in folder.iterdir())
