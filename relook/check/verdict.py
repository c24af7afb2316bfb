"""From what was gathered of a shot to its verdict, its measures and its reasons in plain words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from relook.check.frames import black_share, clipped_share, deviation, flicker, frozen_share, is_static
from relook.check.judge import Judge, StyleVerdict
from relook.check.limits import BLACK_LUMA, FLAT_DEVIATION, LEAST_CHANGE, LIMITS, MIN_FRAMES, Band
from relook.check.picture import FLOW_ROWS
from relook.check.seams import seam_strength
from relook.check.shot import Gathered
from relook.objectives.descriptor import LEAST_PX
from relook.report import Code, Reason, ShotVerdict, Verdict
from relook.timing import FrameRange

_ALLOWED_FLICKER_GAIN = 1.5
_ALLOWED_FLICKER = 0.01
_ORDER: dict[Band, int] = {"fail": 0, "review": 1, "pass": 2}

FRAME_REASONS: tuple[tuple[str, Code, str], ...] = (
    ("non_finite", "non_finite", "{non_finite:.0%} of the frames hold values that are not finite"),
    ("black_share", "black", "{black_share:.0%} of the frames are black where the picture is not"),
)
"""Measure, code and words of what is wrong with frames as such, in a judgeable shot or not."""

PICTURE_REASONS: tuple[tuple[str, Code, str], ...] = (
    ("content", "content_lost", "its structure agrees with the source's to {content:.2f} only, of 1"),
    (
        "flicker_share",
        "flicker",
        "brightness jumps by {flicker:.1%} from frame to frame, {flicker_share:.1f} times what is allowed",
    ),
    ("seam", "seam", "straight seams of {seam:.1f} levels of 255 that the source does not have"),
    ("frozen_share", "frozen", "{frozen_share:.0%} of the frames repeat the one before while the source moves"),
    (
        "clipped_share",
        "clipped",
        "{clipped_share:.0%} of the picture is lost in pure black or white, beyond source and style",
    ),
    ("applied", "style_not_reached", "only {applied:.0%} of the way from the source to what the look prescribes"),
    (
        "prescription",
        "style_not_reached",
        "{prescription:.2f} of full scale away from what the look prescribes; were dials turned down?",
    ),
)
"""The same for judgeable shots, beside style and motion."""


@dataclass(frozen=True)
class Finding:
    """A reason and how grave it is."""

    band: Band
    code: Code
    text: str


@dataclass(frozen=True)
class JudgedShot:
    """A verdict with what the report draws."""

    verdict: ShotVerdict
    pair_distances: dict[int, float]
    """Style distance of single pairs, by frame, as a share of the limit."""
    changes: tuple[float, ...]
    """Flicker at each frame but the first."""


def judge_shot(gathered: Gathered, judge: Judge, *, index: int, frames: FrameRange, start_timecode: str) -> JudgedShot:
    """Judge a shot by what was gathered of it."""
    source = gathered.source or None
    changes = flicker(gathered.film, source)
    why_not = _not_judgeable(gathered, judge)
    style = None
    if gathered.descriptors and why_not is None:
        style = judge.verdict(torch.stack(gathered.descriptors), torch.stack(gathered.scores))
    measures = _measures(gathered, judge, deviation(changes), style)
    findings = [*_findings(measures, FRAME_REASONS)]
    if why_not is None:
        findings += [*_style_findings(style), *_findings(measures, PICTURE_REASONS)]
        findings += _motion_findings(measures, gathered.height)
    findings.sort(key=lambda finding: _ORDER[finding.band])
    reasons = [Reason(finding.code, finding.text) for finding in findings if finding.band != "pass"]
    bands = {finding.band for finding in findings}
    verdict: Verdict = "fail" if "fail" in bands else "review" if "review" in bands else "pass"
    if why_not is not None:
        reasons.append(Reason("not_judgeable", why_not))
        verdict = "fail" if verdict == "fail" else "unjudged"
    shot = ShotVerdict(index, frames, start_timecode, verdict, tuple(reasons), measures)
    near = {
        frame: round(judge.model.distance(numbers) / judge.limit, 4)
        for frame, numbers in zip(gathered.pair_frames, gathered.descriptors, strict=True)
    }
    return JudgedShot(shot, near, tuple(np.round(changes, 5).tolist()))


def _not_judgeable(gathered: Gathered, judge: Judge) -> str | None:
    """Say why a shot shows nothing to judge; None where it does."""
    reference = gathered.source or gathered.film
    if len(gathered.film) < MIN_FRAMES:
        return f"only {len(gathered.film)} frames long, and {MIN_FRAMES} are needed to judge"
    if all(frame.high < BLACK_LUMA for frame in reference if frame.is_finite):
        return "black throughout, so there is nothing to judge"
    if not gathered.descriptors:
        return f"frames smaller than {LEAST_PX} px or not finite cannot be judged"
    if max(gathered.contrasts) < FLAT_DEVIATION:
        return "one flat colour throughout, so there is nothing to judge"
    if judge.has_motion and is_static(gathered.film) and is_static(reference):
        return "nothing in it moves, not even grain, so its texture cannot be judged"
    return None


def _measures(gathered: Gathered, judge: Judge, flickers: float, style: StyleVerdict | None) -> dict[str, float]:
    """Put everything measured in one table, by the names of the limits and a few more for people."""
    source = gathered.source or None
    allowed = _ALLOWED_FLICKER_GAIN * judge.flicker + _ALLOWED_FLICKER
    measures = {
        "flicker": flickers,
        "flicker_share": flickers / allowed if source else flickers / (3 * allowed),
        "frozen_share": frozen_share(gathered.film, source, gathered.held_share),
        "black_share": black_share(gathered.film, source),
        "clipped_share": clipped_share(gathered.film, source, judge.clipped),
        "non_finite": sum(not frame.is_finite for frame in gathered.film) / max(1, len(gathered.film)),
    }
    if gathered.likenesses:
        measures["content"] = float(np.median([like.content for like in gathered.likenesses]))
        measures["drift_px"] = float(np.median([like.drift_px for like in gathered.likenesses]))
        measures["seam"] = max(seam_strength(gathered.luma_steps), seam_strength(gathered.colour_steps))
    if gathered.steadinesses:
        measures["warp_error"] = float(np.median([steady.look for steady in gathered.steadinesses])) * 255
        measures["warp_ratio"] = float(np.median([steady.ratio for steady in gathered.steadinesses]))
        measures["contrast_gain"] = float(np.median([steady.contrast for steady in gathered.steadinesses]))
        measures["prescription"] = float(np.median(gathered.off_prescription))
        wanted = float(np.median(gathered.wanted))
        if wanted >= LEAST_CHANGE:
            measures["applied"] = float(np.median(gathered.done)) / wanted
    if style is not None:
        measures |= {"style_distance": style.distance, "style_sigma": style.sigma}
        measures["style_percentile"] = style.percentile
        if style.critic is not None:
            measures["critic_distance"] = style.critic
    return {name: round(float(value), 4) for name, value in measures.items()}


def _style_findings(style: StyleVerdict | None) -> Iterator[Finding]:
    if style is None or style.band == "pass":
        return
    text = f"{', '.join(style.faults)}; {style.distance:.2f} away, where real shots of the style stay within 1"
    if {LIMITS["style_distance"].band(style.distance), LIMITS["style_sigma"].band(style.sigma)} == {"pass"}:
        text = f"the held-out critic finds it unlike the style, {style.critic or 0:.1f} times its limit; first {style.faults[0]}"
    yield Finding(style.band, "style_not_reached", text)


def _findings(measures: Mapping[str, float], reasons: Sequence[tuple[str, Code, str]]) -> Iterator[Finding]:
    """Yield a finding for each of the reasons whose measure was taken."""
    for name, code, text in reasons:
        if name in measures:
            yield Finding(LIMITS[name].band(measures[name]), code, text.format_map(measures))


def _motion_findings(measures: Mapping[str, float], height: int) -> Iterator[Finding]:
    """Yield what is wrong with where things are and how they move."""
    if "drift_px" in measures:
        drift = measures["drift_px"]
        band = LIMITS["drift_px"].band(drift * min(1.0, FLOW_ROWS / height))
        yield Finding(band, "geometry_drift", f"edges lie up to {drift:.1f} px from where the source has them")
    if "warp_ratio" in measures:
        band = LIMITS["warp_ratio"].band(measures["warp_ratio"] / measures["contrast_gain"])
        text = f"without texture the look is {measures['warp_ratio']:.1f} times as unsteady as the source"
        yield Finding(band, "flicker", text)
