"""Task: in which direction do the large patches move?"""

from __future__ import annotations

import numpy as np

from motionlens.synthetic.motion_suite.composing import compose
from motionlens.synthetic.motion_suite.motions import passing
from motionlens.synthetic.motion_suite.scenes import Rng, Scene, Setting, Track, draw_look

# Rows down and columns right, of length 1.
_HALF = float(np.sqrt(0.5))
STEPS = {
    "up": (-1.0, 0.0),
    "down": (1.0, 0.0),
    "left": (0.0, -1.0),
    "right": (0.0, 1.0),
    "up_left": (-_HALF, -_HALF),
    "up_right": (-_HALF, _HALF),
    "down_left": (_HALF, -_HALF),
    "down_right": (_HALF, _HALF),
}
TARGET_PX = (18.0, 24.0)
# With three, one is more than half in view for a while in 97 of 100 clips.
NUM_TARGETS = 3


def draw_direction(rng: Rng, setting: Setting, class_name: str) -> Scene:
    """Three patches cross the view with the step of the class; others follow them.

    A single frame shows patches at uniformly drawn places in every class and at every time, see
    :func:`.motions.passing`.
    """
    speed = setting.speed_px(rng)
    row, column = STEPS[class_name]
    tracks = []
    for _ in range(NUM_TARGETS):
        extent = setting.px(rng.uniform(*TARGET_PX))
        for _, _, boxes in passing(rng, setting, extent, (speed * row, speed * column)):
            tracks.append(Track("target", boxes, draw_look(rng, setting)))
    return compose(rng, setting, tracks)
