"""Which device computes, decided in one place."""

from __future__ import annotations

import torch

from relook.errors import ResourceError, UsageError


def choose_device(wanted: str = "auto") -> torch.device:
    """Turn "auto", "cpu", "cuda" or "cuda:n" into a device; "auto" takes a GPU where there is one.

    Raises:
        UsageError: the text names no kind of device that relook knows.
        ResourceError: a GPU was asked for and there is none.
    """
    kind, _, number = wanted.partition(":")
    if kind not in ("auto", "cpu", "cuda") or (number and not (kind == "cuda" and number.isdigit())):
        raise UsageError(f"--device {wanted!r} is not known; use auto, cpu, cuda or cuda:0")
    if kind == "auto":
        kind = "cuda" if torch.cuda.is_available() else "cpu"
    if kind == "cuda":
        count = torch.cuda.device_count()
        if int(number or 0) >= count:
            raise ResourceError(f"--device {wanted}: this machine shows {count} CUDA devices; use --device cpu or auto")
        torch.backends.cudnn.allow_tf32 = False
        torch.backends.cuda.matmul.allow_tf32 = False
    return torch.device(f"{kind}:{number}" if number else kind)
