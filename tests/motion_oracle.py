"""Labels recomputed from the tracks alone, independently of how the clips were generated.

Input: roles and boxes, as ``write_task`` stores them in truth_PART.csv.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from motionlens.synthetic.motion_suite.scenes import Track

# Smaller movements are rounding, pixels; the slowest motion is a thousand times as fast.
_LEAST_PX = 2e-3

_EIGHT = ("right", "down_right", "down", "down_left", "left", "up_left", "up", "up_right")


def judge(task: str, tracks: Sequence[Track]) -> str:
    """The class of a clip.

    Args:
        task: key of :data:`motionlens.synthetic.motion_suite.tasks.TASKS`.
        tracks: everything in the clip, at least one.

    Returns:
        Name of the class.

    Raises:
        ValueError: If the tracks do not belong to this task.
    """
    return _JUDGES[task](tracks)


def load_truth(folder, part, num_frames):
    """The tracks of every clip of a part, by its path; looks are not stored."""
    found = {}
    with (folder / f"truth_{part}.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            tracks = found.setdefault(row["path"], [])
            if int(row["object"]) == len(tracks):
                tracks.append(Track(row["role"], np.full((num_frames, 4), np.nan), None))
            box = [float(row[name]) for name in ("row", "column", "height", "width")]
            tracks[int(row["object"])].boxes[int(row["frame"])] = box
    return found


def _of(tracks: Sequence[Track], role: str) -> list[NDArray[np.float64]]:
    found = [track.boxes for track in tracks if track.role == role]
    if not found:
        raise ValueError(f"tracks must have a {role}, got {sorted({t.role for t in tracks})}")
    return found


def _middles(boxes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Row and column of the middle of every box, ``(T, 2)``."""
    return boxes[:, :2] + boxes[:, 2:] / 2


def _direction(tracks: Sequence[Track]) -> str:
    steps = np.concatenate([np.diff(_middles(boxes), axis=0) for boxes in _of(tracks, "target")])
    down, right = np.nanmedian(steps, axis=0)
    return _EIGHT[round(np.arctan2(down, right) / (np.pi / 4)) % 8]


def _approach(tracks: Sequence[Track]) -> str:
    changes = [np.diff(boxes[:, 2]) for boxes in _of(tracks, "target")]
    change = float(np.nanmedian(np.concatenate(changes)))
    if abs(change) < _LEAST_PX:
        return "still"
    return "approach" if change > 0 else "recede"


def _order(tracks: Sequence[Track]) -> str:
    moves = {}
    for role in ("stripes", "dots"):
        (boxes,) = _of(tracks, role)
        moves[role] = int(np.argmax(np.abs(np.diff(boxes, axis=0)).max(1) > _LEAST_PX))
    return f"{min(moves, key=lambda role: moves[role])}_first"


def _collision(tracks: Sequence[Track]) -> str:
    steps = {}
    for role in ("left", "right"):
        (boxes,) = _of(tracks, role)
        steps[role] = np.abs(np.diff(boxes[:, 1]))
    # They touch near the middle of the clip: who moves first came, who moves last went.
    came, went = (max(steps, key=lambda role: float(steps[role][t])) for t in (0, -1))
    return "nobody" if came == went else f"{came}_hits_{went}"


def _reappear(tracks: Sequence[Track]) -> str:
    (wall,) = _of(tracks, "occluder")
    axis = int(np.argmin(wall[0, 2:]))
    low, high = wall[0, axis], wall[0, axis] + wall[0, 2 + axis]
    seen: list[tuple[int, int, bool]] = []  # frame, object, whether behind the wall
    for number, boxes in enumerate(_of(tracks, "hidden")):
        for t in np.flatnonzero(~np.isnan(boxes[:, 0])).tolist():
            begin, end = boxes[t, axis], boxes[t, axis] + boxes[t, 2 + axis]
            if begin < low or end > high:
                seen.append((t, number, bool(begin + end > low + high)))
    _, entered, side = min(seen)
    _, left, other_side = max(seen)
    if entered != left:
        return "another"
    return "returns" if side == other_side else "passes"


def _camera(tracks: Sequence[Track]) -> str:
    (boxes,) = _of(tracks, "window")
    down, right = np.diff(_middles(boxes), axis=0).mean(0)
    if np.abs(np.diff(boxes[:, 2])).max() > _LEAST_PX:
        return "zoom_out" if boxes[-1, 2] > boxes[0, 2] else "zoom_in"
    if max(abs(down), abs(right)) < _LEAST_PX:
        return "still"
    if abs(right) > abs(down):
        return "pan_right" if right > 0 else "pan_left"
    return "pan_down" if down > 0 else "pan_up"


_FOUR = {"right": 0.0, "down": 90.0, "left": 180.0, "up": -90.0}


def _nearest(vector: NDArray[np.float64]) -> str:
    """Which of four headings a vector (row, column) is nearest to."""
    angle = np.degrees(np.arctan2(*vector))
    return min(_FOUR, key=lambda name: abs((angle - _FOUR[name] + 180) % 360 - 180))


def _path(tracks: Sequence[Track]) -> str:
    """By how the way of the first target turns, with the shake of the camera taken out."""
    (ground,) = _of(tracks, "ground")
    places = _middles(_of(tracks, "target")[0]) - _middles(ground)
    places = places[[0, *(np.flatnonzero(np.hypot(*np.diff(places, axis=0).T) > 0.01) + 1)]]
    steps = np.diff(places, axis=0)
    headings = np.degrees(np.arctan2(*steps.T))
    turns = (np.diff(headings) + 180) % 360 - 180  # clockwise is positive
    turn, chord = float(turns.sum()), places[-1] - places[0]
    extent = float(np.ptp(places, axis=0).max())
    # Strokes are straight between their corners; round curves turn everywhere.
    has_corners = np.mean(np.abs(turns) < 1.5) > 0.3
    sense = "clockwise" if turn > 0 else "counterclockwise"
    if np.abs(np.abs(turns) - 180).min() < 1:
        return "wave_sideways" if _nearest(steps[0]) in ("left", "right") else "wave_upright"
    if np.abs(turns).sum() < 62:
        return f"stroke_{_nearest(chord)}"
    if not has_corners and np.abs(turn) < 60:
        return "eight"
    one_way = np.all(turns > -1.5) or np.all(turns < 1.5)
    if one_way and np.abs(turn) < 170:
        r, c = (places - places[0]).T
        apex = places[np.abs(r * chord[1] - c * chord[0]).argmax()]
        arms = [end - apex for end in (places[0], places[-1])]
        return f"bend_{_nearest(-sum(arm / np.hypot(*arm) for arm in arms))}_{sense}"
    if not one_way:
        return f"zigzag_{_nearest(chord)}"
    if has_corners:
        closed = float(np.hypot(*chord)) < 0.1 * extent
        kind = "knot" if np.abs(turn) > 370 else "polygon" if closed else "crossing"
        return f"{kind}_{sense}"
    if np.abs(turn) < 500:
        return f"loop_{sense}"
    lengths = np.abs(turns)
    radii = np.hypot(*steps[1:].T) / lengths
    way = "in" if radii[:4].mean() > radii[-4:].mean() else "out"
    return f"spiral_{way}_{sense}"


_JUDGES: dict[str, Callable[[Sequence[Track]], str]] = {
    "direction": _direction,
    "direction8": _direction,
    "approach_recede": _approach,
    "order": _order,
    "collision": _collision,
    "reappear": _reappear,
    "camera": _camera,
    "paths": _path,
    "path_in_view": _path,
    "noise_direction": _direction,
    "noise_shape": lambda tracks: tracks[0].role,
}
