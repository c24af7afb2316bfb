"""An artist's pairs: a frame of the source and what it shall become, as two pictures of one size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from relook.corpus import AnchorPair, Corpus, save_anchor, save_corpus
from relook.errors import InputError
from relook.film.pictures.picture_file import picture_pixels, read_picture


def add_anchors(corpus: Corpus, pairs: Sequence[tuple[Path, Path]], *, least_px: int) -> Corpus:
    """Store pairs of pictures, source and target, in a corpus. Args and errors as of `read_pair`."""
    anchors = []
    for number, (source, target) in enumerate(pairs):
        frames = read_pair(source, target, least_px=least_px)
        name = f"pair-{number:04d}"
        pair = AnchorPair(name, str(source), str(target), height=frames.shape[-2], width=frames.shape[-1])
        save_anchor(corpus.root, pair, frames)
        anchors.append(pair)
    grown = replace(corpus, anchors=tuple(anchors))
    save_corpus(grown)
    return grown


def read_pair(source: Path, target: Path, *, least_px: int) -> Tensor:
    """Read the two pictures of a pair, `[2 c h w]`, 0..1.

    Args:
        least_px: training cuts crops of this size out of a pair.
    Raises:
        InputError: a picture cannot be read, is too small, or its partner has another size.
    """
    frames = [picture_pixels(read_picture(path)) for path in (source, target)]
    sizes = [f"{frame.shape[-1]}x{frame.shape[-2]}" for frame in frames]
    if sizes[0] != sizes[1]:
        raise InputError(
            f"the pictures of a pair differ in size: {source.name} {sizes[0]} and {target.name} {sizes[1]}; "
            "paint over a frame of the same size"
        )
    if min(frames[0].shape[-2:]) < least_px:
        raise InputError(f"{source} is smaller than {least_px} px a side; give pairs of whole frames")
    return torch.stack(frames)
