"""Say in plain words whether the footage is enough, and for what."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from relook.corpus import Dropped, Reason, Side, Sufficiency

Grade = Literal["well", "fairly", "poorly", "not at all"]
GRADES: tuple[Grade, ...] = ("well", "fairly", "poorly", "not at all")
Level = Literal["good", "fair", "poor"]
LEVELS: tuple[Level, ...] = ("good", "fair", "poor")

REASON_WORDS: dict[Reason, str] = {
    "black": "black",
    "single_colour": "of a single colour",
    "blurred": "blurred",
    "duplicate": "repeated",
    "title": "title cards",
    "over_limit": "over the size limit of the corpus",
}


SOME_SHOTS, MANY_SHOTS = 4, 8
"""Shots of the style from which tones are learned fairly, and well (`benchmarks/little_footage.py`)."""


@dataclass(frozen=True)
class SideFacts:
    """What the verdict on one side rests on."""

    side: Side
    seconds: float
    """Usable footage."""
    num_shots: int
    num_frames: int
    """Usable frames."""
    num_pairs: int
    """Usable pairs of consecutive frames; 0 for stills."""
    height: int
    """Of the smallest picture."""


def judge_sufficiency(facts: Sequence[SideFacts], dropped: Sequence[Dropped]) -> Sufficiency:
    """Weigh both sides; the level is the worse of the two."""
    sentences: list[str] = []
    levels: list[Level] = []
    for one in facts:
        level, text = _judge_style(one) if one.side == "style" else _judge_source(one)
        levels.append(level)
        sentences += [text, *_left_out(one, dropped)]
    return Sufficiency(max(levels, key=LEVELS.index), " ".join(sentences))


def _judge_style(facts: SideFacts) -> tuple[Level, str]:
    grades = {"colour": _grade_colour(facts), "grain": _grade_grain(facts), "structure": _grade_structure(facts)}
    learned = [
        f"{' and '.join(names)} will be learned {grade}" if not k else f"{' and '.join(names)} {grade}"
        for k, (grade, names) in enumerate(_by_grade(grades))
    ]
    text = f"Your {_amount(facts)}: {', '.join(learned)}."
    if grades["grain"] == "not at all":
        text += " Grain, flicker and dust show only in moving footage: add a film."
    elif grades["structure"] != "well":
        text += " More shots of other scenes would help."
    basics = max(GRADES.index(grades["colour"]), GRADES.index(grades["grain"]))
    if basics == 0 and grades["structure"] != "poorly":
        return "good", text
    return ("fair" if basics <= 1 else "poor"), text


def _judge_source(facts: SideFacts) -> tuple[Level, str]:
    text = f"Your {_amount(facts)}: "
    if facts.num_frames < 4:
        return "poor", f"{text}too little to know what to change; add footage like the film that you will apply it to."
    if facts.num_shots == 1:
        return "fair", f"{text}the look will fit this scene; for others, add shots of other places and light."
    return ("good" if facts.num_shots >= 4 else "fair"), f"{text}{'varied' if facts.num_shots >= 4 else 'enough'}."


def _grade_colour(facts: SideFacts) -> Grade:
    """Grade tone and colour: of few shots nobody can tell what is the look and what the scene."""
    if facts.num_frames < 4 or facts.num_shots < SOME_SHOTS:
        return "poorly"
    return "well" if facts.num_shots >= MANY_SHOTS else "fairly"


def _grade_grain(facts: SideFacts) -> Grade:
    if not facts.num_pairs:
        return "not at all"
    if facts.num_pairs < 8:
        return "poorly"
    return "well" if facts.num_pairs >= 24 and facts.height >= 240 else "fairly"


def _grade_structure(facts: SideFacts) -> Grade:
    if facts.num_shots >= MANY_SHOTS and facts.num_frames >= 16:
        return "well"
    return "fairly" if facts.num_shots >= 4 else "poorly"


def _by_grade(grades: dict[str, Grade]) -> list[tuple[Grade, list[str]]]:
    """Group what is learned by how well, best first."""
    groups = [(grade, [name for name, given in grades.items() if given == grade]) for grade in GRADES]
    return [(grade, names) for grade, names in groups if names]


def _amount(facts: SideFacts) -> str:
    """Say how much there is: "41 s of style footage holds 2 shots"."""
    if not facts.num_pairs:
        return f"{facts.side} side holds {_count(facts.num_frames, 'still')}"
    seconds = f"{facts.seconds:.0f}" if facts.seconds >= 10 else f"{facts.seconds:.1f}"
    return f"{seconds} s of {facts.side} footage holds {_count(facts.num_shots, 'shot')}"


def _left_out(facts: SideFacts, dropped: Sequence[Dropped]) -> list[str]:
    counts: Counter[Reason] = Counter()
    for one in dropped:
        if one.side == facts.side:
            counts[one.reason] += one.num_frames
    if not counts:
        return []
    listed = ", ".join(f"{count} {REASON_WORDS[reason]}" for reason, count in counts.most_common())
    return [f"Frames left out of it: {listed}."]


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
