"""The page that shows how the training of a look goes: its contact sheet, its checks and its terms, kept up to date."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any

from relook.deliver.plots import HEIGHT, WIDTH, Points, Scale, round_scale, running_mean, spots, thinned, trace
from relook.deliver.templates import environment, page_errors, replace_text
from relook.deliver.training_log import (
    FIRST_PASS,
    FIRST_PASS_SCORE,
    Check,
    TrainingLog,
    Trouble,
    read_log,
    sentence,
)
from relook.timing import duration_text
from relook.version import VERSION

REFRESH_SECONDS = 10
MOST_POINTS = 300
"""Longer curves of terms are thinned to so many points."""
MEAN_SHARE = 0.03
"""Share of a curve on either side that its running mean takes in."""
MOST_LARGE_DOTS = 60
MOST_TROUBLES = 40
KINDS = {FIRST_PASS: "first", "as learned": "learned"}
"""How the candidates of a check are drawn; any other name is "other"."""
DOTS = ("learned", "other")


@dataclass(frozen=True)
class _Measure:
    """How a number of a check or a term is shown."""

    name: str
    label: str
    note: str
    is_share: bool = False
    least: float = 0.0
    most: float = math.inf
    held: tuple[float, ...] = ()
    """Values that its scale always shows."""
    rule: float | None = None
    """A value that a line marks."""

    def text(self, value: float) -> str:
        """Write a value for people."""
        return _signed(f"{100 * value:.1f} %" if self.is_share else f"{value:#.3g}".rstrip("."))

    def edge(self, value: float) -> str:
        """Write what an edge of the scale stands for."""
        return _signed(f"{100 * value:.4g} %" if self.is_share else f"{value:.4g}")


@dataclass(frozen=True)
class _Curve:
    """One box of the page."""

    label: str
    note: str
    value: str
    """What holds now."""
    beside: str
    """What to compare it with; empty where there is nothing."""
    top: str
    bottom: str
    paths: tuple[tuple[str, str], ...]
    """Kind and SVG path, drawn in this order."""


CHECKS = (
    _Measure(
        "closeness",
        "Closeness to the style",
        "beyond the first pass, by the score; higher is closer",
        is_share=True,
        least=-math.inf,
    ),
    _Measure("patch_distance", "Distance of textures", "grain, wear, fine detail; lower is closer"),
    _Measure("colour_distance", "Distance of colours", "tone and tint; lower is closer"),
    _Measure("structure_kept", "Structure kept", "of the picture as shot; 100 % is all of it", is_share=True, most=1.0),
)
TERMS = (
    _Measure("critic", "Critic's loss", "how hard it is to tell the style from a render; higher is harder"),
    _Measure(
        "accuracy",
        "Critic's accuracy",
        "how often it tells them apart; 50 % is guessing",
        is_share=True,
        most=1.0,
        held=(0.0, 1.0),
        rule=0.5,
    ),
    _Measure("adversarial", "Adversarial", "how plainly the critic sees a render; lower deceives it better"),
    _Measure("content", "Content", "structure of the source that is lost; lower keeps more"),
    _Measure("equivariance", "Equivariance", "how far the look lags behind motion; lower is steadier"),
)


def write_training_page(run: Path, *, name: str, is_done: bool, message: str = "") -> Path:
    """Write `training.html` into the folder of a training run; what is there is replaced in one step.

    Args:
        run: holds `metrics.jsonl` and `sheet.jpg`, as far as they have come.
        name: of the look.
        is_done: nothing more is to come; until then the page reloads itself.
        message: the last remark of the training.
    Returns:
        The page.
    """
    path = run / "training.html"
    with page_errors(path):
        log = read_log(run / "metrics.jsonl")
        text = (
            environment()
            .get_template("training.html.jinja")
            .render(
                name=name,
                is_done=is_done,
                message=message or _state(log, is_done),
                has_sheet=(run / "sheet.jpg").is_file(),
                **_context(log),
            )
        )
        replace_text(path, text)
    return path


def _state(run: TrainingLog, is_done: bool) -> str:
    """Say in words how the training stands, where it did not say so itself."""
    if run.reason:
        return sentence(run.reason)
    if is_done:
        return "The training has ended."
    return "The look is being trained." if run.checks or run.terms else "The first pass is being made."


def _signed(number: str) -> str:
    return number.replace("-", "\N{MINUS SIGN}")


def _context(run: TrainingLog) -> dict[str, Any]:
    troubles = list(_told(run.troubles))
    return {
        "run": run,
        "version": VERSION,
        "refresh_seconds": REFRESH_SECONDS,
        "written": f"{datetime.now():%H:%M:%S}",
        "facts": list(_facts(run)),
        "checks": [curve for measure in CHECKS if (curve := _check_curve(run, measure))],
        "terms": [curve for measure in TERMS if (curve := _term_curve(run, measure))],
        "is_dense": len(run.checks) > MOST_LARGE_DOTS,
        "kinds": {_kind(check) for check in run.checks},
        "troubles": troubles[-MOST_TROUBLES:],
        "num_untold": max(len(troubles) - MOST_TROUBLES, 0),
    }


def _facts(run: TrainingLog) -> Iterator[tuple[str, str]]:
    """Yield the numbers at the head of the page, each with what it is."""
    values = run.kept.values if run.kept else {}
    if "closeness" in values:
        percent = 100 * values["closeness"]
        way = "further from" if percent < 0 else "closer to"
        leads = "closer to the style: the first pass leads"
        yield f"{abs(percent):.1f} %", leads if run.kept is run.first else f"{way} the style than the first pass"
    if "structure_kept" in values:
        yield f"{100 * values['structure_kept']:.1f} %", "of the picture's structure kept"
    yield f"{run.now.step:,}", "steps"
    yield f"{run.now.frames:,}", "frames seen"
    yield duration_text(run.now.seconds), "of training"


def _check_curve(run: TrainingLog, measure: _Measure) -> _Curve | None:
    """Draw a measure of the checks: a dot per candidate, the one that leads as steps, the first pass as a rule."""

    def points(checks: Iterable[Check]) -> list[tuple[float, float]]:
        return [(check.at.frames, check.values[measure.name]) for check in checks if measure.name in check.values]

    everything = points(run.checks)
    if not everything:
        return None
    first = points([run.first] if run.first else [])
    leading = points([run.kept] if run.kept else [])
    kept = points(check for check in run.checks if check.is_kept and check.candidate != FIRST_PASS)
    scale = _scale(measure, everything, always=first + kept)
    dots = {kind: points(check for check in run.checks if _kind(check) == kind) for kind in DOTS}
    dots |= {"leading": leading, "kept": kept}
    paths = (
        ("rule", "".join(_rule(value, scale) for _, value in first)),
        ("course", trace(_as_steps(first + kept, run.right), right=run.right, scale=scale)),
        *((kind, spots(places, right=run.right, scale=scale)) for kind, places in dots.items()),
    )
    now = "".join(measure.text(value) for _, value in leading)
    return _curve(run, measure, scale, now=now, beside=_beside(run, measure), paths=paths)


def _beside(run: TrainingLog, measure: _Measure) -> str:
    """Say what the value that holds now is to be compared with."""
    score = run.kept.values.get("score") if run.kept else None
    if measure.name == "closeness":
        return "" if score is None else f"score {score:.2f}, first pass {FIRST_PASS_SCORE:.0f}"
    value = run.first.values.get(measure.name) if run.first else None
    return "" if value is None else f"first pass {measure.text(value)}"


def _term_curve(run: TrainingLog, measure: _Measure) -> _Curve | None:
    """Draw a term of training: as logged, and its running mean."""
    logged = [(terms.at.frames, terms.values[measure.name]) for terms in run.terms if measure.name in terms.values]
    if not logged:
        return None
    points = thinned(logged, MOST_POINTS)
    mean = running_mean(points, max(1, round(MEAN_SHARE * len(points))))
    scale = _scale(measure, points, always=mean[-1:])
    paths = (
        ("rule", "" if measure.rule is None else _rule(measure.rule, scale)),
        ("logged", trace(points, right=run.right, scale=scale)),
        ("course", trace(mean, right=run.right, scale=scale)),
        ("end", spots(mean[-1:], right=run.right, scale=scale)),
    )
    return _curve(run, measure, scale, now=measure.text(mean[-1][1]), beside="", paths=paths)


def _curve(
    run: TrainingLog, measure: _Measure, scale: Scale, *, now: str, beside: str, paths: tuple[tuple[str, str], ...]
) -> _Curve:
    """Return a box with its words, the moments of trouble behind what is drawn."""
    moments = sorted({WIDTH * trouble.at.frames / run.right for trouble in run.troubles})
    marks = "".join(f"M{x:.1f} 0.0L{x:.1f} {HEIGHT}" for x in moments)
    edges = measure.edge(scale.top), measure.edge(scale.bottom)
    return _Curve(measure.label, measure.note, now, beside, *edges, (("trouble", marks), *paths))


def _scale(measure: _Measure, points: Points, *, always: Points) -> Scale:
    held = [*measure.held, *(value for _, value in always)]
    return round_scale([value for _, value in points], held=held, least=measure.least, most=measure.most)


def _kind(check: Check) -> str:
    return KINDS.get(check.candidate, "other")


def _as_steps(points: Points, right: float) -> list[tuple[float, float]]:
    """Let each value hold until the next one."""
    follows = pairwise([*points, (right, 0.0)])
    return [place for (along, value), (following, _) in follows for place in ((along, value), (following, value))]


def _rule(value: float, scale: Scale) -> str:
    return trace([(0.0, value), (1.0, value)], right=1.0, scale=scale)


def _told(troubles: Iterable[Trouble]) -> Iterator[tuple[str, str, str]]:
    """Yield when, after what time and what; what repeats is told once."""
    for text, same in groupby(troubles, key=lambda trouble: trouble.text):
        first, *others = same
        when = f"step {first.at.step:,}"
        if others:
            when = f"steps {first.at.step:,} to {others[-1].at.step:,}, {len(others) + 1} times"
        yield when, duration_text(first.at.seconds), text
