"""What a look's card says of where it comes from."""

from __future__ import annotations

import hashlib
from importlib.metadata import version
from pathlib import Path

from relook.corpus import SIDES, Corpus
from relook.look import Footage
from relook.version import VERSION

PACKAGES = ("torch", "numpy", "av", "opencv-python-headless")


def footage_of(corpus: Corpus, licence: str = "") -> tuple[Footage, ...]:
    """List the films of both sides with their hashes and what was taken of them."""
    found = []
    for side in SIDES:
        shots = corpus.side(side) + corpus.side(side, held_out=True)
        for origin in sorted({shot.origin for shot in shots}):
            own = [shot for shot in shots if shot.origin == origin]
            seconds = round(sum(shot.seconds for shot in own), 2)
            found.append(Footage(side, Path(origin).name, hash_of(Path(origin)), len(own), seconds, licence))
    for pair in corpus.anchors:
        for path in map(Path, (pair.source, pair.target)):
            found.append(Footage("pair", path.name, hash_of(path), 1, 0.0, licence))
    return tuple(found)


def hash_of(path: Path) -> str:
    """Return the SHA-256 of a file, or of the hashes of a folder's files in order of their names."""
    digest = hashlib.sha256()
    if path.is_dir():
        for file in sorted(path.iterdir()):
            if file.is_file():
                digest.update(bytes.fromhex(hash_of(file)))
    elif path.is_file():
        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256")
    return digest.hexdigest()


def software_versions() -> dict[str, str]:
    """Return the versions of relook and of what shaped the result."""
    return {"relook": VERSION} | {package: version(package) for package in PACKAGES}
