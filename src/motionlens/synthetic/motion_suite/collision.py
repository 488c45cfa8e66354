"""Task: does the left patch hit the right one, the right one the left, or neither?"""

from __future__ import annotations

import numpy as np

from motionlens.synthetic.motion_suite.composing import compose
from motionlens.synthetic.motion_suite.motions import resting
from motionlens.synthetic.motion_suite.scenes import Rng, Scene, Setting, Track, draw_look

SIDE_PX = 12.0
LEAST_FRAMES = 6


def draw_collision(rng: Rng, setting: Setting, class_name: str) -> Scene:
    """One patch comes and touches the other, which rests; then one of them goes.

    If the resting patch moves off, it was hit; if the moving one goes back, nobody was. A frame
    shows two patches, one of them at the line where they touch, and a gap. In every class the gap
    grows with the time before or after the touch, and the touch is as likely early as late. In
    left_hits_right the left patch moves before and the right one after the touch; in
    right_hits_left it is the reverse; in nobody the same patch moves in both, each half of the
    time. So at an unknown time the left or the right patch is away from the line with equal
    probability in every class.
    """
    side = setting.px(SIDE_PX)
    speed = setting.speed_px(rng)
    middle = (setting.num_frames - 1) / 2
    touch = middle + rng.uniform(-middle / 4, middle / 4)
    times = np.arange(setting.num_frames) - touch
    comes, goes = _movers(rng, class_name)
    mover = np.where(times < 0, comes, goes)
    away = speed * np.abs(times)
    line = rng.uniform(side, setting.size - side)
    row = rng.uniform(0, setting.size - side)
    tracks = []
    for place, role in enumerate(("left", "right")):
        boxes = resting(setting, row, line if place else line - side, side)
        boxes[:, 1] += np.where(mover == place, away if place else -away, 0)
        tracks.append(Track(role, boxes, draw_look(rng, setting)))
    return compose(rng, setting, tracks)


def _movers(rng: Rng, class_name: str) -> tuple[int, int]:
    """Who comes and who goes: 0 left, 1 right."""
    if class_name == "nobody":
        one = int(rng.integers(2))
        return one, one
    return (0, 1) if class_name == "left_hits_right" else (1, 0)
