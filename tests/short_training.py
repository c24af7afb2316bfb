"""What tests that train for a few steps keep small: pools and squares that are drawn before the first step."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

SIZES = (("matching", "POOL", 96), ("heldout", "POOL", 96), ("heldout", "NUM_SQUARES", 16))


def shorten(set_one: Callable[[Any, str, int], None]) -> None:
    """Set every size by `setattr`, or by what undoes it."""
    import relook.train.loop  # noqa: F401  (with all that it needs)

    for module, name, size in SIZES:
        set_one(sys.modules[f"relook.train.{module}"], name, size)
