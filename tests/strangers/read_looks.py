"""Load every look file of a folder, in a process of its own, and print what came of each.

    python read_looks.py FOLDER

One JSON object: of each file the error's kind and text, and the CPU seconds; of all together by how many MiB the memory
grew, and every use of what must never be used.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

import tripwires
from look_bytes import look_bytes
from memory import peak_mebibytes

from relook.look import load_look

DEVICES = {"a device": Path("/dev/zero")}


def main(folder: Path) -> None:
    (folder / "good.look").write_bytes(look_bytes(judge=True))
    load_look(folder / "good.look")  # what is imported late is imported now
    before = peak_mebibytes()
    told = {}
    with tripwires.laid() as tripped:
        for name, path in {path.name: path for path in sorted(folder.iterdir())}.items() | DEVICES.items():
            began, error = time.process_time(), None
            try:
                load_look(path)
            except BaseException as caught:
                error = [type(caught).__name__, str(caught)]
            told[name] = {"error": error, "seconds": time.process_time() - began}
    grown = peak_mebibytes() - before
    sys.stdout.write(json.dumps({"files": told, "mebibytes": grown, "tripped": tripped}))
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
