"""The most memory that this process has held."""

from __future__ import annotations

import re
import resource
from pathlib import Path


def peak_mebibytes() -> float:
    """Return it; by Linux's own note where there is one, for `ru_maxrss` begins with what the parent process held."""
    status = Path("/proc/self/status")
    found = re.search(r"VmHWM:\s*(\d+) kB", status.read_text()) if status.exists() else None
    return (int(found[1]) if found else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss) / 1024
