"""Verdicts on shots and the report of a film; JSON in and out (schema 1 of the design)."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, get_args

from pydantic import TypeAdapter

from relook.errors import InputError
from relook.recipe.mechanics import Mechanics
from relook.strict import parse_json
from relook.timing import FrameRange

SCHEMA = 1

Verdict = Literal["pass", "review", "fail", "unjudged"]
FilmVerdict = Literal["pass", "fail", "unjudged"]
Code = Literal[
    "style_not_reached",
    "content_lost",
    "geometry_drift",
    "flicker",
    "seam",
    "frozen",
    "black",
    "clipped",
    "non_finite",
    "frame_count",
    "not_judgeable",
]


@dataclass(frozen=True)
class Reason:
    """Why a shot did not simply pass."""

    code: Code
    text: str
    """In plain words, with the number that decided."""


@dataclass(frozen=True)
class ShotVerdict:
    """The judgement of one shot."""

    index: int
    frames: FrameRange
    start_timecode: str
    verdict: Verdict
    reasons: tuple[Reason, ...] = ()
    """What fails it first, then what wants a look."""
    measures: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Timeline:
    """What the report draws over time, at up to some thousand frames; lists of one length, None where nothing was measured."""

    frames: tuple[int, ...] = ()
    luma: tuple[float | None, ...] = ()
    """Mean luma of the film, 0..1."""
    source_luma: tuple[float | None, ...] = ()
    flicker: tuple[float | None, ...] = ()
    """Relative change of brightness beyond the source's own."""
    style_distance: tuple[float | None, ...] = ()
    """Of single pairs of frames, as a share of the limit."""


@dataclass(frozen=True)
class FilmCard:
    """The film that was judged."""

    name: str
    width: int
    height: int
    frame_rate: str
    """Exact, as "24000/1001"."""
    num_frames: int
    source: str | None = None
    """The name of the film before the look, where it was given."""


@dataclass(frozen=True)
class LookCard:
    """The look that it was judged against."""

    name: str
    sha256: str


@dataclass(frozen=True)
class MarksCompared:
    """The marks of the style's film beside those that the film has now."""

    style: Mechanics
    film: Mechanics


@dataclass(frozen=True)
class Report:
    """All verdicts of a film."""

    film: FilmCard
    look: LookCard
    verdict: FilmVerdict
    shots: tuple[ShotVerdict, ...]
    standing: str
    """What the judgement stands on, in plain words: "calibrated on 3 style shots only: ..."."""
    measures: Mapping[str, float] = field(default_factory=dict)
    limits: Mapping[str, tuple[float, float | None]] = field(default_factory=dict)
    """Of the shots' measures: from where one calls for a review, and from where it fails a shot (None: never)."""
    timeline: Timeline = Timeline()
    mechanics: MarksCompared | None = None
    """None where the film's were not measured."""

    def count(self, verdict: Verdict) -> int:
        """Return how many shots have a verdict."""
        return sum(shot.verdict == verdict for shot in self.shots)

    def worst_first(self) -> tuple[ShotVerdict, ...]:
        """Return the shots in the order in which somebody should look at them."""
        order = {"fail": 0, "review": 1, "unjudged": 2, "pass": 3}
        return tuple(
            sorted(self.shots, key=lambda s: (order[s.verdict], -s.measures.get("style_distance", 0.0), s.index))
        )

    def lines(self) -> tuple[str, ...]:
        """Say it in plain lines: the film's verdict, then every shot that is more or less than a pass."""
        counts = ", ".join(f"{self.count(verdict)} {verdict}" for verdict in get_args(Verdict) if self.count(verdict))
        return (
            f"{self.film.name}: {self.verdict} ({len(self.shots)} shots: {counts or 'none'}; {self.standing})",
            *(_line(shot) for shot in self.worst_first() if shot.verdict != "pass"),
        )

    def to_dict(self) -> dict[str, Any]:
        """Lay the report out as `report.json` has it."""
        return {
            "schema": SCHEMA,
            "film": asdict(self.film),
            "look": asdict(self.look),
            "verdict": self.verdict,
            "standing": self.standing,
            "shots": [_shot_to_dict(shot) for shot in self.shots],
            "measures": _finite(self.measures)
            | {
                "limits": dict(self.limits),
                "timeline": asdict(self.timeline),
                "mechanics": self.mechanics and asdict(self.mechanics),
            },
        }

    def to_json(self) -> str:
        """Write the report as JSON (schema 1)."""
        return json.dumps(self.to_dict(), indent=1, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Report:
        """Read a report back.

        Raises:
            InputError: it is not a report of this schema.
        """
        try:
            data = parse_json(text)
            if data["schema"] != SCHEMA:
                raise InputError(f"the report has schema {data['schema']} and this relook reads {SCHEMA}; check again")
            measures = dict(data["measures"])
            timeline = {name: tuple(values) for name, values in measures.pop("timeline").items()}
            return cls(
                film=FilmCard(**data["film"]),
                look=LookCard(**data["look"]),
                verdict=data["verdict"],
                shots=tuple(_shot_from_dict(shot) for shot in data["shots"]),
                standing=data["standing"],
                mechanics=_COMPARED.validate_python(measures.pop("mechanics", None)),
                limits={name: (review, fail) for name, (review, fail) in measures.pop("limits").items()},
                measures=measures,
                timeline=Timeline(**timeline),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InputError(f"this is not a relook report ({error}); give a report.json that relook wrote") from error


_COMPARED = TypeAdapter(MarksCompared | None)


def _shot_to_dict(shot: ShotVerdict) -> dict[str, Any]:
    return {
        "index": shot.index,
        "start_frame": shot.frames.start,
        "stop_frame": shot.frames.stop,
        "start_timecode": shot.start_timecode,
        "verdict": shot.verdict,
        "reasons": [asdict(reason) for reason in shot.reasons],
        "measures": _finite(shot.measures),
    }


def _shot_from_dict(data: Mapping[str, Any]) -> ShotVerdict:
    return ShotVerdict(
        index=data["index"],
        frames=FrameRange(data["start_frame"], data["stop_frame"]),
        start_timecode=data["start_timecode"],
        verdict=data["verdict"],
        reasons=tuple(Reason(**reason) for reason in data["reasons"]),
        measures=dict(data["measures"]),
    )


def _finite(measures: Mapping[str, float]) -> dict[str, Any]:
    return {name: value for name, value in measures.items() if math.isfinite(value)}


def _line(shot: ShotVerdict) -> str:
    span = f"frames {shot.frames.start} to {shot.frames.stop - 1}"
    return f"  shot {shot.index} ({shot.start_timecode}, {span}): {shot.verdict}: " + "; ".join(
        r.text for r in shot.reasons
    )
