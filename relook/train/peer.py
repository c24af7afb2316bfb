"""One of the processes that train a look together: `python -m relook.train.peer NAME.run cpu`.

Started by `relook train --processes`; reads what was asked from the run's folder and runs the same loop as the leader, which
alone writes.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path

from relook.compute import join_crew
from relook.corpus import load_corpus
from relook.errors import StoppedError
from relook.train.folder import CORPUS, read_asked
from relook.train.loop import Run, train_look


def main(run: Path, kind: str) -> None:
    """Take part in the training of a run's folder."""
    asked = read_asked(run)
    assert asked is not None, "the leader writes what was asked before it starts others"
    crew = join_crew(kind)
    with suppress(StoppedError):  # the leader tells the user
        train_look(load_corpus(run / CORPUS), asked.recipe, Run(asked.name, run, is_fork=asked.is_fork), crew)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
