"""Read files in a process of its own, in which a crash hurts nobody, and print what came of each.

    python read_some.py KIND FILE ..

One JSON object: by file name the error's kind and text, null where it was read.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from kinds import KINDS, cleared


def main(kind: str, files: list[str]) -> None:
    told = {}
    with tempfile.TemporaryDirectory() as place:
        for file in map(Path, files):
            try:
                KINDS[kind].read(file.read_bytes(), cleared(Path(place) / "x"))
                told[file.name] = None
            except BaseException as error:
                told[file.name] = [type(error).__name__, str(error)]
    sys.stdout.write(json.dumps(told))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
