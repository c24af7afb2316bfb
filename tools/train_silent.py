"""Train the look that ships with relook: `silent`, from reels of 1903 and 1906.

    python tools/train_silent.py FOOTAGE_FOLDER [--frames 12000]

The folder holds `old-film/` and `live-action/`, laid out as the lists below name them.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import relook
from relook.progress import Progress

PUBLIC_DOMAIN = "public domain ({year})"
STYLE = {
    "old-film/market_street_1906": PUBLIC_DOMAIN.format(year=1906),
    "old-film/sf_earthquake_1906": PUBLIC_DOMAIN.format(year=1906),
    "old-film/great_train_robbery_1903": PUBLIC_DOMAIN.format(year=1903),
}
SOURCE = {
    "live-action/tears_of_steel_shots01-11.webm": "CC BY 3.0, (CC) Blender Foundation, mango.blender.org",
    "live-action/cityCC0.mpg": "CC0",
    "live-action/flower.mp4": "CC0",
}
LOOK = Path(__file__).parents[1] / "relook" / "looks" / "silent.look"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("footage", type=Path)
    parser.add_argument("--frames", type=int, default=12000, help="frames seen in training")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("-o", "--output", type=Path, default=LOOK)
    options = parser.parse_args()
    look = relook.train(
        [options.footage / name for name in SOURCE],
        [options.footage / name for name in STYLE],
        options.output,
        budget_frames=options.frames,
        seed=options.seed,
        overwrite=True,
        on_progress=report,
    )
    licences = {Path(name).name: licence for name, licence in {**STYLE, **SOURCE}.items()}
    footage = tuple(replace(film, licence=licences[film.name]) for film in look.card.footage)
    look = relook.save_look(replace(look, card=replace(look.card, name=LOOK.stem, footage=footage)), options.output)
    sys.stderr.write(f"\n{options.output}: {options.output.stat().st_size / 1e6:.2f} MB, sha256 {look.sha256}\n")


def report(progress: Progress) -> None:
    total = f"/{progress.total:.0f}" if progress.total else ""
    sys.stderr.write(f"\r{progress.stage} {progress.done:.0f}{total} {progress.unit} {progress.detail}\x1b[K")


if __name__ == "__main__":
    main()
