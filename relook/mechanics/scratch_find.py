"""Find scratches: thin lines, straight down a good part of the frame, that the scene does not have, and follow them over the frames."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from relook.mechanics.reel import Array, Image, Run

Volume = NDArray[np.float32]
Mask = NDArray[np.bool_]

NUM_BANDS_DOWN = 12
"""A frame is parted into so many bands, and the rows of each averaged."""
LEAST_BANDS = 5
"""A scratch is seen in so many of them."""
LONE_BANDS = 8
SIDE_SHARE = 1 / 120
"""A line is compared with what lies this share of the frame's height to its left and right."""
LEAST_RIDGE = 0.008
RIDGE_TO_NOISE = 2.5
USUAL_SHARE = 0.25
"""What is there in three quarters of the frames, where the scene stands, is the scene's."""
WHOLE_SHARE = 0.75
"""Of the bands between its ends, a line is seen in so many."""
MARGIN_SHARE = 0.03
"""Nothing is looked for so near to the frame's sides, where the gate's mask is."""
CALM_CHANGE = 0.02
CALM_PX = 11
LINK_PX = 2.5
MOST_GAP_FRAMES = 4
"""A scratch that is lost is waited for so long."""
LEAST_PAN_PX = 3.0
CLEAR_PAN_PX = 12.0
"""Where the camera moves so far, what stands still in the frame is no part of the scene."""
FULL_BANDS = 10
"""A line of so many bands that never ends may be a scratch or a thing."""


@dataclass(frozen=True)
class Sight:
    """One scratch seen in one frame."""

    frame: int
    column: float
    contrast: float
    """Signed: bright above 0."""
    width_px: float
    bands: int


@dataclass(frozen=True)
class Track:
    """One scratch over the frames in which it was seen."""

    sights: tuple[Sight, ...]

    @property
    def start(self) -> int:
        return self.sights[0].frame

    @property
    def stop(self) -> int:
        return self.sights[-1].frame + 1


def find_scratches(profiles: Volume, run: Run) -> list[Track]:
    """Find the scratches in profiles `[t bands w]` that move as `run` does: a run's own, or with more scratches laid over it."""
    side = side_px(run.size[0])
    ridges = ridges_of(profiles, side)
    ways = ways_across(run)
    noise = _noise(ridges)
    excess = np.stack([np.maximum(sign * ridges, 0) - _usual(sign * ridges, ways) for sign in (1, -1)])
    calm = calm_parts(profiles, ways, noise)
    open_tracks: list[list[Sight]] = []
    tracks: list[list[Sight]] = []
    for frame in range(len(profiles)):
        sights = [
            sight
            for k, sign in enumerate((1, -1))
            for sight in _sights(excess[k, frame], noise, calm[frame], profiles[frame] * sign, frame, sign, side)
        ]
        open_tracks = [track for track in open_tracks if track[-1].frame >= frame - MOST_GAP_FRAMES]
        for sight in sights:
            near = [
                track
                for track in open_tracks
                if track[-1].frame < frame
                and track[-1].contrast * sight.contrast > 0
                and abs(track[-1].column - sight.column) < LINK_PX
            ]
            if near:
                min(near, key=lambda track: abs(track[-1].column - sight.column)).append(sight)
            else:
                open_tracks.append([sight])
                tracks.append(open_tracks[-1])
    return [Track(tuple(track)) for track in tracks if _is_strong(track) and not _moves_with_things(track, ways)]


def never_ending_lines(run: Run) -> int:
    """Count full-height lines that are there in all frames of a run whose picture stands still: scratches or things."""
    if np.ptp(ways_across(run)) > LEAST_PAN_PX:
        return 0
    ridges = np.median(ridges_of(profiles_of(run.luma), side_px(run.size[0])), axis=0)
    count = 0
    for sign in (1, -1):
        full = (cv2.dilate(sign * ridges, np.ones((1, 3))) > 2 * LEAST_RIDGE).sum(axis=0) >= FULL_BANDS
        count += int((np.diff(full.astype(int), prepend=0) > 0).sum())
    return count


def side_px(height: int) -> int:
    return max(round(SIDE_SHARE * height), 3)


def profiles_of(luma: Image) -> Volume:
    """Average the rows of each band, `[t bands w]`."""
    parts = np.array_split(luma, NUM_BANDS_DOWN, axis=1)
    return np.stack([part.mean(axis=1) for part in parts], axis=1)


def ridges_of(profiles: Volume, side: int) -> Volume:
    """Return how far each column stands out from both sides, `[t bands w]`: bright above 0, dark below, 0 for an edge or a slope."""
    smooth = np.stack([cv2.GaussianBlur(profile, (0, 0), sigmaX=0.7, sigmaY=1e-3) for profile in profiles])
    padded = np.pad(smooth, ((0, 0), (0, 0), (side, side)), mode="edge")
    to_left, to_right = smooth - padded[..., : -2 * side], smooth - padded[..., 2 * side :]
    bright = np.maximum(np.minimum(to_left, to_right), 0)
    dark = np.maximum(np.minimum(-to_left, -to_right), 0)
    return np.asarray(bright - dark, np.float32)


def ways_across(run: Run) -> Array:
    """Return how far the picture stands across from where it stood in the first frame, `[t]`."""
    return np.concatenate(([0.0], np.cumsum(run.moves[:, 0])))


def _usual(ridges: Volume, ways: Array) -> Volume:
    """Return what ridges the scene itself has where each frame shows it, `[t bands w]`.

    Near things move faster and far ones slower than the whole picture; where the camera hardly moves, far ones stand still.
    """
    pan = float(np.ptp(ways))
    shares = (1.0,) if pan < 1 else (0.0, 0.5, 1.0, 1.5) if pan < CLEAR_PAN_PX else (0.5, 1.0, 1.5)
    return np.asarray(np.max([_usual_along(np.maximum(ridges, 0), share * ways) for share in shares], axis=0))


def _usual_along(ridges: Volume, ways: Array) -> Volume:
    columns = np.arange(ridges.shape[-1])

    def moved(bands: Image, way: float) -> Image:
        """Move by `way` columns; what comes from out of the frame is not known, and nothing is looked for there."""
        return np.stack([np.interp(columns - way, columns, band, left=1.0, right=1.0) for band in bands])

    scene = np.stack([moved(bands, -way) for bands, way in zip(ridges, ways, strict=True)])
    rank = int(USUAL_SHARE * len(scene))
    usual = np.partition(scene, rank, axis=0)[rank].astype(np.float32)
    wide = cv2.dilate(usual, np.ones((3, 5), np.uint8))
    return np.stack([moved(wide, way) for way in ways]).astype(np.float32)


def _noise(ridges: Volume) -> Image:
    """Return how much ridges change from frame to frame by chance, `[bands w]`."""
    change = np.median(np.abs(np.diff(ridges, axis=0)), axis=0)
    mean = cv2.boxFilter(change, -1, (31, 1))
    return np.asarray(np.maximum(np.maximum(change, mean), LEAST_RIDGE / RIDGE_TO_NOISE), np.float32)


def calm_parts(profiles: Volume, ways: Array, noise: Image) -> Mask:
    """Find where the scene is the same before and after but for thin lines, `[t bands w]`.

    Things that move by themselves, and a scene whose parts move unlike the whole picture, bring ridges of their own.
    """
    columns = np.arange(profiles.shape[-1])

    def brought(other: int, frame: int) -> Image:
        way = ways[frame] - ways[other]
        return np.stack([np.interp(columns - way, columns, band) for band in profiles[other]]).astype(np.float32)

    calm = []
    last = len(profiles) - 1
    for frame in range(len(profiles)):
        before, after = (1, 2) if frame == 0 else (last - 2, last - 1) if frame == last else (frame - 1, frame + 1)
        change = brought(before, frame) - brought(after, frame)
        change = np.abs(change - np.median(change, axis=1, keepdims=True))
        usual = cv2.medianBlur((np.minimum(change / CALM_CHANGE, 1) * 255).astype(np.uint8), CALM_PX)
        calm.append(cv2.dilate(usual, np.ones((1, CALM_PX), np.uint8)) < 255)
    return np.stack(calm)


def _sights(excess: Image, noise: Image, calm: Mask, profile: Image, frame: int, sign: int, side: int) -> list[Sight]:
    """Find lines of one sign in one frame."""
    near = cv2.dilate(excess, np.ones((1, 3), np.uint8))
    seen = calm & (near > RIDGE_TO_NOISE * noise)
    evidence = (np.clip(excess / noise, 0, 8) * calm).sum(axis=0)
    bands = seen.sum(axis=0)
    peaks = evidence >= cv2.dilate(evidence[None], np.ones((1, 2 * side + 1), np.uint8))[0]
    margin = max(round(MARGIN_SHARE * len(evidence)), side)
    found = []
    for column in np.flatnonzero(peaks & (bands >= LEAST_BANDS)):
        if not margin <= column < len(evidence) - margin or not _is_whole(seen[:, column]):
            continue
        box = slice(column - side, column + side + 1)
        line = profile[seen[:, column], box].mean(axis=0)
        line = line - np.linspace(line[0], line[-1], len(line))
        top = float(line.max())
        if top <= LEAST_RIDGE:
            continue
        around = slice(max(side - 2, 0), side + 3)
        weight = np.maximum(line[around], 0)
        place = float((weight * np.arange(around.start, around.stop)).sum() / max(float(weight.sum()), 1e-9)) - side
        found.append(Sight(frame, float(column) + place, sign * top, _width(line, top), int(bands[column])))
    return found


def _is_whole(seen: NDArray[np.bool_]) -> bool:
    """Say whether the bands that a line is seen in hang together."""
    bands = np.flatnonzero(seen)
    return len(bands) >= WHOLE_SHARE * (bands[-1] - bands[0] + 1)


def _width(line: Array, top: float) -> float:
    """Return the width of a line at half of its height, between the columns."""
    fine = np.interp(np.linspace(0, len(line) - 1, 20 * (len(line) - 1) + 1), np.arange(len(line)), line)
    return float((fine > top / 2).sum()) / 20


def _is_strong(track: list[Sight]) -> bool:
    """Say whether a track is more than chance: what is seen once must run further down the frame."""
    return len(track) > 1 or track[0].bands >= LONE_BANDS


def _moves_with_things(track: list[Sight], ways: Array) -> bool:
    """Say whether a track goes along with the scene, or steadily as a thing that moves."""
    frames = [sight.frame for sight in track]
    columns, scene = np.array([sight.column for sight in track]), ways[frames]
    if np.ptp(scene) > LEAST_PAN_PX and float(np.std(columns - scene)) < float(np.std(columns)):
        return True
    return abs(float(columns[-1] - columns[0])) > 1.5 + 2.5 * float(np.sqrt(frames[-1] - frames[0]))
