"""What every test shares: one thread a worker, and the real footage where a checkout has it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")

FOOTAGE = Path(os.environ.get("RELOOK_FOOTAGE", Path(__file__).parents[2] / "shared" / "footage"))


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    """Keep torch and OpenCV to one thread a worker: two workers fill two cores."""
    import cv2
    import torch

    torch.set_num_threads(1)
    cv2.setNumThreads(1)


@pytest.fixture(scope="session")
def footage() -> Callable[[str], Path]:
    """Return a function from a name such as "live-action/flower.mp4" to its path; skips where it is absent."""

    def find(name: str) -> Path:
        path = FOOTAGE / name
        if not path.exists():
            pytest.skip(f"no real footage {name} here; set RELOOK_FOOTAGE to a folder that has it")
        return path

    return find
