"""Give relook spoilt files and see that each ends in one of its own errors, or in a result, soon and in little memory.

    python tests/strangers/fuzz.py COUNT SEED FOLDER [KIND ..]

COUNT: of spoilt files a kind. FOLDER: keeps every file that was not borne. Prints one JSON object.
"""

from __future__ import annotations

import faulthandler
import json
import sys
import tempfile
import time
import traceback
import warnings
from pathlib import Path
from random import Random
from typing import Any

import tripwires
from kinds import KINDS, Kind, cleared
from memory import peak_mebibytes
from mutate import cuts_of, mutated

from relook.errors import RelookError

STUCK_SECONDS = 120.0
"""Of the clock: so long without an end means that there is none."""


def main(count: int, seed: int, kept: Path, names: list[str]) -> None:
    kept.mkdir(parents=True, exist_ok=True)
    warnings.simplefilter("error")
    told: dict[str, Any] = {"failures": [], "kinds": {}, "tripped": []}
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "x"
        for name in names or KINDS:
            for example in KINDS[name].examples():
                KINDS[name].read(example, cleared(folder))  # what is imported late is imported now
                with tripwires.laid() as tripped:
                    KINDS[name].read(example, cleared(folder))
                told["tripped"] += [f"{name}: {what}" for what in tripped]
        before = peak_mebibytes()
        for name in names or KINDS:
            told["kinds"][name] = _fuzz(name, KINDS[name], count, seed, folder, kept, told["failures"])
        told["mebibytes"] = peak_mebibytes() - before
    sys.stdout.write(json.dumps(told))


def _fuzz(
    name: str, kind: Kind, count: int, seed: int, folder: Path, kept: Path, failures: list[Any]
) -> dict[str, Any]:
    """Read spoilt files of one kind; the first third are good ones cut short."""
    examples = kind.examples()
    cuts = [(example, stop) for example in examples for stop in cuts_of(example)]
    shown = Random(f"{seed} {name} cuts").sample(cuts, min(len(cuts), max(count // 3, 1)))
    refused, slowest = 0, 0.0
    for index in range(count):
        random = Random(f"{seed} {name} {index}")
        if index < len(shown):
            example, stop = shown[index]
            data = example[:stop]
        else:
            data = mutated(examples, random, *kind.ways)
        now = kept / f"{name.replace(' ', '-')}-{seed}-{index}"
        now.write_bytes(data)  # before it is read: a crash leaves no time for it
        faulthandler.dump_traceback_later(STUCK_SECONDS, exit=True)
        began, fault = time.process_time(), None
        with tripwires.laid() as tripped:
            try:
                kind.read(data, cleared(folder))
            except RelookError:
                refused += 1
            except BaseException as error:
                fault = f"{type(error).__name__}: {error}"[:300] + "".join(
                    traceback.format_tb(error.__traceback__)[-2:]
                )
        seconds = time.process_time() - began
        slowest = max(slowest, seconds)
        if fault or tripped or seconds > 1:
            failures.append({"file": now.name, "fault": fault, "tripped": tripped, "seconds": seconds})
        else:
            now.unlink()
    faulthandler.cancel_dump_traceback_later()
    return {"read": count, "refused": refused, "slowest": round(slowest, 3)}


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]), sys.argv[4:])
