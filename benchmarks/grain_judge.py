"""Can the judge tell the grain of a reel from grain that was measured on it and drawn again?

    python benchmarks/grain_judge.py FOOTAGE_FOLDER [--look silent]

Grain is measured on the first part of each reel. Of its last frames, which the measure has not seen, the quietest tiles of 64 px are taken:
as they are ("real"), and with their own grain taken out by non-local means (Buades et al., IPOL 2011) and drawn grain laid in its place
("drawn"), both as pairs of consecutive frames. As controls, tiles with no grain in its place and with five times as much. The area
under the curve (AUC) says how well a score tells them from the real ones, either way round: .5 is by chance. Scores are those of the
look's judge, the distance from the style of its descriptor and what its held-out critic says, and, as the hardest question, of a critic
that was trained on half of these very tiles to tell them and is asked about the other half.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import torch
from einops import rearrange
from hidden_truth import one_thread
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from relook.check.judge import Judge
from relook.film.reader import FilmReader
from relook.look import load_look
from relook.mechanics.grain import measure_grain
from relook.mechanics.marks import MarkMaker, lay_marks
from relook.mechanics.reel import Run
from relook.nets.critic import PairCritic, pair_evidence
from relook.recipe.mechanics import Grain, Mechanics

REELS = (
    "old-film/market_street_1906",
    "old-film/sf_earthquake_1906",
    "old-film/great_train_robbery_1903",
    "old-film/silent_comedy_street_521f.mp4",
    "old-film/us_army_1950s_3shots.mp4",
)
UNSEEN_FRAMES = 16
MEASURED_FRAMES = 36
TILE_PX = 64
NUM_PLACES = 6
LIT = (0.12, 0.8)
"""Mean light of a tile: white and black are cut off and have no grain."""
REACH = 2
"""Frames before and after that the scene is told from."""
STEPS = 150
EMPHASIS = 20.0
"""How much what lies above the smooth surface is raised before the critic that is trained here looks."""

Clip = NDArray[np.float32]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("footage", type=Path)
    parser.add_argument("--look", default="silent")
    options = parser.parse_args()
    one_thread()
    judge = Judge.from_tensors(load_look(options.look).judge)
    write = sys.stdout.write
    write(
        f"{'reel':34}{'tiles':>7}{'grain':>8}{'sure':>6}{'':9}{'descriptor':>12}{'critic':>8}{'trained for it':>16}\n"
    )
    for name in REELS:
        frames = read(options.footage / name)
        first, last = frames[:-UNSEEN_FRAMES], frames[-UNSEEN_FRAMES:]
        grain = measure_grain([Run(first[-MEASURED_FRAMES:])])
        for what, laid in (("drawn", grain), ("none", Grain()), ("fivefold", dialled_up(grain))):
            real, drawn = tiles(last, quiet_places(first), scene(last, grain), laid)
            descriptor, critic = (auc(*(score(judge, side) for side in (real, drawn))) for score in (distances, heard))
            write(
                f"{Path(name).name:34}{len(real):7}{np.mean(grain.strength):8.2%}{grain.confidence['strength']:6.2f} {what:8}"
                f"{descriptor:12.2f}{critic:8.2f}{trained_auc(real, drawn):16.2f}\n"
            )
            sys.stdout.flush()


def read(path: Path) -> Clip:
    """Read the last frames that are wanted, repeated ones left out, as `[t h w 3]`."""
    kept: list[Clip] = []
    with FilmReader(path) as reader:
        for frame in reader.frames():
            picture = rearrange(frame.pixels, "c h w -> h w c").numpy()
            if not kept or np.abs(picture - kept[-1]).mean() > 0.002:
                kept.append(picture)
            kept = kept[-(UNSEEN_FRAMES + MEASURED_FRAMES) :]
    return np.stack(kept)


def quiet_places(frames: Clip) -> list[int]:
    """Return the numbers of the tiles, row by row, where nothing but grain shows: the least spread over a smooth surface.

    Of frames that come before those which are judged, so that grain itself is not chosen by its amount.
    """
    luma = rearrange(torch.from_numpy(frames), "t h w c -> t c h w").mean(dim=1)
    rows, columns = (size // TILE_PX for size in luma.shape[-2:])
    cells = rearrange(luma[:, : rows * TILE_PX, : columns * TILE_PX], "t (r h) (c w) -> (r c) t h w", r=rows, c=columns)
    light, spread = cells.mean(dim=(1, 2, 3)), (cells - smooth(cells)).flatten(1).std(dim=1)
    spread[(light < LIT[0]) | (light > LIT[1])] = torch.inf
    return spread.argsort()[:NUM_PLACES].tolist()


def scene(frames: Clip, grain: Grain) -> Clip:
    """Take the grain out of all frames but the outermost `REACH`, by non-local means over the frames around."""
    filter_strength = max(255 * float(np.mean(grain.strength)), 1.0)
    planes = rearrange(np.rint(frames * 255).astype(np.uint8), "t h w c -> c t h w")
    inner = range(REACH, len(frames) - REACH)
    cleaned = [
        [cv2.fastNlMeansDenoisingMulti(list(plane), t, 2 * REACH + 1, None, filter_strength, 5, 15) for t in inner]
        for plane in planes
    ]
    return np.asarray(rearrange(np.array(cleaned), "c t h w -> t h w c") / 255, np.float32)


def dialled_up(grain: Grain) -> Grain:
    """Return grain five times as strong."""
    return replace(grain, strength=tuple((5 * red, 5 * green, 5 * blue) for red, green, blue in grain.strength))


def tiles(frames: Clip, places: list[int], scene: Clip, grain: Grain) -> tuple[Tensor, Tensor]:
    """Return tiles as they are and with drawn grain over the scene, pairs `[n 2 3 64 64]` each."""
    film, clean = (rearrange(torch.from_numpy(clip), "t h w c -> t c h w") for clip in (frames[REACH:-REACH], scene))
    height, width = film.shape[-2:]
    maker = MarkMaker(Mechanics(height, grain=grain), (height, width), seed=0)
    laid = torch.cat([lay_marks(picture[None], maker.draw(t)) for t, picture in enumerate(clean)])
    laid = (laid.clamp(0, 1) * 255).round() / 255
    real, drawn = (
        torch.stack([clip[t : t + 2, :, *place_of(k, width)] for t in range(len(clip) - 1) for k in places])
        for clip in (film, laid)
    )
    return real, drawn


def place_of(number: int, width: int) -> tuple[slice, slice]:
    """Return the rows and columns of a tile."""
    row, column = divmod(number, width // TILE_PX)
    return slice(row * TILE_PX, (row + 1) * TILE_PX), slice(column * TILE_PX, (column + 1) * TILE_PX)


def smooth(planes: Tensor) -> Tensor:
    """Fit a quadratic surface to planes `[... h w]`."""
    height, width = planes.shape[-2:]
    y, x = torch.meshgrid(torch.linspace(-1, 1, height), torch.linspace(-1, 1, width), indexing="ij")
    basis = torch.linalg.qr(torch.stack([x**i * y**j for i in range(3) for j in range(3 - i)], dim=-1).reshape(-1, 6))[
        0
    ]
    return ((planes.flatten(-2) @ basis) @ basis.T).reshape(planes.shape)


def distances(judge: Judge, pairs: Tensor) -> Tensor:
    numbers = judge.describe(pairs)
    return torch.stack([torch.as_tensor(judge.model.distance(row)) for row in numbers])


def heard(judge: Judge, pairs: Tensor) -> Tensor:
    return judge.score(pairs)


def trained_auc(real: Tensor, drawn: Tensor) -> float:
    """Train a critic on every other tile and ask it about the rest."""
    torch.manual_seed(0)
    critic = PairCritic(channels=24)
    optimiser = torch.optim.Adam(critic.parameters(), lr=1e-3)
    rng = torch.Generator().manual_seed(0)
    evidence = [pair_evidence(side + EMPHASIS * (side - smooth(side))) for side in (real, drawn)]
    for _ in range(STEPS):
        chosen = 2 * torch.randint(len(real) // 2, (8,), generator=rng)
        scores = [critic(side[chosen]).mean(dim=(1, 2, 3)) for side in evidence]
        optimiser.zero_grad()
        (F.softplus(-scores[0]) + F.softplus(scores[1])).mean().backward()
        optimiser.step()
    with torch.no_grad():
        return auc(*(critic(side[1::2]).mean(dim=(1, 2, 3)) for side in evidence))


def auc(first: Tensor, second: Tensor) -> float:
    """Return how often a value of one side is above one of the other, the way round that is the more frequent."""
    above = (first[:, None] > second[None]).float() + 0.5 * (first[:, None] == second[None]).float()
    return max(float(above.mean()), 1 - float(above.mean()))


if __name__ == "__main__":
    main()
