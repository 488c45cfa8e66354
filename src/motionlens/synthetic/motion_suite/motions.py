"""Motions under which every single frame has the same distribution as without motion.

Each starts at a uniformly drawn place and moves by a map that keeps the distribution uniform. So
the place is uniform in every frame, the first and the last included, at any speed and in any
direction: neither a frame nor a nearby border tells how something moves.
"""

import numpy as np
from numpy.typing import NDArray

from motionlens.synthetic.motion_suite.scenes import Boxes, Rng, Setting


def passing(rng: Rng, setting: Setting, extent: float, step: tuple[float, float]) -> list[Boxes]:
    """Boxes of things of one size that cross the view one after another with the same step.

    Args:
        rng: of the first place.
        setting: of the suite.
        extent: rows and columns of the thing, pixels.
        step: rows and columns per frame.

    Returns:
        Boxes of each, nan in the frames in which it is not there.
    """
    path = np.arange(setting.num_frames)[:, None] * np.array(step)
    return passing_along(rng, setting, extent, path)


def passing_along(
    rng: Rng, setting: Setting, extent: float, path: NDArray[np.float64]
) -> list[Boxes]:
    """Boxes of things of one size that cross the view one after another along a path.

    The place runs around a torus that is larger than the view by the size of the thing. A thing
    leaves the view completely before the next one, which looks different, enters on the other
    side. A shift on a torus keeps the uniform distribution.

    Args:
        rng: of the first place.
        setting: of the suite.
        extent: rows and columns of the thing, pixels.
        path: float64 ``(T, 2)``, rows and columns from the first place.

    Returns:
        Boxes of each, nan in the frames in which it is not there.
    """
    span = setting.size + extent
    places = rng.uniform(0, span, 2) + path
    turns = np.floor(places / span)
    boxes = _boxes(places - turns * span - extent, extent)
    # The number of the thing that is there in each frame.
    numbers = np.cumsum(np.append(False, np.diff(turns, axis=0).any(axis=1)))
    return [
        np.where((numbers == number)[:, None], boxes, np.nan) for number in range(numbers[-1] + 1)
    ]


def bouncing(rng: Rng, setting: Setting, extent: float, steps: NDArray[np.float64]) -> Boxes:
    """Boxes of a thing of one size that bounces off the borders and never leaves the view.

    Reflection also keeps the uniform distribution.

    Args:
        rng: of the first place.
        setting: of the suite.
        extent: rows and columns of the thing, pixels.
        steps: float64 ``(T - 1, 2)``, rows and columns from frame to frame, before reflection.
    """
    room = setting.size - extent
    start = rng.uniform(0, 2 * room, 2)
    path = start + np.concatenate([np.zeros((1, 2)), np.cumsum(steps, axis=0)])
    return _boxes(room - np.abs(path % (2 * room) - room), extent)


def resting(setting: Setting, row: float, column: float, extent: float) -> Boxes:
    """Boxes of a thing that does not move."""
    return np.tile([row, column, extent, extent], (setting.num_frames, 1)).astype(np.float64)


def any_direction(rng: Rng, speed: float) -> NDArray[np.float64]:
    """A step of this length, rows and columns, in a uniformly drawn direction."""
    angle = rng.uniform(0, 2 * np.pi)
    return speed * np.array([np.sin(angle), np.cos(angle)])


def _boxes(places: NDArray[np.float64], extent: float) -> Boxes:
    return np.concatenate([places, np.full_like(places, extent)], axis=1)
