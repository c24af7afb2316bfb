"""Keep names out of what is printed, so that a log can be shared: `RELOOK_HIDE_NAMES=1`.

Every name on the command line, of the folders that its paths lie in, of the files in a folder that is named, and everything that a
film, look, cut list or receipt says about itself (titles, tags, reels, clips, footage) becomes a short token, always the same
for the same name: `<name-3fa2>`. It depends only on the name, so that someone who guesses the name can check that it fits.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final, TextIO

from relook.errors import RelookError

VARIABLE: Final = "RELOOK_HIDE_NAMES"

MARKS: Final = (
    *("--vignette", "--softness", "--halation", "--grain", "--flicker", "--weave", "--dust", "--scratches"),
    *("--unevenness", "--cranking", "--aperture"),
)
PLAIN: Final = frozenset(
    (
        *MARKS,
        *(
            "--strength",
            "--grade",
            "--detail",
            "--texture",
            "--condition",
            "--seed",
            "--range",
            "--tile-rows",
            "--tile",
        ),
        *("--on-damage", "--handles", "--colour-space", "--device", "--budget", "--processes", "--for"),
    )
)
"""Options whose values are not names; the word after any other option may be one."""

SYSTEM_FOLDERS: Final = frozenset(
    (
        "home",
        "users",
        "root",
        "tmp",
        "var",
        "private",
        "mnt",
        "media",
        "volumes",
        "usr",
        "opt",
        "work",
        "data",
        "folders",
    )
)
SHORTEST: Final = 3
"""Fewest letters of a name that is hidden: "a" would be found in every sentence."""
LONGEST_ENDING: Final = 6


class Names:
    """The names to hide, each with its token."""

    def __init__(self) -> None:
        self._tokens: dict[str, str] = {}

    def add(self, *names: str) -> None:
        """Hide names of any kind: clips, titles, tags."""
        for name in names:
            if re.search(r"[^\W\d_]", name):
                self._put(name, token(name))

    def add_path(self, path: Path) -> None:
        """Hide a path: its file's name with and without the ending, and all folders above it."""
        whole = Path(os.path.abspath(path))
        self.add_folder(whole.parent)
        for folder in path.parts[:-1]:
            self.add(folder)
        self.add_file(whole.name)

    def add_folder(self, folder: Path) -> None:
        """Hide a folder's path, whole and part by part; `folder` is absolute."""
        self._put(str(folder), token(str(folder)))
        self.add(*(part for part in folder.parts[1:] if part.lower() not in SYSTEM_FOLDERS))

    def add_file(self, name: str) -> None:
        """Hide a file's name but not its ending."""
        ending = Path(name).suffix if len(Path(name).suffix) <= LONGEST_ENDING else ""
        stem = name.removesuffix(ending)
        self._put(name, token(stem) + ending)
        for part in (stem, Path(name).stem, name.partition(".")[0]):
            self._put(part, token(part))

    def hide(self, text: str) -> str:
        """Replace the names in a text."""
        lower = text.lower()
        for form in sorted((form for form in self._tokens if form in lower), key=len, reverse=True):
            pattern = rf"(?<![^\W_]){re.escape(form)}(?![^\W_])"
            text = re.sub(pattern, lambda found, form=form: self._tokens[form], text, flags=re.IGNORECASE)  # type: ignore[misc]
        return text

    def _put(self, name: str, stands: str) -> None:
        if len(name) < SHORTEST:
            return
        quoted = name.encode("utf-8", "backslashreplace").decode()
        in_file_names = re.sub(r"[^\w.-]+", "_", name).strip("._-")
        in_shells = name.replace("'", """'"'"'""")  # as shlex quotes
        for form in (name, quoted, repr(name)[1:-1], json.dumps(name)[1:-1], in_shells, in_file_names):
            if form:
                self._tokens.setdefault(form.lower(), stands)


def token(name: str) -> str:
    """Return the token for a name."""
    return f"<name-{hashlib.sha256(name.encode('utf-8', 'surrogateescape')).hexdigest()[:4]}>"


class Hiding(io.TextIOBase):
    """A stream that names never reach; it is not a terminal, where bars would cut names into unrecognisable pieces."""

    def __init__(self, stream: TextIO, names: Names) -> None:
        self._stream, self._names = stream, names

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self._stream.encoding

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        if not isinstance(text, str):
            raise TypeError(f"text is written here, not {type(text).__name__}")
        self._stream.write(self._names.hide(text))
        return len(text)

    def write_json(self, values: Any) -> None:
        """Write one JSON object with the names replaced in its values, but not in its keys."""
        self._stream.write(json.dumps(self._without(values), allow_nan=False) + "\n")

    def flush(self) -> None:
        self._stream.flush()

    def fileno(self) -> int:
        return self._stream.fileno()

    def _without(self, values: Any) -> Any:
        if isinstance(values, dict):
            return {key: self._without(value) for key, value in values.items()}
        if isinstance(values, list | tuple):
            return [self._without(value) for value in values]
        if values is None or isinstance(values, bool | int | float):
            return values
        return self._names.hide(str(values))


@contextmanager
def hiding_names(words: list[str], verbs: Collection[str]) -> Iterator[None]:
    """During the `with`, hide the names on a command line in what is printed, if the environment asks for it."""
    if os.environ.get(VARIABLE, "") in ("", "0"):
        yield
        return
    names = gather_names(words[1:] if words[:1] and words[0] in verbs else words)
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = Hiding(sys.stdout, names), Hiding(sys.stderr, names)
    try:
        yield
    finally:
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):
                stream.flush()
        sys.stdout, sys.stderr = before


def gather_names(words: list[str]) -> Names:
    """Collect the names that a command line, without its verb, is about."""
    names = Names()
    names.add_folder(Path(os.path.expanduser("~")))
    with suppress(FileNotFoundError):  # a current folder that was removed
        names.add_folder(Path.cwd())
    if config := os.environ.get("OCIO"):
        names.add_path(Path(config))
    for word in name_words(words):
        names.add_path(Path(word))
        for add in (_add_found, _add_receipt):
            with suppress(Exception):  # what cannot be read tells no names, and the verb will say why
                add(Path(word), names)
    return names


def _add_found(path: Path, names: Names) -> None:
    """Hide what a path leads to: the files in a folder, those of a sequence's pattern, the names inside a file."""
    if path.is_dir():
        for below in path.rglob("*"):
            names.add_file(below.name)
    elif path.is_file():
        names.add(*told_by(path))
    elif path.parent.is_dir():
        for beside in path.parent.iterdir():
            if beside.suffix:
                names.add_file(beside.name)


def _add_receipt(output: Path, names: Names) -> None:
    """Hide what an output's receipt names, since files may have been renamed."""
    from relook.receipt import read_receipt  # late, as all below

    receipt = read_receipt(output)
    for files in (receipt.output, receipt.source):
        for name in (files.name, *files.sha256):
            names.add_file(Path(name).name)
            names.add(*Path(name).parts[:-1])
    if not _is_shipped(receipt.look.name):
        names.add(receipt.look.name)


def name_words(words: list[str]) -> Iterator[str]:
    """Yield the words on a command line, without its verb, that may be names."""
    before = ""
    for word in words:
        option, sign, value = word.partition("=")
        if word.startswith("-") and (word.startswith("--") or len(word) == 2):
            if sign and option not in PLAIN:
                yield from (value, *value.split("="))
            before = word
            continue
        if before not in PLAIN and not _is_shipped(word):
            yield from dict.fromkeys((word, *word.split("=")))
            if word.startswith("-o"):
                yield word[2:]
        before = ""


def _is_shipped(word: str) -> bool:
    """Say whether a word is a look or a recipe that ships with relook."""
    look = Path(__file__).parents[1] / "looks" / f"{word}.look"
    return not os.path.exists(word) and (word in ("film", "restyle") or os.path.exists(look))


def told_by(path: Path) -> list[str]:
    """Return the names in a look, cut list or film: of footage, clips and reels, titles and tags.

    Raises:
        RelookError: it cannot be read.
    """
    if path.suffix == ".look":
        from relook.look import load_look  # late: seconds to import, and only where names are hidden

        card = load_look(path).card
        footage = [part for film in card.footage for part in (film.name, Path(film.name).stem, film.licence)]
        return [card.name, *footage]
    if path.suffix.lower() in (".edl", ".otio"):
        return list(_of_cut_list(path))
    from relook.film.container.inventory import inventory
    from relook.film.reader import probe

    found = inventory(probe(path))
    titles = [found.title, found.reel, *(c.title for c in found.chapters), *(t.title for t in found.tracks)]
    return [text for text in (*titles, *(value for _, value in found.tags)) if text]


def _of_cut_list(path: Path) -> Iterator[str]:
    from relook.film.cuts.cut_files import read_cut_list

    text = path.read_bytes().decode("utf-8", "replace")
    yield from (line.strip() for line in text.splitlines() if path.suffix.lower() == ".edl")
    yield from re.findall(r"(?:NAME|TITLE|FILE)\s*:\s*(\S.*?)\s*$", text, re.MULTILINE)
    yield from re.findall(r'"(?:name|target_url)"\s*:\s*"((?:[^"\\]|\\.)+)"', text)
    with suppress(RelookError):
        cuts = read_cut_list(path)
        yield cuts.title
        for event in cuts.events:
            yield from (event.name, event.reel, Path(event.reel).stem)
