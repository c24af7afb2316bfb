"""The verb `verify`: is a film still what its receipt says, and so are its source and look?"""

from __future__ import annotations

from pathlib import Path

from relook.apply.shot_record import RECORD, read_record
from relook.film.publish import file_hash
from relook.film.reader import probe
from relook.film.sequence import is_pattern, is_pictures, unlisted
from relook.look import find_look, shipped_looks
from relook.pipeline.arguments import named
from relook.receipt import Files, Finding, compare, read_receipt


def verify(
    output: str | Path, *, source: str | Path | None = None, look: str | Path | None = None
) -> tuple[Finding, ...]:
    """Compare a film that `apply` made, and what it was made from, with its receipt.

    Args:
        output: the film, sequence or folder of pictures, as it was given to `apply`; for a folder of a cut list's shots, only
            these are compared.
        source: the film that it was made from; not compared by default.
        look: the look's file or name; by default a look that ships with relook is compared, others are not.
    Returns:
        What was compared, file by file, and what is wrong with it.
    Raises:
        InputError: there is no receipt, or it is damaged or was changed.
        UsageError: there is no such look.
    """
    path = named(output)
    if (path / RECORD).is_file():
        shots = {name: str(shot["sha256"]) for name, shot in read_record(path).items()}
        return tuple(compare("output", Files(path.name, shots), path))
    receipt = read_receipt(path)
    findings = compare("output", receipt.output, path if path.is_dir() else path.parent)
    if is_pattern(path):
        findings += _beside("output", path, receipt.output)
    if source is not None:
        findings += _of_source(Path(source), receipt.source)
    if look is None and receipt.look.name in shipped_looks():
        look = receipt.look.name
    if look is not None:
        is_same = file_hash(find_look(look)) in receipt.look.sha256.values()
        findings.append(Finding("look", receipt.look.name, "" if is_same else "it is not the one that was used"))
    return tuple(findings)


def _beside(what: str, pattern: Path, told: Files) -> list[Finding]:
    """Name the pictures that a sequence has in addition to those on its receipt: readers would take them for its frames."""
    return [Finding(what, path.name, "it is not in the receipt") for path in unlisted(pattern, set(told.sha256))]


def _of_source(source: Path, told: Files) -> list[Finding]:
    """Compare a source by content, since it may have been renamed."""
    if source.is_dir():
        return compare("source", told, source)
    pictures = probe(source).pictures if is_pictures(source) else ()
    if pictures:
        return compare("source", told, pictures[0].parent)
    found = file_hash(source)
    fault = "it is not there" if found is None else "it is not the one that was used, or was changed"
    fault = "" if found in told.sha256.values() else fault
    return [Finding("source", source.name, fault)]
