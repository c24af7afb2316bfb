"""Train looks on real footage and show what they make of frames that training never saw.

    python benchmarks/contact_sheets.py FOOTAGE_FOLDER -o OUT [--budget-seconds 180] [--styles reels stock bunny paintings]

Styles: the reels of 1903 and 1906, 16 mm stock of the 1950s, an animated film, and Impressionist paintings. Training sees Tears of
Steel but for its last quarter, and three clips of DAVIS; the sheet shows four frames each of that quarter, of three other clips of DAVIS
and of a film that is not in training at all, before and after. Look at them: no figure says whether a face is still a face.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np
from einops import rearrange
from numpy.typing import NDArray

import relook
from relook.film.reader import FilmReader, probe

TEARS = "live-action/tears_of_steel_shots01-11.webm"
TRAINED = ("live-action/davis/dance-twirl", "live-action/davis/parkour", "live-action/davis/car-roundabout")
UNSEEN = ("live-action/davis/breakdance", "live-action/davis/horsejump-high", "live-action/davis/kite-surf")
BIKES = "live-action/bikes_6shots.mp4"
STYLES = {
    "reels": (
        "old-film/market_street_1906",
        "old-film/sf_earthquake_1906",
        "old-film/great_train_robbery_1903",
    ),
    "stock": ("old-film/us_army_1950s_3shots.mp4",),
    "bunny": ("animation/big_buck_bunny_720p_multishot_49s.mp4",),
    "paintings": ("paintings/impressionist",),
}
SEEN_SHARE = 0.75
"""Of Tears of Steel, what training may see."""
FRAME_PX = 480

Picture = NDArray[np.uint8]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("footage", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--budget-seconds", type=float, default=180)
    parser.add_argument("--styles", nargs="+", choices=STYLES, default=list(STYLES))
    options = parser.parse_args()
    options.output.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        seen, unseen = split(options.footage, Path(folder))
        sources = [seen, *(options.footage / name for name in TRAINED)]
        for style in options.styles:
            target = options.output / f"{style}.look"
            footage = [options.footage / name for name in STYLES[style]]
            look = relook.train(sources, footage, target, budget_seconds=options.budget_seconds, overwrite=True)
            write_sheet(options.output / f"{style}.png", unseen, look, Path(folder))
            sys.stdout.write(f"{style}: {look.card.measures}\n{look.card.sufficiency}\n")
            sys.stdout.flush()


def split(footage: Path, folder: Path) -> tuple[Path, list[Path]]:
    """Write what training sees of Tears of Steel, and folders of stills that it never sees; return them."""
    tears = footage / TEARS
    num_frames = probe(tears).num_frames or sum(1 for _ in frames_of(tears))
    last = round(SEEN_SHARE * num_frames)
    seen = folder / "tears"
    chosen = {tears: np.linspace(last + 5, num_frames - 5, 4).astype(int)}
    chosen |= {footage / name: np.array([20, 40][: 2 if n == 0 else 1]) for n, name in enumerate(UNSEEN)}
    chosen[footage / BIKES] = np.array([15, 100, 160, 230])
    seen.mkdir()
    folders = []
    for number, (film, frames) in enumerate(chosen.items()):
        stills = folder / f"unseen{number}"
        stills.mkdir()
        folders.append(stills)
        for index, picture in frames_of(film):
            if index in frames:
                cv2.imwrite(str(stills / f"{index:05d}.png"), picture)
            if film == tears and index < last:
                cv2.imwrite(str(seen / f"{index:05d}.png"), picture)
    return seen, folders


def frames_of(film: Path):  # type: ignore[no-untyped-def]
    """Yield the frames of a film as OpenCV writes them, with their numbers."""
    with FilmReader(film) as reader:
        for frame in reader.frames():
            yield frame.index, np.rint(rearrange(frame.pixels, "c h w -> h w c").numpy()[..., ::-1] * 255)


def write_sheet(path: Path, unseen: list[Path], look: relook.Look, folder: Path) -> None:
    """Render stills and write them below what they were."""
    columns = []
    for stills in unseen:
        rendered = folder / f"{path.stem}-{stills.name}"
        relook.apply(stills, look, rendered)
        for before in sorted(stills.iterdir()):
            columns.append(np.concatenate([shown(before), shown(rendered / before.name)]))
    rows = [columns[k : k + 4] for k in range(0, len(columns), 4)]
    cv2.imwrite(str(path), np.concatenate([beside(row) for row in rows]))


def beside(pictures: list[Picture]) -> Picture:
    """Put pictures of any heights in a row."""
    height = max(picture.shape[0] for picture in pictures) + 8
    padded = [np.pad(p, ((0, height - p.shape[0]), (0, 8), (0, 0)), constant_values=24) for p in pictures]
    return np.concatenate(padded, axis=1)


def shown(path: Path) -> Picture:
    picture = cv2.imread(str(path))
    assert picture is not None
    height = round(picture.shape[0] * FRAME_PX / picture.shape[1])
    return np.asarray(cv2.resize(picture, (FRAME_PX, height), interpolation=cv2.INTER_AREA), np.uint8)


if __name__ == "__main__":
    main()
