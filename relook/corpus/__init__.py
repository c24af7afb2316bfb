"""Prepared shots on disk and how clips are drawn from them.

A corpus is a folder: `index.json` and one NumPy array `[t h w c]` (RGB, uint8 or uint16) per prepared shot, at the
footage's own resolution, without borders and unusable frames. Arrays are memory-mapped: their size costs no memory.
"""

from relook.corpus.arrays import Pixels, create_array, save_anchor
from relook.corpus.corpus import Corpus
from relook.corpus.index import INDEX, load_corpus, save_corpus
from relook.corpus.prepared import SIDES, AnchorPair, Dropped, Lost, PreparedShot, Reason, Side, Sufficiency

__all__ = [
    "INDEX",
    "SIDES",
    "AnchorPair",
    "Corpus",
    "Dropped",
    "Lost",
    "Pixels",
    "PreparedShot",
    "Reason",
    "Side",
    "Sufficiency",
    "create_array",
    "load_corpus",
    "save_anchor",
    "save_corpus",
]
