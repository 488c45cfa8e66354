"""Task: which of two patches moves first, the striped or the dotted one?"""

from __future__ import annotations

import numpy as np

from motionlens.synthetic.motion_suite.composing import compose
from motionlens.synthetic.motion_suite.motions import any_direction, bouncing
from motionlens.synthetic.motion_suite.scenes import Rng, Scene, Setting, Track, draw_look

SIDE_PX = 14.0
KINDS = ("stripes", "dots")
# Number of steps of a dash, and least number from the start of one to the start of the other.
DASH_STEPS, LEAST_GAP = 2, 2
LEAST_FRAMES = 6


def draw_order(rng: Rng, setting: Setting, class_name: str) -> Scene:
    """Two patches stand still; each dashes once in any direction and stands still again.

    The place of a patch is uniform before, during and after its dash, see
    :func:`.motions.bouncing`, so a frame does not even tell whether the dash is over.
    """
    num_steps = setting.num_frames - 1
    early = int(rng.integers(0, num_steps - DASH_STEPS - LEAST_GAP + 1))
    late = int(rng.integers(early + LEAST_GAP, num_steps - DASH_STEPS + 1))
    first = KINDS.index(class_name.removesuffix("_first"))
    tracks = []
    for place, kind in enumerate(KINDS):
        begin = early if place == first else late
        steps = np.zeros((num_steps, 2))
        steps[begin : begin + DASH_STEPS] = any_direction(rng, setting.speed_px(rng))
        boxes = bouncing(rng, setting, setting.px(SIDE_PX), steps)
        tracks.append(Track(kind, boxes, draw_look(rng, setting, kind=kind)))
    if rng.integers(2):  # which of them covers the other
        tracks.reverse()
    return compose(rng, setting, tracks)
