"""Measure marks of film that are known, draw what was measured, measure that again; and what drawing costs.

    python benchmarks/mechanics.py FOOTAGE_FOLDER [--settings 30] [--processes 2] [--reels OUT] [--only N]

Of each random setting, marks are laid over three clean clips of eight, and measured: "painted" compares each figure with the truth.
Then what was measured is drawn over three other clips and measured once more: "drawn again" compares with the look's. Amounts are
compared with what chance has drawn for these very frames. A figure is right within 15 %, flagged where it says itself that it is not
sure ("about", or "could not be measured"), and wrong otherwise. "clean" says what the clips measure as without any marks.

`--reels OUT` prints what the real reels measure as, beside a render in those marks, and writes a sheet of each to be looked at:
consecutive frames of the reel, how each differs from the next (grey is no difference), and the same of the render.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from einops import rearrange
from hidden_truth import clips_of, one_thread
from numpy.typing import NDArray

from relook.film.reader import FilmReader
from relook.mechanics.aperture import draw_aperture
from relook.mechanics.breath import breath_of
from relook.mechanics.dust_plate import dust_patches
from relook.mechanics.halation import lay_halation
from relook.mechanics.marks import MarkMaker, lay_marks
from relook.mechanics.measure import measure_mechanics
from relook.mechanics.reel import Run, moved
from relook.mechanics.scratch_plate import scratch_lines
from relook.mechanics.trust import believed, is_sure
from relook.mechanics.weave import weave_of
from relook.mechanics.words import mechanics_in_words
from relook.recipe.mechanics import (
    Aperture,
    Breath,
    Dust,
    Grain,
    Halation,
    Mechanics,
    Scratches,
    Unevenness,
    Weave,
)

CLEAN = (
    "live-action/bikes_6shots.mp4",
    "live-action/davis/breakdance",
    "live-action/davis/car-roundabout",
    "live-action/davis/parkour",
)
REELS = (
    "old-film/market_street_1906",
    "old-film/sf_earthquake_1906",
    "old-film/great_train_robbery_1903",
    "old-film/silent_comedy_street_521f.mp4",
    "old-film/us_army_1950s_3shots.mp4",
    "old-film/his_girl_friday_1940.mp4",
)
RIGHT = 0.15
CLIPS_A_SETTING = 3
REEL_FRAMES = 48
SHEET_START, SHEET_FRAMES, SHEET_ROWS, SHEET_GAIN = 4, 4, 300, 2.0

Clip = NDArray[np.float32]
Figure = tuple[str, str, float, float, bool]
"""What was compared, which mark and field, the truth, what was measured, and whether that says it is sure."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("footage", type=Path)
    parser.add_argument("--settings", type=int, default=30)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--reels", type=Path, help="a folder for sheets")
    parser.add_argument("--only", type=int, help="one setting, every figure of it")
    options = parser.parse_args()
    if options.only is not None:
        for figure in measured_setting(options.footage, options.only):
            sys.stdout.write("{:12} {:28} truth {:8.4f} measured {:8.4f} sure {}\n".format(*figure))
        return
    print_cost()
    with ProcessPoolExecutor(options.processes, get_context("spawn"), initializer=one_thread) as pool:
        if options.reels:
            options.reels.mkdir(exist_ok=True)
            reels = [options.footage / name for name in REELS]
            list(pool.map(print_reel, reels, [options.reels / f"{path.stem}.png" for path in reels]))
        else:
            print_clean(pool.submit(measured_clean, options.footage).result())
            jobs = [options.footage] * options.settings
            print_figures([one for found in pool.map(measured_setting, jobs, range(options.settings)) for one in found])


def clean_clips(footage: Path) -> list[Clip]:
    return [clip for name in CLEAN for clip in clips_of(footage / name)]


def random_mechanics(rng: np.random.Generator, rows: int) -> Mechanics:
    """Draw marks as films have them; each is there in two settings of three."""

    def there() -> bool:
        return bool(rng.uniform() < 2 / 3)

    def bands(colour: float) -> tuple[float, ...]:
        centres = np.arange(8) + 0.5
        powers = np.exp(-colour * centres / 8)
        return tuple((powers / powers.sum()).tolist())

    level = rng.uniform(0.012, 0.05)
    density = level * (0.6 + 1.6 * np.linspace(0, 1, 8) * (1 - np.linspace(0, 1, 8)))
    tint = (1.0, 1.0, 1.0) if rng.uniform() < 0.5 else (1.0, 0.85, 1.2)
    spectrum = np.array(bands(rng.uniform(0, 3))) * 8
    correlation = (1.0,) * 3 if tint[0] == tint[1] else (0.5, 0.5, 0.4)
    made = Mechanics(reference_height=rows)
    if there():
        strength = tuple((float(d * tint[0]), float(d * tint[1]), float(d * tint[2])) for d in density)
        made = replace(made, grain=Grain(strength, tuple(spectrum.tolist()), correlation))
    if there():
        exposure = rng.uniform(0.01, 0.06)
        made = replace(made, breath=Breath(exposure, rng.uniform(0.008, 0.03), rhythm=bands(rng.uniform(0, 4))))
    if there():
        across, down = rng.uniform(0.2, 1.0, 2)
        made = replace(made, weave=Weave(across, down, rng.uniform(0, 0.1), bands(2.0), bands(rng.uniform(0, 4))))
    if there():
        dust = Dust(*rng.uniform(2, 15, 2), rng.uniform(1.2, 2.5), 0.4, (rng.uniform(0.3, 0.8), rng.uniform(0.3, 0.8)))
        made = replace(made, dust=dust)
    if there():
        scratches = Scratches(rng.uniform(0.5, 4), rng.uniform(1, 2), rng.uniform(0.06, 0.2), rng.uniform(0.2, 0.9))
        made = replace(made, scratches=scratches)
    if there():
        made = replace(made, unevenness=Unevenness(rng.uniform(0.01, 0.04), rng.uniform(12, 30)))
    if there():
        glow = rng.uniform(0.08, 0.3)
        made = replace(made, halation=Halation(rng.uniform(4, 12), (glow, glow * 0.7, glow * 0.5)))
    if there():
        made = replace(made, aperture=Aperture((0, 0, 0, 0), rng.uniform(8, 24)))
    return made


def marked(clip: Clip, mechanics: Mechanics, seed: int) -> Clip:
    """Lay marks over a clip `[t h w 3]` and round it to eight bits."""
    pictures = rearrange(torch.from_numpy(clip), "t h w c -> t c h w")
    maker = MarkMaker(mechanics, (pictures.shape[-2], pictures.shape[-1]), seed=seed)
    pictures = lay_halation(pictures, mechanics.halation, scale=maker.scale).clamp(0, 1)
    mask = draw_aperture(mechanics.aperture, maker.size, scale=maker.scale)[..., None]
    frames = []
    for t, picture in enumerate(pictures):
        across, down, turn = weave_of(mechanics.weave, seed=seed, frame=t)
        woven = moved(rearrange(picture, "c h w -> h w c").numpy(), np.array((across, down, turn)))
        laid = lay_marks(rearrange(torch.from_numpy(woven), "h w c -> 1 c h w"), maker.draw(t))[0]
        frames.append(rearrange(laid, "c h w -> h w c").numpy() * mask)
    return np.asarray(np.rint(np.stack(frames).clip(0, 1) * 255) / 255, np.float32)


def as_drawn(mechanics: Mechanics, clips: list[Clip], seeds: list[int]) -> Mechanics:
    """Return mechanics with the amounts that chance has drawn for these very frames, where some frames say little of the whole."""
    size = commonest_size(clips)
    places = [
        (seed, t) for clip, seed in zip(clips, seeds, strict=True) if clip.shape[1:3] == size for t in range(len(clip))
    ]
    maker = MarkMaker(mechanics, size, seed=0)
    dust, scratches = maker.mechanics.dust, maker.mechanics.scratches
    light = np.array([(seed, *np.log(breath_of(mechanics.breath, seed=seed, frame=t))) for seed, t in places])
    moves = np.array([(seed, *weave_of(mechanics.weave, seed=seed, frame=t)) for seed, t in places])
    specks = [
        [patch for patch in dust_patches(dust, size, scale=maker.scale, seed=seed, frame=t) if not patch.age]
        for seed, t in places
    ]
    lines = [scratch_lines(scratches, size, scale=maker.scale, seed=seed, frame=t) for seed, t in places]
    exposure, contrast = deviation(light[:, [0, 2]]), deviation(light[:, [0, 4]])
    across, down, turn = (deviation(moves[:, [0, axis]]) for axis in (1, 2, 3))
    kinds = [
        sum(patch.is_bright == kind and not patch.is_hair for each in specks for patch in each)
        for kind in (False, True)
    ]
    dark, bright = (count / len(places) for count in kinds)
    return replace(
        mechanics,
        breath=replace(mechanics.breath, exposure=exposure, contrast=contrast),
        weave=replace(mechanics.weave, across_px=across, down_px=down, rotation_degrees=float(np.degrees(turn))),
        dust=replace(mechanics.dust, dark_per_frame=dark, bright_per_frame=bright),
        scratches=replace(mechanics.scratches, per_frame=sum(map(len, lines)) / len(places)),
    )


def commonest_size(clips: list[Clip]) -> tuple[int, int]:
    """Return the frame size that most frames have: the one that is measured."""
    frames: Counter[tuple[int, int]] = Counter()
    for clip in clips:
        frames[clip.shape[1:3]] += len(clip)
    return frames.most_common(1)[0][0]


def deviation(rows: NDArray[np.float64]) -> float:
    """Return the deviation of values from the mean of their own clip; rows of clip and value."""
    clips = [rows[rows[:, 0] == clip, 1] for clip in np.unique(rows[:, 0])]
    return float(np.sqrt(np.mean(np.concatenate([np.square(values - values.mean()) for values in clips]))))


def measured(clips: list[Clip]) -> Mechanics:
    return measure_mechanics([Run(clip) for clip in clips])


def measured_setting(footage: Path, number: int) -> list[Figure]:
    """Paint, measure, draw again and measure again."""
    rng = np.random.default_rng(number)
    clips = clean_clips(footage)
    order = rng.permutation(len(clips))
    first, others = ([clips[k] for k in order[n * CLIPS_A_SETTING :][:CLIPS_A_SETTING]] for n in (0, 1))
    truth = random_mechanics(rng, int(np.median([clip.shape[1] for clip in first])))
    seeds = [10 * number + k for k in range(CLIPS_A_SETTING)]
    found = measured([marked(clip, truth, seed) for clip, seed in zip(first, seeds, strict=True)])
    look = believed(found)
    new_seeds = [1000 + seed for seed in seeds]
    again = measured([marked(clip, look, seed) for clip, seed in zip(others, new_seeds, strict=True)])
    return [
        *compared("painted", as_drawn(truth, first, seeds), found),
        *compared("drawn again", as_drawn(look, others, new_seeds), again),
    ]


def compared(what: str, truth: Mechanics, found: Mechanics) -> Iterator[Figure]:
    """Yield every figure of both: vectors by the mean of their values, spectra by their centre."""
    for mark, fields in figures(truth).items():
        other = figures(found)[mark]
        present = any(value > 0 for name, value in fields.items() if name in PRESENCE)
        for name, value in fields.items():
            if present or name in PRESENCE:
                yield what, f"{mark} {name}", value, other[name], is_sure(getattr(found, mark), name)


CORRELATIONS = ("persistence", "correlation", "bright_share")
"""Figures between 0 and 1 whose differences count as such, and not as shares of them."""
PRESENCE = (
    "strength",
    "exposure",
    "contrast",
    "across_px",
    "down_px",
    "rotation_degrees",
    "dark_per_frame",
    "bright_per_frame",
    "per_frame",
    "corner_radius_px",
)
"""Figures that are 0 where a mark is not there; the others then mean nothing."""


def figures(mechanics: Mechanics) -> dict[str, dict[str, float]]:
    """Return the figures of each mark by name."""
    marks: dict[str, dict[str, float]] = {}
    for mark in ("grain", "breath", "weave", "dust", "scratches", "unevenness", "halation", "aperture"):
        values: dict[str, Any] = asdict(getattr(mechanics, mark))
        values.pop("confidence")
        marks[mark] = {
            name: centre(value) if name in ("spectrum", "rhythm", "rhythm_across", "rhythm_down") else mean(value)
            for name, value in values.items()
        }
    return marks


def centre(bands: tuple[float, ...]) -> float:
    """Return the mean frequency of a spectrum, as a share of the highest."""
    powers = np.asarray(bands)
    return float(powers @ (np.arange(len(powers)) + 0.5) / powers.sum() / len(powers))


def mean(value: Any) -> float:
    return float(np.mean(value))


def print_figures(found: list[Figure]) -> None:
    write = sys.stdout.write
    write(f"{'':14}{'figure':28}{'number':>8}{'median':>9}{'worst':>9}{'right':>8}{'flagged':>9}{'wrong':>8}\n")
    for key in dict.fromkeys((what, name) for what, name, *_ in found):
        same = [figure[2:] for figure in found if figure[:2] == key]
        whole = any(key[1].endswith(name) for name in CORRELATIONS)
        sure = [
            abs(value - truth) / (1 if whole else truth)
            for truth, value, is_sure in same
            if is_sure and (truth > 0 or whole)
        ]
        right = [error <= RIGHT for error in sure]
        absent = [value == 0 or not is_sure for truth, value, is_sure in same if truth == 0 and not whole]
        flagged = sum(not is_sure for truth, _, is_sure in same if truth > 0 or whole)
        count = len(same)
        median, worst = (statistics.median(sure), max(sure)) if sure else (float("nan"),) * 2
        wrong = len(right) - sum(right) + len(absent) - sum(absent)
        write(
            f"{key[0]:14}{key[1]:28}{count:8}{median:9.1%}{worst:9.1%}"
            f"{(sum(right) + sum(absent)) / count:8.0%}{flagged / count:9.0%}{wrong / count:8.0%}\n"
        )
    sys.stdout.flush()


def measured_clean(footage: Path) -> list[tuple[str, Mechanics]]:
    return [(name, measured(list(clips_of(footage / name)))) for name in CLEAN]


def print_clean(found: list[tuple[str, Mechanics]]) -> None:
    for name, mechanics in found:
        words = ", ".join(f"{mark} {text}" for mark, text in mechanics_in_words(mechanics).items())
        sys.stdout.write(f"clean {name}: {words}\n")


def print_reel(path: Path, sheet: Path) -> None:
    """Print what a reel measures as, and what a clean film measures as with those marks; write a sheet of both."""
    with FilmReader(path) as reader:
        frames = [frame.pixels for frame, _ in zip(reader.frames(), range(REEL_FRAMES), strict=False)]
    reel = measured([rearrange(torch.stack(frames), "t c h w -> t h w c").numpy()])
    rows = reel.reference_height
    clips = list(clips_of(path.parents[1] / CLEAN[0]))[:CLIPS_A_SETTING]
    large = [
        np.stack([cv2.resize(f, None, fx=rows / f.shape[0], fy=rows / f.shape[0]) for f in clip]) for clip in clips
    ]
    worn = [marked(clip, believed(reel), k) for k, clip in enumerate(large)]
    render = measured(worn)
    shown = rearrange(torch.stack(frames[SHEET_START:][: SHEET_FRAMES + 1]), "t c h w -> t h w c").numpy()
    write_sheet(sheet, [shown, worn[0][SHEET_START:][: SHEET_FRAMES + 1]])
    lines = [f"{path.name}, {rows} rows"]
    for mark, words in mechanics_in_words(reel).items():
        lines += [f"  {mark:12} reel   {words}", f"  {'':12} render {mechanics_in_words(render)[mark]}"]
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()


def write_sheet(path: Path, clips: list[Clip]) -> None:
    """Write consecutive frames of clips in rows, with rows of how each differs from the next below."""
    rows = [picture for clip in clips for picture in (clip[:-1], 0.5 + SHEET_GAIN * np.diff(clip, axis=0))]
    strips = [np.concatenate([small_enough(picture) for picture in row], axis=1) for row in rows]
    width = max(strip.shape[1] for strip in strips)
    sheet = np.concatenate([np.pad(strip, ((0, 4), (0, width - strip.shape[1]), (0, 0))) for strip in strips])
    cv2.imwrite(str(path), np.rint(sheet.clip(0, 1) * 255)[..., ::-1])


def small_enough(picture: Clip) -> Clip:
    width = round(picture.shape[1] * SHEET_ROWS / picture.shape[0])
    return np.asarray(cv2.resize(picture, (width, SHEET_ROWS), interpolation=cv2.INTER_AREA), np.float32)


def print_cost() -> None:
    """Print the CPU-seconds of drawing and laying all marks on frames of 1080 rows, one thread."""
    one_thread()
    mechanics = Mechanics(
        grain=Grain(((0.03, 0.028, 0.035),) * 8, correlation=(0.5, 0.5, 0.4)),
        breath=Breath(0.02, 0.01),
        weave=Weave(0.5, 0.5, 0.05),
        dust=Dust(8, 8, opacity=(0.6, 0.6), hairs_per_frame=0.2),
        scratches=Scratches(3, contrast=0.1),
        unevenness=Unevenness(0.02),
        halation=Halation(6, (0.2, 0.15, 0.1)),
        aperture=Aperture((0, 0, 0, 0), 20),
    )
    clip = np.random.default_rng(0).uniform(0, 1, (1, 1080, 1920, 3)).astype(np.float32)
    picture = rearrange(torch.from_numpy(clip), "t h w c -> t c h w").contiguous()
    maker = MarkMaker(mechanics, (1080, 1920), seed=0)
    mask = torch.from_numpy(draw_aperture(mechanics.aperture, maker.size, scale=maker.scale))
    spent = []
    for t in range(6):
        started = time.process_time()
        with torch.inference_mode():
            glowing = lay_halation(picture, mechanics.halation, scale=maker.scale)
            across, down, turn = weave_of(mechanics.weave, seed=0, frame=t)
            planes = [moved(plane, np.array((across, down, turn))) for plane in glowing[0].numpy()]
            lay_marks(torch.from_numpy(np.stack(planes))[None], maker.draw(t)).mul_(mask).clamp_(0, 1)
        spent.append(time.process_time() - started)
    sys.stdout.write(f"all marks on a frame of 1920x1080: {statistics.median(spent):.2f} CPU-s\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
