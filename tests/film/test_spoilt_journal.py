"""A journal that is not as it was written: its readable part is gone on from, and nothing else is believed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from relook.film.frames import Frame
from relook.film.identity import Watched
from relook.film.reader import FilmReader
from relook.film.writer import FilmWriter, Job

STRETCH = 3
NUM_FRAMES = 10

Facts = dict[str, Any]


class Killed(Exception):
    pass


@pytest.fixture
def film(make_film: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("relook.film.writer.STRETCH_FRAMES", STRETCH)
    random = np.random.default_rng(0)
    return make_film("film.mkv", [random.integers(0, 255, (24, 32, 3), np.uint8) for _ in range(NUM_FRAMES)])


def write(film: Path, output: Path, *, dies: bool = False) -> int:
    """Write the film's frames that are not there yet; say how many were."""
    with FilmReader(film) as reader:
        frames: list[Frame] = list(reader.frames())
        job = Job("key", Watched([film]), lambda written: b"{}", num_frames=len(frames))
        with FilmWriter(output, reader.info, job=job) as writer:
            done = writer.num_done
            for frame in frames[done:]:
                writer.write(frame)
            if dies:
                writer._encoding.finish()
                raise Killed
    return done


@pytest.mark.parametrize(
    "spoil",
    [
        lambda facts: facts.clear(),
        lambda facts: facts.update(tally=5),
        lambda facts: facts["tally"].update(hashes=[]),
        lambda facts: facts["tally"].update(num_clipped="many"),
        lambda facts: facts.update(pictures=None),
        lambda facts: facts["pictures"].update(coded=[]),
        lambda facts: facts["pictures"]["coded"].append([0, 0, 0, True]),
        lambda facts: facts["pictures"]["coded"][0].__setitem__(2, -5),
    ],
)
def test_AP14_facts_that_cannot_be_are_not_gone_on_from(
    spoil: Callable[[Facts], object], film: Path, tmp_path: Path
) -> None:
    whole, output = tmp_path / "whole.mov", tmp_path / "out.mov"
    write(film, whole)
    with pytest.raises(Killed):
        write(film, output, dies=True)
    journal = tmp_path / "out.mov.part" / "journal.jsonl"
    lines = [json.loads(line) for line in journal.read_text().splitlines()]
    assert [line.get("stop") for line in lines] == [None, 3, 6, 9]
    spoil(lines[2]["facts"])
    journal.write_text("".join(f"{json.dumps(line, sort_keys=True)}\n" for line in lines))
    assert write(film, output) == STRETCH
    assert output.read_bytes() == whole.read_bytes()
