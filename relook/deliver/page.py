"""The report a client can read: `report.json` and one self-contained page, the worst shots first."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from relook.deliver.pictures import take_pictures
from relook.deliver.plots import Dot, Plot, across, curve, largest, up
from relook.deliver.templates import environment, page_errors, replace_text
from relook.film.pictures.spaces import ColourSpace
from relook.mechanics.words import mechanics_in_words
from relook.progress import OnProgress, ignore
from relook.report import Report, ShotVerdict
from relook.timing import duration_text, rate_text
from relook.version import VERSION

THUMBNAIL_PX = 168
THUMBNAILS = 5
WIPE_PX = ((24, 960), (100, 480))
"""How wide the before/after pictures are: of the 24 worst shots, and of those up to the hundredth; the rest have thumbnails."""

WORDS = {
    "style_not_reached": "Style",
    "content_lost": "Content",
    "geometry_drift": "Geometry",
    "flicker": "Flicker",
    "seam": "Seam",
    "frozen": "Frozen",
    "black": "Black",
    "clipped": "Clipped",
    "non_finite": "Not finite",
    "frame_count": "Frame count",
    "not_judgeable": "Not judgeable",
}


@dataclass(frozen=True)
class _Row:
    """How a measure is shown."""

    name: str
    label: str
    form: str
    worst: float
    """What fills the bar."""
    help: str


ROWS = (
    _Row(
        "style_distance",
        "Distance from the style",
        "{:.2f}",
        2.5,
        "1 is as far as 99 of 100 shots of the real style go",
    ),
    _Row("style_sigma", "Largest deviation", "{:.1f} sigma", 12.0, "of the number that is furthest off"),
    _Row("critic_distance", "Held-out critic", "{:.2f}", 2.5, "1 is its limit; too much style counts like too little"),
    _Row("content", "Structure kept", "{:.2f}", 1.0, "correlation with the source, 1 is all of it"),
    _Row("drift_px", "Edges moved", "{:.1f} px", 6.0, "99th percentile, gate weave taken out"),
    _Row(
        "warp_ratio",
        "Unsteadiness",
        "{:.2f} x",
        3.0,
        "without texture, along the source's motion; 1 is the source's own",
    ),
    _Row("flicker_share", "Flicker", "{:.2f}", 2.5, "of what the style itself does, with some allowance"),
    _Row(
        "applied",
        "Look applied",
        "{:.0%}",
        1.5,
        "how far the film has gone from its source, as a share of how far the look goes",
    ),
    _Row("prescription", "Off the look's grade", "{:.3f}", 0.15, "mean distance from what the look prescribes"),
    _Row("seam", "Seams", "{:.1f} levels", 3.0, "steps that the source does not have"),
    _Row("clipped_share", "Clipped", "{:.1%}", 0.3, "lost in black or white beyond source and style"),
    _Row("frozen_share", "Frozen", "{:.1%}", 0.1, "frames that repeat while the source moves"),
    _Row("black_share", "Black", "{:.1%}", 0.1, "frames that are black where the picture is not"),
)


def write_report(
    report: Report,
    directory: Path,
    *,
    film: Path,
    source: Path | None = None,
    space: ColourSpace | None = None,
    source_space: ColourSpace | None = None,
    source_first: int = 0,
    on_progress: OnProgress = ignore,
) -> tuple[Path, Path]:
    """Write `report.json` and `report.html` into a folder, made if need be; what is there is replaced in one step.

    Args:
        report: of `film`.
        film, source: read once more for their pictures.
        space, source_space: what the film and its source are in, where that was said.
        source_first: which frame of the source the film's first one is.
    Returns:
        The two files.
    """
    wanted = _wanted(report)
    pictures = take_pictures(film, wanted, space=space, on_progress=on_progress)
    before = {}
    if source is not None:
        before = take_pictures(source, _wipes(report), space=source_space, first=source_first, on_progress=on_progress)
    page = environment().get_template("page.html.jinja").render(**_context(report, pictures, before))
    files = (directory / "report.json", directory / "report.html")
    with page_errors(directory):
        directory.mkdir(exist_ok=True)
        for path, text in zip(files, (report.to_json(), page), strict=True):
            replace_text(path, text)
    return files


def _wipe_width(rank: int) -> int | None:
    """Return how wide the wipe of the shot at a rank is, worst first; None where it has none."""
    return next((width for most, width in WIPE_PX if rank < most), None)


def hero_frame(shot: ShotVerdict, report: Report) -> int:
    """Choose the frame that stands for a shot: the one furthest from the style, or of a shot that passed the middle."""
    middle = (shot.frames.start + shot.frames.stop) // 2
    timeline = report.timeline
    first, last = (bisect_left(timeline.frames, frame) for frame in (shot.frames.start, shot.frames.stop))
    near = [
        (timeline.style_distance[k] or 0.0, timeline.frames[k])
        for k in range(first, last)
        if timeline.style_distance[k]
    ]
    worst = max(near)[1] if near and shot.verdict != "pass" else middle
    return min(worst, max(report.film.num_frames - 1, 0))


def _wipes(report: Report) -> dict[int, tuple[int, ...]]:
    """Return the frames that are shown before and after, and how wide."""
    ranked = ((shot, _wipe_width(rank)) for rank, shot in enumerate(report.worst_first()))
    return {hero_frame(shot, report): (width,) for shot, width in ranked if width is not None}


def _thumbnail_frames(shot: ShotVerdict) -> list[int]:
    count = min(THUMBNAILS, len(shot.frames))
    return [shot.frames.start + (2 * k + 1) * len(shot.frames) // (2 * count) for k in range(count)]


def _wanted(report: Report) -> dict[int, tuple[int, ...]]:
    """Return every frame of the film that the page shows, with the widths it is shown at."""
    wanted = _wipes(report)
    for shot in report.shots:
        for frame in _thumbnail_frames(shot):
            wanted[frame] = (*wanted.get(frame, ()), THUMBNAIL_PX)
    return wanted


def _context(
    report: Report, pictures: dict[tuple[int, int], str], before: dict[tuple[int, int], str]
) -> dict[str, Any]:
    rate = Fraction(report.film.frame_rate)
    return {
        "report": report,
        "version": VERSION,
        "rate": rate_text(rate),
        "duration": duration_text(report.film.num_frames / rate),
        "seconds_per_frame": float(1 / rate),
        "counts": [(verdict, report.count(verdict)) for verdict in ("fail", "review", "unjudged", "pass")],
        "shots": list(_shots(report, pictures, before)),
        "plots": _plots(report),
        "bands": _bands(report),
        "words": WORDS,
        "marks": _marks(report),
        "points": {
            "frames": report.timeline.frames,
            "luma": report.timeline.luma,
            "source": report.timeline.source_luma,
            "flicker": report.timeline.flicker,
            "style": report.timeline.style_distance,
        },
    }


def _shots(
    report: Report, pictures: dict[tuple[int, int], str], before: dict[tuple[int, int], str]
) -> Iterator[dict[str, Any]]:
    """Yield what the page shows of each shot, worst first."""
    for rank, shot in enumerate(report.worst_first()):
        hero, width = hero_frame(shot, report), _wipe_width(rank)
        yield {
            "shot": shot,
            "hero": hero,
            "after": pictures.get((hero, width)) if width else None,
            "before": before.get((hero, width)) if width else None,
            "thumbnails": [
                (frame, pictures[frame, THUMBNAIL_PX])
                for frame in _thumbnail_frames(shot)
                if (frame, THUMBNAIL_PX) in pictures
            ],
            "rows": list(_rows(shot, report)),
            "percentile": shot.measures.get("style_percentile"),
        }


def _rows(shot: ShotVerdict, report: Report) -> Iterator[dict[str, Any]]:
    for row in ROWS:
        if row.name not in shot.measures:
            continue
        value = shot.measures[row.name]
        review, fail = report.limits.get(row.name, (float("inf"), None))
        low_is_bad = fail is not None and fail < review
        sign = -1 if low_is_bad else 1
        band = (
            "fail"
            if fail is not None and sign * value > sign * fail
            else "review"
            if sign * value > sign * review
            else "pass"
        )
        yield {
            "label": row.label,
            "help": row.help,
            "value": row.form.format(value),
            "band": band,
            "fill": round(100 * min(max(value / row.worst, 0.0), 1.0), 1),
            "ticks": [round(100 * limit / row.worst, 1) for limit in (review, fail) if limit and limit < row.worst],
        }


def _marks(report: Report) -> list[tuple[str, str, str]]:
    """Return the name of each mark of film, what the style's film has of it, and what this one has, in words."""
    if report.mechanics is None:
        return []
    style, film = (mechanics_in_words(side) for side in (report.mechanics.style, report.mechanics.film))
    return [(mark, style[mark], film[mark]) for mark in film]


def _bands(report: Report) -> list[dict[str, Any]]:
    """Return where each shot lies on the timeline."""
    total = max(1, report.shots[-1].frames.stop) if report.shots else 1
    return [
        {
            "left": round(100 * shot.frames.start / total, 3),
            "width": round(100 * len(shot.frames) / total, 3),
            "shot": shot,
        }
        for shot in report.shots
    ]


def _plots(report: Report) -> list[Plot]:
    timeline, total = report.timeline, report.shots[-1].frames.stop if report.shots else 1
    breaks = frozenset(shot.frames.start for shot in report.shots)

    def drawn(values: tuple[float | None, ...], top: float) -> str:
        return curve(timeline.frames, values, top=top, num_frames=total, breaks=breaks)

    review, fail = report.limits.get("style_distance", (1.0, 2.0))
    far = max(2.0 * (fail or review), 1.1 * min(largest(timeline.style_distance), 4 * review))
    jump = min(max(0.02, 1.1 * largest(timeline.flicker)), 0.5)
    dots = tuple(
        Dot(
            across(frame, total),
            up(value, far),
            "fail" if value > (fail or far) else "review" if value > review else "pass",
        )
        for frame, value in zip(timeline.frames, timeline.style_distance, strict=True)
        if value is not None
    )
    return [
        Plot(
            "Distance from the style",
            "single pairs of frames; the lines are the limits for review and fail",
            f"{far:.1f}",
            rules=(("review", up(review, far)), *((("fail", up(fail, far)),) if fail else ())),
            dots=dots,
        ),
        Plot(
            "Brightness",
            "mean luma; grey is the source" if largest(timeline.source_luma) else "mean luma",
            "1",
            lines=(("source", drawn(timeline.source_luma, 1.0)), ("film", drawn(timeline.luma, 1.0))),
        ),
        Plot(
            "Flicker",
            "change of brightness from frame to frame beyond the source's",
            f"{jump:.0%}",
            lines=(("film", drawn(timeline.flicker, jump)),),
        ),
    ]
