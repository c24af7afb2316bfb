"""What the marks of a film are measured on: runs of consecutive frames, with the moves of the whole picture worked out once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from relook.nets import blocks
from relook.nets.motion import dense_motion

Image = NDArray[np.float32]
Array = NDArray[np.float64]
Flags = NDArray[np.bool_]

LUMA = np.array(blocks.LUMA, np.float32)
MOST_ROWS = 480
"""Larger frames are registered at this size."""
MOST_POINTS = 30_000
TEXTURED_SHARE = 0.4
"""Share of the pixels, those of the steepest luma, that a move is read from."""
EDGE_SHARE = 1 / 32
"""Of the rows and columns at every side that are left out: masks and joins lie there."""
TILES = 6
"""Rows of the draughtboard whose black and white fields are registered each by itself."""
FIT_ROUNDS = 8
SLACK_PX = (0.5, 0.1)
"""How far an edge may lie off before it is doubted, at half and at full size."""
ROUNDS = (5, 4)
LEAST_TURN_PX = 0.02
"""Of the farthest edge: a picture is not turned by less."""
HELD = 0.2
"""A frame that differs from the one before by less than this share of the usual difference repeats it."""


@dataclass(frozen=True)
class Registration:
    """How the whole picture moves between two frames: pixels across, pixels down, radians clockwise about its middle."""

    move: Array
    """`[3]`."""
    halves: Array
    """The same from the black and from the white fields of a draughtboard alone, `[2 3]`: what they share is no noise."""


@dataclass(frozen=True)
class Run:
    """Consecutive frames of one shot at their native resolution."""

    frames: Image
    """`[t h w 3]`, RGB, 0..1."""

    @cached_property
    def luma(self) -> Image:
        """Return the luma `[t h w]`."""
        return np.asarray(self.frames @ LUMA, np.float32)

    @property
    def size(self) -> tuple[int, int]:
        return self.frames.shape[1], self.frames.shape[2]

    @cached_property
    def registrations(self) -> tuple[Registration, ...]:
        """Return how the picture moves from each frame to the next, with the moves of its halves."""
        return tuple(register(self.luma[t], self.luma[t + 1]) for t in range(len(self.luma) - 1))

    @cached_property
    def moves(self) -> Array:
        """Return how the whole picture moves from each frame to the next, `[t-1 3]`: pixels across, pixels down, radians clockwise."""
        return np.array([step.move for step in self.registrations]).reshape(-1, 3)

    @cached_property
    def held(self) -> Flags:
        """Say of each frame but the first whether it repeats the one before it (a slower film, transferred), `[t-1]`."""
        change = np.array([float(cv2.absdiff(a, b).mean()) for a, b in zip(self.luma, self.luma[1:], strict=False)])
        return np.asarray(change < HELD * np.median(change)) if len(change) else np.zeros(0, bool)

    def brought(self, picture: Image, start: int, stop: int) -> Image:
        """Move a picture `[h w]` or `[h w 3]` of frame `start` to where the whole picture stands in frame `stop`."""
        first, last = min(start, stop), max(start, stop)
        move = self.moves[first:last].sum(axis=0)
        return moved(picture, move if stop >= start else -move)


def whole_move(before: Image, after: Image) -> tuple[float, float, float]:
    """Find the move of the whole picture between luma frames `[h w]`: across and down in pixels, clockwise in radians.

    Things that move by themselves, dust and changes of the light do not count.
    """
    across, down, turn = register(before, after).move
    return float(across), float(down), float(turn)


def register(before: Image, after: Image) -> Registration:
    """Find the rigid move, about the middle, of the whole picture between luma frames `[h w]`.

    Gauss-Newton rounds with robust weights, at half and at full size, on the difference that is left when one frame is moved back and
    its light made equal (inverse compositional; Baker and Matthews 2004, section 3.2).
    """
    height, width = before.shape
    rows = min(height, MOST_ROWS)
    size = (max(round(width * rows / height), 1), rows)
    full = [_reduced(luma, size) for luma in (before, after)]
    half = [_reduced(luma, (max(size[0] // 2, 1), max(rows // 2, 1))) for luma in full]
    move, halves = _start(*half), np.zeros((2, 3))
    for pair, slack_px, rounds in zip((half, full), SLACK_PX, ROUNDS, strict=True):
        zoom = pair[0].shape[1] / half[0].shape[1], pair[0].shape[0] / half[0].shape[0]
        points = _Points.of(cv2.GaussianBlur(pair[0], (0, 0), 1.5), cv2.GaussianBlur(pair[1], (0, 0), 1.5))
        move, halves = points.refined(move * (*zoom, 1), slack_px, rounds)
    native = np.array([width / size[0], height / rows, 1])
    return Registration(move * native, halves * native)


def _reduced(luma: Image, size: tuple[int, int]) -> Image:
    if size == (luma.shape[1], luma.shape[0]):
        return np.ascontiguousarray(luma)
    return np.asarray(cv2.resize(luma, size, interpolation=cv2.INTER_AREA), np.float32)


def _start(before: Image, after: Image) -> Array:
    """Return the best of three guesses: no move, the fit to a dense flow, and the peak of the phase correlation."""
    soft = [cv2.GaussianBlur(luma, (0, 0), 1.0) for luma in (before, after)]
    window = cv2.createHanningWindow((before.shape[1], before.shape[0]), cv2.CV_32F) if min(before.shape) > 1 else None
    guesses = [np.zeros(3), _flow_fit(*soft)]
    if window is not None:
        (across, down), _ = cv2.phaseCorrelate(soft[0], soft[1], window)
        guesses.append(np.array([across, down, 0.0]))
    slopes = np.abs(cv2.Sobel(soft[1], cv2.CV_32F, 1, 0)) + np.abs(cv2.Sobel(soft[1], cv2.CV_32F, 0, 1))
    where = slopes >= np.quantile(slopes, 1 - TEXTURED_SHARE)
    changes = [(soft[1] - moved(soft[0], guess))[where] for guess in guesses]
    off = [np.abs(change - np.median(change)) for change in changes]
    usual = min(float(np.median(values)) for values in off) + 1e-4
    return guesses[int(np.argmin([np.minimum(values / usual, 4).mean() for values in off]))]


def _flow_fit(before: Image, after: Image) -> Array:
    """Fit a rigid move to a dense flow; things that move by themselves are weighed down."""
    flow = dense_motion(*((np.clip(luma, 0, 1) * 255).astype(np.uint8) for luma in (before, after)))[::3, ::3]
    height, width = before.shape
    y, x = np.mgrid[0:height:3, 0:width:3].astype(np.float64)
    x, y = x - (width - 1) / 2, y - (height - 1) / 2
    across, down = flow[..., 0], flow[..., 1]
    move, weights = np.array([np.median(across), np.median(down), 0.0]), np.ones_like(x)
    for _ in range(FIT_ROUNDS):
        astray = np.hypot(across - move[0] + move[2] * y, down - move[1] - move[2] * x)
        weights = (1 + np.square(astray / (1.5 * float(np.median(astray)) + 0.02))) ** -2
        turn = (weights * (x * (down - move[1]) - y * (across - move[0]))).sum() / (weights * (x * x + y * y)).sum()
        total = weights.sum()
        move = np.array(
            [(weights * (across + turn * y)).sum() / total, (weights * (down - turn * x)).sum() / total, turn]
        )
    return move


@dataclass(frozen=True)
class _Points:
    """The pixels of a soft frame that its move is read from."""

    after: Image
    places: Array
    """From the middle, `[n 2]`."""
    values: Array
    steepness: Array
    design: Array
    """How each value changes with the move, with the light and with the black, `[n 5]`."""
    is_black: Flags
    """On a black field of the draughtboard."""

    @classmethod
    def of(cls, before: Image, after: Image) -> _Points:
        height, width = before.shape
        slope_x = cv2.Sobel(before, cv2.CV_32F, 1, 0, scale=1 / 8)
        slope_y = cv2.Sobel(before, cv2.CV_32F, 0, 1, scale=1 / 8)
        steepness = cv2.magnitude(slope_x, slope_y)
        edge = [int(side * EDGE_SHARE) + 1 for side in (height, width)]
        inside = np.zeros(before.shape, bool)
        inside[edge[0] : -edge[0], edge[1] : -edge[1]] = True
        if not inside.any():
            inside[:] = True
        steep = inside & (steepness >= np.quantile(steepness[inside], 1 - TEXTURED_SHARE))
        found = np.flatnonzero(steep)
        chosen = found[:: len(found) // MOST_POINTS + 1]
        rows, columns = np.divmod(chosen, width)
        x, y = columns - (width - 1) / 2, rows - (height - 1) / 2
        down, across = slope_y.ravel()[chosen].astype(np.float64), slope_x.ravel()[chosen].astype(np.float64)
        values = before.ravel()[chosen].astype(np.float64)
        tile = height / TILES
        return cls(
            after=after,
            places=np.column_stack((x, y)),
            values=values,
            steepness=np.hypot(across, down),
            design=np.column_stack((across, down, x * down - y * across, values, np.ones_like(values))),
            is_black=np.asarray((rows // tile + columns // tile) % 2 == 0),
        )

    def refined(self, move: Array, slack_px: float, rounds: int) -> tuple[Array, Array]:
        """Refine a move; also return the moves of the halves, `[2 3]`."""
        light = np.array([1.0, 0.0])
        weights = np.ones(len(self.values))
        for _ in range(rounds):
            found, seen = self._found(move)
            weights = self._weights(found - light[0] * self.values - light[1], slack_px) * seen
            step = _solved(self.design, found, weights)
            move, light = _composed(move, step), step[3:]
        found, seen = self._found(move)
        weights = self._weights(found - light[0] * self.values - light[1], slack_px) * seen
        halves = [
            _composed(move, _solved(self.design[half], found[half], weights[half]))
            for half in (self.is_black, ~self.is_black)
        ]
        return move, np.array(halves)

    def _found(self, move: Array) -> tuple[Array, Flags]:
        """Read the later frame where the points have moved to; also say which are still inside."""
        height, width = self.after.shape
        cosine, sine = np.cos(move[2]), np.sin(move[2])
        x = cosine * self.places[:, 0] - sine * self.places[:, 1] + move[0] + (width - 1) / 2
        y = sine * self.places[:, 0] + cosine * self.places[:, 1] + move[1] + (height - 1) / 2
        values = cv2.remap(
            self.after,
            x.astype(np.float32)[None],
            y.astype(np.float32)[None],
            cv2.INTER_LINEAR,  # soft frames: linear is off by nothing, OpenCV's cubic by up to 0.05 px
            borderMode=cv2.BORDER_REPLICATE,
        )
        return values[0].astype(np.float64), np.asarray((x > 1) & (x < width - 2) & (y > 1) & (y < height - 2))

    def _weights(self, left: Array, slack_px: float) -> Array:
        """Weigh by certainty, and down what is left over beyond noise and a little slack of the edges."""
        noise = 1.4826 * float(np.median(np.abs(left - np.median(left)))) + 1e-4
        variance = noise**2 + (slack_px * self.steepness) ** 2
        return np.asarray((1 + left**2 / (4 * variance)) ** -2 / variance)


def _solved(design: Array, found: Array, weights: Array) -> Array:
    """Solve for the move that is left, the light and the black; no texture is no move."""
    weighted = design * weights[:, None]
    normal, right = weighted.T @ design, weighted.T @ found
    scale = np.sqrt(np.diag(normal)) + 1e-12
    return np.asarray(np.linalg.solve(normal / np.outer(scale, scale) + 1e-9 * np.eye(5), right / scale) / scale)


def _composed(move: Array, left: Array) -> Array:
    """Take what is left, measured in the earlier frame, off a move."""
    cosine, sine = np.cos(move[2]), np.sin(move[2])
    turn = np.array([[cosine, -sine], [sine, cosine]])
    return np.append(move[:2] - turn @ left[:2] / max(left[3], 0.1), move[2] - left[2] / max(left[3], 0.1))


def moved(picture: Image, move: Array) -> Image:
    """Move a picture `[h w]` or `[h w c]` by pixels across and down and by radians clockwise about its middle; cubic, border repeated."""
    return _shifted(_turned(picture, float(move[2])), float(move[0]), float(move[1]))


def _shifted(picture: Image, across: float, down: float) -> Image:
    """Shift by Keys's cubic, which moves a ramp exactly: OpenCV's own, of another slope, is up to 0.05 px astray."""
    whole = np.floor((across, down))
    if whole.any():
        size = (picture.shape[1], picture.shape[0])
        matrix = np.column_stack((np.eye(2), whole))
        picture = cv2.warpAffine(picture, matrix, size, flags=cv2.INTER_NEAREST, borderMode=cv2.BORDER_REPLICATE)
    taps = [_cubic_taps(1 - part) for part in (across, down) - whole]
    return np.asarray(cv2.sepFilter2D(picture, -1, *taps, anchor=(2, 2), borderType=cv2.BORDER_REPLICATE), np.float32)


def _cubic_taps(t: float) -> Array:
    """Return the weights of the four neighbours of a place `t` of the way from the second to the third (Keys 1981, equation 15)."""
    return np.array([-t + 2 * t**2 - t**3, 2 - 5 * t**2 + 3 * t**3, t + 4 * t**2 - 3 * t**3, t**3 - t**2]) / 2


def _turned(picture: Image, turn: float) -> Image:
    """Turn by OpenCV's cubic, by so much that the picture as a whole turns by as much as wanted."""
    height, width = picture.shape[:2]
    middle = np.array([(width - 1) / 2, (height - 1) / 2])
    if abs(turn) * middle.max() < LEAST_TURN_PX:
        return picture
    given = turn
    for _ in range(8):
        given += turn - _found_turn(given, middle)
    cosine, sine = np.cos(given), np.sin(given)
    matrix = np.array([[cosine, -sine], [sine, cosine]])
    matrix = np.column_stack((matrix, middle - matrix @ middle))
    return np.asarray(
        cv2.warpAffine(picture, matrix, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE),
        np.float32,
    )


def _found_turn(turn: float, middle: Array) -> float:
    """Return how far a picture turns as a whole: the cubic (slope -0.75) is off by s (1 - s) (1 - 2 s) / 2 at a part `s` of a pixel."""
    places = np.outer(middle, np.linspace(-1, 1, 65))
    shifts = turn * places
    part = shifts - np.floor(shifts)
    return float((places * (shifts + part * (1 - part) * (1 - 2 * part) / 2)).sum() / np.square(places).sum())
