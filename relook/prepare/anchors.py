"""An artist's pairs: a frame of the source and what it shall become, as two pictures of one size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch

from relook.corpus import AnchorPair, Corpus, save_anchor, save_corpus
from relook.errors import InputError
from relook.film.pictures import picture_pixels, read_picture

LEAST_PX = 96
"""Training cuts crops of this size out of a pair."""


def add_anchors(corpus: Corpus, pairs: Sequence[tuple[Path, Path]]) -> Corpus:
    """Store pairs of pictures, source and target, in a corpus.

    Raises:
        InputError: a picture cannot be read, is too small, or its partner has another size.
    """
    anchors = []
    for number, (source, target) in enumerate(pairs):
        frames = [picture_pixels(read_picture(path)) for path in (source, target)]
        sizes = [(frame.shape[-1], frame.shape[-2]) for frame in frames]
        if sizes[0] != sizes[1]:
            shown = " and ".join(
                f"{path.name} {width}x{height}" for path, (width, height) in zip((source, target), sizes, strict=True)
            )
            raise InputError(f"the pictures of a pair differ in size: {shown}; paint over a frame of the same size")
        if min(sizes[0]) < LEAST_PX:
            raise InputError(f"{source} is smaller than {LEAST_PX} px a side; give pairs of whole frames")
        pair = AnchorPair(f"pair-{number:04d}", str(source), str(target), sizes[0][1], sizes[0][0])
        save_anchor(corpus.root, pair, torch.stack(frames))
        anchors.append(pair)
    grown = replace(corpus, anchors=tuple(anchors))
    save_corpus(grown)
    return grown
