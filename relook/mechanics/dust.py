"""Measure dust: specks are found, and known dust drawn over the same frames tells how many are missed and how they come out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from relook.mechanics.dust_find import Speck, find_specks
from relook.mechanics.dust_plate import dust_patches, press
from relook.mechanics.reel import Array, Image, Run
from relook.mechanics.trust import is_likely
from relook.recipe.mechanics import Dust

RATES = ("dark_per_frame", "bright_per_frame", "hairs_per_frame")
LEAST_FRAMES = 4
STEPS = (1.0, 1.0, 0.6, 0.4, 0.3)
"""How far a guess goes, round for round, to where the known dust says that it should: less and less, for that is by chance too."""
DRAWN_A_PX = 1e-4
"""Known specks born in a frame for each of its pixels, so that they hardly meet."""
DRAWN_A_ROUND = 200.0
MOST_PASSES = 8
BORN_EVERY = 4
MOST_DRAWN_FRAMES = 72
LEAST_A_FRAME = 0.75
"""Fewer specks a frame are taken for glints and things that move."""
LEAST_SPECKS = 8
"""From so many on, sizes and opacities are told."""
SURE_RECALL = 0.4
"""Where a smaller share of the known dust is found again, what is told of the film's is less sure."""
RADIUS_ERROR = 0.05
"""Other marks make specks look larger, by as much."""
BLOCK_FRAMES = 6
CELLS = 4
"""Rows and columns of cells that a frame is parted into; a cell or a frame that has far more than the others has something else."""
NEAR_PX = 4.0
USUAL = Dust(10.0, 10.0, 1.5, 0.5, (0.5, 0.5), 2.0)


@dataclass(frozen=True)
class _Tally:
    """What was found over some frames: a number for each kind a frame, and how it looks."""

    rates: Array
    """Dark, bright, hairs."""
    log_radius: float
    spread: float
    odds: tuple[float, float]
    """Median log odds of the opacity of dark and of bright specks."""
    log_length: float
    life: float
    counts: Array = field(default_factory=lambda: np.zeros(3))


def measure_dust(runs: Sequence[Run]) -> Dust:
    """Measure the dust of runs of one frame size; a rate that is not likely lies between what was seen and what was measured."""
    runs = [run for run in runs if len(run.luma) >= LEAST_FRAMES]
    if not runs:
        return Dust()
    specks = [find_specks(run.luma, run) for run in runs]
    frames = sum(len(run.luma) - 2 for run in runs)
    weights = [_weights(found, run) for found, run in zip(specks, runs, strict=True)]
    seen = _tally([speck for found in specks for speck in found], np.concatenate(weights), frames)
    chosen = _spread_out(len(runs), max(MOST_DRAWN_FRAMES // max(len(run.luma) for run in runs), 1))
    if seen.rates.sum() < LEAST_A_FRAME:
        return _without(seen, [runs[k] for k in chosen], [specks[k] for k in chosen], frames)
    guess = Dust(
        dark_per_frame=float(seen.rates[0]) * 2,
        bright_per_frame=float(seen.rates[1]) * 2,
        radius_px=math.exp(seen.log_radius),
        radius_spread=seen.spread,
        opacity=(_share(seen.odds[0]), _share(seen.odds[1])),
        hairs_per_frame=float(seen.rates[2]) * 2,
        hair_length_px=math.exp(seen.log_length),
        life_frames=seen.life,
    )
    proposals: list[Dust] = []
    for step in STEPS:
        again, times = _found_again(guess, [runs[k] for k in chosen], [specks[k] for k in chosen], seed=len(proposals))
        proposals.append(_nearer(guess, seen, again, times))
        guess = _part_way(guess, proposals[-1], step)
    rates_error = _rates_error(specks, weights, runs)
    measured = replace(guess, confidence=_confidence(proposals, seen, again, times, rates_error))
    return _between(measured, seen)


def _spread_out(num: int, most: int) -> list[int]:
    return sorted({int(k) for k in np.linspace(0, num - 1, min(num, most)).round()})


def _share(odds: float) -> float:
    return 1 / (1 + math.exp(-odds))


def _kind(speck: Speck) -> int:
    return 2 if speck.is_hair else int(speck.is_bright)


def _weights(specks: list[Speck], run: Run) -> Array:
    """Weigh down the specks of frames, and of parts of the frame, that have far more than the others."""
    height, width = run.size
    frames = np.array([speck.frame for speck in specks], int)
    cells = np.array([int(s.row * CELLS / height) * CELLS + int(s.column * CELLS / width) for s in specks], int)
    weights = np.ones(len(specks))
    for places, num in ((frames, len(run.luma) - 1), (cells, CELLS**2)):
        counts = np.bincount(places, weights, minlength=num)[int(places is frames) :]
        usual = float(np.sort(counts)[: math.ceil(len(counts) * 0.75)].mean())
        most = usual + 1 + 3 * math.sqrt(usual + 1)
        share = np.minimum(most / np.maximum(counts, 1e-9), 1)
        weights = weights * share[places - int(places is frames)]
    return weights


def _tally(specks: Sequence[Speck], weights: Array, frames: float) -> _Tally:
    kinds = np.array([_kind(speck) for speck in specks], int)
    dots = [speck for speck in specks if not speck.is_hair]
    radii = np.log([speck.radius_px for speck in dots] or [USUAL.radius_px])
    odds = [
        float(
            np.median(
                [
                    math.log(o / (1 - o))
                    for s in dots
                    if s.is_bright == bright
                    for o in [min(max(s.opacity, 0.02), 0.98)]
                ]
                or [0.0]
            )
        )
        for bright in (False, True)
    ]
    lengths = np.log([speck.length_px for speck in specks if speck.is_hair] or [USUAL.hair_length_px])
    return _Tally(
        rates=np.bincount(kinds, weights, minlength=3) / frames,
        log_radius=float(np.median(radii)),
        spread=max(float(np.subtract(*np.quantile(radii, (0.84, 0.16)))) / 2, 0.05),
        odds=(odds[0], odds[1]),
        log_length=float(np.median(lengths)),
        life=float(np.average([speck.life for speck in specks], weights=weights)) if len(specks) else 1.0,
        counts=np.bincount(kinds, minlength=3).astype(np.float64),
    )


def _found_again(dust: Dust, runs: Sequence[Run], known: Sequence[list[Speck]], *, seed: int) -> tuple[_Tally, float]:
    """Lay known dust over the frames and tally what is newly found; also return how many times the film's rates were drawn.

    It is born in every few frames only: what lies in the frames before and after hides specks, and shall be the film's own.
    """
    a_frame = DRAWN_A_PX * runs[0].size[0] * runs[0].size[1]
    times = a_frame / max(dust.dark_per_frame + dust.bright_per_frame + dust.hairs_per_frame, 1e-6)
    drawn = replace(
        dust,
        dark_per_frame=dust.dark_per_frame * times,
        bright_per_frame=dust.bright_per_frame * times,
        hairs_per_frame=dust.hairs_per_frame * times,
    )
    frames = sum(len(run.luma) - 2 for run in runs)
    passes = min(math.ceil(DRAWN_A_ROUND * BORN_EVERY / (frames * a_frame)), MOST_PASSES)
    fresh: list[Speck] = []
    num_births, num_drawn = 0, np.zeros(3)
    for place, (run, before) in enumerate(zip(runs, known, strict=True)):
        places = np.array([(speck.frame, speck.row, speck.column) for speck in before]).reshape(-1, 3)
        for number in range(passes):
            births = range(1 + (seed + number) % BORN_EVERY, len(run.luma) - 1, BORN_EVERY)
            laid, counts = _laid(drawn, run, births, seed=(seed * 64 + place) * MOST_PASSES + number)
            for speck in find_specks(laid, run, births):
                same = places[places[:, 0] == speck.frame, 1:]
                if not (np.hypot(*(same - (speck.row, speck.column)).T) < NEAR_PX).any():
                    fresh.append(speck)
            num_births += len(births)
            num_drawn += counts
    again = _tally(fresh, np.ones(len(fresh)), max(num_births, 1))
    wanted = num_births * np.array([drawn.dark_per_frame, drawn.bright_per_frame, drawn.hairs_per_frame])
    return replace(again, rates=again.rates * np.where(num_drawn > 0, wanted / np.maximum(num_drawn, 1), 1)), times


def _laid(dust: Dust, run: Run, births: Sequence[int], *, seed: int) -> tuple[Image, Array]:
    """Lay over a run's luma the dust that is born in some of its frames; also count it, dark, bright and hairs."""
    plates = np.zeros((len(run.luma), 2, *run.size), np.float32)
    counts = np.zeros(3)
    for birth in births:
        for patch in dust_patches(dust, run.size, scale=1, seed=seed, frame=birth):
            if patch.age == 0:
                counts[2 if patch.is_hair else int(patch.is_bright)] += 1
                for frame in range(birth, min(birth + patch.life, len(plates))):
                    press(patch, plates[frame])
    dark, bright = plates[:, 0], plates[:, 1]
    return np.asarray(run.luma * (1 - dark) * (1 - bright) + bright, np.float32), counts


def _nearer(guess: Dust, seen: _Tally, again: _Tally, times: float) -> Dust:
    """Correct a guess by how what was drawn from it came out beside what the film shows."""
    rates = np.array([guess.dark_per_frame, guess.bright_per_frame, guess.hairs_per_frame])
    came_out = np.maximum(again.rates / times, rates / 20)
    rates = np.where(rates > 0, rates * seen.rates / np.maximum(came_out, 1e-9), 0)
    odds = [
        float(np.clip(math.log(value / (1 - value)) + want - got, -3, 4))
        for value, want, got in zip(np.clip(guess.opacity, 0.02, 0.98), seen.odds, again.odds, strict=True)
    ]
    longer = (seen.life - 1) / max(again.life - 1, 0.02) if guess.life_frames > 1.02 else 1.0
    return replace(
        guess,
        dark_per_frame=float(rates[0]),
        bright_per_frame=float(rates[1]),
        hairs_per_frame=float(rates[2]),
        radius_px=float(np.clip(guess.radius_px * math.exp(seen.log_radius - again.log_radius), 0.3, 20)),
        radius_spread=float(np.clip(guess.radius_spread * np.clip(seen.spread / again.spread, 0.5, 2), 0.05, 1.2)),
        opacity=(_share(odds[0]) if rates[0] > 0 else 0.0, _share(odds[1]) if rates[1] > 0 else 0.0),
        hair_length_px=float(np.clip(guess.hair_length_px * math.exp(seen.log_length - again.log_length), 4, 200)),
        life_frames=float(np.clip(1 + (guess.life_frames - 1) * np.clip(longer, 0.3, 3), 1, 12)),
    )


def _part_way(old: Dust, new: Dust, step: float) -> Dust:
    """Go some of the way from one guess to another, by its logarithm."""

    def between(first: float, second: float) -> float:
        return first ** (1 - step) * second**step if first > 0 and second > 0 else second

    return Dust(
        dark_per_frame=between(old.dark_per_frame, new.dark_per_frame),
        bright_per_frame=between(old.bright_per_frame, new.bright_per_frame),
        radius_px=between(old.radius_px, new.radius_px),
        radius_spread=between(old.radius_spread, new.radius_spread),
        opacity=(between(old.opacity[0], new.opacity[0]), between(old.opacity[1], new.opacity[1])),
        hairs_per_frame=between(old.hairs_per_frame, new.hairs_per_frame),
        hair_length_px=between(old.hair_length_px, new.hair_length_px),
        life_frames=between(old.life_frames, new.life_frames),
    )


def _rates_error(specks: Sequence[list[Speck]], weights: Sequence[Array], runs: Sequence[Run]) -> Array:
    """Return the relative standard errors of the three rates from how blocks of frames differ."""
    blocks = []
    for found, weight, run in zip(specks, weights, runs, strict=True):
        kinds, frames = (np.array([get(speck) for speck in found], int) for get in (_kind, lambda speck: speck.frame))
        for start in range(1, len(run.luma) - 1, BLOCK_FRAMES):
            stop = min(start + BLOCK_FRAMES, len(run.luma) - 1)
            chosen = (frames >= start) & (frames < stop)
            blocks.append(np.bincount(kinds[chosen], weight[chosen], minlength=3) / (stop - start))
    values = np.array(blocks)
    if len(values) < 2:
        return np.ones(3)
    error: NDArray[np.float64] = (
        values.std(axis=0, ddof=1) / math.sqrt(len(values)) / np.maximum(values.mean(axis=0), 1e-9)
    )
    return error


def _confidence(
    proposals: Sequence[Dust], seen: _Tally, again: _Tally, times: float, rates_error: Array
) -> dict[str, float]:
    """Tell how sure each field is: from the blocks of the film, from how many were found, and from how the rounds differ."""
    late = proposals[1:]
    rates = np.array([(dust.dark_per_frame, dust.bright_per_frame, dust.hairs_per_frame) for dust in late])
    trust = np.minimum(again.rates / np.maximum(rates[-1] * times, 1e-9) / SURE_RECALL, 1)
    errors = np.hypot(rates_error, 1.5 / np.sqrt(np.maximum(again.counts, 1)))
    kinds = [
        1.0 if count == 0 else _sureness(count, rates[:, kind], float(errors[kind] * math.sqrt(count))) * trust[kind]
        for kind, count in enumerate(seen.counts)
    ]
    dots, hairs = float(seen.counts[:2].sum()), float(seen.counts[2])
    by = float(np.average(trust[:2], weights=seen.counts[:2] + 1e-9))
    sides = [
        _sureness(seen.counts[side], [dust.opacity[side] for dust in late], 1.0) * trust[side]
        for side in (0, 1)
        if seen.counts[side] > 0
    ]
    return {
        "dark_per_frame": float(kinds[0]),
        "bright_per_frame": float(kinds[1]),
        "hairs_per_frame": float(kinds[2]),
        "radius_px": _sureness(dots, [dust.radius_px for dust in late], 2 * late[-1].radius_spread)
        * by
        * (1 - RADIUS_ERROR),
        "radius_spread": _sureness(dots, [dust.radius_spread for dust in late], 2.0) * by,
        "opacity": float(min(sides, default=0.0)),
        "hair_length_px": _sureness(hairs, [dust.hair_length_px for dust in late], 2.0) * float(trust[2]),
        "life_frames": _sureness(dots, [dust.life_frames for dust in late], 1.5)
        * by
        * (1 if late[-1].life_frames < 3 else 0.4),
    }


def _between(dust: Dust, seen: _Tally) -> Dust:
    """Put the geometric mean of what was measured and what was seen in the place of rates that are not likely.

    Few of the known specks were found again then, so that the share that was missed may be anything from none to what they say.
    """
    rates = {
        name: getattr(dust, name) if is_likely(dust, name) else math.sqrt(getattr(dust, name) * float(rate))
        for name, rate in zip(RATES, seen.rates, strict=True)
    }
    return Dust(**{**asdict(dust), **rates})


def _sureness(count: float, values: Sequence[float] | Array, error_of_one: float) -> float:
    """Return one less the relative standard error of what was told from `count` specks, and in some rounds."""
    if count < LEAST_SPECKS:
        return 0.0
    wavers = float(np.std(values) / max(float(np.mean(values)), 1e-9))
    return float(np.clip(1 - math.hypot(error_of_one / math.sqrt(count), wavers), 0, 1))


def _without(seen: _Tally, runs: Sequence[Run], known: Sequence[list[Speck]], frames: int) -> Dust:
    """Say that there is no dust, as surely as usual dust would have been found."""
    again, times = _found_again(USUAL, runs, known, seed=0)
    recall = float(again.rates[:2].sum()) / (times * (USUAL.dark_per_frame + USUAL.bright_per_frame))
    sure = min(recall / SURE_RECALL, 1) * min(frames / 8, 1)
    if seen.rates.sum() > LEAST_A_FRAME / 3:
        sure *= 0.7
    return Dust(confidence=dict.fromkeys(RATES, sure))
