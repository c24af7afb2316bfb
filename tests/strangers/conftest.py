"""The files beside the tests are imported by their names alone, for some are also run by themselves."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
