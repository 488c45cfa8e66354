"""Task: does what goes behind a bar come out on the far side, come back, or stay there?"""

from __future__ import annotations

import numpy as np

from motionlens.synthetic.motion_suite.composing import compose
from motionlens.synthetic.motion_suite.motions import resting
from motionlens.synthetic.motion_suite.scenes import (
    PATCH_KINDS,
    Look,
    Rng,
    Scene,
    Setting,
    Track,
    draw_seed,
)

SIDE_PX, BAR_PX = 12.0, 15.0
BAR_SHIFT_PX = 6.0
# Half of the time during which nothing is seen, frames.
HALF_HIDDEN = 0.75
LEAST_FRAMES = 6


def draw_reappear(rng: Rng, setting: Setting, class_name: str) -> Scene:
    """A patch goes behind a bar; after a while it, or another one, comes out.

    ``passes``: it comes out on the far side. ``returns``: it comes out on the side where it went
    in. ``another``: another one comes out on either side. At any time a frame of any class shows
    the bar and at most one patch of any look, on the left or the right with equal probability, at
    a distance that depends on the time alone.
    """
    # Whole pixels, so that the bar covers the patch in the picture too.
    side, bar = (float(round(setting.px(length))) for length in (SIDE_PX, BAR_PX))
    centre = setting.size / 2 + setting.px(rng.uniform(-BAR_SHIFT_PX, BAR_SHIFT_PX))
    middle = (setting.num_frames - 1) / 2 + rng.uniform(-0.5, 0.5)
    times = np.arange(setting.num_frames) - middle
    away = setting.speed_px(rng) * np.maximum(np.abs(times) - HALF_HIDDEN, 0) + (bar - side) / 2
    enters = int(rng.choice([-1, 1]))
    leaves = {"passes": -enters, "returns": enters}.get(class_name, int(rng.choice([-1, 1])))
    boxes = resting(setting, rng.uniform(0, setting.size - side), 0, side)
    boxes[:, 1] = centre - side / 2 + away * np.where(times < 0, enters, leaves)
    one, other = rng.choice(PATCH_KINDS, 2, replace=False)
    contrast = setting.difficulty.patch_contrast
    looks = [Look(f"photo or {kind}", draw_seed(rng), contrast) for kind in (one, other)]
    if class_name == "another":
        tracks = []
        for look, is_there in zip(looks, (times < 0, times >= 0), strict=True):
            mine = np.where(is_there[:, None], boxes, np.nan)
            tracks.append(Track("hidden", mine, look))
    else:
        tracks = [Track("hidden", boxes, looks[0])]
    wall = resting(setting, 0, centre - bar / 2, bar)
    wall[:, 2] = setting.size
    tracks.append(Track("occluder", wall, Look("stripes", draw_seed(rng), contrast / 2)))
    if rng.integers(2):  # up and down instead of left and right
        tracks = [track._replace(boxes=track.boxes[:, [1, 0, 3, 2]]) for track in tracks]
    return compose(rng, setting, tracks)
