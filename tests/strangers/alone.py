"""Run a script of this folder in a process of its own, in which a crash or a hang hurts nobody."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


def run_alone(script: str, *arguments: object, timeout: float = 300) -> dict[str, Any]:
    """Run a script of this folder in a process of its own; return the JSON object that it prints."""
    search = os.pathsep.join([str(HERE.parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        [sys.executable, str(HERE / script), *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=timeout,
        env=os.environ | {"PYTHONPATH": search, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, f"{script} ended with {done.returncode}: {done.stderr[-2000:]}"
    return json.loads(done.stdout)
