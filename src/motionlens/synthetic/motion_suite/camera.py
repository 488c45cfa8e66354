"""Task: how does the camera move? Windows over the user's footage, or over a painted picture."""

from collections.abc import Callable

import numpy as np

from motionlens.synthetic.motion_suite.motions import resting
from motionlens.synthetic.motion_suite.scenes import Look, Rng, Scene, Setting, Track, draw_seed

# Which coordinate moves (row, column, logarithm of the size), and its sign.
MOVES = {
    "pan_left": (1, -1),
    "pan_right": (1, 1),
    "pan_up": (0, -1),
    "pan_down": (0, 1),
    "zoom_in": (2, -1),
    "zoom_out": (2, 1),
    "still": (0, 0),
}
# Ratio of a window's largest size to the view's, and of the view's to its smallest.
MOST_ZOOM = 2.5


def picture_side(setting: Setting) -> int:
    """Rows and columns of the smallest picture that every window fits into, pixels."""
    return int(np.ceil(2 * _reach(setting) + setting.size / 2))


def draw_camera(
    rng: Rng,
    setting: Setting,
    class_name: str,
    size_of: Callable[[int], tuple[int, int]] | None = None,
) -> Scene:
    """A window moves over a picture, up, down or sideways; or grows, shrinks, or stands still.

    A window has three coordinates: row, column, and the logarithm of its size. The class moves one
    of them through the clip; each of the others is fixed at a value drawn from those that it would
    take. So at an unknown time windows have the same distribution in every class, and no single
    picture shows which coordinate moves.

    Args:
        rng: source of all randomness.
        setting: of the suite.
        class_name: key of :data:`MOVES`.
        size_of: rows and columns of the picture that a seed stands for; None for a painted one.
    """
    ground = Look("collage", draw_seed(rng), 1.0)
    side = picture_side(setting)
    height, width = (side, side) if size_of is None else size_of(ground.seed)
    times = np.arange(setting.num_frames) - (setting.num_frames - 1) / 2
    speed = setting.speed_px(rng)
    growth = np.log(rng.uniform(*setting.difficulty.growth))
    rates = np.array([speed, speed, min(growth, _most_growth(setting))])
    # A time and a sign for each coordinate that is fixed.
    held = rates * rng.choice(times, 3) * rng.choice([-1, 1], 3)
    path = np.tile(held, (setting.num_frames, 1))
    axis, sense = MOVES[class_name]
    if sense:
        path[:, axis] = sense * rates[axis] * times
    reach = _reach(setting)
    middle = [rng.uniform(reach, height - reach), rng.uniform(reach, width - reach)]
    sides = setting.size * np.exp(path[:, 2])
    boxes = resting(setting, 0, 0, 0)
    boxes[:, :2] = middle + path[:, :2] - sides[:, None] / 2
    boxes[:, 2:] = sides[:, None]
    still = np.zeros((setting.num_frames, 2))
    window = Track("window", boxes, ground)
    return Scene(tracks=(window,), ground=ground, ground_path=still, seed=draw_seed(rng))


def _most_growth(setting: Setting) -> float:
    """Largest growth per frame, as a logarithm, within the limit of the zoom."""
    return float(np.log(MOST_ZOOM) / ((setting.num_frames - 1) / 2))


def _reach(setting: Setting) -> float:
    """How far a window may reach from the middle of its path, pixels."""
    half = (setting.num_frames - 1) / 2
    growth = min(np.log(setting.difficulty.growth[1]), _most_growth(setting))
    travel = setting.px(setting.difficulty.speed_px[1]) * half
    return float(setting.size * np.exp(growth * half) / 2 + travel)
