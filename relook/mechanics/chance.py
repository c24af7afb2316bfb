"""Chance that repeats itself: random numbers that are a pure function of a seed, a frame and what they are for; and their measure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from relook.recipe.mechanics import NUM_BANDS, WHITE, Bands

Array = NDArray[np.float64]

Mark = Literal["grain", "breath", "weave", "dust", "scratches", "unevenness", "cranking"]
MARKS: tuple[Mark, ...] = get_args(Mark)
REACH_FRAMES = 16
"""What happens in a frame depends on noise of so many frames to both sides."""
PIECE_STEPS = 32
"""Spectra are taken of pieces of about this length."""
LEAST_STEPS = 10
OUTLYING = 4.0
"""Steps beyond so many standard deviations are a splice or a slip of the registration, and are cut down to it."""
SOME_PIECES = 4
"""So many pieces show by their spread how sure their mean is."""
TAPER_LOSS = 0.75
"""Share of a piece that its tapers use."""
QUICK = 2
"""The first band that no slow path reaches."""
MOST_MEMORY = 0.7
GUESS_DOUBT = 0.5
"""Of what the lowest band is guessed to have beyond the next."""
MOST_UNLIKE = 4.0
"""A run's power is cut down to so many times the median's of the runs."""
SURELY = 0.75
"""What wanders by less than this share of the floor, error and all, surely does not: slow wandering has less in the quick bands."""
_CENTRES = (np.arange(NUM_BANDS) + 0.5) / (2 * NUM_BANDS)
_FREQUENCIES = (np.arange(512) + 0.5) / 1024


def random_of(seed: int, frame: int, mark: Mark) -> np.random.Generator:
    """Return the random numbers of one mark in one frame; `seed` is the shot's, `frame` any whole number."""
    return np.random.Generator(
        np.random.Philox(key=np.array([seed, (frame * 16 + MARKS.index(mark)) % 2**64], np.uint64))
    )


def births(mean: float, rng: np.random.Generator) -> Iterator[int]:
    """Count what happens by chance, `mean` times on average; what is drawn of each may come from the same numbers.

    The first ones are the same for a larger mean, so that turning a mark up adds to what is there.
    """
    number, passed = 0, rng.exponential()
    while passed < mean:
        yield number
        number, passed = number + 1, passed + rng.exponential()


def wander(rhythm: Bands, num: int, *, seed: int, frame: int, mark: Mark) -> NDArray[np.float64]:
    """Return `num` values of unit variance whose course over the frames has a spectrum.

    White noise of the frames around through a symmetric filter, so that rendering may start at any frame.
    """
    taps = rhythm_filter(rhythm)
    around = range(frame - REACH_FRAMES, frame + REACH_FRAMES + 1)
    noise = np.stack([random_of(seed, number, mark).standard_normal(num) for number in around])
    return np.asarray(taps @ noise)


def rhythm_filter(rhythm: Bands) -> NDArray[np.float64]:
    """Return the symmetric filter of unit energy whose squared response has the bands of a rhythm, `[2 * REACH_FRAMES + 1]`."""
    return _rhythm_filter(tuple(float(share) for share in rhythm)).copy()


@lru_cache(maxsize=32)
def _rhythm_filter(rhythm: Bands) -> Array:
    """Build the filter; amplitudes at the bands' middles are mended until the energy of each band is the one asked for."""
    wanted = np.maximum(rhythm, 0) / max(float(np.maximum(rhythm, 0).sum()), 1e-12)
    lags = np.arange(-REACH_FRAMES, REACH_FRAMES + 1)
    window = np.hanning(2 * REACH_FRAMES + 3)[1:-1]
    waves = np.cos(2 * np.pi * np.outer(lags, _FREQUENCIES))
    nodes, taps = np.sqrt(wanted), np.zeros(len(lags))
    for _ in range(20):
        taps = (waves @ np.interp(_FREQUENCIES, _CENTRES, nodes)) * window
        taps = taps / max(float(np.linalg.norm(taps)), 1e-12)
        found = np.square(taps @ waves).reshape(NUM_BANDS, -1).mean(axis=1) / NUM_BANDS
        nodes = nodes * np.clip(np.sqrt((wanted + 1e-6) / (found + 1e-6)), 0.5, 2.0)
    return np.asarray(taps)


@dataclass(frozen=True)
class Course:
    """How something wanders from frame to frame: the inverse of `wander`."""

    deviation: float = 0.0
    """Standard deviation about a slow path; 0 with confidence where it is below the floor, without where it is not known."""
    rhythm: Bands = WHITE
    confidence: float = 0.0
    """Of the deviation."""
    rhythm_confidence: float = 0.0


@dataclass(frozen=True)
class _Spectrum:
    """Power in bands of some pieces of a course, each of which counts by its length."""

    lengths: Array
    shared: Array
    """What two measurements share, `[n bands]`."""
    alone: Array
    """What either has alone, noise and all, `[n bands]`."""

    @property
    def mean(self) -> Array:
        return np.asarray(self.lengths @ self.shared / self.lengths.sum())

    def quick(self) -> float:
        """Return the standard deviation of white noise of the same power in the quick bands."""
        return float(np.sqrt(max(self.mean[QUICK:].mean(), 0.0)))

    def upper_share(self) -> float:
        """Return the share of the upper half of the spectrum in what is measured of it."""
        positive = np.maximum(self.mean, 0)
        return float(positive[NUM_BANDS // 2 :].sum() / max(float(positive[1:].sum()), 1e-30))

    def errors(self) -> Array:
        """Return the standard errors of the mean."""
        share, mean = self.lengths / self.lengths.sum(), self.mean
        counts = TAPER_LOSS * self.lengths.sum() / (2 * NUM_BANDS)
        errors = np.sqrt((np.square(share @ self.alone) + mean**2) / (2 * counts))
        num = len(share)
        if num >= SOME_PIECES:
            spread = np.sqrt(np.square(share) @ np.square(self.shared - mean) * num / (num - 1))
            errors = np.maximum(errors, spread)
        return np.asarray(errors)


def course_of(steps: Sequence[tuple[Array, Array]], *, floor: float, least_upper_share: float = 0.0) -> Course:
    """Measure how something wanders, from its steps from frame to frame in some runs.

    Two measurements of each step, whose errors have nothing to do with each other: what they share has no floor of noise. A step's
    power is that of the place times `4 sin(pi f)^2`. A camera's path or the scene's own light drowns the lowest band, which is
    guessed from the others, and may drown the next, which is held to twice of what the others make likely. Runs with less than
    `least_upper_share` of their power in the upper half of the spectrum hold nothing but such a path and are left out; power below
    `floor` in the quick bands is none.
    """
    runs = [spectrum for first, second in steps if (spectrum := _spectrum(first, second))]
    told = [spectrum for spectrum in runs if spectrum.quick() < floor or spectrum.upper_share() >= least_upper_share]
    if not told:
        return Course()
    usual = float(np.median([spectrum.mean[QUICK:].mean() for spectrum in told]))
    tame = [min(1.0, MOST_UNLIKE * usual / max(float(spectrum.mean[QUICK:].mean()), 1e-12)) for spectrum in told]
    if len(told) < 3 or usual <= 0:
        tame = [1.0] * len(told)
    whole = _Spectrum(
        lengths=np.concatenate([spectrum.lengths for spectrum in told]),
        shared=np.concatenate([spectrum.shared * factor for spectrum, factor in zip(told, tame, strict=True)]),
        alone=np.concatenate([spectrum.alone * factor for spectrum, factor in zip(told, tame, strict=True)]),
    )
    return _told(whole, floor)


def _told(spectrum: _Spectrum, floor: float) -> Course:
    bands, errors = spectrum.mean, spectrum.errors()
    quick_error = float(np.sqrt(np.square(errors[QUICK:]).sum())) / (NUM_BANDS - QUICK)
    if spectrum.quick() < floor:
        most = np.sqrt(spectrum.quick() ** 2 + quick_error)
        return Course(confidence=float(min(SURELY * floor / most, 1.0)), rhythm_confidence=0.0)
    bands = np.maximum(bands, 1e-4 * bands[QUICK:].max())
    likely = _likely(bands)
    bands[1] = min(bands[1], 2 * likely[1])
    errors[1] = min(errors[1], bands[1])
    bands[0] = bands[1] * likely[0] / likely[1]
    errors[0] = errors[1] * likely[0] / likely[1] + GUESS_DOUBT * max(bands[0] - bands[1], 0)
    total = float(bands.mean())
    error = float(np.sqrt((errors[0] + errors[1]) ** 2 + np.square(errors[QUICK:]).sum())) / NUM_BANDS
    return Course(
        deviation=float(np.sqrt(total)),
        rhythm=tuple(float(value) for value in bands / bands.sum()),
        confidence=float(np.clip(1 - error / total / 2, 0, 1)),
        rhythm_confidence=float(np.clip(1 - errors.sum() / (NUM_BANDS * total), 0, 1)),
    )


def _likely(bands: Array) -> Array:
    """Return the power in bands of the likeliest process with a memory (AR(1)), judged by the quick bands (Whittle's likelihood)."""
    memory = np.linspace(0, MOST_MEMORY, 32)[:, None]
    shapes = 1 / (1 + memory**2 - 2 * memory * np.cos(2 * np.pi * _FREQUENCIES))
    shapes = shapes.reshape(len(memory), NUM_BANDS, -1).mean(axis=2)
    scale = (bands[QUICK:] / shapes[:, QUICK:]).mean(axis=1)
    unlikely = np.log(scale) + np.log(shapes[:, QUICK:]).mean(axis=1)
    best = int(np.argmin(unlikely))
    return np.asarray(shapes[best] * scale[best])


def _spectrum(first: Array, second: Array) -> _Spectrum | None:
    """Take the spectrum of a run in pieces; None where it is too short."""
    if len(first) < LEAST_STEPS:
        return None
    both = (first + second) / 2
    middle = np.median(both)
    limit = OUTLYING * 1.4826 * float(np.median(np.abs(both - middle))) + 1e-9
    excess = both - np.clip(both, middle - limit, middle + limit)
    num = max(round(len(first) / PIECE_STEPS), 1)
    halves = [np.array_split(half - excess, num) for half in (first, second)]
    powers = [_powers(a, b) for a, b in zip(*halves, strict=True)]
    return _Spectrum(
        lengths=np.array([len(half) for half in halves[0]], np.float64),
        shared=np.array([shared for shared, _ in powers]),
        alone=np.array([alone for _, alone in powers]),
    )


def _powers(first: Array, second: Array) -> tuple[Array, Array]:
    length = len(first)
    time = np.linspace(-1, 1, length)
    num_tapers = 2 if length >= 20 else 1
    places = np.arange(1, length + 1) / (length + 1)
    tapers = np.sqrt(2 / (length + 1)) * np.sin(np.pi * np.outer(np.arange(1, num_tapers + 1), places))
    flat = [half - np.polyval(np.polyfit(time, half, 1), time) for half in (first, second)]
    waves = np.exp(-2j * np.pi * np.outer(np.arange(length), _FREQUENCIES))
    a, b = ((tapers * half) @ waves for half in flat)
    response = 4 * np.square(np.sin(np.pi * _FREQUENCIES))

    def banded(power: Array) -> Array:
        return np.asarray((power.mean(axis=0) / response).reshape(NUM_BANDS, -1).mean(axis=1))

    return banded((a * b.conj()).real), banded(np.sqrt(np.square(np.abs(a)) * np.square(np.abs(b))))
