"""Measure scratches: they are found and followed, and known ones drawn over the same frames tell how many are missed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from relook.mechanics.reel import Array, Run
from relook.mechanics.scratch_find import NUM_BANDS_DOWN, Track, find_scratches, never_ending_lines, profiles_of
from relook.mechanics.scratch_plate import draw_lines, scratch_lines
from relook.recipe.mechanics import Scratches

LEAST_FRAMES = 6
STEPS = (1.0, 0.8, 0.5, 0.3)
"""How far a guess goes, round for round, to where the known scratches say that it should."""
DRAWN_A_FRAME = 1.5
"""Known scratches laid over a frame at once, so that they hardly meet."""
MOST_DRAWN_FRAMES = 144
LEAST_DRAWN_FRAMES = 400
ROWS_A_BAND = 8
LEAST_A_FRAME = 0.2
"""Fewer scratches a frame are taken for chance and for things."""
LEAST_TRACKS = 4
"""From so many on, sizes are told."""
SURE_RECALL = 0.3
WIDTH_TRUST = 0.85
"""Widths of a pixel or two are told to a fifth at best."""
NEAR_PX = 4.0
USUAL = Scratches(3.0, 1.5, 0.1, 0.5, 8.0, 0.4)


@dataclass(frozen=True)
class _Tally:
    """What was found."""

    rate: float
    """Seen in a frame, on average."""
    width: float
    contrast: float
    bright: float
    life: float
    """Frames that scratches are seen in for each that ends."""
    drift: float
    ends: int
    tracks: int


def measure_scratches(runs: Sequence[Run]) -> Scratches:
    """Measure the scratches of runs of one frame size."""
    runs = [run for run in runs if len(run.luma) >= LEAST_FRAMES]
    if not runs:
        return Scratches()
    tracks = [find_scratches(profiles_of(run.luma), run) for run in runs]
    seen = _tally(tracks, runs)
    most = max(MOST_DRAWN_FRAMES // max(len(run.luma) for run in runs), 1)
    chosen = sorted({int(k) for k in np.linspace(0, len(runs) - 1, min(len(runs), most)).round()})
    drawn_runs, known = [runs[k] for k in chosen], [tracks[k] for k in chosen]
    lines = sum(never_ending_lines(run) for run in runs) / len(runs)
    # A line that never ends may be a scratch: the frames do not say.
    doubt = 0.4 if lines >= 1 else 1.0
    if seen.rate < LEAST_A_FRAME:
        again = _found_again(USUAL, drawn_runs, known, seed=0)
        sure = min(again.rate / DRAWN_A_FRAME / SURE_RECALL, 1) * min(sum(len(run.luma) for run in runs) / 12, 1)
        return Scratches(confidence={"per_frame": sure * doubt * (0.7 if seen.rate > LEAST_A_FRAME / 2 else 1.0)})
    guess = Scratches(seen.rate * 1.5, seen.width, seen.contrast, seen.bright, seen.life * 1.5, max(seen.drift, 0.05))
    proposals: list[Scratches] = []
    for step in STEPS:
        again = _found_again(guess, drawn_runs, known, seed=len(proposals))
        proposals.append(_nearer(guess, seen, again))
        guess = _part_way(guess, proposals[-1], step)
    return replace(guess, confidence=_confidence(proposals, seen, again, _rate_error(tracks, runs), doubt))


def _tally(tracks: Sequence[Sequence[Track]], runs: Sequence[Run]) -> _Tally:
    every = [track for found in tracks for track in found]
    sights = [sight for track in every for sight in track.sights]
    frames = sum(len(run.luma) for run in runs)
    if not sights:
        return _Tally(0.0, USUAL.width_px, 0.05, 0.5, 1.0, 0.4, 0, 0)
    steps = np.concatenate([np.diff([sight.column for sight in track.sights]) for track in every])
    ends = sum(track.stop < len(run.luma) for found, run in zip(tracks, runs, strict=True) for track in found)
    spans = sum(track.stop - track.start for track in every)
    return _Tally(
        rate=spans / frames,
        width=float(np.median([sight.width_px for sight in sights])),
        contrast=float(np.median([abs(sight.contrast) for sight in sights])),
        bright=float(np.mean([sight.contrast > 0 for sight in sights])),
        life=spans / max(ends, 0.5),
        drift=float(np.sqrt(np.mean(np.square(steps)))) if len(steps) else 0.0,
        ends=ends,
        tracks=len(every),
    )


def _found_again(scratches: Scratches, runs: Sequence[Run], known: Sequence[list[Track]], *, seed: int) -> _Tally:
    """Lay known scratches over the frames and tally what is newly found, as if exactly `DRAWN_A_FRAME` had been there."""
    drawn = replace(scratches, per_frame=DRAWN_A_FRAME)
    fresh = []
    num_drawn = 0
    # Drawn in few rows: only the bands are looked at.
    rows = ROWS_A_BAND * NUM_BANDS_DOWN
    bare = [profiles_of(run.luma) for run in runs]
    passes = math.ceil(LEAST_DRAWN_FRAMES / sum(len(run.luma) for run in runs))
    for place, (run, profiles, before) in enumerate(list(zip(runs, bare, known, strict=True)) * passes):
        lines = [
            scratch_lines(drawn, run.size, scale=1, seed=seed * 1024 + place, frame=t) for t in range(len(run.luma))
        ]
        num_drawn += sum(map(len, lines))
        plates = profiles_of(np.stack([draw_lines(those, (rows, run.size[1])) for those in lines]))
        laid = np.clip(profiles + np.float32(scratches.contrast) * plates, 0, 1)
        fresh.append([track for track in find_scratches(laid, run) if not _is_known(track, before)])
    runs = list(runs) * passes
    again = _tally(fresh, runs)
    wanted = DRAWN_A_FRAME * sum(len(run.luma) for run in runs)
    return replace(again, rate=again.rate * wanted / max(num_drawn, 1))


def _is_known(track: Track, known: list[Track]) -> bool:
    """Say whether most of a track was there before."""
    places = {(sight.frame, sight.column) for other in known for sight in other.sights}
    same = [
        any(frame == sight.frame and abs(column - sight.column) < NEAR_PX for frame, column in places)
        for sight in track.sights
    ]
    return sum(same) * 2 > len(same)


def _nearer(guess: Scratches, seen: _Tally, again: _Tally) -> Scratches:
    """Correct a guess by how what was drawn from it came out beside what the film shows."""
    recall = max(again.rate / DRAWN_A_FRAME, 0.03)
    odds = math.log(max(seen.bright, 0.01) / max(1 - seen.bright, 0.01)) - math.log(
        max(again.bright, 0.01) / max(1 - again.bright, 0.01)
    )
    prior = min(max(guess.bright_share, 0.01), 0.99)
    bright = 1 / (1 + (1 - prior) / prior * math.exp(-odds))
    drift = math.sqrt(max(guess.drift_px**2 + seen.drift**2 - again.drift**2, 0.0025))
    return Scratches(
        per_frame=seen.rate / recall,
        width_px=float(np.clip(guess.width_px * seen.width / again.width, 0.3, 20)),
        contrast=float(np.clip(guess.contrast * np.clip(seen.contrast / again.contrast, 0.5, 2), 0.005, 1)),
        bright_share=bright if 0 < seen.bright < 1 else round(seen.bright),
        life_frames=float(np.clip(guess.life_frames * np.clip(seen.life / again.life, 0.4, 2.5), 1, 100)),
        drift_px=min(drift, 3.0),
    )


def _part_way(old: Scratches, new: Scratches, step: float) -> Scratches:
    """Go some of the way from one guess to another."""

    def between(first: float, second: float) -> float:
        return first ** (1 - step) * second**step if first > 0 and second > 0 else second

    return Scratches(
        between(old.per_frame, new.per_frame),
        between(old.width_px, new.width_px),
        between(old.contrast, new.contrast),
        between(old.bright_share, new.bright_share),
        between(old.life_frames, new.life_frames),
        between(old.drift_px, new.drift_px),
    )


def _rate_error(tracks: Sequence[Sequence[Track]], runs: Sequence[Run]) -> float:
    """Return the relative standard error of the rate: scratches come by chance, and each is seen in many frames."""
    num = sum(len(found) for found in tracks)
    chance = 2.5 / math.sqrt(max(num, 1))
    if len(runs) < 3:
        return chance
    rates: Array = np.array(
        [sum(len(t.sights) for t in found) / len(run.luma) for found, run in zip(tracks, runs, strict=True)]
    )
    return max(chance, float(rates.std(ddof=1) / math.sqrt(len(rates)) / max(float(rates.mean()), 1e-9)))


def _confidence(
    proposals: Sequence[Scratches], seen: _Tally, again: _Tally, rate_error: float, doubt: float
) -> dict[str, float]:
    trust = min(again.rate / DRAWN_A_FRAME / SURE_RECALL, 1) * (1.0 if seen.tracks >= LEAST_TRACKS else 0.4)

    def told(name: str, error: float, by: float = 1.0) -> float:
        values = np.array([getattr(proposal, name) for proposal in proposals[1:]])
        wavers = float(values.std() / max(values.mean(), 1e-9)) / math.sqrt(len(values))
        return float(np.clip(1 - math.hypot(error, wavers), 0, 1) * trust * by)

    root = math.sqrt(max(seen.tracks, 1))
    return {
        "per_frame": told("per_frame", rate_error, doubt),
        "width_px": told("width_px", 0.5 / root, WIDTH_TRUST),
        "contrast": told("contrast", 0.7 / root),
        "bright_share": float(np.clip(1 - 1 / root, 0, 1) * trust),
        "life_frames": told(
            "life_frames", 3.0 / math.sqrt(max(seen.ends, 1)), 1.0 if seen.ends >= LEAST_TRACKS else 0.4
        ),
        "drift_px": told("drift_px", 2.5 / root),
    }
