"""Task: does the patch approach, recede, or stay?"""

from __future__ import annotations

import numpy as np

from motionlens.synthetic.motion_suite.composing import compose
from motionlens.synthetic.motion_suite.motions import resting
from motionlens.synthetic.motion_suite.scenes import Rng, Scene, Setting, Track, draw_look

SIZES_PX = (11.0, 30.0)
SENSES = {"approach": 1, "recede": -1, "still": 0}


def draw_approach(rng: Rng, setting: Setting, class_name: str) -> Scene:
    """A patch grows by the same factor from frame to frame, shrinks, or keeps its size.

    The logarithm of the size runs around a circle from a uniformly drawn start. A patch that has
    reached the largest size is gone, and another one, at another place and with another look,
    starts at the smallest. So sizes have the same distribution in every frame of every class, and
    the place of a patch does not depend on its size.
    """
    smallest, largest = (setting.px(side) for side in SIZES_PX)
    span = np.log(largest / smallest)
    rate = SENSES[class_name] * np.log(rng.uniform(*setting.difficulty.growth))
    logs = rng.uniform(0, span) + rate * np.arange(setting.num_frames)
    turns = np.floor(logs / span)
    sides = smallest * np.exp(logs - turns * span)
    tracks = []
    for turn in np.unique(turns):
        # Even the largest patch is fully in view.
        middle = rng.uniform(largest / 2, setting.size - largest / 2, 2)
        boxes = resting(setting, 0, 0, 0)
        boxes[:, :2] = middle - sides[:, None] / 2
        boxes[:, 2:] = sides[:, None]
        boxes[turns != turn] = np.nan
        tracks.append(Track("target", boxes, draw_look(rng, setting)))
    return compose(rng, setting, tracks)
