"""What batches are drawn from: the corpus, as far as it is left, and the partners in it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from relook.corpus import SIDES, Corpus, Lost
from relook.errors import InputError, LostShotError
from relook.nets.generator import Generator
from relook.recipe.mechanics import Mechanics
from relook.recipe.settings import Recipe
from relook.train.batches import Batch, draw_batch
from relook.train.matching import Matcher

MOST_LOST = 0.2
"""Share of the frames of a corpus that may be lost while it is trained on."""


class Supply:
    """Draws batches; a clip that is deleted, damaged or replaced meanwhile is left out, and told."""

    def __init__(self, corpus: Corpus, recipe: Recipe, start: Generator, tell: Callable[[Lost], None]) -> None:
        """`start` carries the first pass, in whose tones contents are compared."""
        self.corpus, self.recipe = corpus, recipe
        self._start, self._tell = start, tell
        self._matcher: Matcher | None = None

    def draw(self, mechanics: Mechanics, numbers: range) -> Batch:
        """Draw samples by their numbers.

        Raises:
            InputError: too much of the corpus is lost.
        """
        while True:
            try:
                if self._matcher is None:
                    seed, crop_px = self.recipe.seed, self.recipe.crop_px
                    self._matcher = Matcher(self.corpus, self._start, seed=seed, crop_px=crop_px, held_out=False)
                return draw_batch(self.corpus, self.recipe, mechanics, self._matcher, numbers)
            except LostShotError as error:
                self.corpus, self._matcher = self.corpus.without(error), None
                self._tell(self.corpus.lost[-1])
                require_enough(self.corpus)


def require_enough(corpus: Corpus) -> None:
    """Refuse to go on with a corpus of which too much was lost.

    Raises:
        InputError: more than a fifth of its frames, or all that one side trains on or is judged by.
    """
    lost, left = sum(one.num_frames for one in corpus.lost), sum(shot.num_frames for shot in corpus.shots)
    empty = [
        (side, is_aside) for side in SIDES for is_aside in (False, True) if not corpus.side(side, held_out=is_aside)
    ]
    if not empty and lost <= MOST_LOST * (lost + left):
        return
    if empty:
        much = f"all {empty[0][0]} shots to {'judge by' if empty[0][1] else 'train on'}"
    else:
        much = f"{lost / (lost + left):.0%} of the frames, more than {MOST_LOST:.0%},"
    names = ", ".join(one.name for one in corpus.lost)
    raise InputError(
        f"the corpus in {corpus.root} was damaged while it was trained on: {much} are lost ({names}; {corpus.lost[-1].why}). "
        "Check what writes there; --resume prepares it again from the footage and goes on"
    )


def put_aside(corpus: Corpus, lost: Lost) -> None:
    """Take a damaged array out of the corpus folder, so that who resumes the run prepares the footage again."""
    path = corpus.root / f"{lost.name}.npy"
    with suppress(OSError):
        path.replace(path.with_suffix(".lost"))


def left_out(corpus: Corpus) -> str:
    """Say what was lost while training; nothing where all is there."""
    if not corpus.lost:
        return ""
    return f"Left out because they were damaged during training: {', '.join(one.name for one in corpus.lost)}."
