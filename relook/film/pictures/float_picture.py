"""Float32 TIFF pictures of any values, for the passes of a render."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from relook.errors import InputError, ResourceError


def write_float_picture(path: Path, pixels: Tensor) -> None:
    """Write `[1 h w]` or `[3 h w]` of any values as a float32 TIFF.

    Raises:
        ResourceError: the file cannot be written.
    """
    planes = pixels.numpy()[::-1].transpose(1, 2, 0)
    done, data = cv2.imencode(".tif", np.ascontiguousarray(planes, np.float32))
    assert done, f"a picture of {pixels.shape} could not be encoded"
    try:
        path.write_bytes(data.tobytes())
    except OSError as error:
        raise ResourceError(f"cannot write {path}: {error.strerror}; make room or choose another disk") from error


def read_float_picture(path: Path) -> Tensor:
    """Read what `write_float_picture` wrote.

    Raises:
        InputError: the file cannot be read, or is of another kind.
    """
    planes = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_UNCHANGED) if path.is_file() else None
    if planes is None or planes.dtype != np.float32:
        raise InputError(f"{path} cannot be read as a float picture; render the passes again")
    channels = planes[None] if planes.ndim == 2 else planes[..., ::-1].transpose(2, 0, 1)
    return torch.from_numpy(np.ascontiguousarray(channels))
