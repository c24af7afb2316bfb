"""Measures that need no learning: is it still the same picture, in the same place, as steady as before?

All work on luma `[h w]`, float32, 0..1, as NumPy arrays (`plane`). Pixels in results are those of the full-size film.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
from torch import Tensor

from relook.nets.motion import dense_motion
from relook.objectives.descriptor import luma

Plane = npt.NDArray[np.float32]
Flow = npt.NDArray[np.float32]

FLOW_ROWS = 540
"""Motion is found on frames of at most so many rows."""
BLOCK_PX = 24
"""Displacement is the median over the edges of such a block, so that grain does not count as motion."""
NEEDED_GAIN = 0.75
"""A displacement counts where following it brings the difference below this share: soft edges match anywhere."""
WINDOW_PX = 9
_FLOOR = 0.5 / 255


def plane(frame: Tensor) -> Plane:
    """Return the luma of a frame `[c h w]`."""
    return np.ascontiguousarray(luma(frame)[0].numpy())


def colour_plane(frame: Tensor) -> Plane:
    """Return the warmth of a frame `[c h w]`, red against blue, as a plane around 0.5."""
    return np.ascontiguousarray((0.5 + 0.5 * (frame[0] - frame[2])).numpy())


def shrunk(picture: Plane, rows: int = FLOW_ROWS) -> Plane:
    """Scale a plane down to at most `rows` rows by area."""
    scale = rows / picture.shape[0]
    if scale >= 1:
        return picture
    size = (max(16, round(picture.shape[1] * scale)), rows)
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), dtype=np.float32)


def motion(first: Plane, second: Plane) -> Flow:
    """Find where each pixel of `first` lies in `second`: `[h w 2]`, dx then dy.

    Source: Kroeger et al. 2016 (dense inverse search), OpenCV's fast preset.
    """
    return dense_motion(_bytes(first), _bytes(second))


def moved(picture: Plane, flow: Flow) -> Plane:
    """Fetch each pixel from where `flow` says it lies."""
    rows, columns = np.indices(picture.shape, dtype=np.float32)
    fetched = cv2.remap(
        picture, columns + flow[..., 0], rows + flow[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(fetched, dtype=np.float32)


@dataclass(frozen=True)
class Likeness:
    """How a film's frame compares with its source."""

    content: float
    """Correlation of local structure, -1 (inverted) to 1; blind to any change of tone and colour."""
    drift_px: float
    """99th percentile of the displacement of edges, the shift of the whole frame (gate weave) taken out."""


def likeness(source: Plane, film: Plane) -> Likeness:
    """Compare structure and geometry of a film's frame with its source."""
    before, after = shrunk(source), shrunk(film)
    scale = source.shape[0] / before.shape[0]
    edges, (first, second) = _edges(before), (_local_contrast(before), _local_contrast(after))
    flow = motion(first, second)
    shift = np.median(flow[edges], axis=0) if edges.any() else np.zeros(2)
    weave = np.broadcast_to(shift.astype(np.float32), flow.shape)
    gain = cv2.blur(np.abs(first - moved(second, flow)), (BLOCK_PX, BLOCK_PX))
    gain -= NEEDED_GAIN * cv2.blur(np.abs(first - moved(second, weave)), (BLOCK_PX, BLOCK_PX))
    drift = _block_drift((flow - weave) * (gain < 0)[..., None], edges)
    return Likeness(_structure_correlation(before, moved(after, weave)), drift * scale)


@dataclass(frozen=True)
class Steadiness:
    """Flow-warped errors of a pair: how much of each picture its own motion does not explain, 0..1."""

    source: float
    look: float
    contrast: float
    """How much more contrast the look's picture has, at least 1."""

    @property
    def ratio(self) -> float:
        """Return the look's error over the source's."""
        return (self.look + _FLOOR) / (self.source + _FLOOR)


def steadiness(source: tuple[Plane, Plane], look: tuple[Plane, Plane]) -> Steadiness:
    """Compare how steady a pair of source frames and their render without texture are, along the source's motion."""
    before = (shrunk(source[0]), shrunk(source[1]))
    after = (shrunk(look[0]), shrunk(look[1]))
    there, back = motion(*before), motion(before[1], before[0])
    returned = there + np.stack([moved(np.ascontiguousarray(back[..., k]), there) for k in (0, 1)], axis=-1)
    seen = np.hypot(returned[..., 0], returned[..., 1]) < 1.0
    if not seen.any():
        seen[:] = True
    errors = [float(np.abs(first - moved(second, there))[seen].mean()) for first, second in (before, after)]
    contrast = max(1.0, float(after[0].std() / max(float(before[0].std()), 0.01)))
    return Steadiness(errors[0], errors[1], contrast)


def _bytes(picture: Plane) -> npt.NDArray[np.uint8]:
    return np.clip(picture * 255 + 0.5, 0, 255).astype(np.uint8)


def _blurred(picture: Plane, sigma: float) -> Plane:
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), sigma), dtype=np.float32)


def _local_contrast(picture: Plane) -> Plane:
    """Even out tone: local deviation from the mean over local contrast, around 0.5."""
    fine = _blurred(picture, 1.0) - _blurred(picture, 8.0)
    return np.clip(0.5 + 0.2 * fine / (np.sqrt(_blurred(fine * fine, 8.0)) + 0.02), 0, 1).astype(np.float32)


def _edges(picture: Plane) -> npt.NDArray[np.bool_]:
    """Mark the strongest eighth of the gradients, where there is any structure."""
    smooth = _blurred(picture, 1.5)
    slope = np.hypot(cv2.Sobel(smooth, cv2.CV_32F, 1, 0), cv2.Sobel(smooth, cv2.CV_32F, 0, 1))
    return np.asarray(slope > max(float(np.quantile(slope[::2, ::2], 0.875)), 0.08))


def _block_drift(flow: Flow, edges: npt.NDArray[np.bool_]) -> float:
    """Return the 99th percentile over blocks of the median displacement of their edges."""
    drifts = []
    for top in range(0, flow.shape[0] - BLOCK_PX + 1, BLOCK_PX):
        for left in range(0, flow.shape[1] - BLOCK_PX + 1, BLOCK_PX):
            block = (slice(top, top + BLOCK_PX), slice(left, left + BLOCK_PX))
            if edges[block].sum() >= BLOCK_PX**2 // 8:
                drifts.append(float(np.hypot(*np.median(flow[block][edges[block]], axis=0))))
    return float(np.quantile(drifts, 0.99)) if drifts else 0.0


def _structure_correlation(before: Plane, after: Plane) -> float:
    """Return the mean local correlation at half size, structured windows counting most.

    Source: Avants et al. 2008, section 2.3 (local cross-correlation).
    """
    half = (max(8, before.shape[1] // 2), max(8, before.shape[0] // 2))
    first, second = (_blurred(cv2.resize(p, half, interpolation=cv2.INTER_AREA), 1.0) for p in (before, after))
    mean_1, mean_2, square_1, square_2, product = (
        cv2.blur(p, (WINDOW_PX, WINDOW_PX)) for p in (first, second, first * first, second * second, first * second)
    )
    var_1, var_2 = np.maximum(square_1 - mean_1**2, 0), np.maximum(square_2 - mean_2**2, 0)
    correlation = (product - mean_1 * mean_2) / np.sqrt((var_1 + 1e-5) * (var_2 + 1e-5))
    weight = var_1 / (var_1 + 1e-3)
    return float((weight * correlation).sum() / max(float(weight.sum()), 1e-6))
